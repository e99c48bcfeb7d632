"""Who is who after objects have met that answers could not tell apart."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kpstream.entities import Result
from kpstream.tracking.matching import Costs, match, nearest
from kpstream.tracking.settings import TrackerSettings
from kpstream.tracking.track import Track, Way


@dataclass(frozen=True, eq=False)
class _Encounter:
    """Objects that meet: answers have fewer poses than there are of them, and nobody knows whose."""

    ways: Mapping[Track, Way]
    """How each of them went before."""
    began_at: float


class Encounters:
    """Tells those apart who have met, once answers find all of them again.

    Until then the poses go to whoever is nearest, and where many answers come meanwhile, they lead that one away with
    the other. So how each of them went before it counts as much as where they were found last.
    """

    def __init__(self, settings: TrackerSettings) -> None:
        self._settings = settings
        self._open: list[_Encounter] = []

    def settle(
        self, result: Result, tracks: Sequence[Track], costs: Costs, pairs: Mapping[int, int]
    ) -> Mapping[int, int]:
        """End the encounters of which an answer finds everybody.

        Args:
            result: The answer.
            tracks: Those that there were before it.
            costs: How far each of its poses is from each of them, shape ``(tracks, poses)``.
            pairs: The number of the track by that of the pose, by these alone.

        Returns:
            The same, but for those who had met.
        """
        rows = {track: row for row, track in enumerate(tracks)}
        columns = {tracks[row]: column for column, row in pairs.items()}
        settled = dict(pairs)
        for encounter in list(self._open):
            if encounter.ways.keys() <= columns.keys():
                members, found = ([number[track] for track in encounter.ways] for number in (rows, columns))
                led = [[way.pose_at(result.pts)] for way in encounter.ways.values()]
                both = costs[np.ix_(members, found)] + nearest(led, [result.poses[column] for column in found])
                settled |= {found[pose]: members[who] for pose, who in match(both, np.inf).items()}
                for track, way in encounter.ways.items():
                    track.recent = deque(way)
            elif result.pts - encounter.began_at <= self._settings.max_encounter:
                continue
            self._open.remove(encounter)
        return settled

    def note(self, pts: float, tracks: Sequence[Track], costs: Costs, pairs: Mapping[int, int]) -> None:
        """Note whom an answer lacks beside somebody whom it finds: the pose may be of either, or of both.

        Args:
            pts: The answer's.
            tracks: Those that there were before it.
            costs: How far each of its poses is from each of them, shape ``(tracks, poses)``.
            pairs: The number of the track by that of the pose.
        """
        for row in sorted(set(range(len(tracks))) - set(pairs.values())):
            column = min(pairs, key=lambda column: float(costs[row, column]), default=None)
            if column is not None and costs[row, column] < self._settings.max_distance:
                self._join(tracks[row], tracks[pairs[column]], pts)

    def _join(self, one: Track, other: Track, pts: float) -> None:
        joined = [encounter for encounter in self._open if one in encounter.ways or other in encounter.ways]
        ways = {one: one.way, other: other.way}
        for encounter in joined:
            ways |= encounter.ways
            self._open.remove(encounter)
        self._open.append(_Encounter(ways, min((encounter.began_at for encounter in joined), default=pts)))
