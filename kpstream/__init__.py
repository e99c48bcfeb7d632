"""kpstream: any camera, stream or video file as a live, annotated picture with keypoints.

Pictures flow at the camera's rate, answers arrive late, and a tracker that knows the poses at any moment joins the
two. That is a `Pipeline`: it reads a source, asks an endpoint about some of the frames, and gives a `Scene` for every
frame, with its poses::

    import kpstream

    with kpstream.Pipeline(kpstream.open_source("rtsp://…"), kpstream.RoboflowEndpoint("my-pose/3")) as pipeline:
        for scene in pipeline:
            print(scene.frame.pts, [pose.xy for pose in scene.poses])
            show(scene.draw())

* A source: `open_source` opens a camera, a stream or a file. A file is read as fast as it is worked on, each of its
  frames; with ``paced=True`` it plays at its own pace, as a camera would.
* An endpoint: `RoboflowEndpoint` asks the hosted service or any server that speaks its wire, `EmbeddedEndpoint` needs
  neither key nor network. Any object that satisfies `Endpoint` will do.
* Which frames are asked: ``rate=``, or ``sampling=`` with `FixedRate`, `EveryNth` or `Adaptive`. The tracker knows the
  poses of the frames between.
* Sinks are given every scene: `VideoSink`, `SegmentedVideo`, `JsonLinesSink`, `CocoSink`, `CsvSink`, `PictureFolder`,
  `Window`, or any object with ``write(scene, canvas)`` and ``close()``. `Background` puts a slow one on a thread.
* What happens: `Rules.load` reads zones, lines and rules; ``rules=RuleWatch(rules, camera="hall")`` shows them every
  scene, ``scene.events`` carries what goes on, and listeners hear of every change. A rule may be a function of yours.
* Recorded video that may be interrupted: `run_job` keeps what was answered, and called again goes on from there.
* Errors are `KpstreamError`; the text says what to do, and names arguments in backticks.

A scene's poses go on to supervision with ``scene.detections()`` and ``scene.key_points()``. Images are BGR arrays of
shape ``(height, width, 3)``; times are seconds, and ``pts`` is the source's own time. `kpstream.testing` has fakes for
the tests of programs. What is not named here is private, and may change.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from kpstream.dispatch.sampling import Adaptive as Adaptive
    from kpstream.dispatch.sampling import EveryNth as EveryNth
    from kpstream.dispatch.sampling import FixedRate as FixedRate
    from kpstream.dispatch.sampling import Sampling as Sampling
    from kpstream.endpoints.embedded import EmbeddedEndpoint as EmbeddedEndpoint
    from kpstream.endpoints.roboflow import RoboflowEndpoint as RoboflowEndpoint
    from kpstream.entities import Annotator as Annotator
    from kpstream.entities import Answer as Answer
    from kpstream.entities import Event as Event
    from kpstream.entities import Filters as Filters
    from kpstream.entities import Frame as Frame
    from kpstream.entities import Image as Image
    from kpstream.entities import Pose as Pose
    from kpstream.entities import Result as Result
    from kpstream.entities import Scene as Scene
    from kpstream.entities import Stats as Stats
    from kpstream.errors import BudgetSpent as BudgetSpent
    from kpstream.errors import EndpointError as EndpointError
    from kpstream.errors import EndpointRejected as EndpointRejected
    from kpstream.errors import EndpointUnavailable as EndpointUnavailable
    from kpstream.errors import KpstreamError as KpstreamError
    from kpstream.errors import SinkError as SinkError
    from kpstream.errors import SourceError as SourceError
    from kpstream.errors import SourceOpenError as SourceOpenError
    from kpstream.errors import SourceReadError as SourceReadError
    from kpstream.errors import UsageError as UsageError
    from kpstream.errors import ViewerQuit as ViewerQuit
    from kpstream.events import Custom as Custom
    from kpstream.events import Rule as Rule
    from kpstream.events import RuleWatch as RuleWatch
    from kpstream.interfaces import Endpoint as Endpoint
    from kpstream.interfaces import Opener as Opener
    from kpstream.interfaces import SceneRules as SceneRules
    from kpstream.interfaces import Sink as Sink
    from kpstream.interfaces import Source as Source
    from kpstream.pipeline import Pipeline as Pipeline
    from kpstream.pipeline.background import Background as Background
    from kpstream.recorded.job import Span as Span
    from kpstream.recorded.job import run_job as run_job
    from kpstream.recorded.plan import Encoding as Encoding
    from kpstream.recorded.plan import Job as Job
    from kpstream.recorded.plan import Outputs as Outputs
    from kpstream.render import PoseAnnotator as PoseAnnotator
    from kpstream.sinks.audio import AudioSource as AudioSource
    from kpstream.sinks.coco import CocoSink as CocoSink
    from kpstream.sinks.csv_file import CsvSink as CsvSink
    from kpstream.sinks.jsonl import JsonLinesSink as JsonLinesSink
    from kpstream.sinks.pictures import PictureFolder as PictureFolder
    from kpstream.sinks.sampled import SampledOnly as SampledOnly
    from kpstream.sinks.segments import SegmentedVideo as SegmentedVideo
    from kpstream.sinks.video import VideoSink as VideoSink
    from kpstream.sinks.window import Window as Window
    from kpstream.site_file.rules import Rules as Rules
    from kpstream.skeleton import Skeleton as Skeleton
    from kpstream.sources import HttpAccess as HttpAccess
    from kpstream.sources import VideoFile as VideoFile
    from kpstream.sources import open_source as open_source
    from kpstream.tracking import Tracker as Tracker
    from kpstream.tracking import TrackerSettings as TrackerSettings

_MODULES = {
    "Adaptive": "kpstream.dispatch.sampling",
    "Annotator": "kpstream.entities",
    "Answer": "kpstream.entities",
    "AudioSource": "kpstream.sinks.audio",
    "Background": "kpstream.pipeline.background",
    "BudgetSpent": "kpstream.errors",
    "CocoSink": "kpstream.sinks.coco",
    "CsvSink": "kpstream.sinks.csv_file",
    "Custom": "kpstream.events",
    "EmbeddedEndpoint": "kpstream.endpoints.embedded",
    "Encoding": "kpstream.recorded.plan",
    "Endpoint": "kpstream.interfaces",
    "EndpointError": "kpstream.errors",
    "EndpointRejected": "kpstream.errors",
    "EndpointUnavailable": "kpstream.errors",
    "Event": "kpstream.entities",
    "EveryNth": "kpstream.dispatch.sampling",
    "Filters": "kpstream.entities",
    "FixedRate": "kpstream.dispatch.sampling",
    "Frame": "kpstream.entities",
    "HttpAccess": "kpstream.sources",
    "Image": "kpstream.entities",
    "Job": "kpstream.recorded.plan",
    "JsonLinesSink": "kpstream.sinks.jsonl",
    "KpstreamError": "kpstream.errors",
    "Opener": "kpstream.interfaces",
    "Outputs": "kpstream.recorded.plan",
    "PictureFolder": "kpstream.sinks.pictures",
    "Pipeline": "kpstream.pipeline",
    "Pose": "kpstream.entities",
    "PoseAnnotator": "kpstream.render",
    "Result": "kpstream.entities",
    "RoboflowEndpoint": "kpstream.endpoints.roboflow",
    "Rule": "kpstream.events",
    "RuleWatch": "kpstream.events",
    "Rules": "kpstream.site_file.rules",
    "SampledOnly": "kpstream.sinks.sampled",
    "Sampling": "kpstream.dispatch.sampling",
    "Scene": "kpstream.entities",
    "SceneRules": "kpstream.interfaces",
    "SegmentedVideo": "kpstream.sinks.segments",
    "Sink": "kpstream.interfaces",
    "SinkError": "kpstream.errors",
    "Skeleton": "kpstream.skeleton",
    "Source": "kpstream.interfaces",
    "SourceError": "kpstream.errors",
    "SourceOpenError": "kpstream.errors",
    "SourceReadError": "kpstream.errors",
    "Span": "kpstream.recorded.job",
    "Stats": "kpstream.entities",
    "Tracker": "kpstream.tracking",
    "TrackerSettings": "kpstream.tracking",
    "UsageError": "kpstream.errors",
    "VideoFile": "kpstream.sources",
    "VideoSink": "kpstream.sinks.video",
    "ViewerQuit": "kpstream.errors",
    "Window": "kpstream.sinks.window",
    "open_source": "kpstream.sources",
    "run_job": "kpstream.recorded.job",
}
__all__ = [*_MODULES, "__version__"]  # noqa: PLE0604 - all of them are strings


def __getattr__(name: str) -> Any:
    # Loaded when first used, so that `kpstream doctor` can still say what is wrong where OpenCV cannot be imported.
    if name not in _MODULES:
        raise AttributeError(f"module 'kpstream' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
