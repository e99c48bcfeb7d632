"""What a camera writes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from kpstream.camera.outputs import check_outputs, make_outputs, recording_of
from kpstream.camera.settings import CameraSettings
from kpstream.camera.spec import CameraSpec, Recording
from kpstream.entities import Settings
from kpstream.errors import UsageError
from kpstream.options import RecordingOptions


def spec(reference: str, video: Path | None = None, jsonl: Path | None = None) -> CameraSpec:
    return CameraSpec("", reference, recording=recording_of(RecordingOptions(video)), jsonl=jsonl)


def test_a_camera_does_not_write_over_what_it_shows(tmp_path: Path) -> None:
    there = tmp_path / "there.mp4"
    there.touch()
    with pytest.raises(UsageError, match="is read"):
        check_outputs(spec(str(there), there))
    with pytest.raises(UsageError, match="twice"):
        check_outputs(spec("0", there, there))
    check_outputs(spec("0", there, Path("-")))


def test_what_an_earlier_run_has_written_is_kept(tmp_path: Path) -> None:
    video, lines = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    for text in ("one", "two"):
        for path in (video, lines):
            path.write_text(text)
            os.utime(path, (0, 0))
        make_outputs(spec("0", video, lines), CameraSettings(Settings(5, 0.4, 0.3)))
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    one, two = "out_1970-01-01T00-00-00Z", "out_1970-01-01T00-00-00Z_2"
    assert kept == {f"{one}.mp4": "one", f"{one}.jsonl": "one", f"{two}.mp4": "two", f"{two}.jsonl": "two"}


def test_a_whole_recording_keeps_its_name_and_segments_are_named_by_time(tmp_path: Path) -> None:
    path = tmp_path / "door.mp4"
    whole = Recording(tmp_path, "door", first=path)
    assert recording_of(RecordingOptions(path)) == whole
    assert recording_of(RecordingOptions(path, segment=600)) == replace(whole, segment=600, first=None)
    assert recording_of(RecordingOptions(tmp_path)) == Recording(tmp_path, "kpstream")
    assert recording_of(RecordingOptions()) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (RecordingOptions(Path("out.mp4"), keep=9), "add `segment`"),
        (RecordingOptions(Path(), keep_size=10**9), "add `segment`"),
        (RecordingOptions(Path("out.avi"), segment=600), r"ends in \.mp4"),
        (RecordingOptions(segment=600), "add `record`"),
    ],
)
def test_a_recording_whose_options_do_not_fit_is_refused(options: RecordingOptions, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        recording_of(options)
