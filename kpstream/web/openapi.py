"""The OpenAPI document: what programs may ask for, and what they are answered."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_type_hints

from kpstream import __version__
from kpstream.entities import Stats
from kpstream.web.payloads import LIMITS

Schema = dict[str, Any]

_NUMBER: Schema = {"type": ["number", "null"]}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}


def _object(properties: Schema, *, optional: tuple[str, ...] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _settings() -> Schema:
    return {name: {"type": "number", "minimum": low, "maximum": high} for name, (low, high) in LIMITS.items()}


def _stats() -> Schema:
    schemas: dict[Any, Schema] = {int: _COUNT, float: _NUMBER, int | None: {"type": ["integer", "null"]}}
    types = get_type_hints(Stats)
    return _object(
        {
            field.name: {**schemas[types[field.name]], **_description(field.metadata.get("help"))}
            for field in fields(Stats)
            if types[field.name] is not str
        }
    )


def _description(text: str | None) -> Schema:
    return {"description": text} if text else {}


def _camera() -> Schema:
    return _object(
        {
            "name": _TEXT,
            "title": _TEXT,
            "state": {"enum": ["live", "waiting", "silent", "stuck", "ended"]},
            "text": {"type": "string", "description": "The state for people."},
            "source_trouble": _TEXT,
            "picture_trouble": _TEXT,
            "endpoint_trouble": _TEXT,
            "size": {
                "type": ["array", "null"],
                "items": {"type": "integer"},
                "description": "Width, height in pixels.",
            },
            "frame_index": {"type": ["integer", "null"]},
            "poses_in_view": _COUNT,
            "stale": _FLAG,
            "picture_age": {**_NUMBER, "description": "Seconds from the camera to the screen."},
            "answer_age": {**_NUMBER, "description": "Seconds between the answered picture and this one."},
            "stats": _ref("Stats"),
            "settings": {"oneOf": [_ref("Settings"), {"type": "null"}]},
            "recording": {"type": ["boolean", "null"], "description": "null: it cannot be recorded."},
            "recording_trouble": {"type": "string", "description": "Why the recording pauses."},
            "viewers": _COUNT,
        }
    )


def _poses() -> Schema:
    keypoint = _object({"class": _TEXT, "class_id": _COUNT, "x": _NUMBER, "y": _NUMBER, "confidence": _NUMBER})
    pose = _object(
        {
            "tracker_id": {"type": ["integer", "null"]},
            "origin": {"enum": ["measured", "predicted", "interpolated"]},
            "class": _TEXT,
            "class_id": {"type": "integer"},
            "confidence": _NUMBER,
            "stale": _FLAG,
            "x": {**_NUMBER, "description": "Of the centre of the box, in pixels of the source."},
            "y": _NUMBER,
            "width": _NUMBER,
            "height": _NUMBER,
            "keypoints": _list(keypoint),
        }
    )
    return _object(
        {
            "source": _TEXT,
            "frame_index": _COUNT,
            "pts": _NUMBER,
            "captured_at": _NUMBER,
            "rendered_at": _NUMBER,
            "frame_size": _list({"type": "integer"}),
            "captured_wall": _TEXT,
            "result_frame_index": {"type": ["integer", "null"]},
            "result_age": _NUMBER,
            "stale": _FLAG,
            "poses": _list(pose),
        },
        optional=("captured_wall",),
    )


def _schemas() -> Schema:
    health = _object({"state": _TEXT, "text": _TEXT})
    return {
        "Camera": _camera(),
        "Stats": _stats(),
        "Settings": {
            **_object(dict.fromkeys(LIMITS, _NUMBER)),
            "description": "The most requests a second, null without a limit; the least confidences that are shown.",
        },
        "Change": {
            "description": "Some of the settings, or the recording alone.",
            "oneOf": [
                {"type": "object", "properties": _settings(), "minProperties": 1, "additionalProperties": False},
                {**_object({"recording": _FLAG}), "additionalProperties": False},
            ],
        },
        "Frame": _poses(),
        "Recording": _object(
            {
                "name": _TEXT,
                "kind": {"enum": ["video", "snapshot"]},
                "bytes": _COUNT,
                "changed": {"type": "string", "format": "date-time"},
                "url": _TEXT,
            }
        ),
        "Health": _object(
            {
                "status": {"enum": ["ok", "degraded", "dead", "not ready"]},
                "cameras": {"type": "object", "additionalProperties": health},
            }
        ),
        "Site": _object(
            {"version": _TEXT, "recordings": _FLAG, "browser_camera": _FLAG, "browser_camera_in_use": _FLAG}
        ),
        "Error": _object({"error": {"type": "string", "description": "What is wrong, for people."}}),
    }


def _answer(description: str, schema: Schema | None = None, kind: str = "application/json") -> Schema:
    return {"description": description, "content": {kind: {"schema": schema} if schema else {}}}


_ERRORS: dict[str, str] = {
    "400": "The body cannot be read.",
    "404": "There is no such camera or file.",
    "409": "It cannot be done on this camera.",
    "413": "The body is too long.",
    "416": "The file has no such range.",
    "422": "A value is out of bounds.",
    "503": "Not now: no picture has come yet, or there are too many viewers.",
}
_NAME: Schema = {
    "name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "description": "A camera's name.",
}  # fmt: skip


def _operation(
    identifier: str, summary: str, answers: Schema, errors: tuple[str, ...] = (), *, path: Schema | None = None
) -> Schema:
    refused: Schema = {code: _answer(_ERRORS[code], _ref("Error")) for code in errors}
    refused |= {
        "401": {"description": "The token is missing or wrong."},
        "403": _answer("The request comes from another site.", _ref("Error")),
        "421": _answer("The page is not called by that name.", _ref("Error")),
    }
    found: Schema = {"operationId": identifier, "summary": summary, "responses": answers | refused}
    return found if path is None else {**found, "parameters": [path]}


def _of_camera(
    identifier: str, summary: str, answers: Schema, errors: tuple[str, ...] = (), body: Schema | None = None
) -> Schema:
    operation = _operation(identifier, summary, answers, ("404", *errors), path=_NAME)
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


def _camera_paths() -> Schema:
    camera, frame, saved = _ref("Camera"), _ref("Frame"), _object({"name": _TEXT, "url": _TEXT})
    return {
        "/api/cameras/{name}": {
            "get": _of_camera("camera", "One camera", {"200": _answer("Done.", camera)}),
            "patch": _of_camera(
                "change",
                "Change settings, or start and end the recording",
                {"200": _answer("The camera afterwards.", camera)},
                ("400", "409", "413", "422"),
                _ref("Change"),
            ),
        },
        "/api/cameras/{name}/poses": {
            "get": _of_camera("poses", "The newest poses", {"200": _answer("A JSON line.", frame)}, ("503",))
        },
        "/api/cameras/{name}/events": {
            "get": _of_camera(
                "events",
                "The JSON lines as they come; /ws/cameras/{name}/lines gives them over a WebSocket",
                {"200": _answer("Server-sent events.", _TEXT, "text/event-stream")},
                ("503",),
            )
        },
        "/api/cameras/{name}/snapshot": {
            "post": _of_camera(
                "keepSnapshot",
                "Save the drawn picture among the recordings",
                {"201": _answer("Saved.", saved)},
                ("400", "409", "413", "503"),
            )
        },
        "/cameras/{name}/stream.mjpg": {
            "get": _of_camera(
                "stream", "Drawn pictures, one after the other",
                {"200": _answer("Motion JPEG.", None, "multipart/x-mixed-replace")}, ("503",),
            )
        },
        "/cameras/{name}/snapshot.jpg": {
            "get": _of_camera(
                "snapshot", "The newest drawn picture", {"200": _answer("A JPEG.", None, "image/jpeg")}, ("503",)
            )
        },
    }  # fmt: skip


def _paths() -> Schema:
    health = _ref("Health")
    cameras, recordings = _object({"cameras": _list(_ref("Camera"))}), _object({"recordings": _list(_ref("Recording"))})
    file = {"name": "name", "in": "path", "required": True, "schema": _TEXT, "description": "As the list names it."}
    media: Schema = {"description": "The file.", "content": {"video/*": {}, "image/*": {}}}
    return {
        "/api/site": {"get": _operation("site", "What the page can offer", {"200": _answer("Done.", _ref("Site"))})},
        "/api/cameras": {"get": _operation("cameras", "Every camera", {"200": _answer("Done.", cameras)})},
        **_camera_paths(),
        "/api/recordings": {
            "get": _operation("recordings", "Videos and snapshots", {"200": _answer("Done.", recordings)})
        },
        "/recordings/{name}": {
            "get": _operation(
                "recording", "One file; takes Range", {"200": media, "206": media}, ("400", "404", "416"), path=file
            )
        },
        "/metrics": {
            "get": _operation("metrics", "Figures for Prometheus", {"200": _answer("Done.", _TEXT, "text/plain")})
        },
        "/healthz": {
            "get": _operation(
                "health", "Whether it lives; a silent camera is degraded, not dead",
                {"200": _answer("It lives.", health), "503": _answer("Only a restart helps.", health)},
            )
        },
        "/readyz": {
            "get": _operation(
                "readiness", "Whether there is something to see",
                {"200": _answer("There is.", health), "503": _answer("Not yet, or no more.", health)},
            )
        },
    }  # fmt: skip


def document() -> Schema:
    """The whole document, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "kpstream",
            "version": __version__,
            "summary": "Live pictures with keypoints: pictures, poses, figures, health.",
        },
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "query": {"type": "apiKey", "in": "query", "name": "token"},
            },
        },
        "security": [{"bearer": []}, {"query": []}, {}],
    }
