"""The parts of a site's camera, made from its spec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kpstream.camera.spec import CameraSpec, Zone
from kpstream.dispatch.fair_share import Limits
from kpstream.dispatch.sampling import Adaptive, FixedRate, make_sampling
from kpstream.endpoints.opening import make_endpoint
from kpstream.entities import Filters, Settings
from kpstream.interfaces import Annotator, Endpoint, Sink, Source
from kpstream.site_file import SitePlan

if TYPE_CHECKING:
    from collections.abc import Hashable

    from kpstream.controls import CameraControls


@dataclass(frozen=True)
class Camera:
    """One camera of a site and what its parts are; satisfies `kpstream.site.Camera`."""

    spec: CameraSpec

    @property
    def name(self) -> str:
        """What to call it."""
        return self.spec.name

    @property
    def masks(self) -> tuple[Zone, ...]:
        """What is painted over."""
        return self.spec.masks

    @property
    def rate(self) -> float:
        """The most samples per second of video."""
        return self.spec.requests.max_rate

    @property
    def delay(self) -> float | None:
        """How many seconds the picture may wait for its answers; None shows it at once."""
        return self.spec.view.max_delay

    @property
    def model(self) -> Hashable:
        """Cameras with equal ones share one endpoint."""
        return self.spec.model, self.spec.api_key

    @property
    def service(self) -> str:
        """The server that it asks."""
        return self.spec.service

    @property
    def filters(self) -> Filters:
        """Which poses of its answers are used."""
        return self.spec.model.filters

    def open_source(self) -> Source:
        """Open it; a file plays again and again. Blocks.

        Raises:
            SourceOpenError: It is not there.
        """
        from kpstream.sources import open_source

        options = self.spec.source
        return open_source(
            self.spec.reference,
            paced=True,
            loop=True,
            size=options.picture_size,
            frame_rate=options.frame_rate,
            rtsp_transport=options.rtsp_transport,
        )

    def make_endpoint(self) -> Endpoint:
        """What finds its poses.

        Raises:
            KpstreamError: The options do not fit together; `load` tried.
        """
        return make_endpoint(self.spec.model, self.spec.api_key)

    def make_sampling(self) -> FixedRate | Adaptive:
        """Which of its frames are asked."""
        return make_sampling(self.spec.requests)

    def make_annotator(self) -> Annotator:
        """What draws its poses, and how it is doing."""
        from kpstream.render import Layers, PoseAnnotator, StatusAnnotator

        drawing = self.spec.drawing
        return Layers(PoseAnnotator(draw=drawing.parts, thickness=drawing.thickness), StatusAnnotator())

    def make_controls(self) -> CameraControls:
        """What the page may change about it."""
        from kpstream.controls import CameraControls

        settings = Settings(self.rate, self.filters.confidence, self.filters.keypoint_confidence)
        return CameraControls(settings, recording=self.spec.recording is not None)

    def make_outputs(self, controls: CameraControls) -> list[Sink]:
        """What records it as its controls say, and its JSON lines."""
        from kpstream.camera.outputs import make_outputs

        return make_outputs(self.spec, controls)


@dataclass(frozen=True)
class Plan:
    """A site's cameras with their parts."""

    cameras: tuple[Camera, ...]
    limits: Limits

    @classmethod
    def of(cls, plan: SitePlan) -> Plan:
        """What the file says, as the site runs it."""
        return cls(tuple(Camera(spec) for spec in plan.cameras), plan.limits)
