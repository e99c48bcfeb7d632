"""MoveNet MultiPose Lightning: the keypoints of every person in a picture, in one pass.

The network is Google's (see ``data/NOTICE``); ``scripts/build_movenet.py`` says how the file was made. It answers
with maps over a grid of cells, four pixels of its input each; what they mean is read here, in numpy.

**The scale of confidence.** The network's own score of a person runs low: 0.4 to 0.7 for one whom anybody sees
clearly, and 0.2 is where people end and chance begins. Thresholds come on the usual scale, where 0.4 is that point.
So the score is mapped, and its order kept: ``confidence = score ** 0.569``, which takes 0 to 0, 0.2 to 0.4,
0.5 to 0.67 and 1 to 1. Keypoint confidences are the network's own: 0.3, the usual threshold, is right for them.

**The scale of overlap.** The usual limit, 0.3, is made for networks that find a person many times over. This one does
so rarely, and two people who pass each other overlap by 0.4. So the limit is widened, and its order kept: of two
boxes the surer one is kept where their intersection over union is above ``overlap ** 0.5``, 0.55 for the usual 0.3.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from math import ceil, log
from typing import Protocol

import cv2
import numpy as np

from kpstream.entities import Floats, Image, Pose
from kpstream.errors import KpstreamError
from kpstream.media.halving import halved
from kpstream.models.cell_heads import PARTS, CellHead, Indices, patches
from kpstream.models.runtime import Network, completion, load
from kpstream.skeleton import COCO

SHA256 = "b3dd58607ceb71a615bd65c74e80e616b1497361d46fcd1952414dde74979c7b"
_FILE = "data/movenet_multipose.onnx"
_SIDE_STEP = 32
"""The network's input has sides of multiples of this, in pixels."""
_MIN_SIDE = 64
"""And none below this: at 32 the deepest maps are one cell wide."""
_CELL = 4
"""Pixels of the network's input to one cell of its maps."""
_EXPONENT = log(0.4) / log(0.2)
_MIN_CONFIDENCE = 0.1
_MIN_SCORE = _MIN_CONFIDENCE ** (1 / _EXPONENT)
_MAX_PEOPLE = 30
_PEAK_WINDOW = np.ones((5, 5), np.uint8)
_MIN_KEYPOINT_SCORE = 0.12695312
"""Keypoints below it have no say in a person's score. Source: the decoder in the published graph (half precision)."""
_SPREAD = 0.30004883
"""How far from its expected place a keypoint is looked for. Source: the same graph."""
_X_BEFORE_Y = [1, 0, 3, 2]
"""Of the numbers of a box: x_min, y_min, x_max, y_max in place of y_min, x_min, y_max, x_max."""


_PERSON_HEADS = ("box_scale", "box_offset", "kpt_regress")
_CELL_HEADS = (*_PERSON_HEADS, "kpt_offset")


class HeadMaps(Protocol):
    """What the network says of the cells: float32; lengths in cells, y before x."""

    @property
    def center(self) -> Floats:
        """How surely the middle of a person lies in each cell, 0 to 1, shape ``(h, w)``."""

    @property
    def kpt_heatmap(self) -> Floats:
        """How surely each keypoint of anybody lies in each cell, 0 to 1, shape ``(17, h, w)``."""

    def of_cells(self, rows: Indices, columns: Indices, *heads: str) -> list[Floats]:
        """What each of these heads says of n cells, shapes ``(n, channels)``.

        ``box_scale`` (2 channels) is height and width of the box of a person whose middle lies there; ``box_offset``
        (2) leads from the cell to the middle of that box; ``kpt_regress`` (34, y and x of each keypoint in turn) from
        the cell to where that person's keypoint is expected; ``kpt_offset`` (34) from the cell to the exact place of
        a keypoint that lies there.
        """


@dataclass(frozen=True, slots=True, eq=False)
class NetworkMaps:
    """The `HeadMaps` of one picture."""

    center: Floats
    kpt_heatmap: Floats
    features: Floats
    """What the other heads are computed from, shape ``(24, h, w)``."""
    heads: Mapping[str, CellHead]

    def of_cells(self, rows: Indices, columns: Indices, *heads: str) -> list[Floats]:
        """As `HeadMaps` has it."""
        near = patches(self.features, rows, columns)
        return [self.heads[head].of(near) for head in heads]


@dataclass(frozen=True, slots=True, eq=False)
class _Loaded:
    """The network, and its heads that are computed outside of it."""

    network: Network
    heads: Mapping[str, CellHead]


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person as read from the maps, in cells, x before y."""

    score: float
    """The network's own, 0 to 1, not mapped to the usual scale."""
    xyxy: Floats
    """The box, shape ``(4,)``: x_min, y_min, x_max, y_max."""
    xy: Floats
    """Keypoints, shape ``(17, 2)``; NaN where the confidence is 0."""
    keypoint_confidence: Floats
    """Shape ``(17,)``, 0 to 1; 0 where there is nothing of this keypoint near its expected place."""


class MoveNet:
    """The embedded model; its weights are loaded at the first picture. Any number of threads may use one.

    Args:
        long_side: Pixels of the longer side of what the network sees; every picture is scaled to it. On two cores a
            1280 by 720 picture takes 8 ms at 384 and 6 ms at 320, where small and half hidden people get lost
            (against 640, over three clips: 10 % of them missing at 384, 38 % at 320). Source: measured.

    Raises:
        ValueError: ``long_side`` is below 64, the smallest picture that the network takes.
    """

    def __init__(self, long_side: int = 384) -> None:
        if long_side < _MIN_SIDE:
            raise ValueError(f"long_side must be at least {_MIN_SIDE}, not {long_side}")
        self.long_side = long_side
        """Pixels of the longer side of what the network sees."""
        self._ready: _Loaded | None = None
        self._loading = threading.Lock()

    def find(self, image: Image, *, overlap: float = 0.3) -> tuple[Pose, ...]:
        """Find all people in a picture; blocks while the network computes.

        Args:
            image: BGR, shape ``(height, width, 3)``, of any size from 1 by 1.
            overlap: 0 to 1, on the usual scale (see the module): of two boxes that overlap more, the surer one is kept.

        Returns:
            Everybody with a confidence of 0.1 or more, surest first, in pixels of ``image``, all 17 keypoints of each.
            A keypoint may lie a little outside of the picture; it is NaN only where its confidence is 0.

        Raises:
            ValueError: ``image`` is no BGR picture, or an empty one.
            KpstreamError: The weights are missing or damaged, or onnxruntime cannot be loaded.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(f"not a BGR picture: shape {image.shape} of {image.dtype}")
        with completion:
            canvas, pixels = _fitted(image, self.long_side)
            people = decode(self.maps(canvas))
            return _without_doubles(_poses(people, pixels * _CELL, image), limit=overlap**0.5)

    def maps(self, canvas: Image) -> NetworkMaps:
        """Run the network as it is; blocks as `find` does.

        Args:
            canvas: BGR, shape ``(height, width, 3)``, both sides multiples of 32 and at least 64.

        Raises:
            ValueError: ``canvas`` has other sides.
            KpstreamError: The weights are missing or damaged, or onnxruntime cannot be loaded.
        """
        if any(side % _SIDE_STEP or side < _MIN_SIDE for side in canvas.shape[:2]):
            raise ValueError(
                f"sides must be multiples of {_SIDE_STEP} and at least {_MIN_SIDE}, not {canvas.shape[:2]}"
            )
        blob = cv2.dnn.blobFromImage(canvas, 1 / 127.5, mean=(127.5, 127.5, 127.5), swapRB=True)
        loaded = self._loaded()
        center, heatmap, features = loaded.network.run(
            np.asarray(blob, np.float32), ("center", "kpt_heatmap", "features")
        )
        return NetworkMaps(center[0, 0], heatmap[0], features[0], loaded.heads)

    def _loaded(self) -> _Loaded:
        with self._loading:
            if self._ready is None:
                network = load(_weights())
                self._ready = _Loaded(network, _cell_heads(network))
            return self._ready

    def __repr__(self) -> str:
        return f"<MoveNet {self.long_side} px, {'loaded' if self._ready is not None else 'not loaded yet'}>"


def _weights() -> bytes:
    try:
        data = resources.files("kpstream.models").joinpath(_FILE).read_bytes()
    except OSError:
        data = b""
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise KpstreamError("the embedded model is damaged: reinstall kpstream")
    return data


def _cell_heads(network: Network) -> dict[str, CellHead]:
    """The heads whose weights are among the network's outputs."""
    nothing = np.zeros((1, 3, _MIN_SIDE, _MIN_SIDE), np.float32)
    numbers = iter(network.run(nothing, [f"{head}.{part}" for head in _CELL_HEADS for part in PARTS]))
    return {head: CellHead({part: next(numbers) for part in PARTS}) for head in _CELL_HEADS}


def _fitted(image: Image, long_side: int) -> tuple[Image, Floats]:
    """The picture as the network takes it, black at the right and below, and the scale back to its pixels (x, y)."""
    height, width = image.shape[:2]
    scale = long_side / max(height, width)
    inner = max(1, round(height * scale)), max(1, round(width * scale))
    shrunk, step = image, 1
    # OpenCV takes the mean of two by two pixels far faster than of any other area: 1 ms of 1768x994 in place of 4.
    while all(side >= 2 * least for side, least in zip(shrunk.shape, inner, strict=False)):
        shrunk, step = halved(shrunk), 2 * step
    canvas = np.zeros((*(max(_MIN_SIDE, ceil(side / _SIDE_STEP) * _SIDE_STEP) for side in inner), 3), np.uint8)
    canvas[: inner[0], : inner[1]] = _resized(shrunk, inner)
    return canvas, np.array([step * shrunk.shape[1] / inner[1], step * shrunk.shape[0] / inner[0]], np.float32)


def _resized(image: Image, size: tuple[int, int]) -> Image:
    """A picture of this (height, width), which is at least about half its own: each pixel counts in it.

    To enlarge it to twice that size and halve it takes 0.3 ms of 640x360, a mean over areas 0.65 ms, and the poses lie
    0.1 % of a person's size apart. Straight linear interpolation would be 0.1 ms and 0.3 %. Source: measured.
    """
    if size[0] >= image.shape[0]:
        return np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    double = cv2.resize(image, (2 * size[1], 2 * size[0]), interpolation=cv2.INTER_LINEAR)
    return halved(np.asarray(double, np.uint8))


def decode(maps: HeadMaps) -> list[Person]:
    """Read everybody out of the maps, in no order; a person may be there twice."""
    rows, columns = _middles(maps.center)
    if not len(rows):
        return []
    cells = np.stack([rows, columns], axis=1).astype(np.float32)
    size, offset, regress = maps.of_cells(rows, columns, *_PERSON_HEADS)
    middle, half = cells + offset, np.maximum(size, 0) / 2
    grid = np.array(maps.center.shape, np.float32)
    low, high = (np.minimum(np.maximum(corner, 0), grid) for corner in (middle - half, middle + half))
    expected = cells[:, None] + regress.reshape(len(rows), -1, 2)
    at, confidence = _surest_cells(maps.kpt_heatmap, low, high, expected)
    seen = confidence > _MIN_KEYPOINT_SCORE
    score = maps.center[rows, columns] * (confidence * seen).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    people = np.flatnonzero(score >= _MIN_SCORE)
    if not len(people):
        return []
    boxes, xy = np.concatenate([low, high], axis=1)[people][:, _X_BEFORE_Y], _exact_places(maps, at[people])
    xy[confidence[people] == 0] = np.nan
    return [Person(*each) for each in zip(score[people].tolist(), boxes, xy, confidence[people], strict=True)]


def _middles(center: Floats) -> tuple[Indices, Indices]:
    """Rows and columns of the cells where the middle of somebody may lie, surest first."""
    highest_near = cv2.dilate(center, _PEAK_WINDOW, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    peaks = np.flatnonzero((center == highest_near) & (center >= _MIN_SCORE))
    surest = np.argsort(-center.ravel()[peaks], kind="stable")[:_MAX_PEOPLE]
    return np.divmod(peaks[surest], center.shape[1])


def _surest_cells(heatmap: Floats, low: Floats, high: Floats, expected: Floats) -> tuple[Indices, Floats]:
    """The surest cell of each keypoint, of those in a person's box, the nearer to where it is expected the surer.

    Args:
        heatmap: Shape ``(17, h, w)``.
        low: The boxes' smallest y and x, shape ``(n, 2)``, within the grid.
        high: Their largest, as ``low``.
        expected: Where the keypoints are expected, y before x, shape ``(n, 17, 2)``.

    Returns:
        The cells' (row, column), shape ``(n, 17, 2)``, and how sure they are, shape ``(n, 17)``; 0 in an empty box.
    """
    spread = np.float32(_SPREAD * min(heatmap.shape[1:]))
    near = [
        np.exp(-((np.arange(cells, dtype=np.float32) - expected[:, :, axis, None]) ** 2) / spread)
        for axis, cells in enumerate(heatmap.shape[1:])
    ]
    at, confidence = np.zeros(expected.shape, np.intp), np.zeros(expected.shape[:2], np.float32)
    each = np.arange(len(heatmap))
    boxes = np.concatenate([np.ceil(low), np.ceil(high)], axis=1).astype(int).tolist()
    for person, (top, left, bottom, right) in enumerate(boxes):
        if top >= bottom or left >= right:
            continue
        likely = near[0][person, :, top:bottom, None] * near[1][person, :, None, left:right]
        likely *= heatmap[:, top:bottom, left:right]
        flat = likely.reshape(len(likely), -1)
        best = flat.argmax(axis=1)
        confidence[person] = flat[each, best]
        at[person, :, 0], at[person, :, 1] = np.divmod(best, right - left)
        at[person] += top, left
    return at, confidence


def _exact_places(maps: HeadMaps, at: Indices) -> Floats:
    """Where exactly keypoints lie, x before y, that lie in cells ``(row, column)``; both of shape ``(n, 17, 2)``."""
    (offsets,) = maps.of_cells(at[..., 0].ravel(), at[..., 1].ravel(), "kpt_offset")
    each = np.arange(at.shape[1])
    own = offsets.reshape(len(at), len(each), -1, 2)[:, each, each]
    return np.ascontiguousarray((at + own)[:, :, ::-1], np.float32)


def _poses(people: Sequence[Person], pixels: Floats, image: Image) -> list[Pose]:
    """The people in pixels of the picture, ``pixels`` (x, y) of it to one cell."""
    scale, limits = np.concatenate([pixels, pixels]), np.array(image.shape[1::-1] * 2, np.float32)
    return [
        Pose(
            xy=person.xy * pixels,
            keypoint_confidence=person.keypoint_confidence,
            xyxy=np.minimum(person.xyxy * scale, limits),
            confidence=person.score**_EXPONENT,
            class_id=0,
            class_name="person",
            skeleton=COCO,
        )
        for person in people
    ]


def _without_doubles(poses: list[Pose], limit: float) -> tuple[Pose, ...]:
    """The poses surest first; none whose box is empty, or overlaps a surer one's by more than ``limit``."""
    kept: list[Pose] = []
    boxes: list[list[float]] = []
    for pose in sorted(poses, key=lambda pose: -pose.confidence):
        box = pose.xyxy.tolist()
        if _area(*box) > 0 and all(_intersection_over_union(box, other) <= limit for other in boxes):
            kept.append(pose)
            boxes.append(box)
    return tuple(kept)


def _area(left: float, top: float, right: float, bottom: float) -> float:
    return max(0.0, right - left) * max(0.0, bottom - top)


def _intersection_over_union(a: Sequence[float], b: Sequence[float]) -> float:
    shared = _area(max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    return shared / (_area(*a) + _area(*b) - shared)
