"""Half a minute of faults at every joint, and recordings that are killed: what soak.py tells is looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.rig, pytest.mark.quiet]

ROOT = Path(__file__).parents[2]
HELD_UP = 4.0
"""Seconds that a machine with other work may stand still."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a soak's results are."""
    folder = tmp_path_factory.mktemp("soak")
    command = [sys.executable, "scripts/soak.py", "--minutes", "0.6", "--kills", "3", "--seed", "267"]
    subprocess.run([*command, "--output", str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> Any:
    return json.loads((folder / "soak.json").read_text())


@pytest.mark.timeout(400)
def test_it_lives_through_all_of_it(told: Any) -> None:
    soak = told["soak"]
    assert soak["code"] == 0, soak["said"]
    assert "Traceback" not in soak["said"]
    assert not soak["leaked"]
    assert {fault["joint"].partition(" ")[0] for fault in soak["faults"]} == {"camera", "endpoint"}


def test_a_picture_is_missing_only_while_the_camera_is(told: Any) -> None:
    soak = told["soak"]
    outages = [fault for fault in soak["faults"] if fault["joint"].startswith("camera")]
    longest = max(fault["ends_at"] - fault["begins_at"] for fault in outages)
    assert max((length for _, length in soak["gaps"]), default=0) <= longest + 2.5 + HELD_UP
    assert sum(length > HELD_UP for _, length in soak["gaps"]) <= 2 * len(outages)
    assert soak["shown"] > 0.2 * 30 * soak["lived"]  # a machine that is full takes fewer from the camera


def test_the_recording_adds_up_to_the_time_that_was_shown(told: Any) -> None:
    soak = told["soak"]
    assert soak["recorded"] == pytest.approx(soak["lived"], abs=HELD_UP)


def test_memory_threads_and_descriptors_do_not_grow_without_end(told: Any) -> None:
    late = told["soak"]["samples"][len(told["soak"]["samples"]) // 2 :]
    usages = [sample["usage"] for sample in late]
    assert max(usage["threads"] for usage in usages) <= 64
    assert max(usage["descriptors"] for usage in usages) <= 128
    assert max(usage["megabytes"] for usage in usages) <= 1000


def test_what_was_killed_plays_but_for_its_end(told: Any) -> None:
    assert len(told["kills"]) == 3
    for kill in told["kills"]:
        assert kill["missing"] < 1.0 + 2.0  # a second by the file's fragments, and what waited for a busy encoder


def test_the_results_are_written_for_people(folder: Path) -> None:
    assert "| frames shown |" in (folder / "soak.md").read_text()
    assert (folder / "soak.png").read_bytes().startswith(b"\x89PNG")
