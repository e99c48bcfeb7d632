from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest

from kpstream.entities import Scene
from kpstream.errors import SinkError, SourceOpenError, UsageError
from kpstream.recorded.plan import Encoding, Job, Outputs, plan_jobs
from kpstream.sources.file import VideoFile
from tests.support.source_clips import write_video


def planned(inputs: list[Path], wanted: Outputs, *, overwrite: bool = False) -> list[Job]:
    return plan_jobs(inputs, wanted, Encoding(), overwrite=overwrite)


def clips(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        write_video(folder / name, range(3))
    return [folder / name for name in names]


def test_one_input_is_written_to_the_names_that_were_given(tmp_path: Path) -> None:
    wanted = Outputs(tmp_path / "out.mp4", tmp_path / "out.jsonl")
    (job,) = planned([tmp_path / "in.mp4"], wanted)
    assert (job.path, job.outputs) == (tmp_path / "in.mp4", wanted)
    assert list(tmp_path.iterdir()) == []


def test_several_inputs_go_into_folders_by_their_names(tmp_path: Path) -> None:
    inputs = clips(tmp_path, "a.mp4", "b.mov")
    jobs = planned(inputs, Outputs(tmp_path / "out", None, tmp_path / "coco"))
    assert [job.outputs.video for job in jobs] == [tmp_path / "out" / "a.mp4", tmp_path / "out" / "b.mp4"]
    assert [job.outputs.coco for job in jobs] == [tmp_path / "coco" / "a.json", tmp_path / "coco" / "b.json"]
    assert (tmp_path / "out").is_dir()


def test_inputs_of_one_name_go_into_folders_like_theirs(tmp_path: Path) -> None:
    inputs = clips(tmp_path, "camA/a.mp4", "camB/a.mp4", "camB/b.mp4")
    jobs = planned(inputs, Outputs(tmp_path / "out", frames=tmp_path / "frames"))
    out = tmp_path / "out"
    assert [job.outputs.video for job in jobs] == [out / "camA/a.mp4", out / "camB/a.mp4", out / "camB/b.mp4"]
    assert jobs[1].outputs.frames == tmp_path / "frames" / "camB" / "a"
    assert (out / "camB").is_dir()


def test_inputs_of_one_name_in_one_folder_keep_what_tells_them_apart(tmp_path: Path) -> None:
    jobs = planned(clips(tmp_path, "a.mp4", "a.mov"), Outputs(tmp_path / "out"))
    assert [job.outputs.video for job in jobs] == [tmp_path / "out" / "a.mp4.mp4", tmp_path / "out" / "a.mov.mp4"]


def test_a_wrong_input_among_several_is_told_before_work_begins(tmp_path: Path) -> None:
    with pytest.raises(SourceOpenError, match="typo"):
        planned([*clips(tmp_path, "a.mp4"), tmp_path / "typo.mp4"], Outputs(tmp_path / "out"))


def test_a_folder_that_is_there_takes_one_input_too(tmp_path: Path) -> None:
    (job,) = planned([Path("a.mkv")], Outputs(tmp_path))
    assert job.outputs.video == tmp_path / "a.mp4"


def test_pictures_go_into_a_folder_each_video_into_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (job,) = planned([Path("a.mkv")], Outputs(frames=folder))
    assert (job.outputs.frames, job.journal) == (folder, tmp_path / "pictures.journal")
    assert str(job.outputs) == str(folder)
    folder.mkdir()
    assert planned([Path("a.mkv")], Outputs(frames=folder))
    jobs = planned(clips(tmp_path, "a.mp4", "b.mov"), Outputs(frames=folder))
    assert [job.outputs.frames for job in jobs] == [folder / "a", folder / "b"]


def test_a_folder_with_pictures_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "000000.jpg").touch()
    with pytest.raises(UsageError, match="`overwrite`"):
        planned([Path("a.mp4")], Outputs(frames=tmp_path / "pictures"))
    assert planned([Path("a.mp4")], Outputs(frames=tmp_path / "pictures"), overwrite=True)
    (tmp_path / "pictures.journal").touch()  # an interrupted run goes on
    assert planned([Path("a.mp4")], Outputs(frames=tmp_path / "pictures"))
    with pytest.raises(SinkError, match="is a file"):
        planned([Path("a.mp4")], Outputs(frames=tmp_path / "pictures" / "000000.jpg"), overwrite=True)


@pytest.mark.parametrize(("which", "expected"), [("all", [0, 1, 2, 3, 4]), ("sampled", [0, 3])])
def test_coco_and_the_folder_hold_the_same_pictures(
    which: Literal["all", "sampled"], expected: list[int], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "a.mp4", [40 * index for index in range(5)])
    wanted = Outputs(coco=tmp_path / "a.json", frames=tmp_path / "pictures", coco_frames=which)
    (job,) = planned([clip], wanted)
    video = VideoFile(clip)
    sinks = job.make_sinks(video)
    while (frame := video.read()) is not None:
        for sink in sinks:
            sink.write(Scene(frame, (), result_frame_index=3 * round(frame.index / 3)), frame.image)
    for sink in sinks:
        sink.close()
    names = [f"{number:06d}.jpg" for number in expected]
    assert [image["file_name"] for image in json.loads((tmp_path / "a.json").read_text())["images"]] == names
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == names


def test_nothing_is_planned_that_would_destroy_something(tmp_path: Path) -> None:
    there = tmp_path / "there.mp4"
    there.touch()
    with pytest.raises(UsageError, match="`overwrite`"):
        planned([Path("a.mp4")], Outputs(there))
    assert planned([Path("a.mp4")], Outputs(there), overwrite=True)
    with pytest.raises(UsageError, match="is read"):
        planned([there], Outputs(there), overwrite=True)
    with pytest.raises(UsageError, match="is read"):
        plan_jobs([Path("a.mp4")], Outputs(None, there), Encoding(), overwrite=True, reads=[there])
    with pytest.raises(UsageError, match="twice"):
        planned([Path("x/a.mp4"), Path("x/a.mp4")], Outputs(tmp_path / "out"))
    with pytest.raises(UsageError, match="names a folder"):
        planned([Path("a.mp4"), Path("b.mp4")], Outputs(tmp_path / "out.mp4"))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="file"):
        planned([Path("a.mp4"), Path("b.mp4")], Outputs(tmp_path / "file" / "out"))


def test_an_output_that_cannot_be_written_is_refused_before_work_begins(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="does not exist"):
        planned([Path("a.mp4")], Outputs(tmp_path / "nowhere" / "out.mp4"))
    with pytest.raises(UsageError, match="mp4"):
        planned([Path("a.mp4")], Outputs(tmp_path / "out.avi"))
    with pytest.raises(UsageError, match="warp"):
        plan_jobs([Path("a.mp4")], Outputs(tmp_path / "out.mp4"), Encoding(preset="warp"), overwrite=False)
