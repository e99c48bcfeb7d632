"""Asks about a picture the way it is meant to be seen, where its pixels are not square."""

from __future__ import annotations

from dataclasses import replace

from kpstream.entities import Answer, Filters, Frame
from kpstream.interfaces import Endpoint
from kpstream.render.pixels import moved, squared


def ask(endpoint: Endpoint, frame: Frame, filters: Filters) -> Answer:
    """The endpoint's answer about a frame, in pixels of the frame's picture; blocks until it is there.

    Raises:
        EndpointError: As `Endpoint.infer`.
    """
    answer = endpoint.infer(squared(frame, frame.image), filters)
    if frame.square_size == frame.size:
        return answer
    return replace(answer, poses=moved(answer.poses, frame.square_size, frame.size))
