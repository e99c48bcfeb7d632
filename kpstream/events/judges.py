"""Finds the subjects of a rule, and judges the rule's condition for each of them at one moment. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import combinations
from math import isnan
from typing import Protocol

import numpy as np

from kpstream.events import conditions as judged_by
from kpstream.events.machine import Truth
from kpstream.events.moment import Moment
from kpstream.events.rules import (
    Absence,
    Angle,
    Count,
    Custom,
    Distance,
    Fall,
    HandsUp,
    InZone,
    KeypointInZone,
    Lying,
    Rule,
    RuleSet,
    Speed,
    Still,
    Tilt,
)

Subject = tuple[int, ...]
"""The objects that a rule is about: one identity, two, or none where it is about all objects together."""
Verdict = tuple[Subject, Truth, float | None]
"""The subject, the truth of the condition, and the value that was compared."""
_TRUTHS = {1.0: True, 0.0: False}  # NaN is neither


class Judge(Protocol):
    """Judges for which subjects a rule holds."""

    def judge(
        self, moment: Moment, others: Moment, known: Collection[Subject], opened: Collection[Subject]
    ) -> list[Verdict]:
        """The verdicts of one moment; may leave out a new subject for which the rule does not hold.

        Args:
            moment: The objects that were measured.
            others: The objects that are drawn and were not measured.
            known: The subjects with earlier verdicts.
            opened: The subjects with an open event.
        """

    def forget(self, body_id: int) -> None:
        """Forget an object."""


class ObjectJudge:
    """Judges each object by itself."""

    def __init__(self, condition: judged_by.ObjectCondition) -> None:
        self._condition = condition

    def judge(
        self,
        moment: Moment,
        others: Moment,  # noqa: ARG002
        known: Collection[Subject],
        opened: Collection[Subject],
    ) -> list[Verdict]:
        """One verdict for each object."""
        subjects = moment.subjects
        if not subjects:
            return []
        truths, values = self._condition.judge(moment, _rows_of(opened, subjects))
        return [
            (subject, _TRUTHS.get(truth), None if isnan(value) else value)
            for subject, truth, value in zip(subjects, truths.tolist(), values.tolist(), strict=True)
            if truth != 0.0 or subject in known
        ]

    def forget(self, body_id: int) -> None:
        """Forget an object."""
        self._condition.forget(body_id)


class PairJudge:
    """Judges how far objects are apart, by their anchors."""

    def __init__(self, condition: Distance) -> None:
        self._condition = condition
        self._ids: Subject = ()
        self._pairs: list[Subject] = []

    def judge(
        self,
        moment: Moment,
        others: Moment,  # noqa: ARG002
        known: Collection[Subject],
        opened: Collection[Subject],
    ) -> list[Verdict]:
        """One verdict for each pair."""
        condition, places, ids = self._condition, moment.anchors(self._condition.anchor), moment.ids
        if len(ids) < 2:
            return []
        one, other = np.triu_indices(len(ids), 1)
        heights = (moment.heights[one] + moment.heights[other]) / 2
        apart = np.hypot(*(places[one] - places[other]).T) / heights
        if ids != self._ids:
            self._ids, self._pairs = ids, [(min(pair), max(pair)) for pair in combinations(ids, 2)]
        pairs = self._pairs
        truths = judged_by.relative_bounds(apart, condition.min, condition.max, _rows_of(opened, pairs))
        return [
            (pair, _TRUTHS.get(truth), value)
            for pair, truth, value in zip(pairs, truths.tolist(), apart.tolist(), strict=True)
            if truth or pair in known
        ]

    def forget(self, body_id: int) -> None:
        """Nothing is remembered."""


class SceneJudge:
    """Judges how many objects there are, all together."""

    def __init__(self, condition: Count | Absence, rules: RuleSet) -> None:
        self._area = None if condition.zone is None else judged_by.ZoneArea(rules.zones[condition.zone])
        self._counts = isinstance(condition, Count)
        self._low, self._high = (condition.min, condition.max) if isinstance(condition, Count) else (0.0, 0.0)

    def judge(
        self,
        moment: Moment,
        others: Moment,
        known: Collection[Subject],  # noqa: ARG002
        opened: Collection[Subject],
    ) -> list[Verdict]:
        """One verdict: unknown where the objects that were not measured could turn it."""
        is_open = () in opened
        certain = self._count(moment, is_open=is_open)
        possible = certain + self._count(others, is_open=is_open)
        truths = [self._in_bounds(number, is_open=is_open) for number in (certain, possible)]
        return [((), truths[0] if truths[0] == truths[1] else None, float(certain) if self._counts else None)]

    def _in_bounds(self, number: int, *, is_open: bool) -> bool:
        low, high = self._low, self._high
        if is_open:
            low, high = low - judged_by.tenth(low), high + judged_by.tenth(high)
        return low <= number <= high

    def _count(self, moment: Moment, *, is_open: bool) -> int:
        if self._area is None or not moment.poses:
            return len(moment.poses)
        rows = np.full(len(moment.poses), is_open)
        return int((self._area.anchors(moment, "bottom_center", rows) >= 0).sum())

    def forget(self, body_id: int) -> None:
        """Nothing is remembered."""


_CONDITIONS: dict[type, Callable[..., judged_by.ObjectCondition]] = {
    Lying: judged_by.LyingCondition,
    Fall: judged_by.FallCondition,
    HandsUp: judged_by.HandsUpCondition,
    Angle: judged_by.AngleCondition,
    Tilt: judged_by.TiltCondition,
    Distance: judged_by.KeypointDistanceCondition,
    Still: judged_by.StillCondition,
    Speed: judged_by.SpeedCondition,
    Custom: judged_by.CustomCondition,
}


def judge_of(rule: Rule, rules: RuleSet) -> Judge:
    """Make the judge of a rule whose events last."""
    condition = rule.condition
    match condition:
        case Count() | Absence():
            return SceneJudge(condition, rules)
        case Distance(keypoints=None):
            return PairJudge(condition)
        case InZone():
            return ObjectJudge(judged_by.InZoneCondition(condition, rules.zones[condition.zone]))
        case KeypointInZone():
            return ObjectJudge(judged_by.KeypointInZoneCondition(condition, rules.zones[condition.zone]))
        case _:
            return ObjectJudge(_CONDITIONS[type(condition)](condition))


def _rows_of(opened: Collection[Subject], subjects: Sequence[Subject]) -> judged_by.Rows:
    """Which of the subjects have an event open."""
    if not opened:
        return np.zeros(len(subjects), bool)
    return np.array([subject in opened for subject in subjects])
