"""What joins the keypoints of one object class: names, edges, colours, left and right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Edge = tuple[int, int]

MAX_KEYPOINTS = 1000
"""No object class has more; a larger index in metadata or in an answer is a fault, not a skeleton."""

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
