"""What is known of the object classes of a model: their numbers, and their skeletons."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from kpstream.errors import ResponseFormatError
from kpstream.skeleton import MAX_KEYPOINTS, Skeleton, known_by_names

NO_SKELETON = Skeleton(())
_MAX_CLASSES = 1000


class ClassRegistry:
    """What is known of the object classes: their numbers, and the names and edges of their keypoints.

    It is given skeletons, and learns the names of keypoints from the answers as they pass. The skeleton of a class may
    gain keypoints from one answer to the next, and never loses one. Any thread may use it; no call waits for long.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Skeleton] = {}
        self._seen: dict[str, list[str]] = {}  # names by slot, "" where a slot has not been seen
        self._skeletons: dict[str, Skeleton] = {}  # what follows from both
        self._class_ids: dict[str, int] = {}

    def set_skeletons(self, skeletons: Mapping[str, Skeleton]) -> None:
        """Take in skeletons by class name; they count for more than what was learned."""
        with self._lock:
            self._known.update(skeletons)
            for class_name in skeletons:
                self._class_id(class_name, None)
                self._derive(class_name)

    def is_known(self, class_name: str) -> bool:
        """Whether the skeleton of this class was given, so that a lack of edges is intended."""
        return class_name in self._known

    @property
    def known(self) -> tuple[str, ...]:
        """The classes whose skeletons were given."""
        return tuple(self._known)

    def class_id(self, class_name: str, given: int | None) -> int:
        """The number of a class: as the service gives it, else one that stays the same from answer to answer."""
        with self._lock:
            return self._class_id(class_name, given)

    def assign_slots(self, class_name: str, points: Sequence[tuple[int | None, str]]) -> tuple[Skeleton, list[int]]:
        """Say where the keypoints of one object belong.

        Args:
            class_name: The object's class.
            points: What each keypoint says of itself: its ``class_id`` if it has one, and its name or "".

        Returns:
            The skeleton of the class, and for each point its index there.

        Raises:
            ResponseFormatError: There are more keypoints than any class can have.
        """
        with self._lock:
            skeleton = self._skeletons.get(class_name, NO_SKELETON)
            seen = self._seen.setdefault(class_name, [])
            before = len(seen), seen.count("")
            slots = [self._slot(skeleton, seen, position, *point) for position, point in enumerate(points)]
            if (len(seen), seen.count("")) != before:
                skeleton = self._derive(class_name)
            return skeleton, slots

    def _class_id(self, class_name: str, given: int | None) -> int:
        if given is None:
            given = self._class_ids.get(class_name)
        if given is None:
            given = max(self._class_ids.values(), default=-1) + 1
        if len(self._class_ids) >= _MAX_CLASSES and class_name not in self._class_ids:
            raise ResponseFormatError(f"the answers name more than {_MAX_CLASSES} classes: no model has that many")
        self._class_ids[class_name] = given
        return given

    @staticmethod
    def _slot(skeleton: Skeleton, seen: list[str], position: int, slot: int | None, name: str) -> int:
        if slot is None and name:
            known = skeleton.index(name)
            slot = known if known is not None else max(len(skeleton.names), len(seen))
        elif slot is None:
            slot = position
        if slot >= MAX_KEYPOINTS:
            raise ResponseFormatError(f"the answer has a keypoint number {slot}: no model has that many")
        seen.extend([""] * (slot + 1 - len(seen)))
        seen[slot] = seen[slot] or name
        return slot

    def _derive(self, class_name: str) -> Skeleton:
        seen = self._seen.get(class_name, [])
        given = self._known.get(class_name)
        skeleton = known_by_names(seen) if given is None else given
        count = max(len(seen), len(self._skeletons.get(class_name, NO_SKELETON).names))
        if len(skeleton.names) < count:  # what was once a keypoint stays one: poses of a class never shrink
            more = (*seen, *[""] * count)[len(skeleton.names) : count]
            skeleton = replace(skeleton, names=(*skeleton.names, *more), vertex_colors=())
        self._skeletons[class_name] = skeleton
        return skeleton
