#!/usr/bin/env bash
# Supervises one host: starts it, starts it again after each reboot, and leaves it dark while the file "off" exists.
#   host.sh FOLDER       runs inside the lab's namespaces, in a network and a mount namespace of its own
# FOLDER/settings says what the host is; FOLDER/pid is its pid 1 as the lab sees it, FOLDER/boots counts its starts.
set -uo pipefail
folder=$1
# shellcheck source=/dev/null
. "$folder/settings"
: "${kind:?}" "${name:?}" "${slot:?}" "${link:?}" "${address:?}" "${lower:?}" "${repository:?}"
root=$folder/root
cgroup=/sys/fs/cgroup/patchbot-lab-$slot/$name
boots=0

plug_in() {
  ip link add eth0 type veth peer name "$link" netns 1
  ip address add "$address/24" dev eth0
  ip link set lo up
  ip link set eth0 up
  nsenter --target 1 --net ip link set "$link" master "pblab$slot" up
  if [ -n "${crowd:=}" ]; then
    ip route add local "$crowd" dev eth0
    nsenter --target 1 --net ip route add "$crowd" via "$address"
  fi
}

mount_disk() {
  # It was mounted and filled before.
  mkdir -p "$folder/disk/work"
  # volatile: nothing of a throwaway host needs to reach the platter.
  mount -t overlay overlay -o "lowerdir=$lower,upperdir=$folder/disk/upper,workdir=$folder/disk/work,volatile" "$root"
}

uptime_seconds() { cut -d. -f1 /proc/uptime; }

# Boots without systemd: namespaces, a small init, real daemons.
boot_light() {
  unshare --mount --uts --ipc --pid --time --boottime "-$(uptime_seconds)" --fork --kill-child=KILL \
    bash "$0" "$folder" boot-light &
}

# Boots with the real systemd as pid 1.
boot_full() {
  find "$cgroup" -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null
  # shellcheck disable=SC2016 # for the inner shell to expand
  unshare --time --boottime "-$(uptime_seconds)" --fork --kill-child=KILL \
    bash -c 'echo 0 >"$1/cgroup.procs"; shift; exec "$@"' _ "$cgroup" \
    systemd-nspawn --quiet --directory="$root" --machine="$name" --boot --register=no --keep-unit \
    --network-namespace-path=/proc/$$/ns/net --timezone=off --resolv-conf=off --link-journal=no --console=pipe \
    --bind-ro="$repository:/srv/repo" &
}

# The descendant of $1 that is pid 1 of the host's own pid namespace.
find_leader() {
  local pid=$1 child
  if [ "$pid" != "$2" ] && grep -qE '^NSpid:.*[[:space:]]1$' "/proc/$pid/status" 2>/dev/null; then
    echo "$pid"
    return 0
  fi
  local -a children=()
  read -ra children 2>/dev/null <"/proc/$pid/task/$pid/children"
  for child in "${children[@]}"; do
    find_leader "$child" "$2" && return 0
  done
  return 1
}

supervise() {
  local launcher leader rc
  while :; do
    if [ -e "$folder/off" ]; then
      ip link set eth0 down
      while [ -e "$folder/off" ]; do sleep 0.02; done
      ip link set eth0 up
    fi
    "boot_$kind"
    launcher=$!
    boots=$((boots + 1))
    leader=
    for _ in $(seq 500); do
      leader=$(find_leader "$launcher" "$launcher") && break
      [ -d "/proc/$launcher" ] || break
      sleep 0.01
    done
    echo "$boots" >"$folder/boots"
    echo "$leader" >"$folder/pid.new" && mv "$folder/pid.new" "$folder/pid"
    rc=0
    wait "$launcher" || rc=$?
    echo "lab: $name ended with $rc"
    # 133 asks for a reboot; a killed host is dark already; anything else is a host that was switched off.
    [ "$rc" = 133 ] || : >"$folder/off"
    rm -f "$folder/pid"
  done
}

make_devices() {
  mount -t tmpfs -o mode=755,size=1m tmpfs dev
  mkdir dev/pts dev/shm
  local device
  for device in null zero full random urandom tty; do
    : >"dev/$device"
    mount --bind "/dev/$device" "dev/$device"
  done
  ln -s /proc/self/fd dev/fd
  ln -s /proc/self/fd/0 dev/stdin
  ln -s /proc/self/fd/1 dev/stdout
  ln -s /proc/self/fd/2 dev/stderr
  ln -s pts/ptmx dev/ptmx
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
  mount -t tmpfs -o mode=1777,size=16m tmpfs dev/shm
}

boot_light_inside() {
  set -e
  hostname "$name"
  mount --make-rprivate /
  cat /proc/sys/kernel/random/uuid >"$folder/boot_id"
  cd "$root"
  mount -t proc proc proc
  mount -t tmpfs -o mode=755,size=64m tmpfs run
  mount -t sysfs -o ro sysfs sys
  # The kernel is shared: what would reach beyond this host is out of its reach.
  mount --bind proc/sys proc/sys
  mount -o remount,bind,ro proc/sys
  [ ! -e proc/sysrq-trigger ] || mount --bind /dev/null proc/sysrq-trigger
  mount --bind "$folder/boot_id" proc/sys/kernel/random/boot_id
  make_devices
  mount --bind -o ro "$repository" srv/repo
  pivot_root . mnt
  cd /
  umount -l /mnt
  exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio,-sys_boot,-mac_admin,-audit_control /usr/sbin/lab-init
}

case ${2:-supervise} in
boot-light) boot_light_inside ;;
supervise)
  echo 0 >"$folder/boots"
  echo $$ >"$folder/supervisor"
  mkdir -p "$cgroup"
  plug_in
  mount_disk
  supervise
  ;;
esac
