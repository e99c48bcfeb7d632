#!/bin/sh
# What tests/rig/test_window.py needs: a virtual screen, keys for it, a look at it, and a window manager.
set -eu

missing=""
for part in Xvfb:xvfb xdotool:xdotool xwininfo:x11-utils import:imagemagick openbox:openbox wmctrl:wmctrl; do
    command -v "${part%%:*}" >/dev/null 2>&1 || missing="$missing ${part#*:}"
done
[ -z "$missing" ] && exit 0

export DEBIAN_FRONTEND=noninteractive
apt-get update -q -o DPkg::Lock::Timeout=120
# shellcheck disable=SC2086  # several names on purpose
apt-get install -y -q -o DPkg::Lock::Timeout=120 --no-install-recommends $missing
