"""``python -m kpstream``, and what the ``kpstream`` script calls."""

from __future__ import annotations

import sys

from kpstream.errors import opencv_missing


def main() -> None:
    """Run the command line; a system without OpenCV's libraries gets one line that mends it."""
    from kpstream.cli import run

    try:
        code = run()
    except ImportError as error:  # commands load OpenCV when they need it; `kpstream doctor` works without
        if ".so" not in str(error):
            raise
        sys.exit(f"kpstream: error: {opencv_missing(error)}")
    sys.exit(code)


if __name__ == "__main__":
    main()
