"""What joins the keypoints of one object class: names, edges, colours, left and right.

Two published forms are read. The version's ``skeletons`` (also the form of a ``--skeleton`` file) keys by class
name, and its edges name vertex *ids*, which are not indices. ``keypoints_metadata`` lists one item per class with
its edges in index space already. Both become a `Skeleton`, where everything is an index into the keypoints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Edge = tuple[int, int]

MAX_KEYPOINTS = 1000
"""No object class has more; a larger index in metadata or in an answer is a fault, not a skeleton."""
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")

COCO_NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
_COCO_EDGES: tuple[Edge, ...] = (
    (0, 1), (0, 2), (1, 3), (2, 4), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12), (11, 12),
    (11, 13), (13, 15), (12, 14), (14, 16),
)  # fmt: skip
_COCO_SYMMETRIES: tuple[Edge, ...] = tuple((i, i + 1) for i in range(1, 17, 2))


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The K named vertices of one object class, and the edges between them."""

    names: tuple[str, ...]
    """Keypoint names; a keypoint's ``class_id`` is its index here."""
    edges: tuple[Edge, ...] = ()
    """Pairs of indices into `names`."""
    vertex_colors: tuple[str, ...] = ()
    """``#RRGGBB`` for each vertex, or empty where nobody chose any."""
    edge_colors: tuple[str, ...] = ()
    """``#RRGGBB`` for each edge, or empty."""
    symmetries: tuple[Edge, ...] = ()
    """Left and right partners, as pairs of indices."""
    _index: dict[str, int] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._index.update({name: i for i, name in reversed(list(enumerate(self.names)))})

    def index(self, name: str) -> int | None:
        """Where a keypoint of this name stands; None where there is none."""
        return self._index.get(name)


COCO = Skeleton(COCO_NAMES, _COCO_EDGES, symmetries=_COCO_SYMMETRIES)


def known_by_names(names: Sequence[str]) -> Skeleton:
    """The skeleton that a model with these keypoint names is known to have; without edges where none is known.

    Args:
        names: Keypoint names in the order of their ``class_id``; an empty name stands for an unseen one.
    """
    known = zip(names, COCO_NAMES, strict=False)
    if len(names) <= len(COCO_NAMES) and any(names) and all(not ours or ours == coco for ours, coco in known):
        return COCO
    return Skeleton(tuple(names))


def label(name: object) -> str:
    """A class or keypoint name that any sink can write and draw: printable, at most 100 characters."""
    text = str(name)
    if text.isprintable() and len(text) <= 100:
        return text
    return "".join(character for character in text[:1000] if character.isprintable())[:100]


def from_version(skeletons: Mapping[str, Any]) -> dict[str, Skeleton]:
    """Read the ``skeletons`` of a project version, by object class name.

    Raises:
        ValueError: It is not of the documented form; the text says where.
    """
    if not isinstance(skeletons, Mapping):
        raise ValueError("skeletons: it is not an object keyed by class name")  # noqa: TRY004 - one error for the form
    return {label(name): _one_of_version(label(name), item) for name, item in skeletons.items()}


def _one_of_version(class_name: str, item: Any) -> Skeleton:
    try:
        vertices = list(item["vertices"])
        index_of = {vertex["id"]: i for i, vertex in enumerate(vertices)}
        edges = [(index_of[e["from"]], index_of[e["to"]], _color(e)) for e in item.get("edges") or ()]
        pairs = [tuple(index_of[p] for p in s["points"]) for s in item.get("symmetries") or ()]
        names = tuple(label(vertex["name"]) for vertex in vertices)
        colors = tuple(_color(vertex) for vertex in vertices)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"skeleton of class {class_name!r}: {error!r} is missing or of another type") from None
    if len(names) > MAX_KEYPOINTS:
        raise ValueError(f"skeleton of class {class_name!r}: it has more than {MAX_KEYPOINTS} vertices")
    return Skeleton(
        names,
        tuple((a, b) for a, b, _ in edges),
        colors if all(colors) else (),
        tuple(c for _, _, c in edges) if all(c for _, _, c in edges) else (),
        tuple((p[0], p[1]) for p in pairs if len(p) == 2),
    )


def _color(item: Mapping[str, Any]) -> str:
    color = item.get("color")
    return color if isinstance(color, str) and _COLOR.fullmatch(color) else ""


def to_version(skeletons: Mapping[str, Skeleton]) -> dict[str, Any]:
    """The form that `from_version` reads: what a cache or a ``--skeleton`` file holds."""
    return {class_name: _version_form(skeleton) for class_name, skeleton in skeletons.items()}


def _version_form(skeleton: Skeleton) -> dict[str, Any]:
    vertices: list[dict[str, Any]] = [{"id": i, "name": name} for i, name in enumerate(skeleton.names)]
    edges: list[dict[str, Any]] = [{"from": a, "to": b} for a, b in skeleton.edges]
    for items, colors in ((vertices, skeleton.vertex_colors), (edges, skeleton.edge_colors)):
        for item, color in zip(items, colors, strict=False):
            item["color"] = color
    symmetries = [{"direction": "horizontal", "points": list(pair)} for pair in skeleton.symmetries]
    return {"vertices": vertices, "edges": edges, "symmetries": symmetries}


def from_metadata(items: Sequence[Mapping[str, Any]]) -> dict[str, Skeleton]:
    """Read a ``keypoints_metadata`` list, by object class name.

    Raises:
        ValueError: It is not of the published form; the text says where.
    """
    if not isinstance(items, Sequence):
        raise ValueError("keypoints_metadata: it is not a list")  # noqa: TRY004 - one error for the form
    found: dict[str, Skeleton] = {}
    for item in items:
        try:
            class_name = label(item["object_class"])
            by_index = {int(key): label(name) for key, name in item["keypoints"].items()}
            edges = tuple((int(e["from"]), int(e["to"])) for e in item.get("edges") or ())
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ValueError(f"keypoints_metadata: {error!r} is missing or of another type") from None
        if not all(0 <= index < MAX_KEYPOINTS for index in by_index):
            raise ValueError(f"keypoints_metadata of class {class_name!r}: a keypoint index is out of range")
        names = tuple(by_index.get(i, "") for i in range(max(by_index, default=-1) + 1))
        if any(not 0 <= end < len(names) for edge in edges for end in edge):
            raise ValueError(f"keypoints_metadata of class {class_name!r}: an edge leaves the keypoints")
        known, count = known_by_names(names), len(names)  # the known one may have more keypoints than this model
        found[class_name] = Skeleton(
            names, edges or _within(known.edges, count), symmetries=_within(known.symmetries, count)
        )
    return found


def _within(pairs: Iterable[Edge], count: int) -> tuple[Edge, ...]:
    return tuple(pair for pair in pairs if max(pair) < count)
