"""The audio track: a quiet street, and the footsteps of the people who are seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from walkers.camera import camera_at
from walkers.cast import Person

RATE = 48_000
"""Samples a second."""
_LOOK = 0.005

Samples = npt.NDArray[np.float32]


def track(cast: Sequence[Person], duration: float, seed: int) -> Samples:
    """Both channels of the clip, -1 to 1, shape ``(2, samples)``; about 39 dB below full scale."""
    rng = np.random.default_rng(seed)
    count = round(duration * RATE)
    sound = 0.006 * np.stack([_filtered(rng, count, 60, 500) for _ in range(2)])
    step = np.exp(-np.arange(round(0.09 * RATE)) / (0.016 * RATE)) * _filtered(rng, round(0.09 * RATE), 90, 1400)
    for person in cast:
        for seconds, loudness, side in _steps(person, duration):
            first = round(seconds * RATE)
            heard = step[: count - first] * loudness * float(rng.uniform(0.8, 1.2))
            for channel, share in enumerate((0.5 - 0.45 * side, 0.5 + 0.45 * side)):
                sound[channel, first : first + len(heard)] += share * heard
    return np.asarray(sound.clip(-1, 1), np.float32)


def _filtered(rng: np.random.Generator, count: int, low: float, high: float) -> npt.NDArray[np.float64]:
    """Noise between two frequencies in hertz, with a standard deviation of 1."""
    waves = np.fft.rfft(rng.standard_normal(count))
    rates = np.fft.rfftfreq(count, 1 / RATE)
    waves *= 1 / (1 + (low / np.maximum(rates, 1e-3)) ** 4) / (1 + (rates / high) ** 4)
    noise = np.fft.irfft(waves, count)
    return np.asarray(noise / noise.std())


def _steps(person: Person, duration: float) -> list[tuple[float, float, float]]:
    """When the person's heels strike, how loud it is, and from where: -1 is the left edge, 1 the right one."""
    found: list[tuple[float, float, float]] = []
    halves: int | None = None
    for seconds in np.arange(0.0, duration - 0.1, _LOOK):
        place, speed, _, strides, _ = person.path.at(float(seconds))
        before, halves = halves, int(np.floor(2 * strides))
        if before is not None and halves > before and speed > 0.3:
            pixel, depth = camera_at(float(seconds)).project(place)
            side = float(np.clip(pixel[0] / 640 - 1, -1, 1))
            found.append((float(seconds), 0.5 / float(depth), side))
    return found
