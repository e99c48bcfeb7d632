"""The rig's parts as objects: an RTSP camera, and a network that fails on request."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

from tests.support.ports import own_port

_PARTS = Path(__file__).parent
_DEBIAN_PYTHON = "/usr/bin/python3"
"""The only interpreter that has GStreamer's bindings."""


class Part:
    """A process that says READY and something more, and is killed at the end."""

    def __init__(self, *command: str) -> None:
        self._command = command
        self._process = self._begin()

    def _begin(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        word, *self.ready = process.stdout.readline().split() or ["nothing"]
        if word != "READY":
            process.kill()
            process.wait()
            raise RuntimeError(f"{self._command} said {word}; was tests/rig/install.sh run?")
        return process

    def kill(self) -> None:
        """End it as a power cut does."""
        self.thaw()
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def freeze(self) -> None:
        """Stop it, with its connections open."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()


class Server(Part):
    """A part that says READY and its address, and takes ``--port``."""

    def __init__(self, *command: str) -> None:
        super().__init__(*command, "--port", str(own_port()))

    @property
    def url(self) -> str:
        """Its address, without user and password."""
        return self.ready[0]

    @property
    def port(self) -> int:
        """Where it listens."""
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def restart(self, *options: str) -> None:
        """Begin again at the same port, with the same options and these after them."""
        self._command = (*self._command, *options)
        self._process = self._begin()


class RtspCamera(Server):
    """`rtsp_server.py` with its options, for instance ``RtspCamera("--codec", "h265")``."""

    def __init__(self, *options: str) -> None:
        super().__init__(_DEBIAN_PYTHON, str(_PARTS / "rtsp_server.py"), *options)


class FaultyNetwork(Part):
    """`fault_proxy.py` before a port."""

    def __init__(self, target: int) -> None:
        super().__init__(sys.executable, str(_PARTS / "fault_proxy.py"), str(target))

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.ready[0])

    def set(self, **faults: float) -> None:
        """Make it fail in a way that `fault_proxy` names, or stop that."""
        urlopen(f"http://127.0.0.1:{self.ready[1]}/?{urlencode(faults)}").close()
