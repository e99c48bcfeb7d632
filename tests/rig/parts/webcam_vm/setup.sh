#!/usr/bin/env bash
# Builds a machine with a webcam: Debian's own kernel, its vivid driver (an emulated camera behind the real V4L2), and
# a first program that hands over to a script of ours. Nothing is compiled. Needs what install_sources.sh installs.
#
# usage: setup.sh FOLDER     makes FOLDER/vmlinuz and FOLDER/initrd.gz, about 12 MB; does nothing where they are
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?usage: setup.sh FOLDER}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
[ -s "$folder/vmlinuz" ] && [ -s "$folder/initrd.gz" ] && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

package=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image-[0-9]/ {print $2; exit}')
version=${package#linux-image-}
apt-get download -q -o APT::Sandbox::User=root "$package" >/dev/null
mkdir kernel
dpkg-deb --fsys-tarfile "$package"_*.deb | tar -x -C kernel --wildcards \
    './boot/vmlinuz*' "./lib/modules/$version/modules.*" \
    './lib/modules/*/kernel/drivers/media/*' './lib/modules/*/kernel/drivers/virtio/*' \
    './lib/modules/*/kernel/drivers/video/*' './lib/modules/*/kernel/drivers/gpu/drm/*' \
    './lib/modules/*/kernel/drivers/i2c/*' './lib/modules/*/kernel/fs/*' './lib/modules/*/kernel/net/9p/*' \
    './lib/modules/*/kernel/lib/*' './lib/modules/*/kernel/sound/core/*'
depmod -b kernel "$version" 2>/dev/null

mkdir -p root/bin root/proc root/sys root/dev "root/lib/modules/$version"
cp "$(command -v busybox)" root/bin/busybox
for applet in sh mount mkdir modprobe poweroff cat echo chroot sed; do
    ln -s busybox "root/bin/$applet"
done
for module in virtio_pci 9p 9pnet_virtio overlay vivid; do
    modprobe -S "$version" -d kernel --show-depends "$module" | awk '/^insmod/ {print $2}'
done | sort -u | while read -r file; do
    below=lib/modules/${file##*/lib/modules/}
    mkdir -p "root/$(dirname "$below")"
    cp "$file" "root/$below"
done
cp "kernel/lib/modules/$version"/modules.{order,builtin} "root/lib/modules/$version/"
depmod -b root "$version" 2>/dev/null
install -m 755 "$here/init.sh" root/init

(cd root && find . | cpio -o -H newc --quiet | gzip -1) >"$folder/initrd.gz"
cp "kernel/boot/vmlinuz-$version" "$folder/vmlinuz"
echo "the machine with a webcam is ready in $folder (Linux $version)"
