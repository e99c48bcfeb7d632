"""What the OpenAPI document says of events."""

from __future__ import annotations

from kpstream.web.event_payloads import LIMIT, MARKS, MAX_LIMIT
from kpstream.web.openapi_parts import COUNT, FLAG, NUMBER, TEXT, Schema, answer, list_of, object_of, operation, ref

_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
_NAME: Schema = {"type": ["string", "null"]}
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


def _query(name: str, description: str, schema: Schema = TEXT) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


_QUERY = (
    _query("camera", "Only of this camera."),
    _query("rule", "Only of this rule."),
    _query("severity", "Only so severe ones.", {"enum": ["alert", "notice"]}),
    _query("seen", "Only those that somebody has seen, or nobody.", {"enum": ["true", "false"]}),
    _query("since", "Only what began then or later.", {"anyOf": _MOMENT}),
    _query("before", "Only what began before.", {"anyOf": [*_MOMENT, _PAGE]}),
    _query("limit", f"So many at most; {LIMIT} where it is left out.",
           {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}),
)  # fmt: skip


def schemas() -> Schema:
    """Those that the paths refer to."""
    event = {
        "event": {"type": "string", "description": "Its identity."},
        "state": {"enum": ["opened", "updated", "ended"]},
        "rule": TEXT,
        "kind": TEXT,
        "severity": {"enum": ["alert", "notice"]},
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


def _media(identifier: str, summary: str, kind: str) -> Schema:
    file = answer("The file.", None, kind)
    errors = ("400", "404", "416", "503")
    return operation(identifier, f"{summary}; takes Range", {"200": file, "206": file}, errors, parameters=(_EVENT,))
