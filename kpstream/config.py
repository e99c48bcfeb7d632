"""A site as its file describes it: checked as a whole before a camera is opened, with its secrets found.

Secrets do not stand in the file: it names environment variables, or a file with the key.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlsplit

from kpstream.dispatch.fair_share import Limits
from kpstream.dispatch.sampling import LIVE_RATE, Adaptive, FixedRate
from kpstream.errors import KpstreamError, UsageError
from kpstream.interfaces import Annotator, Endpoint, Sink, Source
from kpstream.options import EMBEDDED, DrawOptions, ModelOptions, read_key
from kpstream.redact import redact, remember, remember_secrets
from kpstream.site_file import (
    CameraSection,
    EndpointSection,
    RecordSection,
    SiteSection,
    WebSection,
    faulty,
    read_sections,
)
from kpstream.sources.opening import is_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from kpstream.controls import CameraControls
    from kpstream.entities import Filters
    from kpstream.sinks.segments import SegmentedVideo
    from kpstream.web import Page

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
"""Seconds that an HLS playlist may stand still."""
_KEYS = {"api_key_env", "api_key_file"}
_OPTION = re.compile(r"--([a-z][a-z-]*)")
_Zone = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class SiteModel(ModelOptions):
    """The options of the command line as a file gives them, with a key that was found already."""

    api_key: str | None = field(default=None, repr=False)

    def key(self) -> str | None:
        """The API key, if there is one."""
        return self.api_key


@dataclass(frozen=True, slots=True)
class Recording:
    """Where one camera is recorded to, and for how long that is kept."""

    folder: Path
    segment: float
    """Seconds of one file."""
    keep: float | None
    """Seconds after which a file is deleted; None keeps it."""
    keep_size: int | None
    """Bytes that the camera's files may take; None for as many as there are."""

    def of(self, name: str) -> Callable[[], SegmentedVideo]:
        """What makes a recording of the camera of that name."""
        from kpstream.sinks.segments import SegmentedVideo

        with suppress(OSError):  # the sink says what is wrong with the folder, and tries again
            self.folder.mkdir(parents=True, exist_ok=True)
        return lambda: SegmentedVideo(
            self.folder,
            name,
            segment=self.segment,
            keep=self.keep,
            keep_size=self.keep_size,
            preset="ultrafast",
        )


@dataclass(frozen=True, slots=True)
class Web:
    """Where the page is served, and how."""

    host: str
    port: int
    token: str | None = field(default=None, repr=False)
    own_certificate: bool = False
    """Whether a certificate is made on the spot."""
    certificate: Path | None = None
    certificate_key: Path | None = None
    recordings: Path | None = None
    """The folder whose videos it lists."""

    def make_page(self, own_token: str | None = None) -> Page:
        """The page, not served yet.

        Args:
            own_token: What it wants to be shown where the file names no token; None makes one where one is needed.

        Raises:
            UsageError: The token is too short.
        """
        from kpstream.web import Certificate, Page

        tls = Certificate(self.certificate, self.certificate_key) if self.own_certificate or self.certificate else None
        token = self.token or own_token
        return Page(host=self.host, port=self.port, token=token, tls=tls, recordings=self.recordings)


@dataclass(frozen=True)
class Camera:
    """One camera of a site and what its parts are; satisfies `kpstream.site.Camera`."""

    name: str
    reference: str = field(repr=False)
    """What `open_source` takes; may hold a password."""
    model: SiteModel
    drawing: DrawOptions
    masks: tuple[_Zone, ...] = ()
    rate: float = LIVE_RATE
    sampling: Literal["steady", "adaptive"] = "adaptive"
    delay: float | None = None
    """How many seconds the picture may wait for its answers; None shows it at once."""
    picture_size: tuple[int, int] | None = None
    frame_rate: float | None = None
    rtsp_transport: Literal["tcp", "udp"] = "tcp"
    recording: Recording | None = None
    """None where it is not recorded."""

    @property
    def service(self) -> str:
        """The server that it asks: all who do share what that server can take."""
        return "embedded" if self.model.embedded else self.model.endpoint

    def open_source(self) -> Source:
        """Open it; a file plays again and again. Blocks.

        Raises:
            SourceOpenError: It is not there.
        """
        from kpstream.sources import open_source

        return open_source(
            self.reference,
            paced=True,
            loop=True,
            size=self.picture_size,
            frame_rate=self.frame_rate,
            rtsp_transport=self.rtsp_transport,
        )

    def make_endpoint(self) -> Endpoint:
        """What finds its poses.

        Raises:
            KpstreamError: The options do not fit together; `load` tried.
        """
        return self.model.make_endpoint()

    @property
    def filters(self) -> Filters:
        """Which poses of its answers are used."""
        return self.model.filters

    def make_sampling(self) -> FixedRate | Adaptive:
        """Which of its frames are asked."""
        return FixedRate(self.rate) if self.sampling == "steady" else Adaptive(self.rate)

    def make_annotator(self) -> Annotator:
        """What draws its poses, and how it is doing."""
        from kpstream.render import Layers, StatusAnnotator

        return Layers(self.drawing.make_annotator(), StatusAnnotator())

    def make_controls(self) -> CameraControls:
        """What the page may change about it."""
        from kpstream.controls import CameraControls
        from kpstream.entities import Settings

        filters = self.model.filters
        settings = Settings(self.rate, filters.confidence, filters.keypoint_confidence)
        return CameraControls(settings, recording=self.recording is not None)

    def make_recording(self, controls: CameraControls) -> list[Sink]:
        """What records it as its controls say, on a thread of its own; nothing where it is not recorded."""
        if self.recording is None:
            return []
        from kpstream.outputs import live_capacity
        from kpstream.pipeline.background import Background
        from kpstream.sinks.switched import SwitchedRecording

        recording = SwitchedRecording(self.recording.of(self.name))
        controls.record_with(recording)
        return [
            Background.dropping(
                recording, name=f"the recording of {self.name}", capacity=live_capacity(self.delay or 0.0)
            )
        ]


@dataclass(frozen=True, slots=True)
class SitePlan:
    """All that the file says."""

    cameras: tuple[Camera, ...]
    limits: Limits
    web: Web | None = None

    def spare_cores(self) -> None:
        """Where all models are elsewhere, every core has a picture of its own to work on."""
        if not any(camera.model.embedded for camera in self.cameras):
            self.cameras[0].model.spare_cores()


def load(path: Path) -> SitePlan:
    """Read a site's file and check all that can be checked before a camera is opened.

    Raises:
        UsageError: The file is faulty; the text has a line for each fault.
    """
    sections = read_sections(path)
    reading = _Reading(path.absolute().parent)
    plan = reading.site(sections)
    if reading.faults:
        raise faulty(path, reading.faults)
    return plan


class _Reading:
    """From what the file says to what is meant, with the faults that are found on the way.

    Args:
        folder: Where the file lies; its paths count from there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tried: set[SiteModel] = set()
        self.faults: list[str] = []

    def site(self, section: SiteSection) -> SitePlan:
        """The whole; only of use if there are no faults."""
        cameras = tuple(self._camera(camera, section) for camera in section.camera)
        names = [camera.name.lower() for camera in cameras]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self._blame(f"camera {name}, name", "two cameras have it, and it names their files: give each its own")
        limits = Limits(**section.limits.model_dump())
        return SitePlan(cameras, limits, None if section.web is None else self._web(section.web, section.record))

    def _camera(self, section: CameraSection, site: SiteSection) -> Camera:
        place = f"camera {section.name}, "
        return Camera(
            name=section.name,
            reference=self._source(place, section),
            model=self._model(place, section.endpoint, site.endpoint),
            drawing=self._drawing(place, section),
            masks=tuple(tuple((x, y) for x, y in zone) for zone in section.masks),
            rate=section.rate,
            sampling=section.sampling,
            delay=section.delay if section.sync == "aligned" else None,
            picture_size=_picture_size(section.size),
            frame_rate=section.frame_rate,
            rtsp_transport=section.rtsp_transport,
            recording=self._recording(place, section, site.record),
        )

    def _source(self, place: str, section: CameraSection) -> str:
        if (section.source is None) == (section.source_env is None):
            self._blame(f"{place}source", "give this or source_env, one of them (a device, an address or a file)")
            return ""
        if section.source_env is not None:
            reference = self._variable(f"{place}source_env", section.source_env)
        else:
            reference = self._filled_in(f"{place}source", section.source or "")
        remember_secrets(reference)
        if is_address(reference) or reference.isdecimal() or reference.startswith("/dev/"):
            return reference
        return str(self._path(reference))

    def _filled_in(self, place: str, source: str) -> str:
        """The address with its variables filled in; a password may only come from one."""
        try:
            bare = urlsplit(_VARIABLE.sub("", source))
            if bare.password or redact(bare.query) != bare.query:
                self._blame(place, "a password never stands in the file: write ${NAME} for it, and set that variable")
        except ValueError:
            self._blame(place, "its brackets do not match")
        address = is_address(source)
        return _VARIABLE.sub(lambda found: self._quoted(place, found[1], address=address), source)

    def _quoted(self, place: str, name: str, *, address: bool) -> str:
        value = self._variable(place, name)
        return quote(value, safe="") if address else value

    def _variable(self, place: str, name: str) -> str:
        value = os.environ.get(name, "").strip()
        if not value:
            self._blame(place, f"the environment variable {name} is not set")
        elif not is_address(value):
            remember(value)
        return value

    def _model(self, place: str, own: EndpointSection, site: EndpointSection) -> SiteModel:
        replaced = _KEYS if own.model_fields_set & _KEYS else set()
        if own.endpoint == EMBEDDED:
            replaced = replaced | {"model", "skeleton"}
        inherited = {key: value for key, value in site.model_dump(exclude_unset=True).items() if key not in replaced}
        chosen = inherited | own.model_dump(exclude_unset=True)
        where = f"{place}endpoint" if own.model_fields_set else "[endpoint]"
        key_file, key_env = chosen.pop("api_key_file", None), chosen.pop("api_key_env", None)
        if key_file and key_env:
            self._blame(where, "api_key_file and api_key_env both give the key: choose one")
        if "skeleton" in chosen:
            chosen["skeleton"] = self._path(chosen["skeleton"])
        model = SiteModel(**chosen)
        try:
            if key_env is not None:
                at = where if "api_key_env" in own.model_fields_set else "[endpoint]"
                model = replace(model, api_key=self._variable(f"{at} api_key_env", key_env) or "none")
            elif not model.embedded:
                model = replace(model, api_key=read_key(self._path(key_file) if key_file else None))
            if model not in self._tried:
                self._tried.add(model)
                model.make_endpoint().close()
        except KpstreamError as error:
            self._blame(where, str(error), inherited_from="[endpoint]")
        return model

    def _drawing(self, place: str, section: CameraSection) -> DrawOptions:
        drawing = DrawOptions(section.draw, section.thickness)
        try:
            drawing.make_annotator()
        except UsageError as error:
            self._blame(f"{place}draw", str(error))
        return drawing

    def _recording(self, place: str, section: CameraSection, site: RecordSection | None) -> Recording | None:
        own = section.record
        if not section.recorded or (site is None and not own.model_fields_set):
            return None
        chosen = ({} if site is None else site.model_dump(exclude_unset=True)) | own.model_dump(exclude_unset=True)
        settings = RecordSection.model_construct(**chosen)
        if settings.folder is None:
            self._blame(f"{place}record.folder" if site is None else "[record] folder", "say where the recordings go")
            return None
        folder = self._path(settings.folder)
        if not _can_be_written(folder):
            self._blame("[record] folder", f"{folder} cannot be written to")
        return Recording(folder, settings.segment, settings.keep, settings.keep_size)

    def _web(self, section: WebSection, record: RecordSection | None) -> Web:
        host, _, port = section.listen.rpartition(":")
        if not (port.isdecimal() and int(port) <= 65535):
            self._blame("[web] listen", f"{section.listen} is no [HOST:]PORT, as in 8080 or 0.0.0.0:8080")
            port = "0"
        if (section.tls_cert is None) != (section.tls_key is None) or (section.tls and section.tls_cert):
            self._blame("[web] tls", "give tls_cert and tls_key, both of them, or tls = 'self', or none of them")
        web = Web(
            host=host.strip("[]") or "127.0.0.1",
            port=int(port),
            token=self._variable("[web] token_env", section.token_env) if section.token_env else None,
            own_certificate=section.tls == "self",
            certificate=self._path(section.tls_cert) if section.tls_cert else None,
            certificate_key=self._path(section.tls_key) if section.tls_key else None,
            recordings=self._path(record.folder) if record and record.folder else None,
        )
        try:
            if web.token != "":  # that it is missing is told already
                web.make_page().close()
        except UsageError as error:
            self._blame("[web]", str(error))
        return web

    def _path(self, text: str) -> Path:
        try:
            return self._folder / Path(text).expanduser()
        except RuntimeError:
            self._blame(text, "nobody of that name has a folder here")
            return self._folder / "missing"

    def _blame(self, place: str, what: str, *, inherited_from: str = "") -> None:
        """Note a fault, once, in the words of the file: what the command line calls --key-in is key_in here."""
        told = _OPTION.sub(lambda found: found[1].replace("-", "_"), what)
        if not {f"{place}: {told}", f"{inherited_from}: {told}"} & set(self.faults):
            self.faults.append(f"{place}: {told}")


def _can_be_written(folder: Path) -> bool:
    try:
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    except OSError:  # a name that is too long, a folder that this user may not look into
        return False
    return there.is_dir() and os.access(there, os.W_OK)


def _picture_size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    width, _, height = text.partition("x")
    return int(width), int(height)
