#!/usr/bin/env bash
# What tests/rig/test_storage.py needs: a server that speaks S3, in an environment of its own under KPSTREAM_RIG_HOME, by
# default .rig/ in the project's root. Its requirements are named one by one: pip takes very long to find them. Idempotent.
set -euo pipefail
cd "$(dirname "$0")/../.."
python="${KPSTREAM_RIG_HOME:-.rig}/moto/bin/python"
[ -x "$python" ] || python3 -m venv "${KPSTREAM_RIG_HOME:-.rig}/moto"
"$python" -c '
from importlib.metadata import version
assert version("moto") == "5.2.5"
import flask, flask_cors, moto.server
' 2>/dev/null && exit 0
"$python" -m pip install -q --no-deps -c scripts/constraints.txt \
    moto==5.2.5 boto3==1.44.8 botocore==1.44.8 s3transfer==0.19.3 jmespath==1.1.0 xmltodict==1.0.4 responses==0.26.3 \
    py-partiql-parser==0.6.3 flask==3.1.3 flask-cors==6.0.5 itsdangerous==2.2.0 blinker==1.9.0 jinja2==3.1.6 \
    MarkupSafe Werkzeug click cryptography cffi pycparser requests urllib3 certifi charset-normalizer idna PyYAML \
    python-dateutil six
