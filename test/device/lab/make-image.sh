#!/bin/bash
# Makes a file system of Debian's base, the lab's own files and the kernels' modules. Runs as root of the lab's namespace, in which
# programs for arm64 run.
#
#   make-image.sh BASE.tar GUEST-FOLDER OUT-FOLDER MODULES-FOLDER…
set -euo pipefail
base=$1 guest=$2 out=$3
shift 3
root=$(mktemp -d "$out/root-XXXXXX")
trap 'rm -rf "$root"' EXIT
tar -C "$root" --numeric-owner --xattrs -xpf "$base" --exclude='./dev/*'
cp -r --preserve=mode,links "$guest/." "$root/"
mkdir -p "$root/usr/lib/modules"
for modules in "$@"; do
  release=$(basename "$modules")
  cp -r --preserve=mode "$modules" "$root/usr/lib/modules/"
  chroot "$root" depmod "$release"
  cp "$root/usr/lib/modules/$release/modules.dep" "$out/$release.dep"
done
chroot "$root" systemctl --quiet enable systemd-networkd.service lab-exec.socket lab-control.socket lab-gpio.service
chroot "$root" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service fstrim.timer systemd-networkd-wait-online.service
# systemd makes one: the first boot of a device.
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
echo lab >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 lab\n' >"$root/etc/hosts"
printf '/dev/vda / ext4 rw,noatime 0 1\n' >"$root/etc/fstab"
truncate -s 2G "$out/root.img"
mke2fs -q -F -t ext4 -L lab -m 0 -E root_owner=0:0 -d "$root" "$out/root.img"
