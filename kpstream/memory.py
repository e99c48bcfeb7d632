"""The memory of a process that runs for weeks."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8  # of glibc's malloc.h
_HEAPS = 2


def share_heaps() -> None:
    """Let all threads take memory from few heaps; does nothing where the C library is not glibc.

    By itself glibc gives each new thread a heap of its own, eight for every core. Pictures are made in one thread and
    let go in another, so all of these heaps get holes, and a process that did nothing wrong grows with every outage
    that starts threads anew.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, another system
        return
    mallopt(_M_ARENA_MAX, _HEAPS)
