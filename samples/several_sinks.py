"""Several outputs at once, one of them your own: ``python samples/several_sinks.py CLIP.mp4 FOLDER``.

A sink is any object with ``write(scene, canvas)`` and ``close()``; it needs no base class.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import kpstream


class Crowd:
    """Counts in how many frames how many people are in view."""

    def __init__(self) -> None:
        self.frames: Counter[int] = Counter()

    def write(self, scene: kpstream.Scene, canvas: kpstream.Image) -> None:
        """Count one frame."""
        self.frames[len(scene.poses)] += 1

    def close(self) -> None:
        """Say what was counted."""
        for people, frames in sorted(self.frames.items()):
            print(f"{people} in view: {frames} frames")


def main(clip: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sinks: list[kpstream.Sink] = [
        kpstream.Background.waiting(kpstream.VideoSink(folder / "annotated.mp4"), name="video"),
        kpstream.JsonLinesSink(folder / "poses.jsonl"),
        kpstream.CocoSink(folder / "coco.json"),
        kpstream.CsvSink(folder / "poses.csv"),
        Crowd(),
    ]
    with kpstream.Pipeline(kpstream.open_source(clip), kpstream.EmbeddedEndpoint(), sinks=sinks, rate=6) as pipeline:
        pipeline.run()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python samples/several_sinks.py CLIP.mp4 FOLDER")
    main(sys.argv[1], Path(sys.argv[2]))
