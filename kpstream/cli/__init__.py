"""The command line, a file a command: options become objects, objects run, errors become one line and an exit code."""

from kpstream.cli import annotate, archive, archive_status, doctor, events, image, live, serve, site  # noqa: F401 - each adds its command
from kpstream.cli.app import run

__all__ = ["run"]
