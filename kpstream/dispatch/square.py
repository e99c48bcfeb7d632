"""Asks about a picture the way it is meant to be seen, where its pixels are not square."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from kpstream.entities import Answer, Filters, Frame, Image
from kpstream.interfaces import Endpoint


def ask(endpoint: Endpoint, frame: Frame, filters: Filters) -> Answer:
    """The endpoint's answer about a frame, in pixels of the frame's picture; blocks until it is there.

    Raises:
        EndpointError: As `Endpoint.infer`.
    """
    size, square = frame.size, frame.square_size
    if size == square:
        return endpoint.infer(frame.image, filters)
    image: Image = cv2.resize(frame.image, square, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    answer = endpoint.infer(image, filters)
    factors = np.array([size[0] / square[0], size[1] / square[1]], np.float32)
    poses = tuple(replace(pose, xy=pose.xy * factors, xyxy=pose.xyxy * np.tile(factors, 2)) for pose in answer.poses)
    return replace(answer, poses=poses)
