"""A webcam, as real as can be: `parts/webcam_checks.py` in an emulated machine with a V4L2 camera."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.rig

REPOSITORY = Path(__file__).parents[2]
MACHINE = Path(os.environ.get("KPSTREAM_RIG_HOME", REPOSITORY / ".rig")) / "webcam"
PARTS = Path(__file__).parent / "parts"


def run_beside_webcam(folder: Path, command: list[str], timeout: int) -> tuple[int, str]:
    """Run a command in the machine with a webcam; its exit status, and all that it printed."""
    script = folder / "guest.sh"
    settings = "export KPSTREAM_RIG=1 PYTHONDONTWRITEBYTECODE=1 PYTEST_DISABLE_PLUGIN_AUTOLOAD=1"
    script.write_text(f"cd {shlex.quote(str(REPOSITORY))}\n{settings}\n{shlex.join(command)}\n")
    run = [str(PARTS / "webcam_vm" / "run.sh"), str(MACHINE), str(script), str(timeout)]
    done = subprocess.run(
        run, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
    )
    return done.returncode, done.stdout


@pytest.mark.timeout(400)
def test_all_that_holds_for_a_webcam(tmp_path: Path) -> None:
    checks = str(PARTS / "webcam_checks.py")
    command = [
        sys.executable,
        "-m",
        "pytest",
        checks,
        "-p",
        "no:cacheprovider",
        *("-p", "pytest_timeout", "--noconftest", "-p", "tests.conftest"),  # what else there is takes minutes to load
        "--timeout=120",
        "--color=no",
        "-v",
        "-rP",
    ]
    status, output = run_beside_webcam(tmp_path, command, timeout=380)
    print(output)
    assert status == 0, "a check failed in the machine with a webcam"
    assert " passed" in output
    assert " skipped" not in output
