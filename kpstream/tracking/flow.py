"""Moving points between two moments, in plain arrays: NaN-aware, no clock, no I/O.

Points are float32 arrays of shape ``(K, 2)``, or ``(N, K, 2)`` for N objects; a point that is not known is NaN in
both coordinates. A picture is grey and small (`shrink`), and the points that are moved between two of them are in its
pixels.

`Mesh.move` is the heart. A keypoint alone is a bad thing to follow: a wrist is small, blurred, and half of the
patch around it is background, which holds it back. The limbs between keypoints are long, and inside of them there is
nothing but the object. So all keypoints of an object are moved at once, such that the strips of picture along its
edges look the same afterwards: the registration of Lucas and Kanade with the skeleton in place of a patch.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import cv2
import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]
Weights = npt.NDArray[np.float32]
Grey = npt.NDArray[np.uint8]

SIDE = 320
"""The longer side of a small picture, in pixels."""
_ALONG, _ACROSS = np.linspace(-0.1, 1.1, 9, dtype=np.float32), np.array([-0.1, 0.0, 0.1], np.float32)
_T, _W = np.repeat(_ALONG, len(_ACROSS)), np.tile(_ACROSS, len(_ALONG))
_SHARES = np.stack([1 - _T, _T])  # what the two ends of an edge have in each point of its strip
_SQUARES = np.stack([_SHARES[0] ** 2, _SHARES[0] * _SHARES[1], _SHARES[1] ** 2])
_EIGHTHS = np.stack([np.linspace(1, 0, 9, dtype=np.float32), np.linspace(0, 1, 9, dtype=np.float32)])
_NEIGHBOURS = np.array([[0, 1, -1, 0, 0], [0, 0, 0, 1, -1]], np.float32)[..., None, None, None]
_ROUNDS, _ROUNDS_OF_GUESS = 2, 3
_GREY_NOISE, _GREY_OUTLIER = 8.0, 15.0
_STRETCH, _TURN = 0.03, 0.15  # by how much of its length an edge stretches and turns from one picture to the next
_MOST = 24  # objects; in a larger crowd the small ones go by flow alone, as each costs a sixth of a millisecond
_LARGEST = 64  # points; a larger mesh goes by flow alone, as the cost grows with their third power
_AT_REST = 0.3  # pixels; an object whose points all move less by their own flow is not looked at closely
_HOLD = 0.01  # what keeps a point where it was first thought to go, as long as nothing else says otherwise
_WINDOW, _LEVELS = (9, 9), 3
_ENDS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03)
_RETURN_WITHIN = 1.5
_THUMB, _FLAT = (32, 18), 4.0


def shrink(image: npt.NDArray[np.uint8]) -> Grey:
    """The small grey picture of a BGR image: at most `SIDE` pixels long, never enlarged."""
    height, width = image.shape[:2]
    share = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * share)), max(1, round(height * share)))
    if share <= 0.5:  # four pixels of the image for each are enough, and reading them all is most of the work
        double = (2 * size[0], 2 * size[1])
        image = np.asarray(cv2.resize(image, double, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def widen(values: Points, rows: int, fill: float = np.nan) -> Points:
    """The same rows, and as many more of ``fill`` as it takes to have ``rows``."""
    if len(values) >= rows:
        return values
    shape = (rows - len(values), *values.shape[1:])
    return np.concatenate([values, np.full(shape, fill, np.float32)])


def zeroed(points: Points) -> Points:
    """The same points, zero where they are not known."""
    filled: Points = np.where(np.isnan(points), np.float32(0), points)
    return filled


def shift(before: Points, after: Points) -> Points:
    """The median displacement of the points that both sides know, shape ``(2,)``; zero where they share none."""
    moved = after - before
    moved = moved[~np.isnan(moved[:, 0])]
    if not len(moved):
        return np.zeros(2, np.float32)
    middle: Points = np.median(moved, axis=0).astype(np.float32)
    return middle


def between(before: Points, after: Points, share: float) -> Points:
    """Points on the straight way from ``before`` to ``after``.

    A point that one side alone knows moves along with the others.

    Args:
        before: Shape ``(K, 2)``.
        after: Shape ``(K, 2)``.
        share: 0 gives ``before``, 1 gives ``after``.
    """
    way = shift(before, after)
    start = np.where(np.isnan(before), after - way, before)
    end = np.where(np.isnan(after), before + way, after)
    points: Points = ((1 - share) * start + share * end).astype(np.float32)
    return points


def box_around(points: Points) -> Points:
    """The smallest box that holds all known points, shape ``(4,)``: x_min, y_min, x_max, y_max; NaN without any."""
    if not len(points):
        return np.full(4, np.nan, np.float32)
    return np.concatenate([np.fmin.reduce(points), np.fmax.reduce(points)])


def alike(before: Grey, after: Grey) -> float:
    """How much the coarse look of two pictures has in common: 1 for the same scene, about 0 across a cut."""
    one, other = (
        cv2.resize(picture, _THUMB, interpolation=cv2.INTER_AREA).astype(float) for picture in (before, after)
    )
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((one**2).mean() * (other**2).mean()))
    if spread < _FLAT**2:
        return 1.0
    return float((one * other).mean()) / spread


def follow(before: Grey, after: Grey, points: Points) -> tuple[Points, npt.NDArray[np.bool_]]:
    """Move points by pyramidal Lucas-Kanade flow, there and back.

    Args:
        before: The picture that the points are in.
        after: The next one, of the same size.
        points: Shape ``(P, 2)``, all known.

    Returns:
        Displacements, shape ``(P, 2)``, and which of them lead back to where they began, shape ``(P,)``.
    """
    if not len(points):
        return points, np.zeros(0, bool)
    start = np.ascontiguousarray(points, np.float32).reshape(-1, 1, 2)
    options = {"winSize": _WINDOW, "criteria": _ENDS}
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, start, None, maxLevel=_LEVELS, **options)  # type: ignore[call-overload]
    # on the way back it is known where it should end: the full picture alone says whether it does
    known = {"maxLevel": 0, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW}
    back, again, _ = cv2.calcOpticalFlowPyrLK(after, before, there, start.copy(), **known, **options)  # type: ignore[call-overload]
    away = np.hypot(*(back - start).reshape(-1, 2).T)
    sound = (found.ravel() > 0) & (again.ravel() > 0) & (away < _RETURN_WITHIN)
    return (there - start).reshape(-1, 2), sound


class Mesh:
    """K keypoints and the edges that hold them together: what one class of objects has in common.

    Args:
        points: K.
        edges: Pairs of indices. Two points with two common neighbours, as across a torso, are joined as well.
    """

    def __init__(self, points: int, edges: Sequence[tuple[int, int]]) -> None:
        joined = np.zeros((points, points), bool)
        for a, b in edges:
            joined[a, b] = joined[b, a] = a != b
        braced = joined | ((joined.astype(int) @ joined.astype(int)) >= 2)
        self._points = points
        self._joined = joined.astype(np.float32)
        pairs = combinations(range(points if points <= _LARGEST else 0), 2)
        self._edges = np.array([pair for pair in pairs if braced[pair]], int).reshape(-1, 2)
        ends = np.zeros((3, len(self._edges), points, points), np.float32)
        for number, (a, b) in enumerate(self._edges):
            ends[0, number, a, a] = ends[1, number, b, b] = ends[2, number, a, b] = ends[2, number, b, a] = 1
        self._blocks = ends[[0, 2, 1]].reshape(3 * len(self._edges), points * points)
        self._from, self._to = ends[0].sum(2), ends[1].sum(2)

    @property
    def edges(self) -> npt.NDArray[np.int_]:
        """The pairs of points that are held together, shape ``(E, 2)``."""
        return self._edges

    def look(self, picture: Grey, points: Points) -> Weights:
        """How light the edges of N objects are, each in three pieces: what they can be recognised by.

        Args:
            picture: The picture that the points are in.
            points: Shape ``(N, K, 2)``.

        Returns:
            Mean grey values, shape ``(N, E, 3)``; NaN where an end is not known.
        """
        ends = _planes(points, self._edges)
        values = _sample(picture, zeroed(ends) @ _EIGHTHS)
        values = np.asarray(values.reshape(*values.shape[:2], 3, 3).mean(3), np.float32)
        values[np.isnan(ends[0]).any(2)] = np.nan
        return values

    def move(
        self,
        before: Grey,
        after: Grey,
        points: Points,
        velocity: Points,
        *,
        hidden: npt.NDArray[np.bool_] | None = None,
        guess: Points | None = None,
    ) -> Points:
        """Where the points of N objects have gone from one picture to the next.

        There are two first guesses, flow (or what is given) and a steady motion; for each object the better one is
        followed up.

        Args:
            before: The picture that the points are in.
            after: The next one, of the same size.
            points: Shape ``(N, K, 2)``.
            velocity: How far each point moved one picture earlier, shape ``(N, K, 2)``; zero where nobody knows.
            hidden: Edges with something else before them, shape ``(N, E)``: they go with the rest of the object.
            guess: How far the points may have gone, shape ``(N, K, 2)``, from who followed them from places nearby.
                It takes the place of the flow, in half of the time.

        Returns:
            Displacements, shape ``(N, K, 2)``, zero where a point is not known.
        """
        known = ~np.isnan(points[..., 0])
        hidden = np.zeros((len(points), len(self._edges)), bool) if hidden is None else hidden
        rounds = _ROUNDS if guess is None else _ROUNDS_OF_GUESS
        flow = self._flow(before, after, points, velocity, self._uncovered(points, hidden)) if guess is None else guess
        flow = np.where(known[..., None], flow, np.float32(0))
        chosen = _largest(points, np.flatnonzero((np.abs(flow) > _AT_REST).any((1, 2)) | hidden.any(1)))
        if not len(self._edges) or not len(chosen):
            return flow
        strips = _Strips(before, after, points[chosen], self._edges, hidden[chosen])
        steady = np.where(known[..., None], velocity, 0).astype(np.float32)[chosen]
        better = strips.cost(strips.differences(steady)) < strips.cost(strips.differences(flow[chosen]))
        flow[chosen] = self._register(strips, np.where(better[:, None, None], steady, flow[chosen]), rounds)
        flow[~known] = 0
        return flow

    def _uncovered(self, points: Points, hidden: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which points are known, and no more of their edges hidden than seen; shape ``(N, K)``."""
        present = ~np.isnan(points[:, self._edges, 0]).any(2)
        touches = self._from + self._to
        balance = (present & ~hidden) @ touches - (present & hidden) @ touches
        uncovered: npt.NDArray[np.bool_] = ~np.isnan(points[..., 0]) & (balance >= 0)
        return uncovered

    def _flow(
        self, before: Grey, after: Grey, points: Points, velocity: Points, uncovered: npt.NDArray[np.bool_]
    ) -> Points:
        """Each point's own flow; where it fails that of its neighbours, of the object, or the object's last motion."""
        known = ~np.isnan(points[..., 0])
        moved = np.zeros_like(points)
        sound = np.zeros(known.shape, bool)
        moved[uncovered], sound[uncovered] = follow(before, after, points[uncovered])
        moved[~sound] = 0
        lost = known & ~sound
        if not lost.any():
            return moved
        around = sound @ self._joined
        neighbours = (self._joined @ moved) / np.maximum(around, 1)[..., None]
        for number in np.flatnonzero(lost.any(1)):
            certain = moved[number, sound[number]] if sound[number].any() else velocity[number, known[number]]
            ways = np.where(around[number, :, None] > 0, neighbours[number], np.median(certain, axis=0))
            moved[number, lost[number]] = ways[lost[number]]
        return moved

    def _register(self, strips: _Strips, guess: Points, rounds: int) -> Points:
        """Gauss-Newton on what differs along the edges, from a first guess on; the displacements."""
        moved = guess
        for _ in range(rounds):
            pull, bend = strips.slopes(strips.differences(moved))
            moved = moved - self._solve(bend, pull, strips.stiffness, moved, guess)
        return moved

    def _solve(self, bend: Points, pull: Points, stiffness: Points, moved: Points, guess: Points) -> Points:
        """One step of Gauss-Newton for N objects.

        Args:
            bend: What the pictures say of the second order, shape ``(3, N, E, 3)``: xx, xy, yy of (from, both, to).
            pull: What they say of the first order, shape ``(2, N, E, 2)``: x, y of (from, to).
            stiffness: How hard each edge is to deform, shape ``(3, N, E)``: xx, xy, yy.
            moved: The displacements so far, shape ``(N, K, 2)``.
            guess: The first guess, shape ``(N, K, 2)``.
        """
        count, points = moved.shape[:2]
        ends = _planes(moved, self._edges)
        x, y = ends[..., 1] - ends[..., 0]
        xx, xy, yy = stiffness
        resists = np.stack([xx * x + xy * y, xy * x + yy * y])
        gradient = (pull[..., 0] - resists) @ self._from + (pull[..., 1] + resists) @ self._to
        gradient = gradient.transpose(1, 2, 0) + _HOLD * (moved - guess)
        parts = bend + stiffness[..., None] * np.array([1, -1, 1], np.float32)
        blocks = parts.transpose(1, 0, 3, 2).reshape(count, 3, -1) @ self._blocks
        blocks = blocks.reshape(count, 3, points, points)
        hessian = np.empty((count, points, 2, points, 2), np.float32)
        hessian[:, :, 0, :, 0], hessian[:, :, 1, :, 1] = blocks[:, 0], blocks[:, 2]
        hessian[:, :, 0, :, 1] = hessian[:, :, 1, :, 0] = blocks[:, 1]
        hessian = hessian.reshape(count, 2 * points, 2 * points) + _HOLD * np.eye(2 * points, dtype=np.float32)
        step: Points = np.linalg.solve(hessian, gradient.reshape(count, -1, 1)).reshape(moved.shape)
        return step


def _largest(points: Points, among: npt.NDArray[np.int_]) -> npt.NDArray[np.int_]:
    """Which of these objects are looked at closely: all, or the largest in a crowd."""
    if len(among) <= _MOST:
        return among
    known = (points[number][~np.isnan(points[number, :, 0])] for number in among)
    size = [np.ptp(xy, axis=0).sum() if len(xy) else 0.0 for xy in known]
    return among[np.argsort(size)[-_MOST:]]


class _Strips:
    """What two pictures show along the edges of N objects.

    Args:
        before: The picture that the points are in.
        after: The next one.
        points: Shape ``(N, K, 2)``.
        edges: Shape ``(E, 2)``, indices of points.
        hidden: Edges that say nothing, shape ``(N, E)``.
    """

    # x and y come first in all arrays here: numpy is twice as fast on planes as on pairs

    def __init__(
        self,
        before: Grey,
        after: Grey,
        points: Points,
        edges: npt.NDArray[np.int_],
        hidden: npt.NDArray[np.bool_],
    ) -> None:
        self._edges = edges
        ends = _planes(points, edges)
        present = ~np.isnan(ends[0]).any(2)
        self._telling = present & ~hidden
        ends = zeroed(ends)
        along = ends[..., 1] - ends[..., 0]
        self._length = np.maximum(np.hypot(along[0], along[1]), 1)
        across: Points = np.stack([-along[1], along[0]])
        self._places = ends @ _SHARES + across[..., None] * _W
        self._target = after.astype(np.float32)
        self._look, x, y = _look(before.astype(np.float32), self._places)
        self._slopes, self._curves = np.stack([x, y]), np.stack([x * x, x * y, y * y])
        self.stiffness = _stiffness(along, self._length, present)
        """How hard each edge is to deform, shape ``(3, N, E)``: xx, xy, yy."""

    def differences(self, moved: Points) -> Weights:
        """What the second picture shows in place of the first, for displacements of the points; ``(N, E, S)``."""
        places = _planes(moved, self._edges) @ _SHARES
        places += self._places
        shown = _sample(self._target, places)
        shown -= self._look
        return shown

    def cost(self, differences: Weights) -> Weights:
        """How much differs on each object, from 0 to 1, shape ``(N,)``."""
        squares = differences**2
        weight = self._length * self._telling
        misfit = ((squares / (squares + _GREY_OUTLIER**2)).mean(2) * weight).sum(1)
        cost: Weights = misfit / np.maximum(weight.sum(1), 1)
        return cost

    def slopes(self, differences: Weights) -> tuple[Points, Points]:
        """How what differs changes with the two ends of each edge.

        Returns:
            The first order, shape ``(2, N, E, 2)``: x and y of (from, to); and the second order, shape
            ``(3, N, E, 3)``: xx, xy and yy of (from, both, to).
        """
        weight = self._telling[..., None] / (1 + (differences / _GREY_OUTLIER) ** 2) ** 2 / _GREY_NOISE**2
        return (self._slopes * (differences * weight)) @ _SHARES.T, (self._curves * weight) @ _SQUARES.T


def _planes(points: Points, edges: npt.NDArray[np.int_]) -> Points:
    """The ends of the edges of N objects, shape ``(2, N, E, 2)``: x and y of (from, to)."""
    return np.ascontiguousarray(points[:, edges].transpose(3, 0, 1, 2))


def _stiffness(along: Points, length: Weights, present: npt.NDArray[np.bool_]) -> Points:
    """How hard edges are to stretch and to turn, shape ``(3, N, E)``: xx, xy and yy."""
    x, y = along / length
    stretch, turn = present / (_STRETCH * length) ** 2, present / (_TURN * length) ** 2
    stiffness = [stretch * x * x + turn * y * y, (stretch - turn) * x * y, stretch * y * y + turn * x * x]
    return np.stack(stiffness).astype(np.float32)


def _sample(picture: Weights | Grey, at: Points) -> Weights:
    """The picture's values at points of shape ``(2, N, E, S)``, bilinear; at its border they go on."""
    x, y = at.reshape(2, at.shape[1], -1)  # cv2 takes 32767 rows at most
    values = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values.reshape(at.shape[1:]), np.float32)


def _look(picture: Weights, at: Points) -> tuple[Weights, Weights, Weights]:
    """The picture's values at points, and how they rise to the right and downwards."""
    places = at[:, None] + _NEIGHBOURS
    values = _sample(picture, places.reshape(2, -1, *at.shape[2:])).reshape(5, *at.shape[1:])
    value, right, left, down, up = values
    return value, (right - left) / 2, (down - up) / 2
