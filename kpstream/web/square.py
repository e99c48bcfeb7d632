"""Scenes whose pixels are not square, as screens show them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from kpstream.entities import Scene, scaled_poses
from kpstream.render.pixels import squared


def as_seen(scene: Scene) -> Scene:
    """A scene with its picture and its poses as a screen shows them: itself where pixels are square."""
    frame = scene.frame
    if frame.square_size == frame.size:
        return scene
    seen = replace(frame.showing(squared(frame, frame.image)), pixel_aspect=Fraction(1))
    return replace(scene, frame=seen, poses=scaled_poses(scene.poses, frame.size, frame.square_size))
