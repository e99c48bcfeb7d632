#!/bin/sh
# The first program of the machine with a webcam. It lays a writable memory over the host's files, which stay as they
# are, plugs the camera in, runs the script that the kernel's command line names, and switches the machine off.
export PATH=/bin
word() { sed -n "s|.*$1=\([^ ]*\).*|\1|p" /proc/cmdline; }

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in virtio_pci 9pnet_virtio 9p overlay; do
    modprobe "$module"
done
mkdir -p /host /memory /new
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,ro,cache=loose host /host
mount -t tmpfs tmpfs /memory
mkdir -p /memory/upper /memory/work
mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work overlay /new
modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0
mount -t devtmpfs dev /new/dev
mount -t proc proc /new/proc
mount -t sysfs sys /new/sys
echo 1 >/proc/sys/kernel/printk

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin chroot /new /bin/bash "$(word script)"
echo "GUEST-STATUS=$?"
poweroff -f
