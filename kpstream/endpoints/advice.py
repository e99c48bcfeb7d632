"""What to do about the API key, in the words of those who give it: a program, or the command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyAdvice:
    """What errors say about the key."""

    missing: str
    """The whole line where there is none."""
    wrong: str
    """Where to look where it is not taken; follows the word 'check'."""


IN_A_PROGRAM = KeyAdvice(
    "no API key: give RoboflowEndpoint an api_key, or set ROBOFLOW_API_KEY; kpstream.EmbeddedEndpoint() needs none",
    "api_key or ROBOFLOW_API_KEY",
)
