from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from kpstream.entities import Image, Scene
from kpstream.interfaces import Sink, write_scene
from kpstream.sinks.segments import SegmentedVideo
from kpstream.sinks.switched import SwitchedRecording
from tests.sinks.videos import times_of
from tests.support.sink_contract import SinkContract, picture, scene


def recording_in(folder: Path) -> SwitchedRecording:
    return SwitchedRecording(lambda: SegmentedVideo(folder, "cam", preset="ultrafast", wall_clock=lambda: 0.0))


def show(sink: SwitchedRecording, indices: range) -> None:
    for index in indices:
        sink.write(scene(index), picture(index))


def lengths_in(folder: Path) -> list[int]:
    return [len(times_of(path)) for path in sorted(folder.iterdir())]


class TestContract(SinkContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Sink]:
        def made() -> SwitchedRecording:
            sink = recording_in(tmp_path)
            sink.start()
            return sink

        return made


def test_each_start_is_a_new_file_and_between_them_there_is_none(tmp_path: Path) -> None:
    sink, indices = recording_in(tmp_path), count()
    assert not sink.recording
    for seconds in (1, 2):
        show(sink, range(next(indices) * 100, 30))
        sink.start()
        assert sink.recording
        show(sink, range(next(indices) * 100, next(indices) * 100 + 30 * seconds))
        sink.stop()
        assert not sink.recording
    sink.close()
    assert len(lengths_in(tmp_path)) == 2


def test_what_is_shown_between_start_and_stop_is_recorded(tmp_path: Path) -> None:
    sink = recording_in(tmp_path)
    show(sink, range(10))
    sink.start()
    sink.start()
    show(sink, range(10, 20))
    sink.start()
    show(sink, range(20, 40))
    sink.stop()
    sink.stop()
    show(sink, range(40, 60))
    assert lengths_in(tmp_path) == [30]
    sink.start()
    show(sink, range(60, 65))
    sink.close()
    assert lengths_in(tmp_path) == [30, 5]


def test_a_stop_and_a_start_between_two_pictures_are_two_files(tmp_path: Path) -> None:
    sink = recording_in(tmp_path)
    sink.start()
    show(sink, range(10))
    sink.stop()
    sink.start()
    show(sink, range(10, 15))
    sink.close()
    assert lengths_in(tmp_path) == [10, 5]


def test_closed_it_is_not_started_again(tmp_path: Path) -> None:
    sink = recording_in(tmp_path)
    sink.close()
    sink.start()
    assert not sink.recording
    assert list(tmp_path.iterdir()) == []


def test_its_trouble_is_the_recording_s(tmp_path: Path) -> None:
    sink = recording_in(tmp_path / "gone")
    show(sink, range(5))
    assert sink.trouble == ""
    sink.start()
    show(sink, range(5, 10))
    assert "folder does not exist" in sink.trouble
    assert sink.recording
    sink.stop()
    assert sink.trouble == ""
    sink.close()


def test_it_may_be_switched_from_other_threads_while_pictures_come(tmp_path: Path) -> None:
    sink = recording_in(tmp_path)
    done = threading.Event()

    def switch() -> None:
        while not done.is_set():
            sink.start()
            sink.stop()

    threads = [threading.Thread(target=switch) for _ in range(3)]
    for thread in threads:
        thread.start()
    show(sink, range(200))
    done.set()
    for thread in threads:
        thread.join()
    sink.stop()
    sink.close()
    assert all(length >= 1 for length in lengths_in(tmp_path))
    assert sum(lengths_in(tmp_path)) <= 200


class Counting:
    """An annotator that counts what it draws."""

    def __init__(self) -> None:
        self.drawn = 0

    def annotate(self, canvas: Image, scene: Scene) -> None:
        self.drawn += 1


def test_nothing_is_drawn_while_nothing_is_recorded(tmp_path: Path) -> None:
    sink, annotator = recording_in(tmp_path), Counting()
    for index in range(12):
        if index in {4, 8}:
            (sink.start if index == 4 else sink.stop)()
        write_scene(sink, replace(scene(index), annotator=annotator))
    sink.close()
    assert annotator.drawn == 4
    assert lengths_in(tmp_path) == [4]
