"""The only place where a camera is put together: its source, its endpoint, its sinks and the pipeline between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from math import inf, nan

import numpy as np

from kpstream.camera.outputs import make_outputs
from kpstream.camera.settings import CameraSettings
from kpstream.camera.sink_group import Idles
from kpstream.camera.spec import CameraSpec, RuleRun
from kpstream.dispatch.rule import Rule
from kpstream.dispatch.sampling import Adaptive, FixedRate, make_sampling, rate_when_full
from kpstream.endpoints.adaptive_upload import AdaptiveUpload
from kpstream.endpoints.opening import make_live_endpoint
from kpstream.entities import Annotator, Frame, Scene, Settings, Stats
from kpstream.interfaces import Endpoint, Opener, Sink, Source
from kpstream.options import DrawOptions, SourceOptions
from kpstream.pipeline import Pipeline
from kpstream.render import Layers, PoseAnnotator, StatusAnnotator
from kpstream.sources import open_source
from kpstream.sources.http import HttpAccess
from kpstream.sources.masked import Masked
from kpstream.sources.turned import Turned
from kpstream.tracking import Tracker


def open_camera(spec: CameraSpec) -> Source:
    """Open the source that a spec names; a file plays at its own pace, as if it were a camera. Blocks.

    Raises:
        SourceOpenError: It cannot be opened.
    """
    options = spec.source
    return open_source(
        spec.reference,
        paced=True,
        loop=options.loop,
        size=options.picture_size,
        frame_rate=options.frame_rate,
        rtsp_transport=options.rtsp_transport,
        timeout=options.stall_timeout,
        with_sound=spec.recording is not None and not options.no_audio,
        access=HttpAccess(options.headers, verify=options.source_verify),
        deinterlace=not options.no_deinterlace,
        hwaccel=options.hwaccel,
    )


def _altered(source: Source, options: SourceOptions) -> Source:
    """The source with its pictures as options want them."""
    if options.rotate or options.mirror:
        source = Turned(source, options.rotate, mirrored=options.mirror)
    return Masked(source, options.masks) if options.masks else source


def _open_altered(opener: Opener, options: SourceOptions) -> Source:
    return _altered(opener.open(), options)


def make_camera_endpoint(spec: CameraSpec) -> Endpoint:
    """The endpoint that a spec names.

    Raises:
        KpstreamError: The options do not fit together.
    """
    return make_live_endpoint(spec.model, spec.api_key)


class CameraAssembly:
    """One camera, put together as its spec says, and the loop that runs it.

    The loop is its caller's: `run` blocks in the caller's thread, and what fails is raised there.

    Args:
        spec: What the camera is.
        endpoint: Finds the poses; closed at the end.
        opener: Opens the source; None opens the one that the spec names.
        settings: What may be changed while it runs; None makes what the spec says, for nobody to change.
        rule_run: Says what happens before the camera; None says nothing.
        gate_rules: What holds for its requests because others share the endpoint.
        clock: Monotonic seconds, the same clock that the source stamps its frames with.
    """

    def __init__(
        self,
        spec: CameraSpec,
        endpoint: Endpoint,
        *,
        opener: Opener | None = None,
        settings: CameraSettings | None = None,
        rule_run: RuleRun | None = None,
        gate_rules: Sequence[Rule] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spec = spec
        adapts = spec.model.upload_size is None and not spec.model.embedded
        self._endpoint = AdaptiveUpload(endpoint) if adapts else endpoint
        opener = opener or Opener(spec.name, partial(open_camera, spec))
        self._source: Source | Opener = Opener(opener.name, partial(_open_altered, opener, spec.source))
        self.settings = settings or CameraSettings.of(spec)
        """What may be changed while it runs."""
        self._rule_run = rule_run
        self._gate_rules = gate_rules
        self._clock = clock
        self._pipeline: Pipeline | None = None
        self._applied: Settings | None = None
        self._stopped = False

    @property
    def stats(self) -> Stats:
        """What it has done so far."""
        return Stats() if self._pipeline is None else self._pipeline.stats

    @property
    def has_begun(self) -> bool:
        """Whether `run` had all that it needs."""
        return self._pipeline is not None

    def open(self) -> str:
        """Open the source now, instead of on a thread that tries for ever; blocks.

        Returns:
            What people call the source.

        Raises:
            SourceOpenError: It cannot be opened.
        """
        _ = self._annotator  # before pictures come
        self._source = _altered(open_camera(self._spec), self._spec.source)
        return self._source.name

    def run(
        self,
        viewers: Sequence[Sink] = (),
        *,
        group: Callable[[Sequence[Sink]], Sequence[Sink]] = tuple,
        on_scene: Callable[[Scene], None] = lambda _: None,
        on_idle: Callable[[Stats], None] = lambda _: None,
    ) -> Stats:
        """Run to the end of the source, or until `stop`; blocks, and closes everything at the end.

        Args:
            viewers: Given every scene, drawn, from this thread, as are the outputs that the spec names. Those that
                have ``idle(stats)`` hear of the time without pictures.
            group: Makes of all sinks those that the pipeline writes to.
            on_scene: Called with every scene after it was written.
            on_idle: Called some ten times a second while no pictures come.

        Returns:
            What was done.

        Raises:
            KpstreamError: What no part could mend: of the source, the endpoint or a sink.
        """
        spec, source = self._spec, self._source
        declared_rate = nan if isinstance(source, Opener) else source.frame_rate
        run = self._rule_run
        clips = run.make_clips(declared_rate) if run is not None and run.make_clips is not None else None
        sinks = group([*viewers, *make_outputs(spec, self.settings, declared_rate, clips)])
        idlers = [sink for sink in sinks if isinstance(sink, Idles)]

        def idle(stats: Stats) -> None:
            for idler in idlers:
                idler.idle(stats)
            on_idle(stats)

        is_drawn = bool(viewers) or spec.recording is not None or clips is not None
        sampling = make_sampling(spec.requests)
        pipeline = self._pipeline = self._make_pipeline(sinks, sampling, idle, is_drawn=is_drawn)
        with pipeline:
            if self._stopped:  # before there was a pipeline to stop
                pipeline.stop()
            for scene in pipeline:
                on_scene(scene)
                self._apply_settings(pipeline)
                self._pace(sampling, scene.stats)
        return pipeline.stats

    def _make_pipeline(
        self, sinks: Sequence[Sink], sampling: FixedRate | Adaptive, on_idle: Callable[[Stats], None], *, is_drawn: bool
    ) -> Pipeline:
        spec = self._spec
        return Pipeline(
            self._source,
            self._endpoint,
            sinks=sinks,
            annotator=self._annotator if is_drawn else None,
            rules=None if self._rule_run is None else self._rule_run.rules,
            rate=sampling.rate,
            sampling=sampling,
            gate_rules=self._gate_rules,
            filters=spec.model.filters,
            delay=spec.view.max_delay,
            max_in_flight=spec.requests.max_in_flight,
            max_requests=spec.requests.max_requests,
            max_fps=inf if spec.source.max_fps is None else spec.source.max_fps,
            duration=inf if spec.view.duration is None else spec.view.duration,
            on_idle=on_idle,
            clock=self._clock,
        )

    def _apply_settings(self, pipeline: Pipeline) -> None:
        """Let the pipeline follow what was changed while it runs."""
        settings = self.settings.settings
        if settings is self._applied:
            return
        self._applied = settings
        pipeline.rate = settings.rate
        pipeline.filters = replace(
            pipeline.filters, confidence=settings.confidence, keypoint_confidence=settings.keypoint_confidence
        )

    def _pace(self, sampling: FixedRate | Adaptive, stats: Stats) -> None:
        """Let the samples come as often as is set, and less often where the machine is full."""
        rate = self.settings.settings.rate
        sampling.rate = rate_when_full(rate, stats.render_fps, sampling.rate) if stats.machine_trouble else rate

    def stop(self) -> None:
        """End soon, with everything written whole; never waits. Any thread, signal handlers."""
        self._stopped = True
        if self._pipeline is not None:
            self._pipeline.stop()

    @cached_property
    def _annotator(self) -> Annotator:
        return _warm_annotator(self._spec.drawing)


def _warm_annotator(drawing: DrawOptions) -> Annotator:
    """What draws the poses of a live picture, and how it is doing.

    It has drawn before: what first uses cost (fonts, tables) would cost the camera's first pictures.
    """
    annotator = Layers(PoseAnnotator(draw=drawing.parts, thickness=drawing.thickness), StatusAnnotator())
    frame = Frame(0, 0.0, 0.0, np.zeros((480, 640, 3), np.uint8))
    Tracker().observe(frame)
    Scene(frame, (), annotator=annotator).draw()
    return annotator
