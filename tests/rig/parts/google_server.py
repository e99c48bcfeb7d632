"""A server on loopback that speaks the XML interface of Google's storage, and checks who asks.

``python google_server.py FOLDER BUCKET...``, by the interpreter of install_storage.sh, prints ``READY URL``, and writes
key files of a service account into the folder: ``owner.json`` may do everything, and ``stranger.json`` says that it is
the owner, with a key of its own.

Objects are moto's, whose S3 that interface follows; requests are signed as Google has it, by a token that the account's
own key signs.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-not-found]
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from moto.server import (  # type: ignore[import-not-found]
    DomainDispatcherApplication,
    create_backend_app,
)
from werkzeug.serving import make_server

Start = Callable[[str, list[tuple[str, str]]], Any]
_ACCOUNT = "owner@kpstream.test"
_AMAZONS = "AWS4-HMAC-SHA256 Credential=first/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


class Google:
    """The application: lets the owner through to moto.

    Args:
        owner: What the owner's tokens are signed with.
    """

    def __init__(self, owner: rsa.RSAPublicKey) -> None:
        self._s3 = DomainDispatcherApplication(create_backend_app)
        self._owner = owner

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        kind, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if not (kind.startswith("AWS4") or (kind == "Bearer" and self._is_owners(token))):
            start("401 Unauthorized", [("Content-Type", "application/xml")])
            return [b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>AuthenticationRequired</Code></Error>"]
        environ["HTTP_AUTHORIZATION"] = _AMAZONS
        for name in [name for name in environ if name.startswith("HTTP_X_GOOG_")]:
            environ[name.replace("GOOG", "AMZ")] = environ.pop(name)
        answer: Iterable[bytes] = self._s3(environ, start)
        return answer

    def _is_owners(self, token: str) -> bool:
        signed, _, signature = token.rpartition(".")
        try:
            self._owner.verify(_decoded(signature), signed.encode(), padding.PKCS1v15(), SHA256())
            claims = json.loads(_decoded(signed.partition(".")[2]))
            return bool(claims["iss"] == _ACCOUNT and claims["iat"] - 60 <= time.time() < claims["exp"])
        except (ValueError, KeyError, InvalidSignature):
            return False


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _write_key(path: Path, key: rsa.RSAPrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    file = {"type": "service_account", "client_email": _ACCOUNT, "private_key_id": "1", "private_key": pem}
    path.write_text(json.dumps(file))


def main() -> None:
    """Serve until killed."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    keys = {name: rsa.generate_private_key(65537, 2048) for name in ("owner", "stranger")}
    for name, key in keys.items():
        _write_key(Path(sys.argv[1]) / f"{name}.json", key)
    google = Google(keys["owner"].public_key())
    server = make_server("127.0.0.1", 0, google, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    os.environ |= {"AWS_ACCESS_KEY_ID": "first", "AWS_SECRET_ACCESS_KEY": "first", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ["AWS_ENDPOINT_URL"] = url
    for bucket in sys.argv[2:]:
        boto3.client("s3").create_bucket(Bucket=bucket)
    print("READY", url, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
