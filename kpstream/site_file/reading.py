"""From what a site's file says to what is meant, with the secrets that it names found."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from kpstream.camera.spec import CameraSpec, Recording, SiteSpec
from kpstream.dispatch.dealer import Limits
from kpstream.endpoints.opening import make_endpoint, read_key
from kpstream.errors import KpstreamError, SourceOpenError, UsageError
from kpstream.events import RuleSet, read_tables
from kpstream.options import (
    EMBEDDED,
    DrawOptions,
    LiveRequestOptions,
    ModelOptions,
    SourceOptions,
    ViewOptions,
    Zone,
    declared_options,
)
from kpstream.paths import is_folder, is_there
from kpstream.redact import redact, remember_secrets, with_login_quoted
from kpstream.sinks.output import STDOUT, check_apart
from kpstream.site_file.delivery import DeliveryPlan, plan_delivery
from kpstream.site_file.fault_log import FaultLog
from kpstream.site_file.functions import function_named
from kpstream.site_file.page import PagePlan, plan_page
from kpstream.site_file.sections import faulty, read_sections
from kpstream.sources.opening import check_names_something, is_address

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_KEYS = {"api_key_env", "api_key_file"}
_SEGMENT = 600.0
"""Seconds of a recorded file, where the file does not say."""
Keys = Mapping[str, Any]
Group = TypeVar("Group")


@dataclass(frozen=True, slots=True)
class SitePlan:
    """All that the file says."""

    site: SiteSpec
    web: PagePlan | None = None
    """None where no page is served."""
    delivery: DeliveryPlan = field(default_factory=DeliveryPlan)
    """Where events are kept and delivered to."""


def load(path: Path) -> SitePlan:
    """Read a site's file and check all that can be checked before a camera is opened.

    Raises:
        UsageError: The file is faulty; the text has a line for each fault.
    """
    written = read_sections(path)
    faults = FaultLog(path.absolute().parent)
    plan = _Reading(faults).site(written)
    if faults.lines:
        raise faulty(path, faults.lines)
    return plan


class _Reading:
    """Makes specs of what stands in a file.

    Args:
        faults: Takes the faults that are found on the way.
    """

    def __init__(self, faults: FaultLog) -> None:
        self._faults = faults
        self._tried: set[tuple[ModelOptions, str | None]] = set()

    def site(self, written: Keys) -> SitePlan:
        """The whole; only of use if there are no faults."""
        cameras = tuple(self._camera(camera, written) for camera in written["camera"])
        names = [camera.name.lower() for camera in cameras]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self._faults.add(f"camera {name}, name", "two cameras have it, and it names their files: give each its own")
        lines = [camera.jsonl for camera in cameras if camera.jsonl is not None]
        for path in sorted({path for path in lines if lines.count(path) > 1}):
            self._faults.add("camera, jsonl", f"two cameras would write {path}: give each its own")
        shown = [Path(camera.reference) for camera in cameras if Path(camera.reference).is_absolute()]
        read = [path for path in shown if is_there(path)]
        for path in sorted(set(lines)):
            try:
                check_apart(read, [path])
            except UsageError as error:
                self._faults.add("camera, jsonl", str(error))
        limits = Limits(**written.get("limits", {}))
        web = written.get("web")
        page = None if web is None else plan_page(web, written.get("record"), self._faults)
        rules = self._rules(written, [camera.name for camera in cameras])
        cameras = tuple(replace(camera, rules=rules.of_camera(camera.name)) for camera in cameras)
        return SitePlan(SiteSpec(cameras, limits), page, self._delivery(written))

    def _rules(self, written: Keys, cameras: Sequence[str]) -> RuleSet:
        """The zones, lines and rules of all cameras."""
        rules, faults = read_tables(written, lambda name: function_named(name, self._faults.folder))
        self._faults.lines += faults
        for kind, found in (("zone", rules.zones.values()), ("line", rules.lines.values()), ("rule", rules.rules)):
            for each in found:
                for name in sorted(set(each.cameras) - set(cameras)):
                    self._faults.add(f"{kind} {each.name}, cameras", f"there is no camera {name}")
        return rules

    def _delivery(self, written: Keys) -> DeliveryPlan:
        plan = plan_delivery(written, self._faults)
        if plan.delivers and plan.events.folder is None:
            self._faults.add("[events] folder", "what is delivered is kept until it arrives: say where")
        return plan

    def _camera(self, written: Keys, site: Keys) -> CameraSpec:
        place = f"camera {written['name']}, "
        model, key = self._model(place, written.get("endpoint", {}), site.get("endpoint", {}))
        return CameraSpec(
            name=written["name"],
            reference=self._reference(place, written),
            source=self._source_options(place, written),
            jsonl=self._jsonl(place, written),
            model=model,
            api_key=key,
            requests=self._options(LiveRequestOptions, written),
            view=self._view(place, written),
            drawing=self._drawing(place, written),
            recording=self._recording(place, written, site.get("record")),
        )

    def _options(self, group: type[Group], written: Keys) -> Group:
        """An option group as the file has it; its paths count from the file."""
        given = {}
        for each in declared_options(group):
            if each.name in written:
                value = written[each.name]
                if each.type in (Path, Path | None):
                    value = self._faults.path(value)
                given[each.name] = tuple(value) if isinstance(value, list) else value
        return group(**given)

    def _source_options(self, place: str, written: Keys) -> SourceOptions:
        options = self._options(SourceOptions, {**written, "masks": _zones(written), "loop": True})
        try:
            _ = options.headers
        except UsageError as error:
            self._faults.add(f"{place}source_header", str(error).removeprefix("`source_header` "))
        return options

    def _reference(self, place: str, written: Keys) -> str:
        if ("source" in written) == ("source_env" in written):
            self._faults.add(f"{place}source", "give this or source_env, one of them (a device, an address or a file)")
            return ""
        if "source" in written and not written["source"].strip():
            self._faults.add(f"{place}source", "it is empty (a device, an address or a file)")
            return ""
        if "source_env" in written:
            reference = self._faults.variable(f"{place}source_env", written["source_env"])
        else:
            reference = self._filled_in(f"{place}source", written["source"])
        remember_secrets(reference)
        try:
            check_names_something(reference)
        except SourceOpenError as error:
            self._faults.add(f"{place}source", str(error))
        if is_address(reference) or reference.isdecimal() or reference.startswith("/dev/"):
            return reference
        return str(self._faults.path(reference))

    def _filled_in(self, place: str, source: str) -> str:
        """The address with its variables filled in; a password may only come from one."""
        try:
            bare = urlsplit(with_login_quoted(_VARIABLE.sub("", source)))
            if bare.password or redact(bare.query) != bare.query:
                self._faults.add(
                    place, "a password never stands in the file: write ${NAME} for it, and set that variable"
                )
        except ValueError:
            self._faults.add(place, "its brackets do not match")
        address = is_address(source)
        return _VARIABLE.sub(lambda found: self._quoted(place, found[1], address=address), source)

    def _quoted(self, place: str, name: str, *, address: bool) -> str:
        value = self._faults.variable(place, name)
        return quote(value, safe="") if address else value

    def _model(self, place: str, own: Keys, site: Keys) -> tuple[ModelOptions, str | None]:
        """A camera's model and its API key."""
        replaced = _KEYS if own.keys() & _KEYS else set()
        if own.get("endpoint") == EMBEDDED:
            replaced = replaced | {"model", "skeleton"}
        chosen = {key: value for key, value in site.items() if key not in replaced} | dict(own)
        where = f"{place}endpoint" if own else "[endpoint]"
        if chosen.keys() >= _KEYS:
            self._faults.add(where, "api_key_file and api_key_env both give the key: choose one")
        model, key = self._options(ModelOptions, chosen), None
        try:
            if "api_key_env" in chosen:
                at = where if "api_key_env" in own else "[endpoint]"
                key = self._faults.variable(f"{at} api_key_env", chosen["api_key_env"]) or "none"
            elif not model.embedded:
                key = read_key(model.api_key_file)
            if (model, key) not in self._tried:
                self._tried.add((model, key))
                _ = model.filters
                make_endpoint(model, key).close()
        except KpstreamError as error:
            self._faults.add(where, str(error), inherited_from="[endpoint]")
        return model, key

    def _jsonl(self, place: str, written: Keys) -> Path | None:
        if "jsonl" not in written:
            return None
        if written["jsonl"] == STDOUT:
            return Path(STDOUT)
        path = self._faults.path(written["jsonl"])
        if is_folder(path) or not _can_be_a_folder(path.parent):
            self._faults.add(f"{place}jsonl", f"{path} cannot be written to")
        return path

    def _view(self, place: str, written: Keys) -> ViewOptions:
        view = self._options(ViewOptions, written)
        try:
            _ = view.max_delay
        except UsageError as error:
            self._faults.add(f"{place}delay", str(error))
        return view

    def _drawing(self, place: str, written: Keys) -> DrawOptions:
        drawing = self._options(DrawOptions, written)
        try:
            _ = drawing.parts
        except UsageError as error:
            self._faults.add(f"{place}draw", str(error))
        return drawing

    def _recording(self, place: str, written: Keys, site: Keys | None) -> Recording | None:
        own = written.get("record", {})
        if not written.get("recorded", True) or (site is None and not own):
            return None
        chosen = {"segment": _SEGMENT} | dict(site or {}) | own
        if chosen.get("folder") is None:
            self._faults.add(
                f"{place}record.folder" if site is None else "[record] folder", "say where the recordings go"
            )
            return None
        folder = self._faults.path(chosen.pop("folder"))
        if not _can_be_a_folder(folder):
            self._faults.add("[record] folder", f"{folder} lies in what is no folder")
        return Recording(folder, written["name"], **chosen)


def _zones(written: Keys) -> tuple[Zone, ...]:
    return tuple(tuple((x, y) for x, y in zone) for zone in written.get("masks", ()))


def _can_be_a_folder(path: Path) -> bool:
    """Whether nothing but a folder is where this one shall be; one that is not there yet may come with a mount."""
    try:
        return next(parent for parent in (path, *path.parents) if parent.exists()).is_dir()
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
