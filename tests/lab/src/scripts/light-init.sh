#!/bin/sh
# Pid 1 of a light host: a real sshd, and what lies under /usr/lib/lab-boot.
: >/run/lab-host
mkdir -p /run/sshd /run/lock /run/snmp
mount --bind /etc/lab-loadavg /proc/loadavg
trap 'exit 133' TERM INT HUP
/usr/sbin/sshd -D 2>/var/log/sshd.log &
for program in /usr/lib/lab-boot/*; do
  [ ! -x "$program" ] || setsid "$program" </dev/null >/dev/null 2>&1 &
done
while :; do
  wait
  sleep 1
done
