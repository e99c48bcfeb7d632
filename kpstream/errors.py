"""Every exception that kpstream raises. Each knows the exit code that the command line gives it.

* KpstreamError                1
  + UsageError                 2  what was asked for does not fit together
  + SourceError                3
    - SourceOpenError          the camera, stream or file could not be opened
    - SourceReadError          it was open, and reading failed
    - SourceUnavailable        a storage or a server may give it later
    - SourceRejected           a storage refuses all of it: the key, the bucket
  + EndpointError              4
    - EndpointUnavailable      the request may succeed later: timeout, connection, 429, 5xx
    - EndpointRejected         it never will: 400, 401, 402, 403, 404, 422
    - ResponseFormatError      the answer is not what the endpoint promises
  + SinkError                  5  a sink could not write
    - SinkUnavailable          a storage may take it later
    - UnfitPicture             a picture is too small or too large for it
  + BudgetSpent                6  all the requests that were allowed are spent before the end
  + FilesFailed                7  of many files all were tried, and some failed
  + ViewerQuit                 0  the person at the window closed it
"""

from __future__ import annotations

import errno
from typing import TypeGuard

_NO_THREADS = ("can't start new thread", "pthread_create failed")
"""What Python and libraries say of it."""


class KpstreamError(Exception):
    """Root of all errors; its text is one line that says what to do, and names options by `field`, in backticks."""

    exit_code = 1


class UsageError(KpstreamError):
    """Options or files that do not fit together.

    Args:
        message: One line for the user.
        option: The field that is at fault, which the text then begins with; None where it is more than one.
    """

    exit_code = 2

    def __init__(self, message: str, *, option: str | None = None) -> None:
        super().__init__(message if option is None else f"`{option}` {message}")
        self.option = option


class SourceError(KpstreamError):
    """Something about where pictures come from."""

    exit_code = 3


class SourceOpenError(SourceError):
    """The camera, stream or file could not be opened."""


class SourceReadError(SourceError):
    """It was open, and reading failed."""


class SourceUnavailable(SourceError):
    """A storage or a web server may give it later: it cannot be reached, fails, or cut the connection."""


class SourceRejected(SourceError):
    """A storage refuses all that is asked of it: the key opens nothing, or there is no such bucket."""


class EndpointError(KpstreamError):
    """Something about what finds the poses."""

    exit_code = 4


class EndpointUnavailable(EndpointError):
    """The request may succeed later: timeout, connection, 429, 5xx.

    Args:
        message: One line for the user.
        status: The HTTP status that was answered; None where no answer came.
        retry_after: Seconds that the service asked to wait, where it did.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after

    @property
    def slow_down(self) -> bool:
        """Whether the service said that it is asked too much."""
        return self.status in (429, 503)


class EndpointRejected(EndpointError):
    """The request never will succeed: key, model, credits or parameters are refused."""


class ResponseFormatError(EndpointError):
    """The answer is not what the endpoint promises; nothing of it is used."""


class SinkError(KpstreamError):
    """A sink could not write."""

    exit_code = 5


class SinkUnavailable(SinkError):
    """A storage may take it later: it cannot be reached, fails, or cut the connection."""


class UnfitPicture(SinkError):
    """The output holds no pictures of this size; it would take others."""


class BudgetSpent(KpstreamError):
    """All the requests that were allowed are spent before the end of a recorded job; the journal keeps the answers."""

    exit_code = 6


class FilesFailed(KpstreamError):
    """Of many files all were tried that could be, and some failed; the ledger says which, and why."""

    exit_code = 7


class ViewerQuit(KpstreamError):
    """The person at the window asked for the end; no fault of anybody."""

    exit_code = 0


OPENCV_REMEDY = "sudo apt-get update && sudo apt-get install -y libgl1 libglib2.0-0 libsm6 libxext6"
"""What a Debian or Ubuntu server without a desktop lacks for opencv-python to be imported."""


def opencv_missing(error: ImportError) -> str:
    """One line for a machine where OpenCV cannot be loaded."""
    return f"OpenCV cannot be loaded ({error}): on Debian or Ubuntu run: {OPENCV_REMEDY}"


def lacks_open_files(error: object) -> TypeGuard[OSError]:
    """Whether the system gives no more open files, connections among them, to this process or to all."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)


def untranslated(error: BaseException) -> str:
    """One line for an error that nobody foresaw: a limit of the machine, or a fault of kpstream."""
    if any(words in str(error) for words in _NO_THREADS):
        return "this account or container allows no more threads: allow more (ulimit -u, its limit of pids)"
    if lacks_open_files(error):
        return "this account or container allows no more open files: allow more (ulimit -n)"
    return f"{type(error).__name__}: {error} - this is a fault of kpstream"
