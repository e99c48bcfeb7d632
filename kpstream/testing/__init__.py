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
)

__all__ = [
    "SQUARE",
    "FakeEndpoint",
    "Gate",
    "ListSink",
    "ManualClock",
    "SyntheticSource",
    "index_of",
    "truth",
]
