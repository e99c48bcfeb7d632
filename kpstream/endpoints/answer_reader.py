"""What a server's answer says: poses, and the documents that programs ask for."""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kpstream.endpoints.inference import Output
from kpstream.endpoints.transport import Response
from kpstream.endpoints.versions import SkeletonLookup
from kpstream.entities import Filters, Pose
from kpstream.errors import ResponseFormatError
from kpstream.redact import redact
from kpstream.wire.classes import ClassRegistry
from kpstream.wire.mend import mended
from kpstream.wire.read import ReadAnswer, read_answer, read_json, rescaled, without_secrets

_log = logging.getLogger("kpstream")


@dataclass(frozen=True, slots=True)
class Prediction:
    """The endpoint's answer to a single picture."""

    document: dict[str, Any] | None
    """The JSON as answered, without what the filters leave out and without the drawing, in pixels of the picture that
    was given. None where only the drawing was asked for."""
    drawing: bytes | None = field(repr=False)
    """What the endpoint itself drew, an encoded image file; None where it was not asked for."""
    poses: tuple[Pose, ...]
    """The same as poses; empty where there is no document."""


class Sizes(NamedTuple):
    """The sizes of a picture on its way, each (width, height) in pixels."""

    sent: tuple[int, int]
    """The picture that was sent."""
    shown: tuple[int, int]
    """The part of the whole that it shows."""
    whole: tuple[int, int]


class AnswerReader:
    """Reads the answers of one model; warns once of each kind of fault. Used by any number of threads at once.

    Args:
        model: The model's id.
        host: The server, as it is called before users.
        classes: The model's classes, with their skeletons.
        lookup: Finds the skeletons out; None where the user gave them.
    """

    def __init__(self, model: str, host: str, classes: ClassRegistry, lookup: SkeletonLookup | None) -> None:
        self._model = model
        self._host = host
        self._classes = classes
        self._lookup = lookup
        self._warned: set[str] = set()

    def read(
        self, response: Response, filters: Filters, sizes: Sizes | None = None
    ) -> tuple[dict[str, Any], tuple[Pose, ...]]:
        """Read an answer; blocks for some seconds where a skeleton is to be looked up.

        Args:
            response: What the server accepted.
            filters: Which poses are kept.
            sizes: Of the picture; None where only the server knows it.

        Returns:
            The document as answered, mended, and the poses that are kept, in pixels of the whole picture.

        Raises:
            ResponseFormatError: It cannot be read.
        """
        document, remarks = mended(read_json(response.body), None if sizes is None else sizes.sent)
        if self._lookup is not None:
            self._lookup.look_up_if_due()
        reading = read_answer(document, None if sizes is None else sizes.shown, self._classes)
        self._warn(reading)
        for kind, remark in remarks.items():
            self._warn_once(kind, f"the answers of {self._model} are a little wrong: {redact(remark)}")
        return document, filters.apply(reading.poses)

    def prediction(
        self, response: Response, filters: Filters, output: Output, sizes: Sizes | None = None
    ) -> Prediction:
        """Read an answer as a program asked for it; otherwise as `read`."""
        if output == "image":
            if not response.headers.get("Content-Type", "").startswith("image/"):
                raise ResponseFormatError(f"{self._host} was asked for a drawing and sent none")
            return Prediction(None, response.body, ())
        document, poses = self.read(response, filters, sizes)
        document = without_secrets(document)
        drawing = _drawing(document.pop("visualization", None)) if output == "image_and_json" else None
        if sizes is not None:
            width, height = sizes.whole
            document = {**rescaled(document, sizes.shown), "image": {"width": width, "height": height}}
        kept = [
            item
            for item in document["predictions"]
            if item["confidence"] >= filters.confidence and (not filters.classes or item["class"] in filters.classes)
        ]
        return Prediction({**document, "predictions": kept[: filters.max_detections]}, drawing, poses)

    def _warn(self, reading: ReadAnswer) -> None:
        if reading.boxes_only:
            self._warn_once(
                "boxes only", f"{self._model} answers without keypoints: it seems to be an object detection model"
            )
        for pose in reading.poses:
            edges_unknown = len(pose.xy) and not pose.skeleton.edges and not self._classes.is_known(pose.class_name)
            if edges_unknown and (why := self._why_unknown()):
                self._warn_once(
                    "no edges", f"keypoints are drawn without edges: {why}; `skeleton` FILE.json gives the skeleton"
                )

    def _why_unknown(self) -> str:
        if self._lookup is not None:
            return self._lookup.trouble
        return f"the skeleton that was given has only {', '.join(self._classes.known)}"

    def _warn_once(self, kind: str, text: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            _log.warning("%s", redact(text))


def _drawing(text: object) -> bytes:
    try:
        if isinstance(text, str):
            return base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        pass
    raise ResponseFormatError("the endpoint was asked for a drawing, and its answer has none that can be read")
