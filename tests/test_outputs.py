from __future__ import annotations

import os
from pathlib import Path

import pytest

from kpstream.controls import CameraControls
from kpstream.entities import Settings
from kpstream.errors import SinkError, SourceOpenError, UsageError
from kpstream.outputs import Encoding, Job, LiveOutputs, Outputs, Recording, plan
from tests.source_clips import write_video


def planned(inputs: list[Path], wanted: Outputs, *, overwrite: bool = False) -> list[Job]:
    return plan(inputs, wanted, Encoding(), overwrite=overwrite)


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


def test_a_wrong_input_among_several_is_told_before_work_begins(tmp_path: Path) -> None:
    with pytest.raises(SourceOpenError, match="typo"):
        planned([*clips(tmp_path, "a.mp4"), tmp_path / "typo.mp4"], Outputs(tmp_path / "out"))


def test_a_folder_that_is_there_takes_one_input_too(tmp_path: Path) -> None:
    (job,) = planned([Path("a.mkv")], Outputs(tmp_path))
    assert job.outputs.video == tmp_path / "a.mp4"


def test_nothing_is_planned_that_would_destroy_something(tmp_path: Path) -> None:
    there = tmp_path / "there.mp4"
    there.touch()
    with pytest.raises(UsageError, match="--overwrite"):
        planned([Path("a.mp4")], Outputs(there))
    assert planned([Path("a.mp4")], Outputs(there), overwrite=True)
    with pytest.raises(UsageError, match="is read"):
        planned([there], Outputs(there), overwrite=True)
    with pytest.raises(UsageError, match="is read"):
        plan([Path("a.mp4")], Outputs(None, there), Encoding(), overwrite=True, reads=[there])
    with pytest.raises(UsageError, match="twice"):
        planned([Path("x/a.mp4"), Path("y/a.mp4")], Outputs(tmp_path / "out"))
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
        plan([Path("a.mp4")], Outputs(tmp_path / "out.mp4"), Encoding(preset="warp"), overwrite=False)


def test_a_live_view_does_not_write_over_what_it_shows(tmp_path: Path) -> None:
    there = tmp_path / "there.mp4"
    there.touch()
    with pytest.raises(UsageError, match="is read"):
        LiveOutputs(str(there), Recording(there), None).check()
    with pytest.raises(UsageError, match="twice"):
        LiveOutputs("0", Recording(there), there).check()
    LiveOutputs("0", Recording(there), Path("-")).check()


def test_a_live_view_keeps_what_an_earlier_one_has_written(tmp_path: Path) -> None:
    video, lines = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    for text in ("one", "two"):
        for path in (video, lines):
            path.write_text(text)
            os.utime(path, (0, 0))
        LiveOutputs("0", Recording(video), lines).make_sinks(CameraControls(Settings(5, 0.4, 0.3)))
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    one, two = "out_1970-01-01T00-00-00Z", "out_1970-01-01T00-00-00Z_2"
    assert kept == {f"{one}.mp4": "one", f"{one}.jsonl": "one", f"{two}.mp4": "two", f"{two}.jsonl": "two"}


def test_segments_go_beside_each_other_and_a_whole_recording_keeps_its_name(tmp_path: Path) -> None:
    assert Recording(tmp_path / "out.mp4").whole == tmp_path / "out.mp4"
    assert Recording(tmp_path / "out.mp4", segment=600).whole is None
    assert Recording(tmp_path).whole is None  # a folder
    with pytest.raises(UsageError, match="add --segment"):
        LiveOutputs("0", Recording(tmp_path / "out.mp4", keep=9), None).check()
    with pytest.raises(UsageError, match=r"ends in \.mp4"):
        LiveOutputs("0", Recording(tmp_path / "out.avi", segment=600), None).check()
    assert list(tmp_path.iterdir()) == []


def test_old_segments_can_only_go_where_there_are_segments(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="add --segment"):
        Recording(tmp_path, keep_size=10**9).check()


def test_a_page_beside_other_files_lists_only_what_belongs_to_the_recording(tmp_path: Path) -> None:
    assert LiveOutputs("0", Recording(tmp_path / "door.mp4"), None).beginning == "door"
    assert LiveOutputs("0", Recording(tmp_path), None).beginning == ""
