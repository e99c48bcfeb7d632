"""The memory of a process that runs for weeks, or handles many pictures a second."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

# Of glibc's malloc.h:
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_HEAPS = 2
_KEPT = 64 * 1024 * 1024
_IN_HEAPS = 32 * 1024 * 1024
"""The largest piece that glibc takes from a heap."""


def share_heaps() -> None:
    """Let all threads take memory from few heaps. Does nothing where the C library is not glibc, like `trim_heaps`.

    By itself glibc gives each new thread a heap of its own, eight for every core. Pictures are made in one thread and
    let go in another, so all of these heaps get holes, and a process that did nothing wrong grows with every outage
    that starts threads anew.
    """
    if mallopt := _glibc("mallopt"):
        mallopt(_M_ARENA_MAX, _HEAPS)


def keep_heaps() -> None:
    """Let memory that is let go stay with the process, up to 64 MB of each heap. Does nothing elsewhere than on glibc.

    By itself glibc gives the pages of a large picture back to the system, which clears them for the next picture:
    3 % of the processor's time that annotating takes, 10 % of what a request with 1768x994 pixels takes.
    """
    if mallopt := _glibc("mallopt"):
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_MMAP_THRESHOLD, _IN_HEAPS)


def trim_heaps() -> None:
    """Give the pages that nothing uses any more back to the system, those between others too; takes about 1 ms."""
    if malloc_trim := _glibc("malloc_trim"):
        malloc_trim(0)


def _glibc(name: str) -> Callable[..., int] | None:
    try:
        return getattr(ctypes.CDLL(None), name, None)
    except (OSError, TypeError):  # another system
        return None
