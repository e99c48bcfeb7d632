"""Which model is asked, where, and what of its answers is used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from kpstream.entities import Filters
from kpstream.errors import UsageError
from kpstream.options.declared import Option
from kpstream.options.units import comma_list, parse_side, split_words

KEY_VARIABLE = "ROBOFLOW_API_KEY"
HOSTED = "https://serverless.roboflow.com"
HOSTED_API = "https://api.roboflow.com"
EMBEDDED = "embedded"
UPLOAD_SIZES = (640, 960, 1280)
"""Longest sides, in pixels, that a picture is sent with where `upload_size` is auto; recorded video has the first."""

_model = partial(Option, panel="Model")


@dataclass(frozen=True)
class ModelOptions:
    """Which model is asked, where, and what of its answers is used."""

    model: Annotated[
        str | None,
        _model(
            "Your model's id, as in my-pose/3 (or WORKSPACE/SLUG). Without it the embedded model is used.",
            metavar="PROJECT/VERSION",
        ),
    ] = None
    endpoint: Annotated[
        str,
        _model(
            "Any server that speaks the hosted service's wire, or 'embedded' for the model in the package.",
            metavar="URL",
        ),
    ] = HOSTED
    api_url: Annotated[str, _model("Where the skeleton is asked for.", metavar="URL")] = HOSTED_API
    api_key_file: Annotated[
        Path | None,
        _model(
            f"A file with the API key. Without it the key is taken from the variable {KEY_VARIABLE}.",
            metavar="PATH",
            in_file="a file that holds the API key and nothing else",
        ),
    ] = None
    key_in: Annotated[
        Literal["query", "header"],
        _model(
            "How the key travels: as documented, or as a Bearer header.",
            in_file="how the key travels: as documented, or in a header",
        ),
    ] = "query"
    confidence: Annotated[float, _model("Poses below it are not used: 0-100, or a fraction below 1.")] = 40.0
    overlap: Annotated[float, _model("Boxes that overlap more count as one: 0-100, or a fraction.")] = 30.0
    classes: Annotated[
        str, _model("Only these object classes.", metavar="A,B", shown_default="all", parse=comma_list)
    ] = ""
    keypoint_confidence: Annotated[float, _model("Keypoints below it are not drawn and not tracked.", min=0, max=1)] = (
        0.3
    )
    max_detections: Annotated[int, _model("At most this many poses in a picture.", min=1)] = 300
    skeleton: Annotated[
        Path | None,
        _model("Vertices and edges by hand, in the form of the version's 'skeletons'.", metavar="FILE.json"),
    ] = None
    upload_size: Annotated[
        int | None,
        _model(
            "Longest side of what is sent, never enlarged; auto is 640, and in live views up to 1280 where people are "
            "small.",
            metavar="PX|auto",
            shown_default="auto",
            in_file="longest side of what is sent, in pixels, or auto",
            parse=parse_side,
        ),
    ] = None
    jpeg_quality: Annotated[int, _model("Of what is sent.", metavar="Q", min=1, max=100)] = 80
    body: Annotated[
        Literal["multipart", "base64"], _model("Form of the upload; base64 is the documented, larger one.")
    ] = "multipart"
    timeout: Annotated[float, _model("For one request, all phases.", metavar="S", min=0.1, max=3600)] = 10.0

    @property
    def embedded(self) -> bool:
        """Whether the model inside the package answers."""
        return self.endpoint == EMBEDDED or (self.model is None and self.endpoint == HOSTED)

    @property
    def filters(self) -> Filters:
        """Which poses of the answers are used.

        Raises:
            UsageError: A percentage is not one.
        """
        return Filters(
            confidence=_fraction("confidence", self.confidence),
            overlap=_fraction("overlap", self.overlap),
            classes=split_words(self.classes),
            keypoint_confidence=self.keypoint_confidence,
            max_detections=self.max_detections,
        )


def _fraction(option: str, value: float) -> float:
    if not 0 <= value <= 100:
        raise UsageError(f"{value:g}: give 0 to 100, or a fraction below 1", option=option)
    return value / 100 if value >= 1 else value
