#!/bin/sh
# What tests/rig/test_proxies.py needs: nginx and Caddy, as Debian has them.
set -eu

missing=""
for part in nginx caddy; do
    command -v "$part" >/dev/null 2>&1 || [ -x "/usr/sbin/$part" ] || missing="$missing $part"
done
[ -z "$missing" ] && exit 0

export DEBIAN_FRONTEND=noninteractive
apt-get update -q -o DPkg::Lock::Timeout=120
# shellcheck disable=SC2086  # several names on purpose
apt-get install -y -q -o DPkg::Lock::Timeout=120 --no-install-recommends $missing
