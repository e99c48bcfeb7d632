from __future__ import annotations

import numpy as np

from kpstream.annotate import redraw
from kpstream.entities import Image, Scene
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
