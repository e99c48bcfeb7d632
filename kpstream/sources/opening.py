"""Opens whatever FFmpeg reads, and says in one line why it could not, and what to do.

PyAV's errors carry the whole address, with its password, in their text and attributes. None of them leaves this
room: `explain` makes a line out of one inside the ``except`` block, and the line is raised after it, so that neither
``__cause__`` nor ``__context__`` keeps the error.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import socket
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import SplitResult, urlsplit
from urllib.request import proxy_bypass, url2pathname

import av
import certifi
from av.container import Flags, InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from kpstream.errors import SourceOpenError
from kpstream.paths import is_there
from kpstream.redact import may_hide_a_login, redact, remember_secrets, with_login_quoted
from kpstream.sources.diagnosis import fault_of
from kpstream.sources.http import HttpAccess, answers
from kpstream.sources.hwaccel import accelerator, is_usable

NEARLY = 0.95
"""The share of a timeout after which it is to blame: FFmpeg reports some timeouts as bad data, or not at all."""

_QUOTED = "%40 for @, %23 for #, %2F for / and %3F for ?"
_SHOWN_OF_DATA = 40
_log = logging.getLogger("kpstream")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_DRAWN_TEXT = {"ansi", "bintext", "xbin", "idf"}
"""Codecs with which FFmpeg makes a video of any text file."""

_WITHOUT_PTS = {"avi"}
"""Containers that say when a picture is decoded, not when it is shown. PyAV has FFmpeg make up the latter, wrongly."""

# In this order: PyAV's classes are also Python's, so that the narrow ones come first.
_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (
        av.error.HTTPUnauthorizedError,
        "user name or password refused; write them as SCHEME://USER:PASSWORD@HOST/..., "
        "with %40 for @, %23 for #, %2F for / and %3F for ?",
    ),
    (av.error.HTTPForbiddenError, "access is forbidden; may this user see this stream?"),
    (av.error.HTTPNotFoundError, "the server has no such stream; check the path of the address"),
    (av.error.HTTPBadRequestError, "the server does not understand the request; check the path of the address"),
    (av.error.HTTPClientError, "the server refuses the request; check the address"),
    (av.error.HTTPServerError, "the server failed; try again later"),
    (av.error.ProtocolNotFoundError, "no such kind of address; rtsp://, http:// and https:// are known"),
    (av.error.DecoderNotFoundError, "its codec is not known here"),
    (av.error.InvalidDataError, "not a video that can be read"),
    (av.error.EOFError, "it ends before its first picture; was it cut short?"),
    (ConnectionRefusedError, "nothing listens there; is the camera on, and the port right?"),
    (ConnectionError, "the connection was cut"),
    (FileNotFoundError, "no such file"),
    (IsADirectoryError, "a folder; name a video in it"),
    (PermissionError, "no permission to read it"),
)


def is_address(reference: str) -> bool:
    """Whether this is an address (``rtsp://…``, ``http://…``) rather than a path."""
    return _ADDRESS.match(reference) is not None


class Refused(SourceOpenError):
    """The server is there, but does not serve what it was asked for, at least not now."""


def in_small_letters(reference: str) -> str:
    """An address whose scheme is written as FFmpeg knows it: ``RTSP://`` is ``rtsp://``."""
    scheme, _, rest = reference.partition("://")
    return f"{scheme.lower()}://{rest}"


def open_video(
    reference: str,
    *,
    options: Mapping[str, str] | None = None,
    timeout: float | None = None,
    device: str | None = None,
    file: BinaryIO | None = None,
) -> tuple[InputContainer, VideoStream]:
    """Open a container and find its pictures. Blocks, for ``timeout`` seconds a step at most.

    The stream must not be touched once the container is closed: its memory is gone then.

    Args:
        reference: An address, or a path as FFmpeg takes it.
        options: FFmpeg's, for the protocol and the container.
        timeout: Seconds to connect, to find the streams, and for each packet later; None waits for ever.
        device: The kind of device that decodes, as `device_for` gives it; None for the processor.
        file: What is read in the place of the reference, which then only names it.

    Raises:
        Refused: The server does not serve it like this; who may ask, and for which stream, is not the matter.
        SourceOpenError: It could not be opened, or holds no video.
    """
    remember_secrets(reference)
    reference = understood(reference)
    asked_at = time.monotonic()
    fault, kind = "", SourceOpenError
    try:
        container = av.open(
            file or reference,
            "r",
            options=dict(options or {}),
            timeout=(timeout, timeout),
            metadata_errors="replace",
            hwaccel=None if device is None else accelerator(device),
        )
    except (FFmpegError, OSError, ValueError) as error:
        gave_up = timeout is not None and time.monotonic() - asked_at >= NEARLY * timeout
        fault = no_answer(timeout) if gave_up else explain(error, reference, timeout)
        if isinstance(error, av.error.HTTPServerError | av.error.HTTPOtherClientError | av.error.HTTPBadRequestError):
            kind = Refused
    if fault and device is not None and not is_usable(device):
        _log.warning("the %s device for decoding is gone: the processor decodes", device)
        return open_video(reference, options=options, timeout=timeout)
    if fault:
        raise kind(f"cannot open {redact(shown(reference))}: {fault}")
    stream = _pictures_of(container, redact(shown(reference)))
    if stream is None:
        container.close()
        fault = fault_of(shown(reference)) or "there is no video in it"
        raise SourceOpenError(f"cannot open {redact(shown(reference))}: {fault}")
    if device is not None and not stream.codec_context.is_hwaccel:
        _warn_about_codec(device, stream.codec_context.name)
    if container.format.name in _WITHOUT_PTS:
        container.flags &= ~cast(int, Flags.gen_pts.value)
    return container, stream


def check_names_something(reference: str | Path) -> None:
    """Refuse a ``data:`` URL, of which the system would say that a name so long is no file's.

    Raises:
        SourceOpenError: It is one, and no file is called so.
    """
    text = str(reference)
    if text[:5].lower() == "data:" and not is_there(text):
        shown_part = text.partition(",")[0][:_SHOWN_OF_DATA]
        raise SourceOpenError(f"cannot open {shown_part},...: this is a file's content: save it, and name the file")


def understood(reference: str) -> str:
    """The reference as all that open it read it: of a file of this machine its path, where it is given as ``file://``.

    A password is quoted so that every reader of addresses finds it; a line tells once how such a one is written.

    Raises:
        SourceOpenError: It names nothing, but is a file's content.
    """
    if not is_address(reference):
        check_names_something(reference)
        return reference
    scheme, _, rest = reference.partition("://")
    if scheme.lower() == "file" and (path := rest.removeprefix("localhost")).startswith("/"):
        return url2pathname(path)
    quoted = with_login_quoted(reference)
    if quoted != reference:
        _warn_about_quoting(redact(shown(quoted)))
    return quoted


@cache
def _warn_about_quoting(address: str) -> None:
    _log.warning("%s: its password holds one of @ # / ?, and is understood; safer is to write %s", address, _QUOTED)


def must_answer(reference: str, within: float) -> None:
    """Make sure that an RTSP server says anything at all; blocks. All that FFmpeg tells better is left to it.

    Raises:
        SourceOpenError: It says nothing.
    """
    parts = parts_of(reference)
    try:
        host, port = parts.hostname, parts.port or 554
    except ValueError:
        return
    if parts.scheme != "rtsp" or not host:
        return
    greeting = f"OPTIONS rtsp://{host}:{port}/ RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode()
    try:
        has_answered = answers(host, port, greeting, within)
    except TimeoutError:
        has_answered = False
    except OSError:
        return
    if not has_answered:
        raise SourceOpenError(f"cannot open {redact(shown(reference))}: {no_answer(within)}")


def options_of(access: HttpAccess) -> dict[str, str]:
    """FFmpeg's options for how web servers are asked: with headers, which go along everywhere, it is not redirected."""
    options = {"tls_verify": "1", "ca_file": certifi.where()} if access.verify else {}
    if access.headers:
        options["headers"] = "".join(f"{name}: {value}\r\n" for name, value in access.headers.items())
        options["max_redirects"] = "0"
    return options


def explain(error: BaseException, reference: str, timeout: float | None) -> str:
    """One of PyAV's errors in words for people, without the address."""
    proxy = "" if isinstance(error, av.error.InvalidDataError) else _proxy_before(reference)
    hint = f" (asked through the proxy {proxy}, which http_proxy names; no_proxy goes without)" if proxy else ""
    return _explained(error, reference, timeout) + hint


def _explained(error: BaseException, reference: str, timeout: float | None) -> str:
    if isinstance(error, TimeoutError | av.error.ExitError):
        return no_answer(timeout)
    host = parts_of(reference).hostname
    if host and getattr(error, "errno", None) == errno.EIO and not _is_known(host):
        if may_hide_a_login(reference):
            return f"no such host; if the password holds one of @ # / ?, write {_QUOTED}"
        return f"no host named {host}; check the address, and this machine's network"
    if isinstance(error, av.error.InvalidDataError | av.error.EOFError) and (fault := fault_of(shown(reference))):
        return fault
    for kind, cause in _CAUSES:
        if isinstance(error, kind):
            return cause.replace("SCHEME", reference.partition(":")[0])
    return redact(getattr(error, "strerror", None) or type(error).__name__)


def shown(reference: str) -> str:
    """The reference as its user wrote it."""
    return "standard input" if reference == "pipe:0" else reference.removeprefix("file:")


def _pictures_of(container: InputContainer, name: str) -> VideoStream | None:
    """The default stream of pictures that is neither the cover of a piece of music nor drawn text, else the first."""
    found = [stream for stream in container.streams.video if _holds_pictures(stream)]
    if not found:
        return None
    default = next((stream for stream in found if stream.disposition & Disposition.default), found[0])
    if len(found) > 1:
        size = f"{default.codec_context.width}x{default.codec_context.height}"
        _warn_about_tracks(name, len(found), f"number {found.index(default) + 1}, {size},")
    return default


def _holds_pictures(stream: VideoStream) -> bool:
    codec = stream.codec_context
    not_shown = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.dependent
    return codec is not None and codec.name not in _DRAWN_TEXT and not stream.disposition & not_shown


@cache
def _warn_about_codec(device: str, codec: str) -> None:
    _log.warning("%s does not decode %s: the processor does", device, codec)


@cache
def _warn_about_tracks(name: str, count: int, which: str) -> None:
    _log.warning("%s has %d tracks of pictures: the default one, %s is used", name, count, which)


def no_answer(timeout: float | None) -> str:
    """What to say of what is silent for longer than it is waited for."""
    return f"no answer within {timeout or 0:g} s; is it on, and can it be reached from here?"


def parts_of(reference: str) -> SplitResult:
    """The parts of an address; nothing of anything else."""
    try:
        return urlsplit(reference if is_address(reference) else "")
    except ValueError:  # brackets that do not match
        return urlsplit("")


def _proxy_before(reference: str) -> str:
    """The host and port of the proxy by which FFmpeg asks for an address; empty where it asks for it itself."""
    parts, proxy = parts_of(reference), os.environ.get("http_proxy", "")
    is_asked = parts.scheme in ("http", "https") and proxy.startswith("http://")
    if not is_asked or proxy_bypass(parts.hostname or ""):
        return ""
    return proxy.removeprefix("http://").partition("/")[0].rpartition("@")[2]


def _is_known(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    return True
