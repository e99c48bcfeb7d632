#!/usr/bin/env bash
# What tests/rig/test_rtsp.py and test_webcam.py need: GStreamer's RTSP server, and an emulated machine with a webcam
# (kept in KPSTREAM_RIG_HOME, by default .rig beside the package). Run `apt-get update` before.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
export DEBIAN_FRONTEND=noninteractive

packages=(
    python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav
    qemu-system-x86 busybox-static cpio kmod
)
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    apt-get install -y -qq -o DPkg::Lock::Timeout=600 --no-install-recommends "${missing[@]}" >/dev/null
fi
"$root/tests/rig/parts/webcam_vm/setup.sh" "${KPSTREAM_RIG_HOME:-$root/.rig}/webcam"
