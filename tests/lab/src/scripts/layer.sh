#!/usr/bin/env bash
# Installs packages on top of the base image, into a layer that many hosts can share.
#   layer.sh BASE FOLDER DEB...   runs in a mount namespace of its own; the layer becomes FOLDER/layer
set -euo pipefail
base=$1 folder=$2
shift 2
mkdir "$folder/layer" "$folder/work" "$folder/merged"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$folder/layer,workdir=$folder/work" "$folder/merged"
mount -t proc proc "$folder/merged/proc"
mount --bind /dev "$folder/merged/dev"
mount -t tmpfs tmpfs "$folder/merged/run"
mkdir "$folder/merged/run/debs"
for deb in "$@"; do
  # All are called package.deb; the folders they lie in tell them apart.
  cp "$deb" "$folder/merged/run/debs/$(basename "$(dirname "$deb")").deb"
done
chroot "$folder/merged" sh -c 'DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin dpkg --force-unsafe-io -i /run/debs/*.deb'
umount --recursive --lazy "$folder/merged"
rm -rf --one-file-system "$folder/merged" "$folder/work"
