"""The process of one camera, as the site that starts it sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from kpstream.camera.link import FROM_THE_TERMINAL, Link
from kpstream.errors import KpstreamError
from kpstream.options import KEY_VARIABLE, TOKEN_VARIABLE

_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Threads of libraries for linear algebra, whose pools would cost each process memory, and are of no use to it."""


class Child(Protocol):
    """What runs one camera once."""

    @property
    def link(self) -> Link:
        """The channel to it; started."""

    def wait(self, timeout: float) -> str | None:
        """Wait for its end.

        Returns:
            What ended it, for the user; empty where it ended by itself, None where it has not ended in time.
        """

    def kill(self) -> None:
        """End it at once, whatever it is doing."""


class CameraProcess:
    """A camera in a process of its own.

    Its only argument is its name, and its environment lacks the usual variables of the API key and the page's token:
    what it needs of secrets comes over its link.

    Args:
        name: Of the camera.

    Raises:
        KpstreamError: The system starts no more processes.
    """

    def __init__(self, name: str) -> None:
        hidden = {KEY_VARIABLE, TOKEN_VARIABLE}
        inherited = {key: value for key, value in os.environ.items() if key not in hidden}
        environment = {
            **dict.fromkeys(_ONE_THREAD, "1"),
            **inherited,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        command = [sys.executable, "-P", "-m", "kpstream.camera.child", name]
        try:
            with _signals_held_back():
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
                )
        except OSError as error:
            raise KpstreamError(f"no process can be started for it: {error.strerror}") from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.link = Link(self._process.stdout, self._process.stdin, name)
        self.link.start()

    def wait(self, timeout: float) -> str | None:
        """Wait for its end; as of `Child`."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        return _ending(code)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def __repr__(self) -> str:
        return f"<CameraProcess {self._process.pid}, {self._process.returncode}>"


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Have processes that start here begin with what a terminal sends to all of its programs held back.

    A camera's process says itself that it ignores that, but only once it is loaded; Ctrl-C before would end it with a
    traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, FROM_THE_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ending(code: int) -> str:
    if code >= 0:
        return f"its process ended with code {code}" if code else ""
    name = str(-code)
    with suppress(ValueError):
        name = signal.Signals(-code).name
    hint = ", as the system does where memory runs out" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{hint}"
