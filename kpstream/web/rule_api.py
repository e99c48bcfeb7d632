"""The routes of the rules of cameras: what they are, what of them is armed, and where their zones and lines lie."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from kpstream.events import Line, RuleSet, Zone, read_tables, shape_table
from kpstream.web.answers import json_response
from kpstream.web.camera_rules import CameraRules, PageRules
from kpstream.web.cameras import Cameras
from kpstream.web.payloads import ApiError, read_body
from kpstream.web.rule_documents import NO_RULES, rules_document

Shape = TypeVar("Shape", Zone, Line)
_SHAPE_KEYS = {"zone": {"name", "polygon"}, "line": {"name", "from", "to"}}


class RuleApi:
    """The HTTP routes about rules. What cannot be served is raised as ApiError.

    Args:
        cameras: What is shown.
        rules: Those of the cameras; None where none are shown.
    """

    def __init__(self, cameras: Cameras, rules: PageRules | None) -> None:
        self._cameras = cameras
        self._rules = rules
        self._one_edits = asyncio.Lock()  # whoever writes next has read what was written

    async def rules(self, request: Request) -> Response:
        """The rules of a camera, with zones and lines; none of a camera that has none."""
        found = self._of_camera(request)
        return json_response(NO_RULES if found is None or self._rules is None else rules_document(found, self._rules))

    async def arm(self, request: Request) -> Response:
        """Arm or disarm a rule, or the camera as a whole."""
        found, of_page = self._found(request)
        if not found.rules.rules:
            raise ApiError(409, "this camera has no rules")
        payload = await read_body(request)
        rule, armed = payload.get("rule", ""), payload.get("armed")
        if not isinstance(armed, bool) or payload.keys() - {"rule", "armed"}:
            raise ApiError(422, 'give {"armed": false} for the camera, or {"rule": "NAME", "armed": false} for a rule')
        if "rule" in payload and not any(each.name == rule for each in found.rules.rules):
            raise ApiError(422, "this camera has no such rule")
        await run_in_threadpool(found.arm, rule, armed)
        return json_response(rules_document(found, of_page))

    async def shape(self, request: Request) -> Response:
        """Write zones and lines into the site's file, where its owner lets the page do that, or give them as TOML."""
        found, of_page = self._found(request)
        shapes = parse_shapes(await read_body(request), found.rules, () if len(self._cameras) == 1 else (found.camera,))
        zones, lines = tuple(shapes.zones.values()), tuple(shapes.lines.values())
        if of_page.edit is not None:
            async with self._one_edits:
                await run_in_threadpool(of_page.edit, zones, lines)
        toml = "\n".join([*map(shape_table, zones), *map(shape_table, lines)])
        return json_response({"written": of_page.edit is not None, "toml": toml})

    def _found(self, request: Request) -> tuple[CameraRules, PageRules]:
        found = self._of_camera(request)
        if found is None or self._rules is None:
            raise ApiError(409, "this camera has no rules")
        return found, self._rules

    def _of_camera(self, request: Request) -> CameraRules | None:
        hub = self._cameras.find(request.path_params["name"])
        if hub is None:
            raise ApiError(404, "there is no such camera")
        return None if self._rules is None else self._rules.find(hub.feed.title)


def parse_shapes(payload: dict[str, Any], known: RuleSet, cameras: tuple[str, ...]) -> RuleSet:
    """Zones and lines as somebody draws them; of one that is there already, all but its place stays.

    Args:
        payload: What was sent.
        known: What there is.
        cameras: Those that have what is new; empty for all.

    Raises:
        ApiError: They are none, or none are given.
    """
    document = {"zone": payload.get("zones", []), "line": payload.get("lines", [])}
    if payload.keys() - {"zones", "lines"} or not any(document.values()):
        raise ApiError(422, "give zones, each with name and polygon, or lines, each with name, from and to, or both")
    for kind, tables in document.items():
        for table in tables if isinstance(tables, list) else ():
            if isinstance(table, dict) and table.keys() - _SHAPE_KEYS[kind]:
                raise ApiError(422, f"a {kind} has {', '.join(sorted(_SHAPE_KEYS[kind]))}, and nothing else")
    shapes, faults = read_tables(document, _no_function)
    if faults:
        raise ApiError(422, faults[0])

    def placed(shape: Shape, there: Mapping[str, Shape]) -> Shape:
        return replace(shape, cameras=there[shape.name].cameras if shape.name in there else cameras)

    zones = {name: placed(zone, known.zones) for name, zone in shapes.zones.items()}
    lines = {name: placed(line, known.lines) for name, line in shapes.lines.items()}
    return RuleSet((), zones, lines)


def _no_function(name: str) -> Callable[..., bool | None]:
    raise ValueError(f"{name} is not asked for")
