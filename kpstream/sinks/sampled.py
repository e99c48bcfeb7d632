"""Only the frames that the endpoint itself has answered."""

from __future__ import annotations

from kpstream.entities import Image, Scene
from kpstream.errors import SinkError
from kpstream.interfaces import Sink, write_scene


class SampledOnly:
    """A sink that hands on the scenes of sampled frames, whose poses were measured; all others are left out.

    Args:
        sink: Given those scenes.
    """

    needs_canvas = False

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._closed = False

    def write(self, scene: Scene, canvas: Image) -> None:  # noqa: ARG002 - drawn only where it is handed on
        """Hand on one scene where its own frame was answered, also with no pose; blocks as the sink does.

        Raises:
            SinkError: The sink could not write it, or is closed.
        """
        if self._closed:
            raise SinkError(f"{self._sink!r}: nothing more can be written, it is closed")
        if scene.result_frame_index == scene.frame.index:
            write_scene(self._sink, scene)

    def close(self) -> None:
        """Close the sink. Idempotent.

        Raises:
            SinkError: The sink could not write what it held back.
        """
        self._closed = True
        self._sink.close()

    def __repr__(self) -> str:
        return f"<SampledOnly {self._sink!r}>"
