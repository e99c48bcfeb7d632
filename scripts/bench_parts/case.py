"""What is measured: clips with their truth, at the latencies that the hosted service is known for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OURS = "kpstream"
LATENCIES = (0.15, 0.4, 0.8)
"""Seconds; Roboflow publishes 0.38 to 0.76 for its service, end to end."""


@dataclass(frozen=True)
class Case:
    """A clip and its truth."""

    clip: Path
    poses: Path

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.clip.stem

    def truth(self) -> dict[str, Any]:
        """The parsed poses."""
        truth: dict[str, Any] = json.loads(self.poses.read_text())
        return truth

    def seconds(self) -> float:
        """How long the clip is."""
        truth = self.truth()
        return float(len(truth["frames"]) / truth["frame_rate"])


def cases_in(folder: Path) -> list[Case]:
    """The clips of a folder that have a truth beside them, by name."""
    pairs = [Case(clip, clip.with_suffix(".poses.json")) for clip in sorted(folder.glob("*.mp4"))]
    return [pair for pair in pairs if pair.poses.exists()]
