#!/bin/sh
# Starts systemd as the first process of a Debian below $1, in namespaces that the caller has made: its own mounts,
# processes, host name and network, and nothing of the machine but a few harmless devices.
set -eu
root=$1

mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do
  touch "$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
ip link set lo up 2>/dev/null || true
cd "$root"
pivot_root . mnt
umount -l /mnt
exec env -i container=petiole PATH=/usr/sbin:/usr/bin \
  /lib/systemd/systemd --log-target=journal --show-status=0 --unit=multi-user.target
