"""Frames in, scenes out: the loop, the threads that read sources and feed sinks, and the order of it all."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kpstream.pipeline.pipeline import Pipeline as Pipeline
    from kpstream.pipeline.pipeline import held_frames as held_frames

__all__ = ["Pipeline", "held_frames"]


def __getattr__(name: str) -> Any:
    # Loaded when first used: the process shares its heaps (`memory`) before anything of OpenCV is there.
    if name not in __all__:
        raise AttributeError(f"module 'kpstream.pipeline' has no attribute {name!r}")
    return getattr(import_module("kpstream.pipeline.pipeline"), name)
