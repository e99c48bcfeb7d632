"""The command line, a file a command: options become objects, objects run, errors become one line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from kpstream.cli.app import run as _run

__all__ = ["run"]

_FILES = {
    "annotate": ["annotate"],
    "archive": ["archive", "archive_status"],
    "doctor": ["doctor"],
    "events": ["events"],
    "image": ["image"],
    "live": ["live"],
    "serve": ["serve"],
    "run": ["site"],
}
"""The commands by their first word, in the order of the help, and the files that add them."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. A command that is called by its name is loaded alone: all of them take 0.2 s longer.

    Args:
        arguments: Without the program's name; None takes those of the process.

    Returns:
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    first = next((word for word in words if word != "--debug"), "")
    for file in _FILES.get(first) or [file for files in _FILES.values() for file in files]:
        import_module(f"kpstream.cli.{file}")
    return _run(words)
