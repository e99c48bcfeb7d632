from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from kpstream.errors import SinkError, UnfitPicture
from kpstream.interfaces import Sink
from kpstream.sinks.coco import CocoSink
from kpstream.sinks.pictures import PictureFolder
from kpstream.sinks.sampled import SampledOnly
from tests.support.sink_contract import SinkContract, person, picture, scene


class TestContract(SinkContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Sink]:
        return lambda: PictureFolder(tmp_path / "pictures")


class TestContractOfSampledOnly(SinkContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Sink]:
        return lambda: SampledOnly(PictureFolder(tmp_path / "pictures"))


def named(path: Path) -> dict[str, tuple[int, int]]:
    """The pictures of a COCO file with their sizes."""
    images = json.loads(path.read_text())["images"]
    return {image["file_name"]: (image["width"], image["height"]) for image in images}


def there(folder: Path) -> dict[str, tuple[int, int]]:
    sizes = {path.name: cv2.imread(str(path)).shape for path in folder.iterdir()}  # type: ignore[union-attr]
    return {name: (shape[1], shape[0]) for name, shape in sizes.items()}


@pytest.mark.parametrize("sampled", [False, True], ids=["all", "sampled ones"])
def test_the_pictures_are_those_that_coco_names(sampled: bool, tmp_path: Path) -> None:
    sinks: list[Sink] = [CocoSink(tmp_path / "a.json"), PictureFolder(tmp_path / "pictures")]
    if sampled:
        sinks = [SampledOnly(sink) for sink in sinks]
    for number, index in enumerate((0, 1, 3, 4, 5, 6)):  # one is damaged
        size = (64, 48) if index < 5 else (31, 97)
        given = scene(index, person(), size=size)
        frame = replace(given.frame, decoded_index=number)
        given = replace(given, frame=frame, result_frame_index=4 * round(index / 4))
        for sink in sinks:
            sink.write(given, np.zeros_like(given.frame.image))
    for sink in sinks:
        sink.close()
    assert named(tmp_path / "a.json") == there(tmp_path / "pictures")
    names = sorted(there(tmp_path / "pictures"))
    assert names == [f"{number:06d}.jpg" for number in ((0, 3) if sampled else range(6))]


def test_nothing_is_drawn_on_them(tmp_path: Path) -> None:
    sink = PictureFolder(tmp_path / "pictures")
    sink.write(scene(7, person()), np.zeros((48, 64, 3), np.uint8))
    sink.close()
    read = cv2.imread(str(tmp_path / "pictures" / "000007.jpg"))
    assert read is not None
    assert np.abs(read.astype(int) - picture(7)).mean() < 3


def test_there_is_no_folder_before_the_first_picture(tmp_path: Path) -> None:
    sink = PictureFolder(tmp_path / "pictures")
    sink.check()
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_the_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "000000.jpg").write_text("old")
    sink = PictureFolder(tmp_path)
    sink.check()
    assert (tmp_path / "000000.jpg").read_text() == "old"
    sink.write(scene(0), picture())
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert cv2.imread(str(tmp_path / "000000.jpg")) is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000.jpg", "notes.txt"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("nowhere/pictures", "folder does not exist: create it"), ("file", "is a file"), ("file/in", "is a file")],
)
def test_a_folder_that_cannot_be_is_told_early_and_late(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match=reason):
        PictureFolder(tmp_path / name).check()
    with pytest.raises(SinkError):
        PictureFolder(tmp_path / name).write(scene(), picture())


def test_a_picture_that_jpeg_has_no_room_for_is_told_in_one_line(tmp_path: Path) -> None:
    wide = scene()
    wide = replace(wide, frame=wide.frame.showing(np.zeros((1, 70_000, 3), np.uint8)))
    with pytest.raises(UnfitPicture, match=r"000000\.jpg: a picture of 70000x1 cannot be a JPEG"):
        PictureFolder(tmp_path).write(wide, picture())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_told_and_leaves_no_half_picture(tmp_path: Path) -> None:
    (tmp_path / "000001.jpg").symlink_to("/dev/full")
    sink = PictureFolder(tmp_path)
    sink.write(scene(0), picture(0))
    with pytest.raises(SinkError, match="disk is full") as caught:
        sink.write(scene(1), picture(1))
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["000000.jpg"]
