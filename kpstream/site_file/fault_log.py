"""The faults of a file, gathered while it is read, and the paths and secrets that it names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kpstream.options import in_file
from kpstream.redact import remember, remember_variable
from kpstream.sources.opening import is_address


class FaultLog:
    """Gathers a line for each fault, so that all of them can be shown together.

    Args:
        folder: Where the file lies; its paths count from there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []

    def add(self, place: str, text: str, *, inherited_from: str = "") -> None:
        """Note a fault, once.

        Args:
            place: Where in the file it is.
            text: What is wrong.
            inherited_from: Another place; the fault is not noted where it is noted there.
        """
        text = in_file(text)
        if not {f"{place}: {text}", f"{inherited_from}: {text}"} & set(self.lines):
            self.lines.append(f"{place}: {text}")

    def check(self, place: str, call: Callable[[], Any]) -> Any:
        """What a call returns; None where it raises ValueError, whose text becomes a fault."""
        try:
            return call()
        except ValueError as error:
            self.add(place, str(error))
            return None

    def path(self, text: str) -> Path:
        """A path of the file; ``~`` and ``~NAME`` are the folders of users."""
        try:
            return self.folder / Path(text).expanduser()
        except RuntimeError:
            self.add(text, "nobody of that name has a folder here")
            return self.folder / "missing"

    def variable(self, place: str, name: str) -> str:
        """The value of an environment variable; empty, with a fault, where it is not set.

        No message shows the value from now on, of an address its secrets alone; no program that is not ours gets it.
        """
        remember_variable(name)
        value = os.environ.get(name, "").strip()
        if not value:
            self.add(place, f"the environment variable {name} is not set")
        elif not is_address(value):
            remember(value)
        return value
