"""Asks an endpoint about a frame in square pixels, where those of the picture are not square."""

from __future__ import annotations

from dataclasses import replace

from kpstream.entities import Answer, Filters, Frame, scaled_poses
from kpstream.interfaces import Endpoint, Sizing
from kpstream.render.pixels import squared


def ask(endpoint: Endpoint, frame: Frame, filters: Filters) -> Answer:
    """Ask the endpoint about a frame; blocks until it answers. The poses are in pixels of the frame's picture.

    Raises:
        EndpointError: As `Endpoint.infer`.
    """
    is_square = frame.square_size == frame.size
    if is_square and isinstance(endpoint, Sizing):
        return endpoint.infer_picture(frame.picture, filters)
    answer = endpoint.infer(squared(frame, frame.image), filters)
    if is_square:
        return answer
    return replace(answer, poses=scaled_poses(answer.poses, frame.square_size, frame.size))
