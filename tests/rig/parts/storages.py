"""Storages on loopback, and the program that makes archives from and to them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
from email.utils import formatdate
from pathlib import Path
from urllib.request import Request, urlopen

import obstore
from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store

from tests.rig.parts.processes import Part
from tests.rig.parts.programs import ROOT

_PARTS = Path(__file__).parent
_HOME = Path(os.environ.get("KPSTREAM_RIG_HOME", ROOT / ".rig"))
_PYTHON = _HOME / "moto" / "bin" / "python"
_AZURITE = _HOME / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
_BUCKETS = ("videos", "poses")
_PREFIXES = ("AWS_", "AZURE_", "GOOGLE_")
_LONG = 40
"""Letters of a line of a key, not of what stands around it."""


class Storage(Part):
    """A server with the buckets ``videos`` and ``poses``, and users: an ``owner``, and others who are refused."""

    scheme = ""
    url = ""
    secrets: tuple[str, ...] = ()
    """What nothing may show."""

    def settings(self, user: str, port: int) -> dict[str, str]:
        """The variables of a user who comes in through a port: the server's own, or that of a network before it."""
        raise NotImplementedError

    def bucket(self, name: str) -> ObjectStore:
        """One of the buckets, as the owner sees it."""
        raise NotImplementedError

    def files(self, bucket: str) -> dict[str, int]:
        """What lies in it, with its bytes."""
        return {each["path"]: each["size"] for part in obstore.list(self.bucket(bucket)) for each in part}


class S3(Storage):
    """`s3_server.py`. The ``guest`` may do nothing, and the key of the ``stranger`` is wrong."""

    scheme = "s3"

    def __init__(self) -> None:
        super().__init__(str(_PYTHON), str(_PARTS / "s3_server.py"), *_BUCKETS)
        self.url, owner, owners, guest, guests = self.ready
        self.keys = {"owner": (owner, owners), "guest": (guest, guests), "stranger": (owner, "wrong" * 8)}
        self.secrets = (owner, owners, guests)

    def settings(self, user: str, port: int) -> dict[str, str]:
        """Two keys, and the server."""
        key, secret = self.keys[user]
        server = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_REGION": "us-east-1"}
        return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, **server}

    def bucket(self, name: str) -> ObjectStore:
        """One of the buckets, as the owner sees it."""
        key, secret = self.keys["owner"]
        return S3Store(
            name,
            endpoint=self.url,
            region="us-east-1",
            access_key_id=key,
            secret_access_key=secret,
            client_options={"allow_http": True},
        )


class Google(Storage):
    """`google_server.py`. The key of the ``stranger`` is wrong.

    Args:
        folder: For the key files.
    """

    scheme = "gs"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        super().__init__(str(_PYTHON), str(_PARTS / "google_server.py"), str(folder), *_BUCKETS)
        self.url = self.ready[0]
        keys = [json.loads(path.read_text())["private_key"] for path in folder.glob("*.json")]
        self.secrets = tuple(line for key in keys for line in key.splitlines() if len(line) > _LONG)

    def settings(self, user: str, port: int) -> dict[str, str]:
        """The key file, and the server."""
        file = str(self._folder / f"{user}.json")
        return {"GOOGLE_APPLICATION_CREDENTIALS": file, "GOOGLE_BASE_URL": f"http://127.0.0.1:{port}"}

    def bucket(self, name: str) -> ObjectStore:
        """One of the buckets, as the owner sees it."""
        file = str(self._folder / "owner.json")
        return GCSStore(name, service_account=file, base_url=self.url, client_options={"allow_http": True})


class Azure(Storage):
    """Azurite, Microsoft's own emulator. The key of the ``stranger`` is wrong."""

    scheme = "az"

    def __init__(self) -> None:
        self._keys = {user: base64.b64encode(f"the {user}'s key".encode()).decode() for user in ("owner", "stranger")}
        self.secrets = tuple(self._keys.values())
        options = ("--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--blobPort", "0")
        super().__init__("env", f"AZURITE_ACCOUNTS=owner:{self._keys['owner']}", "node", str(_AZURITE), *options)
        self.url = self.ready[0]
        for bucket in _BUCKETS:
            self._create(bucket)

    def _begin(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if "successfully listens on" in line:
                self.ready = line.split()[-1:]
                return process
        process.wait()
        raise RuntimeError(f"{_AZURITE} did not start; was tests/rig/install.sh run?")

    def settings(self, user: str, port: int) -> dict[str, str]:
        """The account, its key, and the server."""
        server = {"AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{port}/owner"}
        return {"AZURE_STORAGE_ACCOUNT_NAME": "owner", "AZURE_STORAGE_ACCOUNT_KEY": self._keys[user], **server}

    def bucket(self, name: str) -> ObjectStore:
        """One of the buckets, as the owner sees it."""
        return AzureStore(
            name,
            endpoint=f"{self.url}/owner",
            account_name="owner",
            account_key=self._keys["owner"],
            client_options={"allow_http": True},
        )

    def _create(self, bucket: str) -> None:
        """Create a container, which obstore cannot."""
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
        named = [f"{name}:{value}" for name, value in headers.items()]
        signed = "\n".join(["PUT", *[""] * 11, *named, f"/owner/owner/{bucket}", "restype:container"])
        signature = hmac.digest(base64.b64decode(self._keys["owner"]), signed.encode(), hashlib.sha256)
        headers["Authorization"] = f"SharedKey owner:{base64.b64encode(signature).decode()}"
        url = f"{self.url}/owner/{bucket}?restype=container"
        urlopen(Request(url, headers=headers, method="PUT"), timeout=60).close()


class Archive:
    """``kpstream archive`` with a ledger, as somebody runs it who may do everything, until another one does.

    Args:
        storage: Where inputs and outputs lie.
        port: The way to it.
        endpoint: Address of what is asked for poses.
        folder: Of the ledger, and the user's home.
    """

    def __init__(self, storage: Storage, port: int, endpoint: str, folder: Path) -> None:
        self.ledger = folder / "ledger"
        self._storage, self._port = storage, port
        self._options = ["--ledger", str(self.ledger), "--endpoint", endpoint, "--api-url", endpoint, "--model", "a/1"]
        self._usual = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIXES)}
        self._usual |= {"PYTHONPATH": str(ROOT), "HOME": str(folder)}
        self.as_user("owner")

    def as_user(self, user: str) -> None:
        """Run it as another one."""
        self.variables = self._storage.settings(user, self._port)

    def __call__(self, *words: str) -> tuple[int, str]:
        """Run it: the exit code, and what it printed. Nothing that it prints or writes holds a secret."""
        command = [sys.executable, "-m", "kpstream", "archive", *words, *self._options]
        environment = self._usual | self.variables
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)
        texts = [done.stdout, done.stderr]
        texts += [path.read_bytes().decode(errors="replace") for path in self.ledger.rglob("*") if path.is_file()]
        assert not [secret for secret in self._storage.secrets for text in texts if secret in text]
        return done.returncode, done.stdout + done.stderr
