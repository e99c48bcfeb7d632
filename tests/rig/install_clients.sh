#!/usr/bin/env bash
# Installs the clients that tests/rig/test_server_clients.py drives: Ruby, PHP, Go, Node's axios, and the official
# Python packages in an environment of their own. Idempotent; the caller has run `apt-get update`.
# The last two go to KPSTREAM_RIG_HOME, by default .rig/ in the project's root.
set -euo pipefail
cd "$(dirname "$0")/../.."
home="${KPSTREAM_RIG_HOME:-.rig}"
export DEBIAN_FRONTEND=noninteractive

missing=()
for pair in ruby:ruby php:php-cli go:golang-go javac:default-jdk-headless node:nodejs npm:npm curl:curl openssl:openssl; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done
ruby -e 'require "httparty"' 2>/dev/null || missing+=(ruby-httparty)
php -m 2>/dev/null | grep -qx curl || missing+=(php-curl)
if [ "${#missing[@]}" -gt 0 ]; then
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

mkdir -p "$home/node"
[ -d "$home/node/node_modules/axios" ] || npm install --prefix "$home/node" --no-audit --no-fund --silent axios@1

python="$home/sdk/bin/python"
[ -x "$python" ] || python3 -m venv "$home/sdk"
"$python" -c '
from importlib.metadata import version
assert version("inference-sdk") == "1.8.3" and version("roboflow") == "1.7.3"
' 2>/dev/null || "$python" -m pip install -q inference-sdk==1.8.3 roboflow==1.7.3
