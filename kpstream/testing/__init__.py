"""Fakes that ship with the package: what kpstream's own tests, and the tests of programs built on it, are made of."""

from kpstream.testing.fakes import (
    SQUARE,
    FakeEndpoint,
    Gate,
    ListSink,
    ManualClock,
    SyntheticSource,
    index_of,
    truth,
    wait_until,
)
from kpstream.testing.scripted_server import Recorded, Reply, ScriptedServer, canned_answer

__all__ = [
    "SQUARE",
    "FakeEndpoint",
    "Gate",
    "ListSink",
    "ManualClock",
    "Recorded",
    "Reply",
    "ScriptedServer",
    "SyntheticSource",
    "canned_answer",
    "index_of",
    "truth",
    "wait_until",
]
