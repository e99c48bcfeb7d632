#!/usr/bin/env bash
# Installs the real parts that tests/rig/ drives (Debian, as root): RTSP server, webcam, screen, other languages.
set -euo pipefail
cd "$(dirname "$0")"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends libgl1 libglib2.0-0 libsm6 libxext6 >/dev/null
for part in install_*.sh; do
    echo "== $part"
    bash "$part"
done
