"""Outputs that are complete are put in their places: synced, and each at once, so that none is ever seen half."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from kpstream.recorded.archive.order import SUFFIXES
from kpstream.sinks.output import sink_error


def targets_of(into: Path, name: str, kinds: tuple[str, ...]) -> dict[str, Path]:
    """Where the outputs of a file belong, by kind.

    Args:
        into: The place of all outputs.
        name: The file's, below it.
        kinds: Which outputs.
    """
    return {kind: into / (name + SUFFIXES[kind]) for kind in kinds}


def publish(made: Mapping[str, Path], targets: Mapping[str, Path]) -> dict[str, int]:
    """Move outputs to their places; blocks until they would outlive a power cut.

    Returns:
        The bytes of each, by kind.

    Raises:
        SinkError: One could not be written.
    """
    return {kind: _put(path, targets[kind], keep=False) for kind, path in made.items() if path.exists()}


def copy_outputs(published: Mapping[str, Path], targets: Mapping[str, Path]) -> dict[str, int]:
    """Copy outputs to the places of another file with the same content.

    Returns:
        The bytes of each, by kind.

    Raises:
        SinkError: One could not be written.
    """
    return {kind: _put(path, targets[kind], keep=True) for kind, path in published.items() if path.exists()}


def are_there(targets: Mapping[str, Path], sizes: Mapping[str, int]) -> bool:
    """Whether all outputs lie in their places as they were put there, by their sizes."""
    try:
        return all(targets[kind].stat().st_size == size for kind, size in sizes.items() if kind in targets)
    except OSError:
        return False


def _put(source: Path, target: Path, *, keep: bool) -> int:
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        size = source.stat().st_size
        if keep or not _moved(source, target):
            try:
                shutil.copyfile(source, part)
                _sync(part)
                part.replace(target)
            finally:
                with suppress(OSError):
                    part.unlink(missing_ok=True)
        _sync_folder(target.parent)
    except OSError as error:
        raise sink_error(target, error) from None
    return size


def _moved(source: Path, target: Path) -> bool:
    """Rename a file; False where the target lies on another disk."""
    _sync(source)
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
