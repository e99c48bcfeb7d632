"""The program: its commands, one exit code, and one line for every error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from kpstream import __version__
from kpstream.cli.terminal import checked_stdout, say, set_up_logging, show_traceback
from kpstream.errors import KpstreamError, UsageError, ViewerQuit, untranslated
from kpstream.pipeline.memory import share_heaps

INTERRUPTED = 130
_TWO_WORDS = {("archive", "status")}
"""Commands that are called by two words, the first of which is a command, too."""

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Any camera, stream or video file as a live, annotated picture with keypoints.",
    epilog="Try it without a key:  kpstream live 0   ·   kpstream annotate VIDEO.mp4 -o OUT.mp4",
)


def examples(*lines: str) -> str:
    """What the help of a command ends with: lines as somebody would type them, each with what it does."""
    return "\n\n".join(["Examples:", *lines])


def run(arguments: Sequence[str]) -> int:
    """Run the command line, whose command is loaded.

    Args:
        arguments: Without the program's name.

    Returns:
        The exit code.
    """
    words = list(arguments)
    debug = "--debug" in words
    if tuple(words[:2]) in _TWO_WORDS:
        words[:2] = [" ".join(words[:2])]
    share_heaps()
    set_up_logging(debug=debug)
    try:
        with checked_stdout():
            return int(app([word for word in words if word != "--debug"], "kpstream", standalone_mode=False) or 0)
    except KeyboardInterrupt:
        return INTERRUPTED
    except ImportError:
        raise
    except Exception as error:  # noqa: BLE001 - the roof: every error becomes one line here
        return _report(error, debug=debug)


def _report(error: Exception, *, debug: bool) -> int:
    if isinstance(error, ViewerQuit):
        return error.exit_code
    if debug:
        show_traceback(error)
    if isinstance(error, KpstreamError):
        for line in str(error).splitlines():  # a site's file may have several faults
            say(f"error: {line}")
        return error.exit_code
    if hasattr(error, "format_message"):  # a word on the command line that no command knows
        if message := error.format_message():  # without any word the help was shown
            say(f"error: {message}  (kpstream COMMAND --help shows what there is)")
        return UsageError.exit_code
    say(f"error: {untranslated(error)}; --debug shows where")
    return KpstreamError.exit_code


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and all that is logged.")] = False,  # noqa: ARG001
) -> None:
    """Any camera, stream or video file as a live, annotated picture with keypoints."""
    if version:
        typer.echo(f"kpstream {__version__}")
