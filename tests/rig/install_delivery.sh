#!/bin/sh
# What tests/rig/test_delivery.py needs: an MQTT broker, which the tests start by themselves.
set -eu

[ -x /usr/sbin/mosquitto ] && exit 0

export DEBIAN_FRONTEND=noninteractive
apt-get update -q -o DPkg::Lock::Timeout=120
apt-get install -y -q -o DPkg::Lock::Timeout=120 --no-install-recommends mosquitto
