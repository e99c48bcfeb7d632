from __future__ import annotations

import errno
import io
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from kpstream.endpoints.answer_reader import Prediction
from kpstream.entities import Answer, Filters, Image
from kpstream.errors import SinkError, SourceOpenError, UnfitPicture, UsageError
from kpstream.image import DrawingRequest, ImagePredictor, check_saving, read_picture, save_picture
from kpstream.render import PoseAnnotator
from kpstream.sinks.jsonl import stream_poses
from kpstream.testing import FakeEndpoint, ManualClock, truth
from tests.support.file_sizes import files_no_longer_than

GREEN_BGR = (40, 200, 60)


def colours(height: int = 20, width: int = 30) -> Image:
    return np.full((height, width, 3), GREEN_BGR, np.uint8)


def predictor(output: str = "json", **drawing: int | bool) -> ImagePredictor:
    made = DrawingRequest(output, **drawing)  # type: ignore[arg-type]
    return ImagePredictor(FakeEndpoint(lambda _: Answer((truth(0),))), Filters(), made)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif"])
def test_pictures_of_every_usual_kind_are_read_in_their_colours(suffix: str, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / f"a{suffix}"), colours())
    image = read_picture(tmp_path / f"a{suffix}")
    assert image.shape == (20, 30, 3)
    assert np.abs(image.astype(int) - GREEN_BGR).max() < 6


def test_grey_and_deep_pictures_become_bgr(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((20, 30), 77, np.uint8))
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((20, 30, 3), 77 * 257, np.uint16))
    cv2.imwrite(str(tmp_path / "alpha.png"), np.full((20, 30, 4), 77, np.uint8))
    for name in ("grey", "deep", "alpha"):
        image = read_picture(tmp_path / f"{name}.png")
        assert image.shape == (20, 30, 3)
        assert image.dtype == np.uint8
        assert np.abs(image.astype(int) - 77).max() <= 1


def test_a_picture_comes_by_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = io.BytesIO(cv2.imencode(".png", colours())[1].tobytes())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(encoded))
    assert (read_picture("-") == GREEN_BGR).all()


@pytest.mark.parametrize("read", [read_picture, lambda path: next(stream_poses(path))], ids=["picture", "poses"])
def test_a_pipe_that_the_shell_has_closed_is_told(
    read: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(SourceOpenError, match=r"^cannot open stdin: it is closed$"):
        read("-")


def test_cmyk_and_turned_pictures_are_read_as_seen(tmp_path: Path) -> None:
    Pillow.new("CMYK", (30, 20), (0, 0, 0, 0)).save(tmp_path / "cmyk.jpg")
    assert read_picture(tmp_path / "cmyk.jpg").mean() > 240
    turned = Pillow.new("RGB", (30, 20))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert read_picture(tmp_path / "turned.jpg").shape == (30, 20, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (4320, 7680)])
def test_tiny_thin_and_huge_pictures_simply_work(size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "odd.bmp"
    cv2.imwrite(str(path), np.zeros((*size, 3), np.uint8))
    prediction, image = predictor().predict(str(path), wants_drawing=True)
    assert image is not None
    assert image.shape[:2] == size
    assert prediction.document is not None
    assert prediction.document["image"] == {"width": size[1], "height": size[0]}
    save_picture(tmp_path / "out.png", prediction, image, PoseAnnotator())
    assert read_picture(tmp_path / "out.png").shape[:2] == size


def test_a_drawing_for_which_no_jpeg_has_room_is_refused_in_one_line(tmp_path: Path) -> None:
    path = str(tmp_path / "wide.png")
    cv2.imwrite(path, np.zeros((1, 65_501, 3), np.uint8))
    with pytest.raises(UnfitPicture, match="no JPEG has room for a drawing of 65501x1 pixels: leave out --format"):
        predictor("image").predict(path, wants_drawing=True)
    assert predictor().predict(path, wants_drawing=True)[0].document is not None


def test_an_embedded_model_answers_in_the_words_of_the_wire(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), colours(64, 96))
    prediction, _ = predictor("image_and_json", stroke=3, labels=True).predict(
        str(tmp_path / "a.png"), wants_drawing=True
    )
    assert prediction.document is not None
    (found,) = prediction.document["predictions"]
    assert (found["class"], len(found["keypoints"])) == ("square", 4)
    assert "visualization" not in prediction.document
    assert prediction.drawing is not None
    assert prediction.drawing.startswith(b"\xff\xd8")


def test_an_embedded_model_says_how_long_it_took(tmp_path: Path) -> None:
    clock = ManualClock()

    def answer(_: Image) -> Answer:
        clock.advance(0.25)
        return Answer(())

    cv2.imwrite(str(tmp_path / "a.png"), colours())
    prediction, _ = ImagePredictor(FakeEndpoint(answer), Filters(), DrawingRequest(), clock=clock).predict(
        str(tmp_path / "a.png"), wants_drawing=False
    )
    assert prediction.document is not None
    assert prediction.document["time"] == pytest.approx(0.25)


def test_what_the_endpoint_drew_is_saved_as_it_is(tmp_path: Path) -> None:
    save_picture(tmp_path / "out.jpg", Prediction(None, b"drawn", ()), colours(), PoseAnnotator())
    assert (tmp_path / "out.jpg").read_bytes() == b"drawn"


def test_half_a_picture_is_not_left(tmp_path: Path) -> None:
    with files_no_longer_than(2), pytest.raises(SinkError, match="larger than this disk or account allows"):
        save_picture(tmp_path / "out.jpg", Prediction(None, b"drawn", ()), colours(), PoseAnnotator())
    assert not list(tmp_path.iterdir())


class Locked(type(Path())):  # type: ignore[misc]
    """A path of a file that cannot be opened any more."""

    def open(self, *_: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "locked")


def test_a_picture_that_cannot_be_opened_is_left(tmp_path: Path) -> None:
    (tmp_path / "out.jpg").write_bytes(b"before")
    with pytest.raises(SinkError, match="may not be written"):
        save_picture(Locked(tmp_path / "out.jpg"), Prediction(None, b"drawn", ()), colours(), PoseAnnotator())
    assert (tmp_path / "out.jpg").read_bytes() == b"before"


def test_a_picture_that_is_too_large_for_its_format_is_told_with_one_that_holds_it(tmp_path: Path) -> None:
    wide = np.zeros((1, 65_501, 3), np.uint8)
    for name in ("out.jpg", "out.webp"):
        with pytest.raises(SinkError, match=r"65501x1 pixels is too large for \.\w+: save it as \.png"):
            save_picture(tmp_path / name, Prediction(None, None, ()), wide, PoseAnnotator())
    save_picture(tmp_path / "out.png", Prediction(None, None, ()), wide, PoseAnnotator())
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_what_is_no_picture_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    for name, says in (("text.jpg", "no picture"), ("empty.jpg", "it is empty"), ("missing.jpg", "No such file")):
        with pytest.raises(SourceOpenError, match=says):
            read_picture(tmp_path / name)


def test_where_to_save_is_checked_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"out\.jpg"):
        check_saving(tmp_path / "out.doc", [])
    with pytest.raises(SinkError):
        check_saving(tmp_path / "nowhere" / "out.jpg", [])
    with pytest.raises(UsageError, match="itself"):
        check_saving(tmp_path / "a.jpg", [str(tmp_path / "a.jpg")])
    check_saving(tmp_path / "out.jpg", [str(tmp_path / "a.jpg")])
    assert not (tmp_path / "out.jpg").exists()


def test_a_url_needs_somebody_to_fetch_it() -> None:
    with pytest.raises(UsageError, match="`endpoint`"):
        predictor().predict("https://pictures.test/a.jpg", wants_drawing=False)
