from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kpstream.entities import Image, Scene
from kpstream.recorded.redraw import recorded_source, redraw
from kpstream.sinks.jsonl import RecordedPoses
from kpstream.testing import ListSink, SyntheticSource, truth


def test_recorded_poses_are_drawn_again_frame_by_frame() -> None:
    class Mark:
        def annotate(self, canvas: Image, scene: Scene) -> None:
            canvas[0, 0] = len(scene.poses)

    recorded = {1: RecordedPoses(1, 1 / 30, (truth(1),), result_frame_index=0, result_age=1 / 30, stale=False)}
    sink, source = ListSink(), SyntheticSource(3)
    scenes = list(redraw(source, recorded, [sink], annotator=Mark()))
    assert [len(scene.poses) for scene in scenes] == [0, 1, 0]
    assert [int(canvas[0, 0, 0]) for canvas in sink.canvases] == [0, 1, 0]
    assert np.allclose(scenes[1].poses[0].xy, truth(1).xy)
    assert (scenes[1].result_frame_index, scenes[0].result_frame_index) == (0, None)
    assert sink.closed
    assert source.closed


@pytest.mark.parametrize(
    ("lines", "source"),
    [
        ('\n{"source": "a/clip.mp4"}\n{}\n', "a/clip.mp4"),
        ('{"frame_index": 0}\n', ""),
        ('{"source": 3}\n', ""),
        ("", ""),
    ],
)
def test_a_recording_says_what_it_is_of(lines: str, source: str, tmp_path: Path) -> None:
    (tmp_path / "poses.jsonl").write_text(lines)
    assert recorded_source(tmp_path / "poses.jsonl") == source
