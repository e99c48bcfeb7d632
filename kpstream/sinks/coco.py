"""Poses as one COCO keypoints file, for labelling tools and for whatever trains or evaluates on COCO."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from kpstream.entities import Frame, Image, Pose, Scene
from kpstream.errors import SinkError
from kpstream.paths import real
from kpstream.sinks.output import OutputFile, check_writable, is_stream, sink_error
from kpstream.skeleton import Skeleton
from kpstream.wire.numbers import decimals, keypoints, seconds

_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False).encode
_COPY_SIZE = 1 << 20


def picture_name(frame: Frame) -> str:
    """What the picture of a frame is called: it counts those that can be decoded, from 0.

    So does ``ffmpeg -i VIDEO -fps_mode passthrough -start_number 0 %06d.jpg``.
    """
    return f"{frame.index if frame.decoded_index is None else frame.decoded_index:06d}.jpg"


class CocoSink:
    """Images, annotations and categories in COCO's keypoint format.

    An image's ``id`` is its ``frame_index``, and its ``file_name`` is `picture_name`. A category's ``id`` is its
    ``class_id`` plus 1, for COCO counts from 1. Visibility is 2 where a keypoint's confidence reaches the threshold,
    1 below it, and 0, at (0, 0), where the keypoint is missing or lies outside the picture. Boxes end at the edges of
    the picture, and a pose whose whole box lies outside is left out: importers refuse what is not in the picture.
    Beside COCO's own fields stand ``score``, ``keypoint_scores``, ``track_id`` and ``origin``.

    Scenes are spooled to nameless files beside the output and put together by `close`: memory stays small however
    long the video is, and the output appears whole or not at all.

    Args:
        path: The file; one that is there is replaced by `close`. Without a scene there is none. ``-`` is stdout.
        keypoint_confidence: The threshold, 0 to 1.
    """

    needs_canvas = False

    def __init__(self, path: str | Path, *, keypoint_confidence: float = 0.3) -> None:
        self._path = Path(path)
        self._threshold = keypoint_confidence
        self._images: IO[bytes] | None = None
        self._annotations: IO[bytes] | None = None
        self._annotated = 0
        self._categories: dict[str, _Category] = {}
        self._source = ""
        self._closed = False

    def write(self, scene: Scene, canvas: Image) -> None:  # noqa: ARG002 - poses belong to the source's picture
        """Spool one image and its annotations; blocks.

        Raises:
            SinkError: They could not be written.
        """
        if self._closed:
            raise SinkError(f"{self._path}: nothing more can be written, it is closed")
        self._source = scene.source
        try:
            self._spool(scene)
        except OSError as error:
            self._discard()
            raise sink_error(self._path, error) from None

    def _spool(self, scene: Scene) -> None:
        if self._images is None or self._annotations is None:
            check_writable(self._path)
            folder = None if is_stream(self._path) else real(self._path).parent
            self._images = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - `close` and `_discard` close them
            self._annotations = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        index, (width, height) = scene.frame.index, scene.frame.size
        image = {"id": index, "file_name": picture_name(scene.frame), "width": width, "height": height}
        _add_line(self._images, image | {"pts": seconds(scene.frame.pts)})
        for pose in scene.poses:
            if (box := _box_inside(pose, width, height)) is not None:
                self._annotated += 1
                annotation = {"id": self._annotated, "image_id": index, "bbox": box, "area": decimals(box[2] * box[3])}
                _add_line(self._annotations, annotation | self._labels(pose, width, height))

    def _labels(self, pose: Pose, width: int, height: int) -> dict[str, Any]:
        category = self._category(pose)
        flat: list[float] = [0, 0, 0] * len(category.skeleton.names)
        scores: list[float] = [0] * len(category.skeleton.names)
        there = [point for point in keypoints(pose) if 0 <= point[2] < width and 0 <= point[3] < height]
        for index, _, x, y, confidence in there:
            scores[index] = confidence or 0
            flat[3 * index : 3 * index + 3] = x, y, 2 if scores[index] >= self._threshold else 1
        return {
            "category_id": category.id,
            "keypoints": flat,
            "num_keypoints": len(there),
            "iscrowd": 0,
            "score": decimals(pose.confidence),
            "keypoint_scores": scores,
            "track_id": pose.tracker_id,
            "origin": pose.origin,
        }

    def _category(self, pose: Pose) -> _Category:
        category = self._categories.get(pose.class_name)
        if category is None:
            taken = {other.id for other in self._categories.values()}
            number = pose.class_id + 1
            category = _Category(number if number not in taken else max(taken) + 1, pose.skeleton)
            self._categories[pose.class_name] = category
        elif len(pose.skeleton.names) > len(category.skeleton.names):
            category.skeleton, category.grew = pose.skeleton, True
        return category

    def close(self) -> None:
        """Put the file together and move it to its place; blocks. Idempotent.

        Raises:
            SinkError: It could not be written; then the output is not there, or as it was before.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._images is not None:
                self._assemble()
        except OSError as error:
            raise sink_error(self._path, error) from None
        finally:
            self._discard()

    def _assemble(self) -> None:
        if is_stream(self._path):
            file = OutputFile(self._path)
            self._write_all(file)
            file.close()
            return
        path = real(self._path)  # a link stays one
        part = path.with_name(f".{path.name}.part")
        file = OutputFile(part, shown_as=self._path)
        try:
            self._write_all(file)
            file.close()
            part.replace(path)
        except (OSError, SinkError):
            file.close()
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise

    def _write_all(self, file: OutputFile) -> None:
        assert self._images is not None
        assert self._annotations is not None
        info = {"description": f"Keypoints that kpstream found in {self._source}", "version": "1.0"}
        file.write(f'{{"info":{_dumps(info)},"licenses":[],"images":['.encode("utf-8", "replace"))
        self._images.seek(0)
        shutil.copyfileobj(self._images, file, _COPY_SIZE)
        file.write(b'\n],"annotations":[')
        self._annotations.seek(0)
        if any(category.grew for category in self._categories.values()):
            for line in self._padded(self._annotations):
                file.write(line)
        else:
            shutil.copyfileobj(self._annotations, file, _COPY_SIZE)
        categories = [category.as_coco(name) for name, category in self._categories.items()]
        file.write(f'\n],"categories":{_dumps(categories)}}}\n'.encode("utf-8", "replace"))

    def _padded(self, spool: IO[bytes]) -> Iterator[bytes]:
        # Annotations from before a class showed its last keypoint are shorter than those after it.
        sizes = {category.id: len(category.skeleton.names) for category in self._categories.values()}
        for number, line in enumerate(line for line in spool if line.strip()):
            annotation = json.loads(line.rstrip(b",\n"))
            missing = sizes[annotation["category_id"]] - len(annotation["keypoint_scores"])
            annotation["keypoints"] += [0, 0, 0] * missing
            annotation["keypoint_scores"] += [0] * missing
            yield (",\n" if number else "\n").encode() + _dumps(annotation).encode("utf-8", "replace")

    def _discard(self) -> None:
        self._closed = True
        for spool in (self._images, self._annotations):
            if spool is not None:
                with suppress(OSError):
                    spool.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<CocoSink {self._path} {state}, {self._annotated} annotations>"


@dataclass(slots=True)
class _Category:
    id: int
    skeleton: Skeleton
    grew: bool = False
    """Whether annotations with fewer keypoints were written before."""

    def as_coco(self, name: str) -> dict[str, Any]:
        names = [vertex or f"keypoint_{index}" for index, vertex in enumerate(self.skeleton.names)]
        edges = [[start + 1, end + 1] for start, end in self.skeleton.edges]
        return {"id": self.id, "name": name, "supercategory": name, "keypoints": names, "skeleton": edges}


def _box_inside(pose: Pose, width: int, height: int) -> list[float] | None:
    """The part of a box that lies in the picture: x, y, width and height in pixels; None where no part of it does."""
    x_min, y_min, x_max, y_max = pose.xyxy.tolist()
    across, down = _part_inside(x_min, x_max, width), _part_inside(y_min, y_max, height)
    return None if across is None or down is None else [across[0], down[0], across[1], down[1]]


def _part_inside(low: float, high: float, limit: int) -> tuple[float, float] | None:
    """Where the part of an interval between 0 and ``limit`` begins and how long it is, with three decimals each."""
    start, end = (round(min(max(value, 0.0), limit), 3) for value in (low, high))
    length = round(end - start, 3)
    if start + length > limit:  # by the last bit of their sum
        length = round(length - 0.001, 3)
    point = low == high and 0 <= low < limit
    return (start, length) if length > 0 or point else None


def _add_line(spool: IO[bytes], item: dict[str, Any]) -> None:
    separator = b",\n" if spool.tell() else b"\n"
    spool.write(separator + _dumps(item).encode("utf-8", "replace"))
