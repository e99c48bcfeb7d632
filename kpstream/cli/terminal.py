"""What the terminal shows: one line for a warning, progress on long work, and what was done at the end.

What is not data goes to stderr, so that stdout stays free; without a terminal there is no progress, only lines.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import time
import traceback
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from math import isfinite, isnan
from typing import IO, Any, cast

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.status import Status

from kpstream.entities import Scene, Stats
from kpstream.errors import SinkError
from kpstream.options import on_command_line
from kpstream.options.units import clock_text, count_text
from kpstream.redact import redact


class _Wrapped:
    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def _discard_from_now_on(self) -> None:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, self._file.fileno())
        os.close(devnull)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _HangupSafeFile(_Wrapped):
    """A file whose reader may go away, as a terminal that hangs up does: what is written then is discarded."""

    def write(self, text: str) -> int:
        try:
            return self._file.write(text)
        except OSError:
            self._discard_from_now_on()
            return len(text)

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError:
            self._discard_from_now_on()


class _CheckedFile(_Wrapped):
    """Stdout whose reader may go away: that is the output's fault, whoever prints.

    A library may try whether it can write, and pass over that it cannot: each further write fails in the same way.
    """

    def __init__(self, file: IO[str]) -> None:
        super().__init__(file)
        self._error: SinkError | None = None

    def write(self, text: str) -> int:
        if self._error is not None:
            raise self._error
        try:
            return self._file.write(text)
        except OSError as error:
            raise self._fault(error) from None

    def flush(self) -> None:
        if self._error is not None:
            raise self._error
        try:
            self._file.flush()
        except OSError as error:
            raise self._fault(error) from None

    def _fault(self, error: OSError) -> SinkError:
        from kpstream.sinks.output import STDOUT, sink_error  # loads OpenCV, which the help does without

        self._discard_from_now_on()
        self._error = sink_error(STDOUT, error)
        return self._error


class _HangupSafeConsole(Console):
    """A console on stderr that outlasts its terminal."""

    @property
    def file(self) -> IO[str]:
        return cast(IO[str], _HangupSafeFile(super().file))

    @file.setter
    def file(self, file: IO[str]) -> None:
        self._file = file


stdout = Console(highlight=False, soft_wrap=True)
stderr = _HangupSafeConsole(stderr=True, highlight=False, soft_wrap=True)
_REFRESH = 0.25  # seconds
LINE_EVERY = 60.0
_DOT = "  ·  "
PRICE = "(Roboflow's price for execution time: 1 for 500 s, at least 0.1 s a request)"


class _OneLineHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        say(level + record.getMessage())
        if record.exc_info and isinstance(error := record.exc_info[1], Exception):
            show_traceback(error)


def set_up_logging(*, debug: bool) -> None:
    """Show what the package logs as one line each; with ``debug`` everything, and where errors came from."""
    logger = logging.getLogger("kpstream")
    logger.handlers[:] = [_OneLineHandler()]
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    logger.propagate = False


@contextmanager
def checked_stdout() -> Iterator[None]:
    """For as long as the block runs, what is printed reaches its reader, also by the libraries that print help.

    Raises:
        SinkError: It cannot be written, or its reader has gone.
    """
    if sys.stdout is None:  # the shell has closed it
        yield
        return
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr has it: the help's letters are not all ASCII
    checked = cast(IO[str], _CheckedFile(sys.stdout))
    with redirect_stdout(checked):
        yield
        checked.flush()


def say(text: str) -> None:
    """One line for the user, free of secrets."""
    stderr.print(f"kpstream: {' '.join(_shown(text).split())}", markup=False)


def show_traceback(error: Exception) -> None:
    """Where an error came from, for who asked for it."""
    stderr.print(_visible(redact("".join(traceback.format_exception(error)))), markup=False)


def show_link(link: str, qr_code: str) -> None:
    """The way to a page, with its token in it, for the person at the terminal alone; never in a log."""
    stderr.print(f"open {link}", markup=False, style="bold")
    with suppress(UnicodeEncodeError):
        qr_code.encode(stderr.encoding)  # of backslashes nothing can be read
        stderr.print(qr_code, markup=False)


def show_finding(what: str, works: bool | None, detail: str) -> None:
    """One line of what `doctor` found."""
    mark = {True: "[green]works[/]", False: "[red]fails[/]", None: "[yellow]  -  [/]"}[works]
    stdout.print(f"{mark}  [bold]{what:15}[/] {escape(_shown(detail))}")


class LiveStatus:
    """One line at the foot of the terminal that tells how a live view is doing; nothing where there is no terminal."""

    def __init__(self, status: Status | None) -> None:
        self._status = status
        self._next_at = 0.0

    def show(self, scene: Scene) -> None:
        """Show the scene's figures, a few times a second."""
        self._update(lambda: live_line(scene))

    def idle(self, stats: Stats) -> None:
        """Show what is wrong while no pictures come for that reason."""
        if stats.source_trouble:
            self._update(lambda: idle_line(stats))

    def _update(self, line: Callable[[], str]) -> None:
        if self._status is None or time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + _REFRESH
        self._status.update(escape(_shown(line())))


def live_line(scene: Scene) -> str:
    """The figures of a live scene in one line; what is wrong comes first, for a narrow terminal cuts the end."""
    stats = scene.stats
    parts = [
        clock_text(scene.frame.pts),
        *_wrong(stats),
        f"{_number(stats.render_fps)} of {_number(stats.capture_fps)} frames/s",
        "no answer yet" if isnan(scene.result_age) else f"answer {scene.result_age:.2f} s old",
        f"{stats.in_flight} in flight",
        count_text(stats.requests, "request"),
        f"{len(scene.poses)} in view",
    ]
    return _DOT.join(parts)


def idle_line(stats: Stats) -> str:
    """The figures of a live view without pictures in one line."""
    return _DOT.join(
        ["no pictures", *_wrong(stats), count_text(stats.rendered, "frame"), count_text(stats.requests, "request")]
    )


def _wrong(stats: Stats) -> list[str]:
    return ([f"{stats.lost} lost"] if stats.lost else []) + ([stats.trouble] if stats.trouble else [])


@contextmanager
def live_status() -> Iterator[LiveStatus]:
    """A status line for as long as the block runs."""
    if not stderr.is_terminal:
        yield LiveStatus(None)
        return
    with stderr.status("opening", spinner="dots") as status:
        yield LiveStatus(status)


class WorkProgress:
    """A bar for recorded video: how far, how fast, how long still, and how many requests."""

    def __init__(self, progress: Progress, title: str, duration: float, expected_requests: float) -> None:
        self._progress = progress
        self._expected = f"{expected_requests:.0f}" if isfinite(expected_requests) else ""
        self._next_line_at = 0.0
        self._task = progress.add_task(_shown(title), total=duration if isfinite(duration) else None, what="")

    def show(self, pts: float, stats: Stats | None) -> None:
        """Move the bar to ``pts`` seconds of the video."""
        what = ""
        if stats is not None:
            sent = f"{stats.requests} of ~{self._expected} requests" if self._expected else ""
            trouble = f"  {_shown(stats.trouble)}" if stats.trouble else ""
            what = f"{sent or count_text(stats.requests, 'request')}{trouble}"
        self._progress.update(self._task, completed=pts, what=what)

    def idle(self, stats: Stats) -> None:
        """Say what is waited for, where that is a trouble: in the bar, and without a terminal in a line a minute."""
        if not stats.trouble:
            return
        self._progress.update(self._task, what=f"waiting: {_shown(stats.trouble)}")
        if self._progress.disable and time.monotonic() >= self._next_line_at:
            self._next_line_at = time.monotonic() + LINE_EVERY
            say(f"waiting: {stats.trouble}")


def progress_bar() -> Progress:
    """A bar on stderr whose tasks have a field ``what``; hidden where there is no terminal."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(show_speed=False),
        TextColumn("{task.fields[what]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=stderr,
        disable=not stderr.is_terminal,
        transient=True,
    )


@contextmanager
def work_progress(title: str, duration: float, expected_requests: float) -> Iterator[WorkProgress]:
    """A progress bar on stderr for as long as the block runs; hidden where there is no terminal.

    Args:
        title: What is worked on.
        duration: Seconds of video in all; NaN where nobody knows.
        expected_requests: How many requests it will take; NaN where nobody knows.
    """
    with progress_bar() as progress:
        yield WorkProgress(progress, title, duration, expected_requests)


def estimate(duration: float, samples: float, known: int, *, credits_per_request: float) -> str:
    """What a recorded job will take, in one line.

    Args:
        duration: Seconds of video; NaN where nobody knows.
        samples: How many samples at most; NaN where nobody knows.
        known: How many answers are there from an earlier run.
        credits_per_request: The least that an answered request costs; 0 where the service has no price.
    """
    parts = [f"{clock_text(duration)} of video" if isfinite(duration) else "video of unknown length"]
    if known:
        parts.append(f"{count_text(known, 'answer')} {'is' if known == 1 else 'are'} there from an interrupted run")
    if isfinite(samples):
        requests = max(0.0, samples - known)
        parts.append(f"about {count_text(round(requests), 'request')}")
        if credits_per_request:
            parts.append(f"at least {requests * credits_per_request:.4f} credits {PRICE}")
    return ", ".join(parts)


def summary(stats: Stats) -> str:
    """What a run did in one line, with what it cost where the service has a price."""
    parts = [f"{count_text(stats.rendered, 'frame')}{' shown' if stats.dropped else ''}"]
    if stats.dropped:
        parts.append(f"{stats.dropped} dropped")
    if stats.damaged:
        parts.append(f"{stats.damaged} damaged")
    if stats.requests:
        up = f" ({stats.bytes_sent / 1e6:.1f} MB up)" if stats.bytes_sent else ""
        parts.append(f"{count_text(stats.requests, 'request')}{up}")
    if stats.lost:
        parts.append(f"{stats.lost} lost")
    if stats.given_up:
        parts.append(f"{count_text(stats.given_up, 'frame')} never answered, poses interpolated")
    if stats.stale:
        parts.append(f"{stats.stale} too late")
    if stats.recalled:
        parts.append(f"{count_text(stats.recalled, 'answer')} from the journal")
    if stats.reconnects:
        parts.append(count_text(stats.reconnects, "reconnect"))
    if stats.billed:
        parts.append(f"{stats.billed:.1f} s billed")
    if stats.credits:
        parts.append(f"about {stats.credits:.4f} credits {PRICE}")
    if not isnan(stats.latency):
        parts.append(f"median latency {stats.latency:.2f} s")
    return ", ".join(parts)


def _shown(text: str) -> str:
    """A text without secrets, in which nothing that a file's name or a server's answer holds commands the terminal."""
    return _visible(on_command_line(redact(text)))


def _visible(text: str) -> str:
    """The text with a backslash in the place of what is no letter, space or end of a line."""
    return "".join(
        letter
        if letter.isprintable() or letter == "\n" or unicodedata.category(letter) == "Zs"
        else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _number(value: float) -> str:
    return "-" if isnan(value) else f"{value:.1f}"
