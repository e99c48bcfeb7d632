"""Whether an object is still there, from the answers that found it and those that did not."""

from __future__ import annotations

from dataclasses import dataclass, field

from kpstream.tracking.settings import TrackerSettings


@dataclass(slots=True, eq=False)
class Presence:
    """The existence of one object: a Bernoulli filter over found and not found."""

    found_at: float
    """Pts of the last answer that found it."""
    settings: TrackerSettings = field(repr=False)
    known_at: float = field(init=False)
    """Pts up to which it is known to be there: `found_at`, or later if it has rested since."""
    detection_rate: float = field(init=False)
    """How often an answer to a picture with this object in it finds it, as of late."""
    existence_probability: float = 1.0
    """How likely it is still there, after the answers that did not confirm it."""
    misses: int = 0
    """How many answers did not confirm it since the last one that did."""

    def __post_init__(self) -> None:
        self.known_at = self.found_at
        self.detection_rate = self.settings.detection_rate

    def confirm(self, pts: float) -> None:
        """Note that an answer found it: those that did not have overlooked it."""
        self.found_at = self.known_at = pts
        self.existence_probability, self.misses = 1.0, 0
        self.detection_rate += self.settings.detection_learning_rate * (1 - self.detection_rate)

    def record_miss(self, pts: float) -> None:
        """Note that an answer did not find it: it left, or the model overlooked it, as happens now and then."""
        self.misses += 1
        self.known_at = max(self.found_at, min(self.known_at, pts))
        stays = self.settings.survival * self.existence_probability
        overlooked = stays * (1 - min(self.detection_rate, self.settings.max_detection_rate))
        self.existence_probability = overlooked / (overlooked + 1 - stays)
        self.detection_rate -= self.settings.detection_learning_rate * self.detection_rate * self.existence_probability

    def extend(self, pts: float) -> None:
        """Note that it has not moved since the last answer, while no answer comes."""
        if not self.misses and pts <= self.found_at + self.settings.rests_for:
            self.known_at = pts

    def belief(self, uncertainty: float) -> float:
        """How likely it is still there and where it is thought to be.

        An object that was missed once is taken to be there; then one that moves is soon lost, and one that rests is
        not.

        Args:
            uncertainty: Standard deviation of its points, in diagonals.
        """
        if self.misses < 2:
            return self.existence_probability
        return self.existence_probability * max(0.0, 1 - uncertainty / self.settings.lost_at)
