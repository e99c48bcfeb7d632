from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kpstream.annotate import Encoding, Job, Outputs, plan, redraw
from kpstream.entities import Image, Scene
from kpstream.errors import SinkError, UsageError
from kpstream.sinks.jsonl import RecordedPoses
from kpstream.sources import VideoFile
from kpstream.testing import ListSink, SyntheticSource, truth
from tests.source_clips import write_video


def test_one_input_is_written_to_the_names_that_were_given(tmp_path: Path) -> None:
    wanted = Outputs(tmp_path / "out.mp4", tmp_path / "out.jsonl")
    assert plan([Path("in.mp4")], wanted, overwrite=False) == [(Path("in.mp4"), wanted)]


def test_several_inputs_go_into_folders_by_their_names(tmp_path: Path) -> None:
    jobs = plan([Path("a.mp4"), Path("b.mov")], Outputs(tmp_path / "out", None, tmp_path / "coco"), overwrite=False)
    assert [outputs.video for _, outputs in jobs] == [tmp_path / "out" / "a.mp4", tmp_path / "out" / "b.mp4"]
    assert [outputs.coco for _, outputs in jobs] == [tmp_path / "coco" / "a.json", tmp_path / "coco" / "b.json"]
    assert (tmp_path / "out").is_dir()


def test_a_folder_that_is_there_takes_one_input_too(tmp_path: Path) -> None:
    ((_, outputs),) = plan([Path("a.mkv")], Outputs(tmp_path), overwrite=False)
    assert outputs.video == tmp_path / "a.mp4"


def test_nothing_is_planned_that_would_destroy_something(tmp_path: Path) -> None:
    there = tmp_path / "there.mp4"
    there.touch()
    with pytest.raises(UsageError, match="--overwrite"):
        plan([Path("a.mp4")], Outputs(there), overwrite=False)
    assert plan([Path("a.mp4")], Outputs(there), overwrite=True)
    with pytest.raises(UsageError, match="is an input"):
        plan([there], Outputs(there), overwrite=True)
    with pytest.raises(UsageError, match="twice"):
        plan([Path("x/a.mp4"), Path("y/a.mp4")], Outputs(tmp_path / "out"), overwrite=False)
    with pytest.raises(UsageError, match="names a folder"):
        plan([Path("a.mp4"), Path("b.mp4")], Outputs(tmp_path / "out.mp4"), overwrite=False)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="file"):
        plan([Path("a.mp4"), Path("b.mp4")], Outputs(tmp_path / "file" / "out"), overwrite=False)


def test_an_output_that_cannot_be_written_is_refused_before_work_begins(tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / "in.mp4", range(3)))
    with pytest.raises(SinkError, match="does not exist"):
        Job(video, Outputs(tmp_path / "nowhere" / "out.mp4"), Encoding()).make_sinks()
    video.close()


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
