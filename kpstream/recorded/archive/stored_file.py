"""Files in storages and on web servers: what they are called, and how they are read. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol
from urllib.parse import unquote, urlsplit

from kpstream.errors import UsageError
from kpstream.redact import remember_secrets

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
STORAGES = ("s3", "gs", "az")
WEB = ("https", "http")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a storage, or on a web server."""

    address: str = field(repr=False)
    """May hold a signature, or a password."""
    size: int | None = None
    """Bytes; None where nobody has looked yet, or the server does not say."""
    stamp: str = ""
    """Changes whenever the file is written; empty where nobody has looked yet."""

    @property
    def name(self) -> str:
        """The last part of its address."""
        path = key_of(self.address) if is_stored(self.address) else unquote(urlsplit(self.address).path)
        last = PurePosixPath(path).name
        return last if last.strip(".") else "video"

    def __str__(self) -> str:
        return shown(self.address)


class StoredReader(Protocol):
    """Reads one file. For one thread."""

    @property
    def file(self) -> StoredFile:
        """The file, looked at."""

    @property
    def has_ranges(self) -> bool:
        """Whether a part of it can be read."""

    def read(self, start: int, length: int) -> bytes:
        """A part of it; blocks.

        Raises:
            SourceUnavailable: It may be read later.
            SourceError: It cannot be read, or has changed.
        """

    def stream(self, start: int) -> Iterator[bytes]:
        """All of it from a byte on, in pieces; blocks. Raises as `read` does.

        Args:
            start: Must be 0 where there are no ranges.
        """


def scheme_of(text: str) -> str:
    """The scheme of an address, in small letters; empty where the text is none."""
    found = _ADDRESS.match(text)
    return "" if found is None else found[1].lower()


def is_stored(text: str) -> bool:
    """Whether it is an address of a storage that can be listed."""
    return scheme_of(text) in STORAGES


def understood(text: str) -> str:
    """An address as it is used; its secrets are remembered, so that nothing shows them.

    Raises:
        UsageError: It is of no known kind, or holds keys that do not belong there, or names that cannot be used.
    """
    scheme, rest = scheme_of(text), text.partition("://")[2]
    if scheme not in (*STORAGES, *WEB):
        raise UsageError(f"{shown(text)}: such addresses are not known; https://, s3://, gs:// and az:// are")
    remember_secrets(text)
    if scheme in STORAGES and "@" in rest.partition("/")[0]:
        raise UsageError(f"{shown(text)}: no key belongs into the address; it is found as the storage's SDK finds it")
    key = rest.partition("/")[2]
    if scheme in STORAGES and key and {"", ".", ".."} & {*key.removesuffix("/").split("/")}:
        raise UsageError(f"{shown(text)}: no name in a storage may hold `//`, nor `.` or `..` between slashes")
    if not rest.partition("/")[0]:
        raise UsageError(f"{shown(text)} names no {'bucket' if scheme in STORAGES else 'server'}")
    return f"{scheme}://{rest}"


def shown(address: str) -> str:
    """An address as it is kept and shown: without its query, and without user and password."""
    scheme, _, rest = address.partition("://")
    place, slash, path = re.split("[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme.lower()}://{place.rpartition('@')[2]}{slash}{path}"


def bucket_of(address: str) -> str:
    """The address of the bucket that an address lies in."""
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def key_of(address: str) -> str:
    """What a file, or a prefix, is called within its bucket."""
    return address.partition("://")[2].partition("/")[2]
