"""A server that speaks S3 on loopback, and checks who asks.

``python s3_server.py BUCKET...``, by the interpreter of install_storage.sh, prints ``READY URL KEY SECRET KEY SECRET``:
the keys of a user who may do everything, and of one who may do nothing.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import urllib.request
from contextlib import redirect_stdout

import boto3  # type: ignore[import-not-found]
from moto.moto_server.threaded_moto_server import ThreadedMotoServer  # type: ignore[import-not-found]

_EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


def main() -> None:
    """Serve until killed."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with redirect_stdout(sys.stderr):
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    os.environ |= {"AWS_ACCESS_KEY_ID": "first", "AWS_SECRET_ACCESS_KEY": "first", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ["AWS_ENDPOINT_URL"] = url
    for bucket in sys.argv[1:]:
        boto3.client("s3").create_bucket(Bucket=bucket)
    iam, words = boto3.client("iam"), []
    for user in ("owner", "guest"):
        iam.create_user(UserName=user)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        words += [key["AccessKeyId"], key["SecretAccessKey"]]
    iam.put_user_policy(UserName="owner", PolicyName="all", PolicyDocument=json.dumps(_EVERYTHING))
    check_keys = urllib.request.Request(
        f"{url}/moto-api/reset-auth", data=b"0", method="POST", headers={"Content-Type": "text/plain"}
    )
    urllib.request.urlopen(check_keys, timeout=60).read()
    print("READY", url, *words, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
