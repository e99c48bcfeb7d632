"""Sorts the faults of files by who is at fault, which decides whether the other files go on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kpstream.errors import (
    BudgetSpent,
    EndpointRejected,
    EndpointUnavailable,
    KpstreamError,
    ResponseFormatError,
    SinkError,
    SinkUnavailable,
    SourceError,
    SourceRejected,
    SourceUnavailable,
    UnfitPicture,
    UsageError,
)
from kpstream.recorded.archive.inputs import printable
from kpstream.redact import redact

FaultKind = Literal["file", "storage", "endpoint", "passing", "output", "budget"]
"""The file's own fault: the others go on. The storage's, the endpoint's and the output's: all stop. Passing: it is
tried again, later. The budget: nothing more is asked."""

MAX_ATTEMPTS = 3
"""How often a file is begun that comes no further: whose faults are passing ones, or whose process died."""
_FIRST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong with one file."""

    kind: FaultKind
    text: str
    remedy: str
    exit_code: int = 7
    """What ends the whole work with it exits with."""


_KINDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], FaultKind, str], ...] = (
    (SourceUnavailable, "passing", "the same command goes on once the storage answers"),
    (SinkUnavailable, "passing", "the same command goes on once the storage answers"),
    (SourceRejected, "storage", "mend the storage's key or address; the same command goes on"),
    (SourceError, "file", "copy the file again from where it came, or leave it out"),
    (EndpointRejected, "endpoint", "mend the key, the model or the credits; the same command goes on"),
    ((EndpointUnavailable, ResponseFormatError), "passing", "the same command goes on once the endpoint answers"),
    (BudgetSpent, "budget", "the same command with more `max_requests` goes on"),
    (UnfitPicture, "file", "leave the file out, or write no mp4, into another folder"),
    (SinkError, "output", "make room, or see to the folder's permissions; the same command goes on"),
    (KpstreamError, "file", "leave the file out"),
)


def fault_of(error: Exception) -> Fault:
    """Sort an error: who is at fault, and what helps."""
    text, code = printable(redact(str(error))), getattr(error, "exit_code", 1)
    if isinstance(error, UsageError) and "another kpstream" in text:
        return Fault("passing", text, "wait for the other one, or end it", code)
    for kinds, kind, remedy in _KINDS:
        if isinstance(error, kinds):
            return Fault(kind, text, remedy, 7 if kind == "file" else code)
    return Fault("file", f"{type(error).__name__}: {text}", "this is a fault of kpstream; --debug shows where")


def changed_meanwhile() -> Fault:
    """The fault of a file that was written while it was worked on."""
    return Fault("file", "it changed while it was worked on", "let it be written to its end, then add `retry_failed`")


def process_died(attempts: int) -> Fault:
    """The fault of a file whose process was killed, or crashed, at every attempt."""
    times = f"{attempts} times" if attempts > 1 else "once"
    return Fault("file", f"the process that read it died {times}", "look for a damaged file, or for too little memory")


def pause_before(attempt: int) -> float:
    """Seconds to wait before a file is begun for the n-th time, from 2."""
    return _FIRST_PAUSE * 2.0 ** (attempt - 2)
