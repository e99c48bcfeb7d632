#!/usr/bin/env bash
# What tests/rig/test_storage.py and test_google_azure.py need: servers that speak S3 and Azure's protocol, both under
# KPSTREAM_RIG_HOME, by default .rig/ in the project's root. Idempotent; the caller has run `apt-get update`.
set -euo pipefail
cd "$(dirname "$0")/../.."
home="${KPSTREAM_RIG_HOME:-.rig}"

# Azurite, without its clients of databases, which would be most of it and are not loaded.
if [ ! -f "$home/azurite/node_modules/.package-lock.json" ]; then
    command -v npm >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
    mkdir -p "$home/azurite"
    cat >"$home/azurite/package.json" <<'JSON'
{
    "private": true,
    "dependencies": {"azurite": "3.29.0"},
    "overrides": {"tedious": "npm:ms@2.1.3", "mysql2": "npm:ms@2.1.3"}
}
JSON
    npm install --prefix "$home/azurite" --ignore-scripts --no-audit --no-fund --silent &
    azurite=$!
fi

# moto, in an environment of its own. Its requirements are named one by one: pip takes very long to find them.
python="$home/moto/bin/python"
[ -x "$python" ] || python3 -m venv "$home/moto"
"$python" -c '
from importlib.metadata import version
assert version("moto") == "5.2.5"
import flask, flask_cors, moto.server
' 2>/dev/null || "$python" -m pip install -q --no-deps -c scripts/constraints.txt \
    moto==5.2.5 boto3==1.44.8 botocore==1.44.8 s3transfer==0.19.3 jmespath==1.1.0 xmltodict==1.0.4 responses==0.26.3 \
    py-partiql-parser==0.6.3 flask==3.1.3 flask-cors==6.0.5 itsdangerous==2.2.0 blinker==1.9.0 jinja2==3.1.6 \
    MarkupSafe Werkzeug click cryptography cffi pycparser requests urllib3 certifi charset-normalizer idna PyYAML \
    python-dateutil six
[ -z "${azurite:-}" ] || wait "$azurite"
