"""The fault table: a row for each thing that goes wrong, and what the rig's tests share that write its rows.

Each test adds its rows to ``fault_table.jsonl`` in pytest's folder; ``scripts/soak.py --fault-table FILE`` prints them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import pytest

from tests.rig.parts.programs import KEY, Live

LATENCY = 0.15
MIX = "500:0.1,429:0.1,reset:0.05,hang:0.02,truncated:0.05,garbage:0.05,nan:0.05,wrong:0.05"
SLACK = 1.0
"""Seconds that a machine with other work may add to any time here."""
Table = Path
"""A file of JSON lines, one a row, that several processes of tests may write at once."""


def row(table: Table, done: str, picture: str, overlay: str, recording: str, code: str, recovery: str) -> None:
    heads = ("what was done", "picture", "overlay", "recording", "exit code", "time to recovery")
    line = json.dumps(dict(zip(heads, (done, picture, overlay, recording, code, recovery), strict=True)))
    with table.open("a") as file:
        file.write(f"{line}\n")


def times_in(video: Path) -> list[float]:
    with av.open(str(video)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def assert_whole(live: Live) -> None:
    """The recording plays, in the video's time, and nothing was said that should not be."""
    lines, times = live.lines(), times_in(live.video)
    lacking = live.lacking("the recording")
    assert len(times) >= len(lines) - lacking
    assert times[-1] == pytest.approx(lines[-1]["pts"] - lines[0]["pts"], abs=0.25 + lacking / 30)
    assert "Traceback" not in live.said()
    assert KEY not in live.said() + live.jsonl.read_text()


def shown_share(lines: list[dict[str, Any]]) -> float:
    """How many of the source's frames were shown."""
    return len(lines) / (int(lines[-1]["frame_index"]) - int(lines[0]["frame_index"]) + 1)


def percentage(lines: list[dict[str, Any]]) -> str:
    return f"{100 * shown_share(lines):.1f} % of the frames shown"
