"""Storages of objects by obstore: S3 and what speaks like it, Google's and Azure's.

Who may read and write is found as their SDKs find it: in the environment, in files, from the machine. Nothing of it
gets into an error's text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kpstream.errors import (
    KpstreamError,
    SinkError,
    SinkUnavailable,
    SourceOpenError,
    SourceReadError,
    SourceRejected,
    SourceUnavailable,
    UsageError,
)
from kpstream.recorded.archive.stored_file import StoredFile, bucket_of, key_of, shown

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_T = TypeVar("_T")
_PIECE = 1 << 20
_MOST_AT_ONCE = 64 << 20
"""Bytes of an upload that is one request: whoever is killed leaves nothing of it. Parts of larger ones stay."""
_PART, _PARTS_AT_ONCE = 16 << 20, 4
"""Bytes, and how many are in memory; a storage takes 10,000 parts."""
_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_NO_BUCKET = {"ContainerNotFound", "NoSuchBucket"}


@dataclass(frozen=True, slots=True)
class _Cause:
    """What storages say, and what it means."""

    signs: set[str]
    """Any of them tells it: a code, a status, or the name of an error."""
    text: str
    reading: type[KpstreamError]
    writing: type[KpstreamError] = SinkError
    of_bucket: bool = False


_REFUSED = _Cause(set(), "the storage refuses ({detail})", SourceOpenError)
_AWAY = _Cause(set(), "the storage cannot be reached", SourceUnavailable, SinkUnavailable)
_CAUSES = (
    _Cause(_NO_BUCKET, "there is no such bucket; check its name, and the region", SourceRejected, of_bucket=True),
    _Cause(
        {
            "AccountIsDisabled", "AuthenticationFailed", "AuthorizationFailure", "ExpiredToken", "InvalidAccessKeyId",
            "InvalidToken", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "TokenRefreshRequired", "401",
            "UnauthenticatedError",
        },
        "the storage refuses the key ({detail})", SourceRejected, of_bucket=True,
    ),
    _Cause({"403", "PermissionDeniedError"}, "access is forbidden; what may this key do there?", SourceOpenError),
    _Cause({"404", "FileNotFoundError"}, "no such file in the storage", SourceOpenError),
    _Cause({"412", "PreconditionError"}, "it was written meanwhile", SourceReadError),
    _Cause(
        {"301", "307", "400"}, "the storage does not take the request ({detail}); check the region", SourceRejected,
        of_bucket=True,
    ),
    _Cause(
        {"408", "429", "500", "502", "503", "504"}, "the storage failed ({detail})", SourceUnavailable, SinkUnavailable
    ),
)  # fmt: skip
_CLIENT: Any = {"timeout": "1h", "connect_timeout": "10s"}
_ANSWERS_WITHIN, _TAKES_WITHIN = "30s", "10m"
"""The time of an answer begins before what it is about is sent: what goes up may go slowly."""
_RETRY: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}


class ObjectStorage:
    """One bucket. For several threads at once.

    Args:
        bucket: Its address.

    Raises:
        UsageError: The package that speaks to storages is not installed, or its settings are wrong.
    """

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._store = _open_store(bucket, _ANSWERS_WITHIN)
        self._uploads = _open_store(bucket, _TAKES_WITHIN)

    def find(self, prefix: str) -> Iterator[StoredFile]:
        """All files below a prefix, in order; blocks.

        Args:
            prefix: Within the bucket, whole parts of a path; empty for all.

        Raises:
            SourceError: It cannot be listed.
        """
        import obstore

        parts = iter(obstore.list(self._store, prefix or None, chunk_size=1000))
        while (part := _translated(self._bucket, lambda: next(parts, None))) is not None:
            yield from map(self._file, part)

    def look_at(self, key: str) -> StoredFile:
        """What is known of one file; blocks.

        Raises:
            SourceError: It is not there, or may not be looked at.
        """
        import obstore

        # asked for it, and not only about it: what is refused to the latter is refused without a reason
        return self._file(_translated(f"{self._bucket}/{key}", lambda: obstore.get(self._store, key)).meta)

    def read(self, file: StoredFile, start: int, length: int) -> bytes:
        """A part of a file; blocks.

        Raises:
            SourceError: It cannot be read, or has changed.
        """
        return b"".join(self._pieces(file, {"range": (start, start + length)}))

    def stream(self, file: StoredFile, start: int) -> Iterator[bytes]:
        """All of a file from a byte on; blocks.

        Raises:
            SourceError: It cannot be read, or has changed.
        """
        return self._pieces(file, {"range": {"offset": start}} if start else {})

    def upload(self, path: Path, key: str) -> None:
        """Write a file, which is there at once, or not at all; blocks.

        Raises:
            SinkError: It could not be written.
        """
        import obstore

        options: Any = {"use_multipart": False}
        if path.stat().st_size > _MOST_AT_ONCE:
            options = {"use_multipart": True, "chunk_size": _PART, "max_concurrency": _PARTS_AT_ONCE}
        _translated(f"{self._bucket}/{key}", lambda: obstore.put(self._uploads, key, path, **options), writes=True)

    def copy(self, key: str, target: str) -> None:
        """Copy a file within the bucket; blocks.

        Raises:
            SinkError: It could not be written.
        """
        import obstore

        _translated(f"{self._bucket}/{target}", lambda: obstore.copy(self._store, key, target), writes=True)

    def _pieces(self, file: StoredFile, options: dict[str, Any]) -> Iterator[bytes]:
        import obstore

        tag = file.stamp.partition(" ")[2]
        wanted: Any = options | ({"if_match": tag} if tag else {})
        key = key_of(file.address)
        found = _translated(file.address, lambda: obstore.get(self._store, key, options=wanted))
        pieces = iter(found.stream(_PIECE))
        while (piece := _translated(file.address, lambda: next(pieces, None))) is not None:
            yield bytes(piece)

    def _file(self, found: Any) -> StoredFile:
        tag = found["e_tag"] or ""
        if tag and not tag.endswith('"'):  # as Azure lists it, and nothing else shows it
            tag = f'"{tag}"'
        stamp = f"{found['size']}/{found['last_modified']:%Y-%m-%dT%H:%M:%S} {tag}"
        return StoredFile(f"{self._bucket}/{found['path']}", found["size"], stamp)


@cache
def storage_of(address: str) -> ObjectStorage:
    """The bucket that an address lies in, opened once a process."""
    return _storage(bucket_of(address))


@cache
def _storage(bucket: str) -> ObjectStorage:
    return ObjectStorage(bucket)


def _open_store(bucket: str, read_timeout: str) -> ObjectStore:
    if find_spec("obstore") is None:
        raise UsageError(f"{bucket} needs obstore: pip install 'kpstream[archive]'")
    from obstore.store import from_url

    more: dict[str, Any] = _s3_settings(os.environ) if bucket.startswith("s3:") else {}
    client = _CLIENT | {"read_timeout": read_timeout}
    if more.get("endpoint", "").startswith("http://"):
        client["allow_http"] = True
    fault = ""
    try:
        return from_url(bucket, client_options=client, retry_config=_RETRY, **more)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the settings, they may stand in the text
        fault = type(error).__name__
    raise UsageError(f"{bucket}: the settings of this storage in the environment cannot be used ({fault})")


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
        "endpoint": environment.get("AWS_ENDPOINT_URL_S3")
        or environment.get("AWS_ENDPOINT_URL")
        or environment.get("AWS_ENDPOINT")
        or settings.get("endpoint_url"),
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


def _code_of(error: BaseException) -> str:
    found = _CODE.search(str(error))
    return "" if found is None else found[1]


def _translated(address: str, call: Callable[[], _T], *, writes: bool = False) -> _T:
    """Call it; what obstore raises is raised in one line, and keeps nothing of what obstore was told."""
    try:
        return call()
    except Exception as error:
        if not (type(error).__module__.startswith("obstore") or isinstance(error, OSError)):
            raise
        fault = _fault(error, shown(address), writes=writes)
    raise fault


def _fault(error: Exception, name: str, *, writes: bool) -> KpstreamError:
    text, code = str(error), _code_of(error)
    status = "".join(_STATUS.findall(text)[-1:])
    known = {code, status, type(error).__name__}
    usual = _REFUSED if status else _AWAY
    cause = next((cause for cause in _CAUSES if cause.signs & known), usual)
    kind = cause.writing if writes else cause.reading
    what = cause.text.format(detail=code or status or "none was found")
    return kind(f"{bucket_of(name) if cause.of_bucket else name}: {what}")
