"""The journal of a recorded job: every answer, in a file beside the output, until the job is done.

A file of JSON lines. The first says what the answers were made of (input, model, thresholds); each other holds one
answer, a skeleton that answers after it name by its number, or a frame that was given up. A line is in the system's
hands before its answer is used, so a killed process loses nothing; a last line that was cut short is dropped. Numbers
are kept exactly.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from kpstream.entities import Answer, Pose
from kpstream.errors import SinkError, SourceOpenError, UsageError
from kpstream.recorded.locking import try_lock
from kpstream.redact import redact
from kpstream.skeleton import Skeleton
from kpstream.wire.exact import read_pose, read_skeleton, write_pose, write_skeleton

_VERSION = 1
_PROBE = 1 << 20
_PARTS, _PART = 16, 1 << 14


def fingerprint(path: Path) -> str:
    """What tells one file from another without reading all of it: its size, and a digest of some of its parts.

    Those are its first and its last MB, and what lies at even distances between them.

    Raises:
        SourceOpenError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return fingerprint_of(file)
    except OSError as error:
        raise SourceOpenError(f"{path}: {error.strerror}") from None


def fingerprint_of(file: BinaryIO) -> str:
    """The same of an open file, which may lie anywhere. Raises what its `read` raises."""
    size = file.seek(0, os.SEEK_END)
    digest = hashlib.sha256()
    between = [(size * part // _PARTS, _PART) for part in range(1, _PARTS)] if size > 2 * _PROBE else []
    for start, length in [(0, _PROBE), *between, (max(0, size - _PROBE), _PROBE)]:
        file.seek(start)
        digest.update(file.read(length))
    return f"{size} bytes, {digest.hexdigest()[:32]}"


def count_answers(path: Path) -> int:
    """How many answers a journal holds, also while another process writes it; 0 where there is no journal."""
    try:
        with path.open("rb") as lines:
            return sum("poses" in _parsed(line) for line in lines)
    except OSError:
        return 0


class FileJournal:
    """Remembers the answers of one job in a file. `open` comes first; then any thread may use it.

    Args:
        path: The file.
        made_of: What the answers depend on, by name: input, model, thresholds. Answers to anything else are not used.
    """

    def __init__(self, path: Path, made_of: Mapping[str, str]) -> None:
        self._path = path
        self._made_of = dict(made_of)
        self._lock = threading.Lock()
        self._file = -1
        self._places: dict[int, tuple[int, int]] = {}
        self._given_up: dict[int, str] = {}
        self._end = 0
        self._skeletons: list[Skeleton] = []

    @property
    def answers(self) -> int:
        """How many answers it holds."""
        return len(self._places)

    def __repr__(self) -> str:
        return f"<FileJournal {self._path.name}: {self.answers} answers>"

    def open(self) -> list[str]:
        """Read what an earlier run left, or begin anew.

        Returns:
            What of `made_of` has changed since that run, so that nothing of it is used; empty where nothing has.

        Raises:
            SinkError: The file cannot be read or written.
            UsageError: Another process is writing it.
        """
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
            if not try_lock(file):
                os.close(file)
                raise UsageError(f"{self._path}: another kpstream is at work on this output")
            self._file = file
            changed = self._load()
            os.ftruncate(self._file, self._end)
            if not self._end:
                self._append({"kpstream": "journal", "version": _VERSION, "made_of": self._made_of})
        except OSError as error:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1
            raise self._error(error) from None
        return changed

    def recall(self, frame_index: int) -> Answer | None:
        """The answer for a frame that was given earlier; None where there is none. Reads the file."""
        place = self._places.get(frame_index)
        return None if place is None else self._answer(json.loads(self._read(*place)))

    def given_up(self, frame_index: int) -> str | None:
        """Why a frame was given up earlier; None where it was not."""
        return self._given_up.get(frame_index)

    def note(self, frame_index: int, answer: Answer) -> None:
        """Keep an answer; it outlives the process once this returns.

        Raises:
            SinkError: It could not be written.
        """
        with self._lock:
            if self._file < 0:
                return  # closed: its job is over
            try:
                poses = [self._pose_object(pose) for pose in answer.poses]
                billed = answer.billed or None
                self._places[frame_index] = self._append(
                    {"frame_index": frame_index, "poses": poses, "bytes_sent": answer.bytes_sent, "billed": billed}
                )
            except OSError as error:
                raise self._error(error) from None

    def give_up(self, frame_index: int, reason: str) -> None:
        """Keep that a frame gets no answer of use; it outlives the process once this returns.

        Raises:
            SinkError: It could not be written.
        """
        with self._lock:
            if self._file < 0:
                return
            try:
                self._append({"frame_index": frame_index, "given_up": redact(reason)})
            except OSError as error:
                raise self._error(error) from None
            self._given_up[frame_index] = reason

    def close(self) -> None:
        """Let go of the file, which stays for the next run if it holds any answer. Idempotent."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1
                if not self._places:
                    self._path.unlink(missing_ok=True)

    def discard(self) -> None:
        """The job is done: close the file and remove it."""
        self.close()
        self._path.unlink(missing_ok=True)

    # the file

    def _load(self) -> list[str]:
        """Index the whole lines of the file up to `_end`; what of it has changed."""
        with os.fdopen(os.dup(self._file), "rb") as lines:
            lines.seek(0)
            head = _parsed(lines.readline())
            if head.get("version") != _VERSION or not isinstance(head.get("made_of"), dict):
                return []  # empty, cut short within the first line, or of another version
            before = head["made_of"]
            changed = [name for name in {**before, **self._made_of} if before.get(name) != self._made_of.get(name)]
            if changed:
                return changed
            self._end = lines.tell()
            for line in lines:
                entry = _parsed(line)
                if not self._index(entry, len(line)):
                    break
                self._end += len(line)
        return []

    def _index(self, entry: Mapping[str, Any], length: int) -> bool:
        index = entry.get("frame_index")
        if isinstance(index, int) and isinstance(reason := entry.get("given_up"), str):
            self._given_up[index] = reason
        elif isinstance(index, int):
            self._places[index] = (self._end, length)
        elif isinstance(skeleton := entry.get("skeleton"), dict):
            self._skeletons.append(read_skeleton(skeleton))
        else:
            return False
        return True

    def _append(self, entry: Mapping[str, Any]) -> tuple[int, int]:
        line = (json.dumps(entry, separators=(",", ":")) + "\n").encode()
        place = (self._end, len(line))
        os.lseek(self._file, self._end, os.SEEK_SET)
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._end += len(line)
        return place

    def _read(self, start: int, length: int) -> bytes:
        with self._lock:
            os.lseek(self._file, start, os.SEEK_SET)
            return os.read(self._file, length)

    def _error(self, error: OSError) -> SinkError:
        hint = ": make room, and start the same command again" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        return SinkError(f"{self._path}: {error.strerror or error}{hint}")

    # answers

    def _pose_object(self, pose: Pose) -> dict[str, Any]:
        if pose.skeleton not in self._skeletons:
            self._append({"skeleton": write_skeleton(pose.skeleton)})
            self._skeletons.append(pose.skeleton)
        return write_pose(pose, self._skeletons.index(pose.skeleton))

    def _answer(self, entry: Mapping[str, Any]) -> Answer:
        poses = tuple(read_pose(pose, self._skeletons) for pose in entry["poses"])
        return Answer(poses, entry["bytes_sent"], entry["billed"] or 0.0)


def _parsed(line: bytes) -> Mapping[str, Any]:
    """The object of a whole line; empty where it is none."""
    try:
        entry = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        entry = None
    return entry if isinstance(entry, dict) else {}
