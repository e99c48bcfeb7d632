"""Files that are written: refused early, opened late, and every fault told in one line."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kpstream.errors import SinkError, SourceOpenError, UsageError
from kpstream.paths import is_file, is_folder, is_there, real

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT = STDIN = "-"

_REASONS = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EFBIG: "the file is larger than this disk or account allows: write to another disk",
    errno.EROFS: "this disk can only be read: choose another folder",
    errno.EACCES: "may not be written by this user: choose another folder or change the permissions",
    errno.EPERM: "may not be written by this user: choose another folder or change the permissions",
    errno.ENOENT: "its folder does not exist: create it, or choose another",
    errno.ENOTDIR: "its folder is a file: choose another folder",
    errno.EISDIR: "is a folder: name a file in it",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
    errno.ESTALE: "was removed, or its disk taken off, while it was written",
    errno.EPIPE: "whoever was reading has gone: nothing more can be written there",
}


def sink_error(path: str | Path, error: Exception) -> SinkError:
    """Why this output cannot be written, in one line that says what to do.

    Args:
        path: What the user named; ``-`` is stdout.
        error: An `OSError`, or one of PyAV's errors, which carry an ``errno`` too.
    """
    number = getattr(error, "errno", None)
    reason = _REASONS.get(number) if isinstance(number, int) else None
    what = "standard output" if str(path) == STDOUT else str(path)
    return SinkError(f"{what}: {reason or getattr(error, 'strerror', None) or type(error).__name__}")


def is_stream(path: str | Path) -> bool:
    """Whether it is no file that another can take the place of: stdout, a pipe, a device."""
    return str(path) == STDOUT or (is_there(path) and not is_file(path))


def check_writable(path: str | Path) -> None:
    """Find out now whether a file can be written later, and leave nothing behind; a file that is there keeps its bytes.

    Raises:
        SinkError: It cannot: a folder, a missing folder, no permission, a disk that can only be read.
    """
    if str(path) == STDOUT:
        return
    path = Path(path)
    was_there = os.path.lexists(path)
    if was_there and not is_folder(path) and not is_file(path):
        return  # a pipe or a device: opening it could wait, or could mean something to whoever is at its other end
    try:
        with path.open("ab"):
            pass
        if not was_there:
            path.unlink()
    except OSError as error:
        raise sink_error(path, error) from None


def stdin() -> BinaryIO:
    """Where what is piped to this program comes from.

    Raises:
        SourceOpenError: The shell has closed it.
    """
    if sys.stdin is None:
        raise SourceOpenError("cannot open stdin: it is closed")
    return sys.stdin.buffer


def check_apart(reads: Iterable[Path], writes: Sequence[Path]) -> None:
    """See that nothing is written twice, or over what is read.

    Raises:
        UsageError: It would be.
    """
    taken = {real(path): "is read, too: write to another name" for path in reads}
    for path in writes:
        where = real(path)
        if where in taken:
            raise UsageError(f"{path} {taken[where]}")
        taken[where] = "would be written twice: give each output its own name or folder"


def rename_existing(path: Path) -> Path | None:
    """Give a file that is there a name of its own, by the time of its last change, so that nothing is written over it.

    Returns:
        The new name; None where there is no file, or an empty one.

    Raises:
        SinkError: It cannot be renamed.
    """
    if not is_file(path) or not path.stat().st_size:
        return None
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    names = (
        path.with_name(f"{path.stem}_{changed}{more}{path.suffix}") for more in chain([""], map("_{}".format, count(2)))
    )
    aside = next(name for name in names if not os.path.lexists(name))
    try:
        return path.rename(aside)
    except OSError as error:
        raise sink_error(path, error) from None


class WholeWrites(io.FileIO):
    """A file that writes all it is given, at once and without a buffer of its own, or raises."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write every byte; blocks.

        Raises:
            OSError: It could not; some of the bytes may have been written. ESTALE where the file was removed.
        """
        left = memoryview(data)
        whole = left.nbytes
        while left.nbytes:
            left = left[super().write(left) :]
        if self._is_removed():
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return whole

    def _is_removed(self) -> bool:
        """Whether the file has no name any more: the system takes what is written, and nobody will ever find it."""
        here = os.fstat(self.fileno())
        if here.st_nlink:
            return False
        try:
            return not os.path.samestat(here, Path(self.name).stat())  # under /dev/fd it has one
        except OSError:
            return True


class OutputFile:
    """Bytes into a file or to stdout: created by the first write, in the reader's hands after each.

    Args:
        path: The file, whose folder must exist; one that is there is replaced. ``-`` is stdout.
        shown_as: What errors call it; None for the path.
    """

    def __init__(self, path: str | Path, *, shown_as: str | Path | None = None) -> None:
        self.path = path
        self._shown_as = path if shown_as is None else shown_as
        self._file: BinaryIO | None = None
        self._closed = False

    @property
    def started(self) -> bool:
        """Whether anything was written."""
        return self._file is not None

    def write(self, data: bytes) -> None:
        """Write and flush; blocks.

        Raises:
            SinkError: It could not be written, or the file is closed already.
        """
        if self._closed:
            raise SinkError(f"{self._shown_as}: nothing more can be written, it is closed")
        try:
            if self._file is None:
                self._file = self._open()
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            self._abandon()
            raise sink_error(self._shown_as, error) from None

    def close(self) -> None:
        """Release the file; stdout stays open. Idempotent.

        Raises:
            SinkError: The system reports a fault that it held back.
        """
        self._closed = True
        if self._file is None or str(self.path) == STDOUT:
            return
        try:
            self._file.close()
        except OSError as error:
            raise sink_error(self._shown_as, error) from None

    def _open(self) -> BinaryIO:
        if str(self.path) == STDOUT:
            if sys.stdout is None:
                raise SinkError("standard output: the shell has closed it: let it go somewhere, or name a file")
            return sys.stdout.buffer
        return WholeWrites(self.path, "w")

    def _abandon(self) -> None:
        self._closed = True
        if str(self.path) != STDOUT:
            if self._file is not None:
                with suppress(OSError):
                    self._file.close()
            return
        # Whatever else is printed, or flushed by the interpreter at its end, would end in a traceback of its own about
        # the reader who has gone. Source: Python's documentation of `signal`, "Note on SIGPIPE".
        with suppress(OSError, ValueError):
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, sys.stdout.fileno())
            os.close(devnull)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open" if self.started else "not started"
        return f"<OutputFile {self.path} {state}>"
