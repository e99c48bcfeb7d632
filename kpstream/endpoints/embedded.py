"""The model inside the package as an endpoint: no key, no network, no cost but the machine's own."""

from __future__ import annotations

from math import inf

from kpstream.entities import Answer, Filters, Image
from kpstream.models.movenet import MoveNet
from kpstream.models.runtime import usable_cores


class EmbeddedEndpoint:
    """Finds people with the embedded network, on this machine's processor.

    Args:
        model: The network to use; several endpoints may share one. None makes one of its own.
    """

    def __init__(self, *, model: MoveNet | None = None) -> None:
        self._model = model if model is not None else MoveNet()

    @property
    def name(self) -> str:
        """What to call it before users."""
        return "embedded (MoveNet MultiPose Lightning)"

    @property
    def max_rate(self) -> float:
        """Infinite: only the machine sets a limit."""
        return inf

    @property
    def max_in_flight(self) -> int:
        """As many as there are cores: one picture leaves some of them idle before and after the network computes.

        Source: measured on two cores, pictures of 1280x720 a second: one at a time 126, two 137, three 141.
        """
        return usable_cores()

    @property
    def credits_per_request(self) -> float:
        """Nothing."""
        return 0.0

    def infer(self, image: Image, filters: Filters = Filters()) -> Answer:
        """Find the people in a picture; blocks while the network computes.

        Args:
            image: BGR, shape ``(height, width, 3)``.
            filters: Which of the poses are wanted.

        Raises:
            ValueError: ``image`` is no BGR picture, or an empty one.
            KpstreamError: The model's weights are missing or damaged, or onnxruntime cannot be loaded.
        """
        return Answer(filters.apply(self._model.find(image, overlap=filters.overlap)))

    def close(self) -> None:
        """Nothing to give up: what is being computed ends by itself within a fraction of a second."""

    def __repr__(self) -> str:
        return f"<EmbeddedEndpoint {self._model!r}>"
