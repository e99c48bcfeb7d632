"""Storages of objects by obstore: S3 and what speaks like it, Google's and Azure's.

Who may read and write is found as their SDKs find it: in the environment, in files, from the machine. Nothing of it
gets into an error's text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from kpstream.errors import (
    KpstreamError,
    SinkError,
    SinkUnavailable,
    SourceOpenError,
    SourceReadError,
    SourceRejected,
    SourceUnavailable,
)
from kpstream.recorded.archive.storage_settings import open_store
from kpstream.recorded.archive.stored_file import StoredFile, bucket_of, key_of, shown

_T = TypeVar("_T")
_PIECE = 1 << 20
_MOST_AT_ONCE = 64 << 20
"""Bytes of an upload that is one request: whoever is killed leaves nothing of it. Parts of larger ones stay."""
_PART, _PARTS_AT_ONCE = 16 << 20, 4
"""Bytes, and how many are in memory; a storage takes 10,000 parts."""
_CODE = re.compile(r"<Code>(\w+)</Code>|\"error\":\s*\"(\w+)\"")
_STATUS = re.compile(r"status code: (\d{3})")
_SIGNING_IN = "Error performing token request"
_OF_MACHINE = re.compile(
    r"Error performing [A-Z]+ http://[^/]+/(?:computeMetadata/|metadata/identity/|latest/(?:api/token|meta-data))"
)
"""Where a cloud's machine is asked for a key: last of all, where none was found."""
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
_NO_KEY = _Cause(
    set(), "no key was found, in the environment, in a file or on this machine", SourceUnavailable, SinkUnavailable,
    of_bucket=True,
)  # fmt: skip
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
    _Cause(
        {"BlobArchived", "BlobBeingRehydrated", "InvalidObjectState"},
        "it lies in the storage's archive: restore it, then it can be read", SourceOpenError,
    ),
    _Cause(
        {"InvalidPathError"}, "it holds a name with `//`, or `.` or `..` between slashes, which cannot be read: name "
        "what lies beside it", SourceOpenError,
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
_ANSWERS_WITHIN, _TAKES_WITHIN = "30s", "10m"
"""The time of an answer begins before what it is about is sent: what goes up may go slowly."""


class ObjectStorage:
    """One bucket. For several threads at once.

    Args:
        bucket: Its address.

    Raises:
        UsageError: The package that speaks to storages is not installed, or its settings are wrong.
    """

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._store = open_store(bucket, _ANSWERS_WITHIN)
        self._uploads = open_store(bucket, _TAKES_WITHIN)

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
    text = str(error)
    code = "".join(next(iter(_CODE.findall(text)), ()))
    status = "".join(_STATUS.findall(text)[-1:])
    cause = _cause({code, status, type(error).__name__}, text, status)
    kind = cause.writing if writes else cause.reading
    what = cause.text.format(detail=code or status or "none was found")
    return kind(f"{bucket_of(name) if cause.of_bucket else name}: {what}")


def _cause(known: set[str], text: str, status: str) -> _Cause:
    if _OF_MACHINE.search(text):
        return _NO_KEY
    if _SIGNING_IN in text and status == "400":  # so OAuth's servers refuse a key
        known = {"401"}
    usual = _REFUSED if status else _AWAY
    return next((cause for cause in _CAUSES if cause.signs & known), usual)
