"""Recordings before real disks: one that is full, one that is taken away, and a process that is killed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Generic, TypeVar

import av
import numpy as np
import pytest

from kpstream.entities import Frame, Scene
from kpstream.errors import SinkError
from kpstream.pipeline.background import Background
from kpstream.sinks.clip import plays
from kpstream.sinks.clips import ClipLimits, ClipSink
from kpstream.sinks.pausing import PausingJsonLines
from kpstream.sinks.segments import SegmentedVideo

pytestmark = pytest.mark.rig

_NOISE = np.random.default_rng(0).integers(0, 255, (240, 1600, 3), np.uint8)
_FRAME = Scene(Frame(0, 0.0, 0.0, _NOISE), ())


class Drive:
    """A disk of a few megabytes that can be taken away.

    Args:
        at: An empty folder.
    """

    def __init__(self, at: Path) -> None:
        self.at = at
        self.folder = at / "recordings"
        self.plug()

    def plug(self) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "kpstream-test", str(self.at)], check=True)
        self.folder.mkdir()

    def unplug(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.at)], check=True)


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Drive]:
    at = tmp_path / "drive"
    at.mkdir()
    drive = Drive(at)
    yield drive
    while at.is_mount():
        drive.unplug()


Recorder = TypeVar("Recorder", SegmentedVideo, PausingJsonLines)


class Camera(Generic[Recorder]):
    """Noise at 10 pictures a second, which x264 can make little of: some 400 kB/s."""

    def __init__(self, sink: Recorder) -> None:
        self.sink: Recorder = sink
        self.shown = 0

    def show_until(self, trouble: str | None, *, at_most: float = 60.0) -> None:
        """Until the recording has this trouble, or none."""
        for _ in range(round(at_most * 10)):
            self.show()
            if self.sink.trouble == "" if trouble is None else trouble in self.sink.trouble:
                return
        raise AssertionError(f"{self.sink!r} never came to {trouble}: {self.sink.trouble}")

    def show_for(self, pictures: int) -> None:
        for _ in range(pictures):
            self.show()

    def show(self) -> None:
        start = 211 * self.shown % 1280
        image = np.ascontiguousarray(_NOISE[:, start : start + 320])
        frame = Frame(self.shown, self.shown / 10, self.shown / 10, image)
        self.sink.write(replace(_FRAME, frame=frame), image)
        self.shown += 1


def times_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def recorded(folder: Path) -> list[list[float]]:
    """The times in each file, which all play from 0 on."""
    times = [times_of(path) for path in sorted(folder.iterdir()) if path.suffix == ".mp4"]
    assert all(each[0] == 0 for each in times)
    return times


def test_a_full_disk_pauses_the_recording_until_there_is_room(drive: Drive, caplog: pytest.LogCaptureFixture) -> None:
    ballast = drive.at / "ballast"
    ballast.write_bytes(bytes(1_500_000))
    camera = Camera(SegmentedVideo(drive.folder, "cam", segment=60, preset="ultrafast", crf=30))
    camera.show()
    assert camera.sink.trouble == ""
    for _ in range(2):  # the second time its own first file is in the way
        camera.show_until("the disk is full")
        for _ in range(100):
            camera.show()
        ballast.write_bytes(b"") if ballast.stat().st_size else next(drive.folder.iterdir()).unlink()
        camera.show_until(None, at_most=5)
    taken = camera.sink.frames
    camera.sink.close()
    assert len([record for record in caplog.records if "the recording pauses" in record.getMessage()]) == 2
    assert taken < camera.shown - 200
    assert len(recorded(drive.folder)) == 2


def test_a_full_disk_loses_no_more_than_the_second_before_it(drive: Drive) -> None:
    camera = Camera(SegmentedVideo(drive.folder, "cam", preset="ultrafast", crf=30))
    camera.show_until("the disk is full")
    (times,) = recorded(drive.folder)
    assert len(times) >= camera.shown - 10
    with pytest.raises(SinkError, match=r"at the end the recording is paused: .* the disk is full"):
        camera.sink.close()
    assert recorded(drive.folder) == [times]


def test_a_full_disk_leaves_clips_that_play_and_no_others(drive: Drive, caplog: pytest.LogCaptureFixture) -> None:
    sizes: dict[str, int] = {}
    sink = ClipSink(ClipLimits(), longest_for=0.0, on_written=sizes.__setitem__)
    clips = {name: drive.folder / f"{name}.mp4" for name in ("e1", "e2", "e3")}
    for number in range(150):
        if name := {10: "e1", 90: "e2", 120: "e3"}.get(number):
            sink.begin(name, clips[name], number / 10)
        image = np.ascontiguousarray(_NOISE[:, 211 * number % 1280 :][:, :320])
        sink.write(replace(_FRAME, frame=Frame(number, number / 10, number / 10, image)), image)
    sink.close()
    there = {name for name, path in clips.items() if path.exists()}
    assert sizes == {name: clips[name].stat().st_size for name in there}
    assert "e1" in there
    assert all(map(plays, map(clips.__getitem__, there)))
    assert [line for line in caplog.messages if "a clip is not written" in line][1:] == []
    assert "e3" not in there


def test_a_full_disk_pauses_the_json_lines_until_there_is_room(drive: Drive) -> None:
    ballast = drive.at / "ballast"
    ballast.write_bytes(bytes(3_030_000))
    camera = Camera(PausingJsonLines(drive.folder / "a.jsonl"))
    camera.show_until("the disk is full")
    ballast.unlink()
    camera.show_until(None, at_most=5)
    camera.show_for(50)
    camera.sink.close()
    indices = [json.loads(line)["frame_index"] for line in (drive.folder / "a.jsonl").read_text().splitlines()]
    assert indices[-50:] == list(range(camera.shown - 50, camera.shown))
    assert indices == sorted(set(indices))
    assert len(indices) == camera.shown - camera.sink.dropped


def test_old_recordings_make_room_for_new_ones_without_a_pause(drive: Drive, caplog: pytest.LogCaptureFixture) -> None:
    sink = SegmentedVideo(drive.folder, "cam", segment=2, keep_size=1_500_000, preset="ultrafast", crf=30)
    camera = Camera(sink)
    for _ in range(600):
        camera.show()
    sink.close()
    assert (sink.frames, sink.dropped, caplog.records) == (600, 0, [])
    assert sum(path.stat().st_size for path in drive.folder.iterdir()) < 2_500_000
    assert 2 <= len(recorded(drive.folder)) < 30


def test_a_drive_that_is_taken_away_is_waited_for(drive: Drive) -> None:
    camera = Camera(SegmentedVideo(drive.folder, "cam", segment=60, preset="ultrafast", crf=35))
    for _ in range(10):
        camera.show()
    drive.unplug()
    camera.show_until("folder does not exist", at_most=5)
    drive.plug()
    camera.show_until(None, at_most=5)
    camera.sink.close()
    assert len(recorded(drive.folder)) == 1


def test_what_cannot_be_removed_stays_and_the_recording_goes_on(drive: Drive) -> None:
    old = drive.folder / "cam_1999-01-01T00-00-00Z.mp4"
    old.touch()
    subprocess.run(["mount", "--bind", "/dev/null", str(old)], check=True)
    try:
        camera = Camera(SegmentedVideo(drive.folder, "cam", keep=1, preset="ultrafast", crf=40))
        for _ in range(50):
            camera.show()
        camera.sink.close()
    finally:
        subprocess.run(["umount", str(old)], check=True)
    assert (camera.sink.frames, camera.sink.trouble) == (50, "")
    assert old.exists()


def test_the_picture_waits_for_no_disk(drive: Drive) -> None:
    sink = SegmentedVideo(drive.folder, "cam", preset="ultrafast", crf=30)
    camera = Camera(sink)
    behind = Background.dropping(sink, name="the recording", capacity=1000)
    for index in range(400):
        frame = Frame(index, index / 10, index / 10, np.ascontiguousarray(_NOISE[:, index : index + 320]))
        behind.write(replace(_FRAME, frame=frame), frame.image)
    with pytest.raises(SinkError, match=r"at the end the recording is paused: .* the disk is full"):
        behind.close()
    assert "the disk is full" in sink.trouble
    assert behind.dropped == 0
    assert camera.sink.dropped > 0


_CHILD = """
import sys
import numpy as np
from kpstream.entities import Frame, Scene
from kpstream.sinks.segments import SegmentedVideo

noise = np.random.default_rng(0).integers(0, 255, (120, 1000, 3), np.uint8)
sink = SegmentedVideo(sys.argv[1], "cam", segment=2, preset=sys.argv[2], frame_rate=30)
for index in range(100_000):
    image = noise[:, index % 800 : index % 800 + 160]
    sink.write(Scene(Frame(index, index / 30, index / 30, image), ()), image)
    print(index, flush=True)
"""


@pytest.mark.parametrize("preset", ["ultrafast", "veryfast"])
@pytest.mark.parametrize("seed", range(5))
def test_a_kill_at_any_moment_takes_no_more_than_the_last_second(preset: str, seed: int, tmp_path: Path) -> None:
    frames = random.Random(f"{preset} {seed}").randint(30, 500)
    command = [sys.executable, "-c", _CHILD, str(tmp_path), preset]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) >= frames:
                child.kill()
                break
        written = max([frames, *(int(line) for line in child.stdout if line.endswith("\n"))]) + 1
    assert child.returncode == -signal.SIGKILL
    files = recorded(tmp_path)
    assert sum(len(times) != 60 for times in files) <= 1  # the newest; of ten in a second it is not the last by name
    assert all(times == pytest.approx([index / 30 for index in range(len(times))], abs=1e-4) for times in files)
    assert 0 <= written - sum(map(len, files)) <= 30
    assert max((times[-1] for times in files), default=-inf) < 2
