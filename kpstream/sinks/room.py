"""Room on a disk: what is written for weeks stops before the last byte is taken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from kpstream.errors import SinkError

LOOK_EVERY = 2.0
"""Seconds after which the disk is looked at again, while it serves and while it does not."""
_RESERVE = 200_000_000
_RESERVE_SHARE = 0.01


class Usage(Protocol):
    """What `shutil.disk_usage` tells, in bytes."""

    @property
    def total(self) -> int: ...  # noqa: D102
    @property
    def free(self) -> int: ...  # noqa: D102


DiskUsage = Callable[[Path], Usage]
"""Bytes of the disk under a folder, in all and free."""


def check_room(folder: Path, *, reserves: int = 1, disk_usage: DiskUsage = shutil.disk_usage) -> None:
    """See that a disk has room left: 200 MB, or a hundredth of a smaller one.

    Args:
        folder: On that disk.
        reserves: How many times that must be free: twice before what has stopped goes on, or it would stop at once.
        disk_usage: What tells.

    Raises:
        SinkError: It has not.
        OSError: The folder is gone.
    """
    disk = disk_usage(folder)
    if disk.free < reserves * min(_RESERVE, _RESERVE_SHARE * disk.total):
        left = f"only {disk.free / 1e6:.1f} MB are free"
        raise SinkError(f"{folder}: the disk is full ({left}): free some space")
