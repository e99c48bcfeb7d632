"""Files that only one process may write; the system frees them when it ends, however it ends."""

from __future__ import annotations


def try_lock(file: int) -> bool:
    """Hold an open file alone; never waits.

    Args:
        file: Its descriptor; the lock ends with it.

    Returns:
        False where another process holds it. True also where there are no locks: on Windows, on some file systems.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
