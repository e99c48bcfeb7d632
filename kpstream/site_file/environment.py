"""Secrets that a file names and the environment holds."""

from __future__ import annotations

import os

from kpstream.redact import remember
from kpstream.sources.opening import is_address


def secret_in(name: str) -> str:
    """The value of an environment variable, which no message shows from now on; of an address its secrets alone.

    Raises:
        ValueError: It is not set.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        raise ValueError(f"the environment variable {name} is not set")
    if not is_address(value):
        remember(value)
    return value
