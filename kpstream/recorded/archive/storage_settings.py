"""Opens the storages that obstore speaks to, with the settings that their SDKs find."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpstream.errors import UsageError
from kpstream.recorded.archive.stored_file import scheme_of

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_CLIENT: Any = {"timeout": "1h", "connect_timeout": "10s", "allow_http": True}
"""Without TLS only where the settings name an address of that kind."""
_RETRY: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}

_SERVERS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
"""Variables that name the server of a storage."""
_SERVER = re.compile(r"https?://(?:\w[\w.-]*|\[[\da-f:]+\])(?::\d+)?(?:/\S*)?", re.IGNORECASE | re.ASCII)
_MEANINGS = {
    "Account must be specified": "AZURE_STORAGE_ACCOUNT_NAME is not set",
    "Unable to open service account": "the file that GOOGLE_APPLICATION_CREDENTIALS names cannot be opened",
    "Unable to decode service account": "the key file of Google's is neither a service account's nor a user's",
}
"""Parts of obstore's texts about settings, and what each of them means."""


def open_store(bucket: str, read_timeout: str) -> ObjectStore:
    """Open a bucket; asks it for nothing.

    Args:
        bucket: Its address.
        read_timeout: How long an answer may take.

    Raises:
        UsageError: The package that speaks to storages is not installed, or its settings are wrong.
    """
    if find_spec("obstore") is None:
        raise UsageError(f"{bucket} needs obstore: pip install 'kpstream[archive]'")
    from obstore.store import from_url

    more: dict[str, Any] = _s3_settings(os.environ) if bucket.startswith("s3:") else {}
    _check_servers(bucket, more.get("endpoint"))
    client = _CLIENT | {"read_timeout": read_timeout}
    fault = ""
    try:
        return from_url(bucket, client_options=client, retry_config=_RETRY, **more)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the settings, they may stand in the text
        text = str(error)
        known = (meaning for sign, meaning in _MEANINGS.items() if sign in text)
        fault = next(known, f"the settings of this storage in the environment cannot be used ({type(error).__name__})")
    raise UsageError(f"{bucket}: {fault}")


def _check_servers(bucket: str, endpoint: str | None) -> None:
    """Refuse what obstore would panic at, with the first request.

    Args:
        bucket: The address of the bucket.
        endpoint: The server that the profile names, or a variable.
    """
    servers = {name: os.environ[name] for name in _SERVERS[scheme_of(bucket)] if name in os.environ}
    if not servers and endpoint is not None:
        servers["endpoint_url"] = endpoint
    for name, server in servers.items():
        if not _SERVER.fullmatch(server):
            raise UsageError(f"{bucket}: {name} is no address of a server, as in https://server:9000")


def _s3_settings(environment: Mapping[str, str]) -> dict[str, Any]:
    """What obstore does not find itself: the profile in Amazon's files, and all that boto3 knows where it is there."""
    profile = environment.get("AWS_PROFILE", "default")
    settings: dict[str, Any] = {}
    files = [("AWS_CONFIG_FILE", "~/.aws/config", profile if profile == "default" else f"profile {profile}")]
    files.append(("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", profile))
    for variable, usual, section in files:
        settings |= _section(Path(environment.get(variable, usual)).expanduser(), section)
    found = {
        "region": environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or settings.get("region"),
        "endpoint": next(filter(None, map(environment.get, _SERVERS["s3"])), settings.get("endpoint_url")),
    }
    is_public = environment.get("AWS_SKIP_SIGNATURE", "").lower() in ("1", "true", "yes", "on")
    if not is_public and "AWS_ACCESS_KEY_ID" not in environment:
        if "aws_access_key_id" in settings:
            found["access_key_id"] = settings["aws_access_key_id"]
            found["secret_access_key"] = settings.get("aws_secret_access_key")
            found["session_token"] = settings.get("aws_session_token")
        elif (provider := _boto3_provider()) is not None:
            found["credential_provider"] = provider
    return {name: value for name, value in found.items() if value}


def _section(path: Path, section: str) -> dict[str, str]:
    parser = ConfigParser(interpolation=None, default_section="")
    try:
        parser.read(path)
    except (OSError, ConfigError, UnicodeDecodeError):
        return {}
    return dict(parser[section]) if section in parser else {}


def _boto3_provider() -> Any:
    if find_spec("boto3") is None:
        return None
    from obstore.auth.boto3 import Boto3CredentialProvider

    try:
        return Boto3CredentialProvider()
    except Exception:  # noqa: BLE001 - it knows no key either: obstore asks the machine
        return None
