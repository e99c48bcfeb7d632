#!/usr/bin/env bash
# What tests/rig/test_page.py needs: a real browser. Run `apt-get update` before.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

command -v chromium >/dev/null && exit 0
apt-get install -y -qq -o DPkg::Lock::Timeout=600 --no-install-recommends chromium >/dev/null
