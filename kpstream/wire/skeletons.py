"""Skeletons in the two forms that the hosted API publishes, read and written.

The version's ``skeletons`` (also the form of a ``--skeleton`` file) keys by class name, and its edges name vertex
*ids*, which are not indices. ``keypoints_metadata`` lists one item per class with its edges in index space already.
Both become a `Skeleton`, where everything is an index into the keypoints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kpstream.skeleton import MAX_KEYPOINTS, Edge, Skeleton, known_by_names, label

_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")


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


def to_metadata(class_name: str, class_id: int, skeleton: Skeleton) -> dict[str, Any]:
    """An item of the list that `from_metadata` reads."""
    return {
        "object_class": class_name,
        "object_class_id": class_id,
        "keypoints": {str(slot): name for slot, name in enumerate(skeleton.names)},
        "edges": [{"from": a, "to": b} for a, b in skeleton.edges],
    }


def _within(pairs: Iterable[Edge], count: int) -> tuple[Edge, ...]:
    return tuple(pair for pair in pairs if max(pair) < count)
