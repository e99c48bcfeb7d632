"""What the OpenAPI document says of events and rules."""

from __future__ import annotations

from typing import get_args

from kpstream.delivery.database import MARKS
from kpstream.entities import Severity
from kpstream.events.tables import NAME_PATTERN
from kpstream.web.event_payloads import LIMIT, MAX_LIMIT
from kpstream.web.openapi_parts import COUNT, FLAG, NUMBER, TEXT, Schema, answer, list_of, object_of, operation, ref

_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
_NAME: Schema = {"type": ["string", "null"]}
_SEVERITY: Schema = {"enum": [*get_args(Severity)]}
_EVENT: Schema = {
    "name": "event",
    "in": "path",
    "required": True,
    "schema": TEXT,
    "description": "An event's identity.",
}


_MOMENT: list[Schema] = [
    {"type": "string", "format": "date-time"},
    {"type": "string", "pattern": "^[1-9][0-9]{0,3}[smhd]$", "description": "So long ago."},
]
_PAGE: Schema = {"type": "string", "pattern": "^[0-9]{1,9}~[0-9a-f]{32}$", "description": "What next was before."}


_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_POINT: Schema = {"type": "array", "items": _SHARE, "minItems": 2, "maxItems": 2}
_SHAPE_NAME: Schema = {"type": "string", "pattern": NAME_PATTERN}
_ZONE: Schema = {
    **object_of({"name": _SHAPE_NAME, "polygon": {**list_of(_POINT), "minItems": 3}}),
    "additionalProperties": False,
}
_LINE: Schema = {**object_of({"name": _SHAPE_NAME, "from": _POINT, "to": _POINT}), "additionalProperties": False}


def _query(name: str, description: str, schema: Schema = TEXT) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


_QUERY = (
    _query("camera", "Only of this camera."),
    _query("rule", "Only of this rule."),
    _query("severity", "Only so severe ones.", _SEVERITY),
    _query("seen", "Only those that somebody has seen, or nobody.", {"enum": ["true", "false"]}),
    _query("since", "Only what began then or later.", {"anyOf": _MOMENT}),
    _query("before", "Only what began before.", {"anyOf": [*_MOMENT, _PAGE]}),
    _query("limit", f"So many at most; {LIMIT} where it is left out.",
           {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}),
)  # fmt: skip


def _rules() -> Schema:
    rule = {
        "name": TEXT,
        "kind": TEXT,
        "severity": _SEVERITY,
        "armed": {**FLAG, "description": "By itself; it opens events where its camera is armed, too."},
        "for": NUMBER,
        "clear": NUMBER,
        "classes": list_of(TEXT),
        "zone": _NAME,
        "line": _NAME,
        "min": NUMBER,
        "max": NUMBER,
        "unit": TEXT,
        "schedule": list_of(TEXT),
        "scheduled": {**FLAG, "description": "Whether it holds now."},
    }
    cameras = {"cameras": list_of(TEXT)}
    return object_of(
        {
            "camera": {**_NAME, "description": "Its name in events; null where it can have no rules."},
            "armed": FLAG,
            "timezone": {**_NAME, "description": "In which schedules hold; null for the machine's own."},
            "rules": list_of(object_of(rule)),
            "zones": list_of(object_of({**_ZONE["properties"], **cameras})),
            "lines": list_of(object_of({**_LINE["properties"], **cameras})),
            "editable": {**FLAG, "description": "Whether the page writes zones and lines into the file."},
        }
    )


def schemas() -> Schema:
    """Those that the paths refer to."""
    event = {
        "event": {"type": "string", "description": "Its identity."},
        "state": {"enum": ["opened", "updated", "ended"]},
        "rule": TEXT,
        "kind": TEXT,
        "severity": _SEVERITY,
        "camera": TEXT,
        "tracker_ids": list_of({"type": "integer"}),
        "class": {"type": ["string", "null"]},
        "value": NUMBER,
        **dict.fromkeys(("began_at", "opened_at", "ended_at"), _TIME),
        **dict.fromkeys(("began_pts", "opened_pts", "ended_pts"), NUMBER),
        "frame_index": COUNT,
        **dict.fromkeys(("zone", "snapshot", "clip"), _NAME),
        "cut": FLAG,
        "clip_cut": FLAG,
        **dict.fromkeys(MARKS, FLAG),
    }
    marks = {"type": "object", "properties": dict.fromkeys(MARKS, FLAG)}
    return {
        "Rules": _rules(),
        "Arming": {**object_of({"rule": TEXT, "armed": FLAG}, optional=("rule",)), "additionalProperties": False},
        "Shapes": {
            "type": "object",
            "properties": {"zones": list_of(_ZONE), "lines": list_of(_LINE)},
            "minProperties": 1,
            "additionalProperties": False,
        },
        "Event": object_of(event, optional=("cut", "clip_cut")),
        "Marks": {**marks, "minProperties": 1, "additionalProperties": False},
    }


def paths() -> Schema:
    """The routes of the events that are kept."""
    event = {"200": answer("The event.", ref("Event"))}
    listed = object_of(
        {
            "events": list_of(ref("Event")),
            "next": {"type": ["string", "null"], "description": "What before is given for those that follow."},
            "unseen": {**COUNT, "description": "Events of all cameras that nobody has seen."},
            "cameras": {**list_of(TEXT), "description": "All of which there are events."},
            "rules": {**list_of(TEXT), "description": "All of which there are events."},
        }
    )
    last = {
        "name": "Last-Event-ID",
        "in": "header",
        "required": False,
        "schema": TEXT,
        "description": "To go on there.",
    }
    return {
        **_rule_paths(),
        "/api/events": {
            "get": operation(
                "listEvents", "What happened, the newest first", {"200": answer("Done.", listed)},
                ("404", "422", "503"),
                parameters=_QUERY,
            )
        },
        "/api/events/stream": {
            "get": operation(
                "eventStream", "Every change of an event as it is stored",
                {"200": answer("Server-sent events.", TEXT, "text/event-stream")}, ("404", "503"), parameters=(last,),
            )
        },
        "/api/events/{event}": {
            "get": operation("event", "One event", event, ("404", "503"), parameters=(_EVENT,)),
            "patch": operation(
                "markEvent", "Say that it was seen, that it was a false alarm, that it shall be kept", event,
                ("400", "404", "413", "422", "503"), parameters=(_EVENT,), body=ref("Marks"),
            ),
        },
        "/api/events/{event}/clip.mp4": {"get": _media("clip", "Its pictures, and those around it", "video/mp4")},
        "/api/events/{event}/snapshot.jpg": {
            "get": _media("eventSnapshot", "Its strongest moment, drawn", "image/jpeg")
        },
    }  # fmt: skip


def _rule_paths() -> Schema:
    name = {"name": "name", "in": "path", "required": True, "schema": TEXT, "description": "A camera's name."}
    rules = {"200": answer("The rules.", ref("Rules"))}
    written = object_of({"written": {**FLAG, "description": "Whether the file has them now."}, "toml": TEXT})
    errors = ("400", "404", "409", "413", "422")
    return {
        "/api/cameras/{name}/rules": {
            "get": operation("rules", "Rules, zones and lines of a camera", rules, ("404",), parameters=(name,)),
            "patch": operation(
                "arm", "Arm or disarm a rule, or the camera; what is disarmed opens nothing", rules, errors,
                parameters=(name,), body=ref("Arming"),
            ),
        },
        "/api/cameras/{name}/shapes": {
            "put": operation(
                "shape", "Write zones and lines into the site's file, or get them as TOML",
                {"200": answer("Done.", written)}, errors, parameters=(name,), body=ref("Shapes"),
            )
        },
    }  # fmt: skip


def _media(identifier: str, summary: str, kind: str) -> Schema:
    file = answer("The file.", None, kind)
    errors = ("400", "404", "416", "503")
    return operation(identifier, f"{summary}; takes Range", {"200": file, "206": file}, errors, parameters=(_EVENT,))
