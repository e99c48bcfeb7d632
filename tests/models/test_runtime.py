"""What runs the networks: it tells nobody, it says what is missing, and it lets the program end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kpstream.errors import KpstreamError
from kpstream.models.movenet import MoveNet

_FIND = """
import numpy
from kpstream.models.movenet import MoveNet
model, picture = MoveNet(64), numpy.zeros((64, 64, 3), numpy.uint8)
model.find(picture)
"""
_FIND_WITHOUT_END = """
import threading
begun = threading.Barrier(5)
def find_on():
    begun.wait()
    while True:
        model.find(picture)
for _ in range(4):
    threading.Thread(target=find_on, daemon=True).start()
begun.wait()
print("ends")
"""


def _run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_nothing_is_told_or_kept_about_the_machine(tmp_path: Path) -> None:
    """Telemetry begins with a file in the home, and is never on where a variable says that tests run."""
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "LOCALAPPDATA": str(tmp_path)}
    system = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    ran = _run(_FIND, **home, **system)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_a_program_may_end_while_threads_compute() -> None:
    ran = _run(_FIND + _FIND_WITHOUT_END, **os.environ)
    assert (ran.returncode, ran.stdout) == (0, "ends\n"), ran.stderr


def test_a_missing_onnxruntime_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(KpstreamError) as raised:
        MoveNet().find(np.zeros((32, 32, 3), np.uint8))
    assert re.fullmatch(r"onnxruntime cannot be loaded \(.+\): .*pip install .*onnxruntime", str(raised.value))
