"""Half a minute of a site whose cameras die, freeze, come and go: what soak_site.py tells is looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.rig, pytest.mark.quiet]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a soak's results are."""
    folder = tmp_path_factory.mktemp("soak_site")
    command = [sys.executable, "scripts/soak_site.py", "--minutes", "0.54", "--seed", "120", "--output", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> Any:
    return json.loads((folder / "soak_site.json").read_text())


@pytest.mark.timeout(300)
def test_it_lives_through_all_of_it_and_leaves_nothing(told: Any) -> None:
    soak = told["soak"]
    assert soak["code"] == 0, soak["said"]
    assert soak["left"] == []
    assert soak["broken"] == []
    assert "Traceback" not in soak["said"]
    assert "fault of kpstream" not in soak["said"]
    assert not soak["leaked"]
    assert {"process", "network", "site", "password", "viewer"} <= {fault["joint"] for fault in soak["faults"]}


def test_no_camera_begins_again_for_a_fault_of_another(told: Any) -> None:
    assert {rates["name"]: rates["lost"] for rates in told["rates"]} == dict.fromkeys(
        ("door", "gate", "lane", "yard", "roof"), 0
    )


def test_every_death_is_told_in_a_line(told: Any) -> None:
    said = told["soak"]["said"].splitlines()
    assert sorted(line for line in said if "its process was ended by" in line) == [
        "kpstream: warning: roof: its process was ended by SIGKILL, as the system does where memory runs out - "
        "begins again",
        "kpstream: warning: yard: its process was ended by SIGSEGV - begins again",
    ]


def test_a_site_has_a_process_for_each_camera_and_no_more(told: Any) -> None:
    soak = told["soak"]
    assert max(len(sample["cameras"]) for sample in soak["samples"]) <= 7
    assert soak["pids"] >= 6 + 2
    assert soak["samples"][-1]["zombies"] == 0
    assert max(sample["site"]["descriptors"] for sample in soak["samples"]) <= 64


def test_the_results_are_written_for_people(folder: Path) -> None:
    assert "| processes of cameras |" in (folder / "soak_site.md").read_text()
    assert (folder / "soak_site.png").read_bytes().startswith(b"\x89PNG")
