"""One picture: what is found in it as JSON, and the picture with it drawn in."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf, nan
from pathlib import Path

import cv2

from kpstream.endpoints.answer_reader import Prediction
from kpstream.endpoints.inference import Output
from kpstream.endpoints.roboflow import RoboflowEndpoint
from kpstream.entities import Annotator, Filters, Frame, Image, Scene
from kpstream.errors import SourceOpenError, UnfitPicture, UsageError
from kpstream.interfaces import Endpoint
from kpstream.media.jpeg import LONGEST_SIDE, decoded
from kpstream.paths import is_file, real
from kpstream.sinks.output import STDIN, check_writable, sink_error, stdin
from kpstream.sources.diagnosis import fault_of
from kpstream.sources.opening import check_names_something
from kpstream.wire.drawing import drawn_jpeg
from kpstream.wire.write import write_answer

_JPEG = {".jpg", ".jpeg"}
_LONGEST_SIDES = {".jpg": LONGEST_SIDE, ".jpeg": LONGEST_SIDE, ".webp": 16_383}
"""Pixels that a format, or OpenCV's way of writing it, has room for."""
_WRITABLE = {*_JPEG, ".png", ".webp", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True, slots=True)
class DrawingRequest:
    """What is wanted of the endpoint's own drawing."""

    output: Output = "json"
    stroke: int | None = None
    labels: bool | None = None


def read_picture(path: str | Path) -> Image:
    """A picture of any kind that OpenCV reads (grey, 16 bit, CMYK, turned by EXIF) as BGR, ``(height, width, 3)``.

    Args:
        path: The file; ``-`` is stdin.

    Raises:
        SourceOpenError: There is no such file, it may not be read, or it is no picture.
    """
    check_names_something(path)
    try:
        encoded = stdin().read() if str(path) == STDIN else Path(path).read_bytes()
    except OSError as error:
        raise SourceOpenError(f"cannot open {path}: {error.strerror}") from None
    image = decoded(encoded)
    if image is None:
        fault = fault_of(path) or "it is no picture; for a video use kpstream annotate"
        raise SourceOpenError(f"cannot read {path}: {fault}")
    return image


class ImagePredictor:
    """Asks an endpoint about single pictures. Used by one thread.

    Args:
        endpoint: What is asked.
        filters: Which poses of the answers are wanted.
        drawing: What is wanted of the endpoint's own drawing.
        clock: Seconds that only grow; an embedded model's answer says how long it took.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        filters: Filters,
        drawing: DrawingRequest,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._endpoint = endpoint
        self._filters = filters
        self._drawing = drawing
        self._clock = clock

    def predict(self, picture: str, *, wants_drawing: bool) -> tuple[Prediction, Image | None]:
        """What is found in a picture; blocks.

        Args:
            picture: A path, or an ``http(s)`` address that the endpoint is to fetch.
            wants_drawing: Whether the picture will be saved with what was found drawn in.

        Returns:
            The prediction, and the picture, BGR; None for an address, whose picture is not here.

        Raises:
            SourceOpenError: The file is no picture that can be read.
            EndpointError: The endpoint did not answer.
            UnfitPicture: A drawing of the endpoint's is asked for, which no JPEG has room for.
            UsageError: An address, and the embedded model cannot fetch it.
        """
        if not picture.startswith(("http://", "https://")):
            image = read_picture(picture)
            return self._predict_image(image), image
        if not isinstance(self._endpoint, RoboflowEndpoint):
            raise UsageError("the embedded model takes files alone: download the picture, or name an `endpoint`")
        drawing = self._drawing
        output = "image_and_json" if wants_drawing and drawing.output == "json" else drawing.output
        return self._endpoint.predict_url(
            picture, self._filters, output=output, stroke=drawing.stroke, labels=drawing.labels
        ), None

    def close(self) -> None:
        """Close the endpoint."""
        self._endpoint.close()

    def _predict_image(self, image: Image) -> Prediction:
        drawing = self._drawing
        if isinstance(self._endpoint, RoboflowEndpoint):
            return self._endpoint.predict(
                image, self._filters, output=drawing.output, stroke=drawing.stroke, labels=drawing.labels
            )
        height, width = image.shape[:2]
        if drawing.output != "json" and max(width, height) > LONGEST_SIDE:
            raise UnfitPicture(f"no JPEG has room for a drawing of {width}x{height} pixels: leave out --format")
        began_at = self._clock()
        poses = self._endpoint.infer(image, self._filters).poses
        seconds = self._clock() - began_at
        document = None if drawing.output == "image" else write_answer(poses, (width, height), seconds=seconds)
        if drawing.output == "json":
            return Prediction(document, None, poses)
        stroke = 1 if drawing.stroke is None else drawing.stroke
        return Prediction(document, drawn_jpeg(image, poses, stroke=stroke, labels=bool(drawing.labels)), poses)


def check_saving(path: Path, pictures: Sequence[str]) -> None:
    """See before anything is asked whether a picture can be saved there.

    Args:
        path: Where to.
        pictures: What is read.

    Raises:
        UsageError: The name ends in no picture format, or is that of a picture that is read.
        SinkError: It cannot be written.
    """
    if path.suffix.lower() not in _WRITABLE:
        raise UsageError(f"{path}: name a picture, as in out.jpg or out.png", option="save")
    if any(real(path) == real(picture) for picture in pictures):
        raise UsageError(f"{path} is the picture itself: write to another name", option="save")
    check_writable(path)


def save_picture(path: Path, prediction: Prediction, image: Image | None, annotator: Annotator) -> None:
    """Save what the endpoint drew, or else draw the poses on the picture and save that.

    Raises:
        SinkError: It cannot be written.
    """
    if prediction.drawing is not None:
        encoded = prediction.drawing
        drawn = None if path.suffix.lower() in _JPEG else decoded(encoded)  # the wire gives JPEG
        encoded = encoded if drawn is None else _encoded(drawn, path)
    else:
        assert image is not None, "of a URL the endpoint's drawing is asked for"
        scene = Scene(Frame(0, 0.0, nan, image), prediction.poses, annotator=annotator)
        encoded = _encoded(scene.draw(), path)
    is_begun = False
    try:
        with path.open("wb") as file:
            is_begun = True
            file.write(encoded)
    except OSError as error:
        if is_begun and is_file(path):
            with suppress(OSError):  # the half of a picture
                path.unlink()
        raise sink_error(path, error) from None


def _encoded(image: Image, path: Path) -> bytes:
    suffix, (height, width) = path.suffix.lower(), image.shape[:2]
    if max(width, height) > _LONGEST_SIDES.get(suffix, inf):
        raise UnfitPicture(f"{path}: a picture of {width}x{height} pixels is too large for {suffix}: save it as .png")
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95] if suffix in _JPEG else []
    return cv2.imencode(suffix, image, quality)[1].tobytes()
