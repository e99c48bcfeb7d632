"""Files behind ``https://`` and ``http://``, by requests: whole or in parts, where the server gives parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import TypeVar

import requests

from kpstream.errors import KpstreamError, SourceOpenError, SourceReadError, SourceUnavailable
from kpstream.recorded.archive.stored_file import StoredFile, shown

_T = TypeVar("_T")
_PIECE = 1 << 18
_TIMEOUT = (10.0, 30.0)
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_REASONS = {
    401: "user name or password refused; a ~/.netrc is read",
    403: "access is forbidden; has the address expired?",
    404: "the server has no such file",
    410: "the server has no such file any more",
    416: "the file is empty, or has become shorter",
}


class WebFile:
    """One file on a web server: satisfies `StoredReader`. Looked at here; blocks.

    Args:
        address: Where it is.

    Raises:
        SourceUnavailable: It may be read later.
        SourceOpenError: It cannot be read.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._session = requests.Session()
        self._validator = ""
        with closing(self._ask({"Range": "bytes=0-0"})) as answer:
            self.has_ranges = answer.status_code == 206
            """Whether a part of it can be read."""
            size = _size_of(answer)
            tag, date = answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")
        self._validator = date if not tag or tag.startswith("W/") else tag
        self.file = StoredFile(address, size, f"{size} {tag} {date}".strip())
        """The file, looked at."""

    def read(self, start: int, length: int) -> bytes:
        """A part of it; blocks."""
        return b"".join(self._pieces(start, start + length - 1))

    def stream(self, start: int) -> Iterator[bytes]:
        """All of it from a byte on; blocks."""
        yield from self._pieces(start, None)

    def close(self) -> None:
        """Hang up. Idempotent."""
        self._session.close()

    def _pieces(self, start: int, last: int | None) -> Iterator[bytes]:
        is_part = start > 0 or last is not None
        headers = {"Range": f"bytes={start}-{'' if last is None else last}"} if is_part else {}
        if is_part and self._validator:
            headers["If-Range"] = self._validator
        with closing(self._ask(headers)) as answer:
            if is_part and answer.status_code != 206:
                raise SourceReadError(f"{shown(self._address)}: it was written meanwhile")
            pieces = answer.iter_content(_PIECE)
            while (piece := _translated(self._address, lambda: next(pieces, None))) is not None:
                yield piece

    def _ask(self, headers: Mapping[str, str]) -> requests.Response:
        headers = {"User-Agent": "kpstream", "Accept-Encoding": "identity", **headers}

        def ask() -> requests.Response:
            return self._session.get(self._address, headers=headers, timeout=_TIMEOUT, stream=True)

        answer = _translated(self._address, ask)
        if answer.status_code not in (200, 206):
            answer.close()
            raise _refusal(answer.status_code, shown(self._address))
        return answer


def _translated(address: str, call: Callable[[], _T]) -> _T:
    """Call it; what requests raises is raised in one line, and keeps nothing of the address that is secret."""
    name = shown(address)
    fault: KpstreamError
    try:
        return call()
    except requests.exceptions.SSLError:
        fault = SourceOpenError(f"{name}: its certificate is not valid")
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.TooManyRedirects):
        fault = SourceOpenError(f"{name}: the address leads nowhere")
    except (requests.RequestException, OSError):
        fault = SourceUnavailable(f"{name}: the server cannot be reached, or cut the connection")
    raise fault


def _refusal(status: int, name: str) -> KpstreamError:
    if status in _PASSING:
        return SourceUnavailable(f"{name}: the server failed ({status})")
    return SourceOpenError(f"{name}: {_REASONS.get(status, f'the server refuses ({status})')}")


def _size_of(answer: requests.Response) -> int | None:
    total = answer.headers.get("Content-Range", "").rpartition("/")[2]
    length = total if answer.status_code == 206 else answer.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None
