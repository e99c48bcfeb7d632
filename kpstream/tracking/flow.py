"""Moving points between two small grey pictures: no clock, no I/O.

`Mesh.move` is the heart. A keypoint alone is a bad thing to track: a wrist is small, blurred, and half of the patch
around it is background, which holds it back. The limbs between keypoints are long, and inside of them there is nothing
but the object. So all keypoints of an object are moved at once, such that the strips of picture along its edges look
the same afterwards: the registration of Lucas and Kanade with the skeleton in place of a patch.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from kpstream.tracking.geometry import Mask, Points, Weights, middles, zeroed
from kpstream.tracking.settings import DEFAULT, FlowReach, TrackerSettings

Grey = npt.NDArray[np.uint8]


# The pattern of a strip: nine places along an edge, from a tenth before its beginning to a tenth behind its end, and
# three across it, a tenth of its length apart.
_ALONG, _ACROSS = np.linspace(-0.1, 1.1, 9, dtype=np.float32), np.array([-0.1, 0.0, 0.1], np.float32)
_T, _W = np.repeat(_ALONG, len(_ACROSS)), np.tile(_ACROSS, len(_ALONG))
_SHARES = np.stack([1 - _T, _T])  # what the two ends of an edge have in each point of its strip
_SQUARES = np.stack([_SHARES[0] ** 2, _SHARES[1] ** 2, _SHARES[0] * _SHARES[1]])
_MEAN = np.full((len(_T), 1), 1 / len(_T), np.float32)  # a product with it takes a fifth of the time of np.mean
_THIRDS = np.repeat(np.eye(3, dtype=np.float32), 3, axis=0) / np.float32(3)
_DEFORMED = np.array([1, 1, -1], np.float32)  # by how far both ends go otherwise
_EIGHTHS = np.stack([np.linspace(1, 0, 9, dtype=np.float32), np.linspace(0, 1, 9, dtype=np.float32)])
_NEIGHBOURS = np.array([[0, 1, -1, 0, 0], [0, 0, 0, 1, -1]], np.float32)[..., None, None, None]
_FLOW_ENDS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03)


def lucas_kanade(
    before: Grey, after: Grey, points: Points, settings: TrackerSettings = DEFAULT, reach: FlowReach | None = None
) -> tuple[Points, Mask]:
    """Move points by pyramidal Lucas-Kanade flow, there and back.

    Args:
        before: The picture that the points are in.
        after: The next one, of the same size.
        points: Shape ``(P, 2)``, all known.
        settings: How exactly a point must come back.
        reach: How far it looks; None for as far as in what is cut out around an object.

    Returns:
        Displacements, shape ``(P, 2)``, and which of them lead back to where they began, shape ``(P,)``.
    """
    if not len(points):
        return points, np.zeros(0, bool)
    reach = reach or settings.flow
    start = points.reshape(-1, 1, 2)
    options = {"winSize": (reach.window, reach.window), "criteria": _FLOW_ENDS}
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, start, None, maxLevel=reach.levels, **options)  # type: ignore[call-overload]
    # on the way back it is known where it should end: the full picture alone says whether it does
    known = {"maxLevel": 0, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW}
    back, again, _ = cv2.calcOpticalFlowPyrLK(after, before, there, start.copy(), **known, **options)  # type: ignore[call-overload]
    off = back - start
    sound = (np.hypot(off[:, 0, 0], off[:, 0, 1]) < settings.flow_returns_within) & (found & again).view(bool)[:, 0]
    return (there - start)[:, 0], sound


class Covered(NamedTuple):
    """Which edges of N objects have something else before them."""

    hidden: Mask
    """Edges that do, shape ``(N, E)``."""
    contested: Mask
    """Edges that may, shape ``(N, E)``: what does not look as their background may be somebody else's."""

    @classmethod
    def none(cls, count: int, mesh: Mesh) -> Covered:
        """Nothing is before any edge of so many objects."""
        shape = (count, len(mesh.edges))
        return cls(np.zeros(shape, bool), np.zeros(shape, bool))


class Mesh:
    """K keypoints and the edges that hold them together: what one class of objects has in common.

    Args:
        points: K.
        edges: Pairs of indices. Two points with two common neighbours, as across a torso, are joined as well.
        settings: How stiff the edges are, how much pictures differ.
    """

    def __init__(self, points: int, edges: Sequence[tuple[int, int]], settings: TrackerSettings = DEFAULT) -> None:
        self._settings = settings
        joined = np.zeros((points, points), bool)
        for a, b in edges:
            joined[a, b] = joined[b, a] = a != b
        braced = joined | ((joined.astype(int) @ joined.astype(int)) >= 2)
        self._joined = joined.astype(np.float32)
        pairs = combinations(range(points if points <= settings.max_mesh else 0), 2)
        self._edges = np.array([pair for pair in pairs if braced[pair]], int).reshape(-1, 2)
        ends = np.eye(points, dtype=np.float32)[self._edges]
        self._ends = ends.reshape(-1, points)  # (2 E, K): from (from, to) of each edge to points
        self._touches = touches = ends.sum(1)
        beside = ((touches @ touches.T) @ touches > 0) & (touches == 0)
        nearness = touches + np.float32(0.5) * beside  # (E, K): edges at a point count, those beside them half
        self._weighing = np.column_stack([nearness, np.ones(len(nearness), np.float32)])  # all count for the whole
        self._entries = self._hessian_entries()
        self._hold = settings.hold * np.eye(2 * points, dtype=np.float32)

    def _hessian_entries(self) -> npt.NDArray[np.int_]:
        """Where each entry of the Hessian is in what `_hessian` lists for xx, xy and yy, shape ``(4 K K,)``."""
        edges, points = len(self._edges), self._ends.shape[1]
        block = np.full((points, points), edges + points)  # a zero, behind what edges and points have
        block[self._edges[:, 0], self._edges[:, 1]] = block[self._edges[:, 1], self._edges[:, 0]] = np.arange(edges)
        np.fill_diagonal(block, edges + np.arange(points))
        xx, xy, yy = (block + order * (edges + points + 1) for order in range(3))
        return np.block([[xx, xy], [xy, yy]]).ravel()

    @property
    def edges(self) -> npt.NDArray[np.int_]:
        """The pairs of points that are held together, shape ``(E, 2)``."""
        return self._edges

    def lengths(self, points: Points) -> Weights:
        """How long the edges of N objects are, shape ``(N, E)``; NaN where an end is not known.

        Args:
            points: Shape ``(N, K, 2)``.
        """
        x, y = _planes(points, self._edges)
        lengths: Weights = np.hypot(x[..., 1] - x[..., 0], y[..., 1] - y[..., 0])
        return lengths

    def sample_edges(self, picture: Grey, points: Points) -> Weights:
        """Sample how light the edges of N objects are, each in three pieces: what they can be recognised by.

        Args:
            picture: The picture that the points are in.
            points: Shape ``(N, K, 2)``.

        Returns:
            Mean grey values, shape ``(N, E, 3)``; NaN where an end is not known.
        """
        ends = _planes(points, self._edges)
        values = _sample(picture, zeroed(ends) @ _EIGHTHS)
        values = values @ _THIRDS
        values[np.isnan(ends[0]).any(2)] = np.nan
        return values

    def move(
        self,
        before: Grey,
        after: Grey,
        points: Points,
        steady: Points,
        *,
        guesses: Sequence[Points] = (),
        covered: Covered | None = None,
        steps: Weights | None = None,
        background: Points | None = None,
    ) -> Points:
        """Where the points of N objects have gone from one picture to the next.

        Flow, a steady motion and what the caller gives are first guesses. Each point starts at the guess that the
        edges around it bear out best, and all are then registered together.

        Args:
            before: The picture that the points are in.
            after: The next one, of the same size.
            points: Shape ``(N, K, 2)``.
            steady: How far each point moved one picture earlier, shape ``(N, K, 2)``; zero where nobody knows.
            guesses: How far the points may have gone, each of shape ``(N, K, 2)``; the last one stands for an object
                whose steady motion is not known.
            covered: Edges with something else before them: they go with the rest of the object; none if None.
            steps: Time between the pictures of each object, in thirtieths of a second, shape ``(N,)``; one if None.
            background: How far goes what is behind each object, shape ``(N, 1, 2)`` or ``(N, K, 2)``; nowhere if None.

        Returns:
            Displacements, shape ``(N, K, 2)``, zero where a point is not known.
        """
        settings = self._settings
        known = ~np.isnan(points[..., 0])
        covered = Covered.none(len(points), self) if covered is None else covered
        hidden = covered.hidden
        steps = np.ones(len(points), np.float32) if steps is None else steps
        background = np.zeros((len(points), 1, 2), np.float32) if background is None else background
        flow = self._flow(before, after, points, steady, known=known, uncovered=self._uncovered(known, hidden))
        ways = np.array([flow, *guesses, steady], np.float32)
        ways[:, ~known] = 0
        moves = (np.abs(ways[:-1]).max((0, 2, 3), initial=0) > settings.moves_beyond) | hidden.any(1)
        chosen = _largest(points, np.flatnonzero(moves), settings.max_registered)
        if not len(self._edges) or not len(chosen):
            return np.asarray(ways[0])
        strips = _Strips(
            before,
            after,
            points[chosen],
            self._edges,
            covered=Covered(hidden[chosen], covered.contested[chosen]),
            settings=settings,
            steps=steps[chosen],
            background=background[chosen],
        )
        moved: Points = ways[0]
        moved[chosen] = self._register(strips, self._best(strips, points[chosen], ways[:, chosen]))
        moved[~known] = 0
        return moved

    def _best(self, strips: _Strips, points: Points, ways: Points) -> Points:
        """For each point the guess that the edges around it bear out best, shape ``(N, K, 2)``.

        Args:
            strips: What the pictures show.
            points: Shape ``(N, K, 2)``.
            ways: The guesses, shape ``(G, N, K, 2)``; the last is the steady motion, the last but one stands for it.
        """
        steady = np.where(ways[-1].any((1, 2), keepdims=True), ways[-1], ways[-2])
        across, down = (np.fmax.reduce(points, axis=1) - np.fmin.reduce(points, axis=1)).T
        size = np.fmax(np.hypot(across, down), 1)
        off = ways - steady
        away = np.hypot(off[..., 0], off[..., 1]).sum(2, keepdims=True) / (size * points.shape[1])[:, None]
        weights = strips.weights
        misfits = strips.misfits(strips.differences(ways)) * weights
        misfits = (misfits @ self._weighing) / np.maximum(weights @ self._weighing, 1)
        near, whole = misfits[..., :-1], misfits[..., -1:]
        choice = (near + self._settings.guess_whole * (whole + self._settings.guess_prior * away)).argmin(0)
        objects, keypoints = np.arange(len(points))[:, None], np.arange(points.shape[1])
        start: Points = ways[choice, objects, keypoints]  # np.take_along_axis is twice as slow
        return start

    def _uncovered(self, known: Mask, hidden: Mask) -> Mask:
        """Which points are known, and no more of their edges hidden than seen; shape ``(N, K)``."""
        if not hidden.any():
            return known
        present = known.take(self._edges, axis=1).all(2)
        balance = np.where(hidden, np.float32(-1), np.float32(1)) * present @ self._touches
        uncovered: Mask = known & (balance >= 0)
        return uncovered

    def _flow(
        self, before: Grey, after: Grey, points: Points, velocity: Points, *, known: Mask, uncovered: Mask
    ) -> Points:
        """Each point's own flow; where it fails that of its neighbours, of the object, or the object's last motion."""
        moved = np.zeros_like(points)
        sound = np.zeros(known.shape, bool)
        moved[uncovered], sound[uncovered] = lucas_kanade(before, after, points[uncovered], self._settings)
        moved[~sound] = 0
        lost = known & ~sound
        if not lost.any():
            return moved
        counts = sound @ self._joined
        neighbours = (self._joined @ moved) / np.maximum(counts, 1)[..., None]
        alone = lost & (counts == 0)
        if alone.any():
            certain = np.where(sound.any(1, keepdims=True), sound, known)[..., None]
            whole = np.where(certain, np.where(sound[..., None], moved, velocity), np.float32(np.nan))
            neighbours = np.where(alone[..., None], middles(whole)[:, None], neighbours)
        moved[lost] = neighbours[lost]
        return moved

    def _register(self, strips: _Strips, guess: Points) -> Points:
        """Gauss-Newton on what differs along the edges, from a first guess on; the displacements.

        An edge resists to being deformed, whatever the pictures say, and each point to leaving its first guess.
        """
        count, points = guess.shape[:2]
        start = moved = guess.transpose(0, 2, 1).reshape(count, -1, 1)  # all x of an object, then all y
        stiffness = self._hessian(strips.stiffness[..., None] * _DEFORMED) + self._hold
        held = self._settings.hold * start
        for _ in range(self._settings.rounds):
            pull, bend = strips.slopes(moved.reshape(count, 2, points).transpose(0, 2, 1))
            pulled = (pull.reshape(2, count, -1) @ self._ends).transpose(1, 0, 2).reshape(count, -1, 1)
            gradient = pulled + stiffness @ moved - held
            moved = moved - np.linalg.solve(self._hessian(bend) + stiffness, gradient)
        return moved.reshape(count, 2, points).transpose(0, 2, 1)

    def _hessian(self, bend: Points) -> Points:
        """What holds for the points of N objects, shape ``(N, 2 K, 2 K)``, of what holds for their edges.

        Args:
            bend: The second order, shape ``(3, N, E, 3)``: xx, xy, yy of (from, to, both).
        """
        count, (edges, points) = bend.shape[1], self._touches.shape
        values = np.zeros((count, 3, edges + points + 1), np.float32)
        values[..., :edges] = bend[..., 2].transpose(1, 0, 2)
        values[..., edges:-1] = (bend[..., :2].reshape(3, count, -1) @ self._ends).transpose(1, 0, 2)
        return values.reshape(count, -1).take(self._entries, axis=1).reshape(count, 2 * points, 2 * points)


def _largest(points: Points, among: npt.NDArray[np.int_], most: int) -> npt.NDArray[np.int_]:
    """Which of these objects are registered: all, or the largest in a crowd."""
    if len(among) <= most:
        return among
    known = (points[number][~np.isnan(points[number, :, 0])] for number in among)
    size = [np.ptp(xy, axis=0).sum() if len(xy) else 0.0 for xy in known]
    return among[np.argsort(size)[-most:]]


class _Strips:
    """What two pictures show along the edges of N objects.

    Args:
        before: The picture that the points are in.
        after: The next one.
        points: Shape ``(N, K, 2)``.
        edges: Shape ``(E, 2)``, indices of points.
        covered: Edges that say nothing, and edges of which no place is known to show the background.
        steps: Time between the pictures, in thirtieths of a second, shape ``(N,)``.
        background: How far goes what is behind each object, shape ``(N, 1, 2)`` or ``(N, K, 2)``.
        settings: How stiff the edges are, how much pictures differ.
    """

    # x and y come first in all arrays here: numpy is twice as fast on planes as on pairs

    def __init__(
        self,
        before: Grey,
        after: Grey,
        points: Points,
        edges: npt.NDArray[np.int_],
        *,
        covered: Covered,
        steps: Weights,
        background: Points,
        settings: TrackerSettings,
    ) -> None:
        self._edges, self._settings = edges, settings
        ends = _planes(points, edges)
        present = ~np.isnan(ends[0]).any(2)
        self._telling = present & ~covered.hidden
        ends = zeroed(ends)
        along = ends[..., 1] - ends[..., 0]
        self._length = np.maximum(np.hypot(along[0], along[1]), 1)
        across: Points = np.array([-along[1], along[0]])
        self._places = ends @ _SHARES + across[..., None] * _W
        self._target = _blurred(after, settings.blur)
        self._shown, self._slopes = _values_and_slopes(_blurred(before, settings.blur), self._places)
        self._tells = self._not_background(np.broadcast_to(background, points.shape))
        self._tells[covered.contested] = 1
        self._certainty = self._tells * (self._telling / np.float32(settings.grey_noise**2))[..., None]
        softer = np.maximum(1, steps)[:, None] ** np.float32(settings.softening)
        self.stiffness = _stiffness(along, self._length, present, softer, settings)
        """How hard each edge is to deform, shape ``(3, N, E)``: xx, xy, yy."""

    def _not_background(self, ways: Points) -> Weights:
        """What each place counts, shape ``(N, E, S)``, one on average over an edge.

        Where the second picture shows just what the background would show, most likely it is the background: a limb
        that moves is blurred, or narrow, and its points would be held back by what is seen beside and through it.
        """
        squares = self.differences(ways) ** 2
        least = np.float32(self._settings.background_counts)
        counts = least + (1 - least) * squares / (squares + np.float32(self._settings.grey_noise**2))
        tells: Weights = counts / (counts @ _MEAN)
        return tells

    def differences(self, moved: Points) -> Weights:
        """What the second picture shows in place of the first.

        Args:
            moved: Displacements of the points, shape ``(..., N, K, 2)``.

        Returns:
            Grey values, shape ``(..., N, E, S)``.
        """
        edges, samples = self._shown.shape[1:]
        shown = _sample(self._target, self._moved(moved).reshape(2, -1, edges, samples))
        return np.asarray(shown.reshape(*moved.shape[:-2], edges, samples) - self._shown)

    def _moved(self, moved: Points) -> Points:
        """The places after such displacements, shape ``(2, G, N, E, S)``."""
        places: Points = _planes(moved.reshape(-1, *moved.shape[-2:]), self._edges) @ _SHARES
        places = places.reshape(2, -1, *self._shown.shape)
        places += self._places[:, None]
        return places

    @property
    def weights(self) -> Weights:
        """What each edge counts: its length, or nothing; shape ``(N, E)``."""
        weights: Weights = self._length * self._telling
        return weights

    def misfits(self, differences: Weights) -> Weights:
        """How much differs along each edge, from 0 to 1, shape ``(..., N, E)``."""
        squares = differences * differences
        misfits: Weights = (self._tells * squares / (squares + self._settings.grey_outlier**2)) @ _MEAN[:, 0]
        return misfits

    def slopes(self, moved: Points) -> tuple[Points, Points]:
        """How what differs changes with the two ends of each edge, by the slopes of both pictures.

        Args:
            moved: Displacements of the points, shape ``(N, K, 2)``.

        Returns:
            The first order, shape ``(2, N, E, 2)``: x and y of (from, to); and the second order, shape
            ``(3, N, E, 3)``: xx, xy and yy of (from, to, both).
        """
        values, slopes = _values_and_slopes(self._target, self._moved(moved)[:, 0])
        differences = values - self._shown
        slopes = (self._slopes + slopes) * np.float32(0.5)
        weighed = slopes * (self._certainty / (1 + (differences / self._settings.grey_outlier) ** 2) ** 2)
        curves = np.array([weighed[0] * slopes[0], weighed[0] * slopes[1], weighed[1] * slopes[1]])
        return (weighed * differences) @ _SHARES.T, curves @ _SQUARES.T


def _blurred(picture: Grey, side: int) -> Weights:
    return np.asarray(cv2.GaussianBlur(picture, (side, side), 0), np.float32)


def _planes(points: Points, edges: npt.NDArray[np.int_]) -> Points:
    """The ends of the edges of N objects, shape ``(2, N, E, 2)``: x and y of (from, to)."""
    return np.ascontiguousarray(points.transpose(2, 0, 1)).take(edges, axis=2)  # indexing is four times slower


def _stiffness(along: Points, length: Weights, present: Mask, softer: Weights, settings: TrackerSettings) -> Points:
    """How hard edges are to stretch and to turn, shape ``(3, N, E)``: xx, xy and yy."""
    x, y = along / length
    once = present / (softer * length) ** 2
    stretch, turn = once / settings.stretch**2, once / settings.turn**2
    xx, xy, yy = x * x, x * y, y * y
    return np.array([stretch * xx + turn * yy, (stretch - turn) * xy, stretch * yy + turn * xx])


def _sample(picture: Weights | Grey, at: Points) -> Weights:
    """The picture's values at points of shape ``(2, N, E, S)``, bilinear; at its border they go on."""
    x, y = at.reshape(2, at.shape[1], -1)  # cv2 takes 32767 rows at most
    values = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values.reshape(at.shape[1:]), np.float32)


def _values_and_slopes(picture: Weights, at: Points) -> tuple[Weights, Weights]:
    """The picture's values at points, and how they rise to the right and downwards, shape ``(2, N, E, S)``."""
    places = at[:, None] + _NEIGHBOURS
    values = _sample(picture, places.reshape(2, -1, *at.shape[2:])).reshape(5, *at.shape[1:])
    return values[0], (values[1::2] - values[2::2]) * np.float32(0.5)
