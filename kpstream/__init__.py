"""kpstream: any camera, stream or video file as a live, annotated picture with keypoints.

The names below are all that a program needs::

    import kpstream

    with kpstream.Pipeline(kpstream.open_source("rtsp://…"), kpstream.RoboflowEndpoint("my-pose/3")) as pipeline:
        for scene in pipeline:
            show(scene.draw())
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from kpstream.endpoints.embedded import EmbeddedEndpoint as EmbeddedEndpoint
    from kpstream.endpoints.roboflow import RoboflowEndpoint as RoboflowEndpoint
    from kpstream.entities import Frame as Frame
    from kpstream.entities import Pose as Pose
    from kpstream.entities import Scene as Scene
    from kpstream.errors import KpstreamError as KpstreamError
    from kpstream.pipeline import Pipeline as Pipeline
    from kpstream.sources import open_source as open_source

_HOMES = {
    "EmbeddedEndpoint": "kpstream.endpoints.embedded",
    "RoboflowEndpoint": "kpstream.endpoints.roboflow",
    "Frame": "kpstream.entities",
    "Pose": "kpstream.entities",
    "Scene": "kpstream.entities",
    "KpstreamError": "kpstream.errors",
    "Pipeline": "kpstream.pipeline",
    "open_source": "kpstream.sources",
}
__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604 - all of them are strings


def __getattr__(name: str) -> Any:
    # Loaded when first used, so that `kpstream doctor` can still say what is wrong where OpenCV cannot be imported.
    if name not in _HOMES:
        raise AttributeError(f"module 'kpstream' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
