"""The memory of a process that runs for weeks."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

_M_ARENA_MAX = -8  # of glibc's malloc.h
_HEAPS = 2


def share_heaps() -> None:
    """Let all threads take memory from few heaps. Does nothing where the C library is not glibc, like `trim_heaps`.

    By itself glibc gives each new thread a heap of its own, eight for every core. Pictures are made in one thread and
    let go in another, so all of these heaps get holes, and a process that did nothing wrong grows with every outage
    that starts threads anew.
    """
    if mallopt := _glibc("mallopt"):
        mallopt(_M_ARENA_MAX, _HEAPS)


def trim_heaps() -> None:
    """Give the pages that nothing uses any more back to the system, those between others too; takes about 1 ms."""
    if malloc_trim := _glibc("malloc_trim"):
        malloc_trim(0)


def _glibc(name: str) -> Callable[..., int] | None:
    try:
        return getattr(ctypes.CDLL(None), name, None)
    except (OSError, TypeError):  # another system
        return None
