"""Gives events to a program, each on the standard input of a run of its own."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from kpstream.delivery.backoff import Backoff
from kpstream.delivery.destination import Refused, Unavailable
from kpstream.delivery.outbox import Delivery, Document
from kpstream.delivery.selection import InOrder
from kpstream.options import KEY_VARIABLE, TOKEN_VARIABLE
from kpstream.redact import without_secret_variables

STORE_VARIABLE = "KPSTREAM_EVENT_STORE"
"""The environment variable with the store's folder, to which snapshot and clip are relative."""
_FIRST_BACKOFF, _LONGEST_BACKOFF = 5.0, 3600.0


class Program:
    """Starts a program whenever an event opens or ends. Satisfies `Destination`.

    The program takes the event by ending with 0 in time; otherwise it is started again later. It inherits the
    environment without what kpstream reads secrets from: the variables of the API key and the page's token, and those
    that a file or an option names.

    Args:
        command: The program and its arguments; no shell is used.
        store: The folder of the store.
        timeout: Seconds after which the program is killed, with all that it started.
    """

    def __init__(self, command: Sequence[str], *, store: Path, timeout: float = 10.0) -> None:
        self._command = list(command)
        self._store = store
        self._timeout = timeout
        self._program = Path(command[0]).name
        self.name = f"run {self._program} {hashlib.sha256(repr(self._command).encode()).hexdigest()[:8]}"
        self.policy = InOrder()
        self.backoff = Backoff(_FIRST_BACKOFF, _LONGEST_BACKOFF)

    def wants(self, document: Document) -> bool:
        """Whether the event opens or ends."""
        return bool(document["state"] != "updated")

    def send(self, deliveries: Sequence[Delivery]) -> None:
        """Run the program for each event; blocks for the timeout at most each.

        Raises:
            Unavailable: The program cannot be started.
            Refused: The program failed, or did not end in time.
        """
        for delivery in deliveries:
            self._run(json.dumps(delivery.document, ensure_ascii=False).encode() + b"\n")

    def open(self) -> None:
        """Nothing: what it needs is made for each message."""

    def close(self) -> None:
        """Nothing: no program outlives its event."""

    def _run(self, event: bytes) -> None:
        inherited = without_secret_variables(os.environ)
        for name in (KEY_VARIABLE, TOKEN_VARIABLE):
            inherited.pop(name, None)
        environment = {**inherited, STORE_VARIABLE: str(self._store.absolute())}
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"{self._program} cannot be started: {error.strerror}") from None
        try:
            process.communicate(event, self._timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            raise Refused(f"{self._program} did not end within {self._timeout:g} s") from None
        if process.returncode:
            raise Refused(f"{self._program} ended with {process.returncode}")

    def __repr__(self) -> str:
        return f"<Program {self.name}>"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the program, and all that it started."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.communicate()
