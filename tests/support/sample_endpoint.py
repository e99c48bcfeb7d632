"""An endpoint in a process of its own that knows the answers to the sample's frames."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIP, POSES = ROOT / "samples" / "walkers.mp4", ROOT / "samples" / "walkers.poses.json"


@contextmanager
def sample_endpoint() -> Iterator[str]:
    """Run it, 0.1 s late with each answer, and give its address."""
    command = [sys.executable, str(ROOT / "scripts" / "endpoint.py"), str(CLIP), str(POSES), "--latency", "0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[1]
        process.terminate()
