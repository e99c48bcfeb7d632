"""``python -m kpstream``, and what the ``kpstream`` script calls."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command line; a system without OpenCV's libraries gets one line that mends it."""
    _end_cleanly_on_signals()
    _fill_standard_files()
    # NumPy's matrices are small here, and threads for them, which spin while they wait, start with it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from kpstream.cli import run

        code = run()
    except KeyboardInterrupt:  # before the commands are loaded
        sys.exit(130)
    except ImportError as error:  # commands load OpenCV when they need it; `kpstream doctor` works without
        if ".so" not in str(error):
            raise
        from kpstream.errors import opencv_missing

        sys.exit(f"kpstream: error: {opencv_missing(error)}")
    sys.exit(code)


def _fill_standard_files() -> None:
    """Where a shell closed one of the three, have no file that is opened later be taken for it by a library's lines."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
            os.set_inheritable(number, True)


def _end_cleanly_on_signals() -> None:
    """Until the command has its own handlers: SIGTERM and SIGHUP are a clean end, and a reload does not end a site."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if not hasattr(signal, "SIGHUP"):
        return
    if sys.argv[1:2] == ["run"]:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    elif signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup leaves it
        signal.signal(signal.SIGHUP, lambda *_: sys.exit(0))


if __name__ == "__main__":
    main()
