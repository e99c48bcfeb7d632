"""What every sink promises, wherever scenes go. Each implementation's tests are a subclass."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import nan
from pathlib import Path

import numpy as np
import pytest

from kpstream.entities import Frame as SourceFrame
from kpstream.entities import Image, Pose, Scene
from kpstream.errors import SinkError
from kpstream.interfaces import Sink
from kpstream.skeleton import COCO, Skeleton

_NOBODY = 65534


def picture(index: int = 0, size: tuple[int, int] = (64, 48)) -> Image:
    """A grey picture that grows lighter with its index, and has a bright square, BGR."""
    image: Image = np.full((size[1], size[0], 3), 40 + 3 * index % 150, np.uint8)
    image[8:24, 8 + index % 16 : 24 + index % 16] = (40, 180, 230)
    return image


def person(
    tracker_id: int | None = 3,
    *,
    skeleton: Skeleton = COCO,
    missing: tuple[int, ...] = (1,),
    class_name: str = "person",
) -> Pose:
    """A pose with every keypoint of its skeleton but the missing ones, confidence 0.9."""
    count = len(skeleton.names)
    xy = np.linspace(10.06, 40.26, 2 * count, dtype=np.float32).reshape(count, 2)
    confidence = np.full(count, 0.9, np.float32)
    for index in missing:
        xy[index], confidence[index] = nan, 0.0
    box = np.array([8.0, 9.0, 44.0, 41.5], np.float32)
    return Pose(xy, confidence, box, 0.9126, 0, class_name, skeleton, tracker_id, "predicted")


def bare_box() -> Pose:
    """A pose without keypoints, of a class of its own."""
    empty = np.zeros((0, 2), np.float32)
    return Pose(empty, empty[:, 0], np.array([1, 2, 11, 22], np.float32), 0.5, 4, "ball", Skeleton(()))


def scene(
    index: int = 0,
    *poses: Pose,
    pts: float | None = None,
    size: tuple[int, int] = (64, 48),
    image: Image | None = None,
) -> Scene:
    """A scene at 30 frames a second."""
    image = picture(index, size) if image is None else image
    frame = SourceFrame(index, index / 30 if pts is None else pts, 100.0 + index / 30, image)
    return Scene(
        frame, poses, source="cam", result_frame_index=0, result_age=index / 30, rendered_at=100.2 + index / 30
    )


class SinkContract:
    """A subclass overrides `make` with a fixture that makes a sink which has written nothing yet."""

    @pytest.fixture
    def make(self) -> Callable[[], Sink]:
        raise NotImplementedError

    def test_it_takes_every_kind_of_scene(self, make: Callable[[], Sink]) -> None:
        sink = make()
        everything = (person(), person(None, missing=tuple(range(17))), bare_box())
        for index, poses in enumerate([(), everything, (), (person(7),)]):
            sink.write(scene(index, *poses), picture(index))
        sink.close()

    def test_it_takes_a_picture_of_another_size(self, make: Callable[[], Sink]) -> None:
        sink = make()
        for index, size in enumerate([(64, 48), (80, 36), (31, 97), (64, 48)]):
            sink.write(scene(index, size=size), picture(index, size))
        sink.close()

    def test_it_takes_unknown_times(self, make: Callable[[], Sink]) -> None:
        sink = make()
        frame = SourceFrame(0, 0.0, 0.0, picture())
        sink.write(Scene(frame, (person(),), result_age=nan, rendered_at=nan), picture())
        sink.close()

    def test_it_changes_neither_the_scene_nor_the_canvas(self, make: Callable[[], Sink]) -> None:
        sink, canvas, pose = make(), picture(5), person()
        given = scene(0, pose)
        before = (canvas.tobytes(), given.frame.image.tobytes(), pose.xyxy.tobytes(), pose.xy.tobytes())
        sink.write(given, canvas)
        sink.close()
        assert before == (canvas.tobytes(), given.frame.image.tobytes(), pose.xyxy.tobytes(), pose.xy.tobytes())

    def test_it_may_be_closed_without_a_scene_and_more_than_once(self, make: Callable[[], Sink]) -> None:
        sink = make()
        sink.close()
        sink.close()

    def test_closed_it_writes_nothing_more(self, make: Callable[[], Sink]) -> None:
        sink = make()
        sink.write(scene(0), picture(0))
        sink.close()
        with pytest.raises(SinkError, match="closed"):
            sink.write(scene(1), picture(1))

    def test_it_may_be_made_on_one_thread_and_used_on_another(self, make: Callable[[], Sink]) -> None:
        sink, done = make(), threading.Event()

        def work() -> None:
            sink.write(scene(0, person()), picture(0))
            sink.close()
            done.set()

        thread = threading.Thread(target=work)
        thread.start()
        thread.join(30)
        assert done.is_set()

    def test_its_repr_tells_its_state(self, make: Callable[[], Sink]) -> None:
        sink = make()
        sink.write(scene(0), picture(0))
        before = repr(sink)
        sink.close()
        assert "closed" in repr(sink)
        assert "closed" not in before


@contextmanager
def _without_the_rights_of_root() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


class FileSinkContract(SinkContract):
    """A subclass overrides `make_at` with a fixture that makes a sink for a path, and `suffix`."""

    suffix = ""

    @pytest.fixture
    def make_at(self) -> Callable[[Path], Sink]:
        raise NotImplementedError

    @pytest.fixture
    def make(self, make_at: Callable[[Path], Sink], tmp_path: Path) -> Callable[[], Sink]:
        return lambda: make_at(tmp_path / f"out{self.suffix}")

    def test_there_is_no_file_before_the_first_scene(self, make_at: Callable[[Path], Sink], tmp_path: Path) -> None:
        make_at(tmp_path / f"out{self.suffix}").close()
        assert list(tmp_path.iterdir()) == []

    def test_there_is_one_file_afterwards(self, make_at: Callable[[Path], Sink], tmp_path: Path) -> None:
        sink = make_at(tmp_path / f"out{self.suffix}")
        sink.write(scene(0, person()), picture(0))
        sink.close()
        assert [path.name for path in tmp_path.iterdir()] == [f"out{self.suffix}"]
        assert (tmp_path / f"out{self.suffix}").stat().st_size > 0

    def test_a_file_that_is_there_is_replaced(self, make_at: Callable[[Path], Sink], tmp_path: Path) -> None:
        path = tmp_path / f"out{self.suffix}"
        sizes = []
        for before in (b"", b"old" * 100_000):
            path.write_bytes(before)
            sink = make_at(path)
            sink.write(scene(0, person()), picture(0))
            sink.close()
            sizes.append(path.stat().st_size)
        assert sizes[0] == sizes[1]

    def test_names_of_any_script_and_with_a_colon_are_names(
        self, make_at: Callable[[Path], Sink], tmp_path: Path
    ) -> None:
        path = tmp_path / f"größe: 例 %d{self.suffix}"
        sink = make_at(path)
        sink.write(scene(0, person()), picture(0))
        sink.close()
        assert path.stat().st_size > 0

    def test_a_missing_folder_is_told_in_one_line(self, make_at: Callable[[Path], Sink], tmp_path: Path) -> None:
        sink = make_at(tmp_path / "nowhere" / f"out{self.suffix}")
        self._fails(sink, "folder does not exist: create it")
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_is_no_file(self, make_at: Callable[[Path], Sink], tmp_path: Path) -> None:
        folder = tmp_path / f"out{self.suffix}"
        folder.mkdir()
        self._fails(make_at(folder), "is a folder")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
    def test_a_full_disk_is_told_in_one_line(self, make_at: Callable[[Path], Sink], tmp_path: Path) -> None:
        path = tmp_path / f"out{self.suffix}"
        path.symlink_to("/dev/full")
        self._fails(make_at(path), "disk is full: free some space")
        assert path.is_symlink()

    @pytest.mark.skipif(sys.platform == "win32", reason="this system forbids in another way")
    def test_a_forbidden_folder_is_told_in_one_line(self, make_at: Callable[[Path], Sink], tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        with _without_the_rights_of_root():
            self._fails(make_at(tmp_path / f"out{self.suffix}"), "may not be written")
        tmp_path.chmod(0o700)

    @pytest.mark.skipif(sys.platform == "win32", reason="this system lets nobody remove what is open")
    def test_a_folder_that_is_removed_meanwhile_is_told_in_one_line(
        self, make_at: Callable[[Path], Sink], tmp_path: Path
    ) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        sink = make_at(folder / f"out{self.suffix}")
        for index in range(60):
            sink.write(scene(index, person()), picture(index))
        shutil.rmtree(folder)
        self._fails(sink, "was removed, or its disk taken off, while it was written$|folder does not exist")

    def _fails(self, sink: Sink, reason: str) -> None:
        def use() -> None:
            for index in range(40):
                sink.write(scene(index, person()), picture(index))
            sink.close()

        with pytest.raises(SinkError, match=reason) as caught:
            use()
        assert "\n" not in str(caught.value)
        sink.close()
