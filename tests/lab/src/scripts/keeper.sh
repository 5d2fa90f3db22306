#!/usr/bin/env bash
# Keeps one lab: everything the lab starts lives in namespaces that end with this process or with the lab's owner.
#   keeper.sh run SLOT FOLDER     stdin: a pipe whose other end the owner holds; stdout: the slot's locked file;
#                                 stderr: complaints, or the pid of the lab's first process when all is ready
#   keeper.sh sweep SLOT FOLDER   removes what a lab in this slot may have left behind
set -uo pipefail
act=$1 slot=$2 folder=$3
cgroup=/sys/fs/cgroup/patchbot-lab-$slot
bridge=pblab$slot

mount_cgroups() { mount -t cgroup2 cgroup2 /sys/fs/cgroup; }

sweep() {
  if [ -d "$cgroup" ]; then
    echo 1 2>/dev/null >"$cgroup/cgroup.kill"
    for _ in $(seq 200); do
      find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
      [ -d "$cgroup" ] || break
      sleep 0.02
    done
  fi
  for link in /sys/class/net/"$bridge".* /sys/class/net/"$bridge"; do
    [ ! -e "$link" ] || ip link delete "${link##*/}" 2>/dev/null
  done
  case ${folder##*/} in
  pblab-"$slot"-*)
    for _ in 1 2 3 4 5; do
      rm -rf --one-file-system "$folder" 2>/dev/null && break
      sleep 0.1
    done
    ;;
  esac
}

case $act in
sweep)
  mount_cgroups
  sweep
  ;;
run)
  # As long as this process holds the lock, nobody else takes the slot: that is, until it has been swept.
  exec 9>&1 1>&2
  mount_cgroups
  mkdir -p "$cgroup/services"
  ip -batch - <<-LINKS || exit 1
	link add $bridge type bridge
	addr add 198.18.$slot.1/24 dev $bridge
	link set $bridge up
	LINKS
  # The inner process is pid 1 of all that the lab starts. It ends when the owner's end of the pipe is closed,
  # and then the kernel ends everything else in its namespaces, mounts included.
  unshare --mount --propagation private --pid --ipc --fork --kill-child=KILL bash "$0" inside "$slot" "$folder" 9>&-
  exec >/dev/null 2>&1
  sweep
  : >/proc/self/fd/9
  ;;
inside)
  read -r pid _ </proc/self/stat
  echo 0 >"$cgroup/services/cgroup.procs"
  mount -t proc proc /proc
  mount -t tmpfs -o mode=755 tmpfs /run
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm
  mkdir -p /run/netns /run/systemd/nspawn /run/lock
  ip link set lo up 2>/dev/null
  echo "$pid"
  exec >/dev/null 2>&1
  read -r _
  ;;
esac
exit 0
