"""The OpenAPI document: what programs may ask for, and what they are answered."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_type_hints

from kpstream import __version__
from kpstream.entities import Stats
from kpstream.web import openapi_events
from kpstream.web.openapi_parts import COUNT, FLAG, NUMBER, TEXT, Schema, answer, list_of, object_of, operation, ref
from kpstream.web.payloads import LIMITS


def _settings() -> Schema:
    return {name: {"type": "number", "minimum": low, "maximum": high} for name, (low, high) in LIMITS.items()}


def _stats() -> Schema:
    schemas: dict[Any, Schema] = {int: COUNT, float: NUMBER, int | None: {"type": ["integer", "null"]}}
    types = get_type_hints(Stats)
    return object_of(
        {
            field.name: {**schemas[types[field.name]], **_description(field.metadata.get("help"))}
            for field in fields(Stats)
            if types[field.name] is not str
        }
    )


def _description(text: str | None) -> Schema:
    return {"description": text} if text else {}


def _camera() -> Schema:
    return object_of(
        {
            "name": TEXT,
            "title": TEXT,
            "state": {"enum": ["live", "waiting", "silent", "stuck", "ended"]},
            "text": {"type": "string", "description": "The state for people."},
            "source_trouble": TEXT,
            "picture_trouble": TEXT,
            "endpoint_trouble": TEXT,
            "machine_trouble": {"type": "string", "description": "Which pictures the machine cannot show."},
            "size": {
                "type": ["array", "null"],
                "items": {"type": "integer"},
                "description": "Width, height in pixels.",
            },
            "frame_index": {"type": ["integer", "null"]},
            "poses_in_view": COUNT,
            "stale": FLAG,
            "picture_age": {**NUMBER, "description": "Seconds from the camera to the screen."},
            "answer_age": {**NUMBER, "description": "Seconds between the answered picture and this one."},
            "stats": ref("Stats"),
            "settings": {"oneOf": [ref("Settings"), {"type": "null"}]},
            "recording": {"type": ["boolean", "null"], "description": "null: it cannot be recorded."},
            "recording_trouble": {"type": "string", "description": "Why the recording pauses."},
            "viewers": COUNT,
        }
    )


def _poses() -> Schema:
    keypoint = object_of({"class": TEXT, "class_id": COUNT, "x": NUMBER, "y": NUMBER, "confidence": NUMBER})
    pose = object_of(
        {
            "tracker_id": {"type": ["integer", "null"]},
            "origin": {"enum": ["measured", "predicted", "interpolated"]},
            "class": TEXT,
            "class_id": {"type": "integer"},
            "confidence": NUMBER,
            "stale": FLAG,
            "x": {**NUMBER, "description": "Of the centre of the box, in pixels of the source."},
            "y": NUMBER,
            "width": NUMBER,
            "height": NUMBER,
            "keypoints": list_of(keypoint),
        }
    )
    return object_of(
        {
            "source": TEXT,
            "frame_index": COUNT,
            "pts": NUMBER,
            "captured_at": NUMBER,
            "rendered_at": NUMBER,
            "frame_size": list_of({"type": "integer"}),
            "captured_wall": TEXT,
            "result_frame_index": {"type": ["integer", "null"]},
            "result_age": NUMBER,
            "stale": FLAG,
            "poses": list_of(pose),
        },
        optional=("captured_wall",),
    )


def _schemas() -> Schema:
    health = object_of({"state": TEXT, "text": TEXT})
    return {
        "Camera": _camera(),
        **openapi_events.schemas(),
        "Stats": _stats(),
        "Settings": {
            **object_of(dict.fromkeys(LIMITS, NUMBER)),
            "description": "The most requests a second, null without a limit; the least confidences that are shown.",
        },
        "Change": {
            "description": "Some of the settings, or the recording alone.",
            "oneOf": [
                {"type": "object", "properties": _settings(), "minProperties": 1, "additionalProperties": False},
                {**object_of({"recording": FLAG}), "additionalProperties": False},
            ],
        },
        "Frame": _poses(),
        "Recording": object_of(
            {
                "name": TEXT,
                "kind": {"enum": ["video", "snapshot"]},
                "bytes": COUNT,
                "changed": {"type": "string", "format": "date-time"},
                "url": TEXT,
            }
        ),
        "Health": object_of(
            {
                "status": {"enum": ["ok", "degraded", "dead", "not ready"]},
                "cameras": {"type": "object", "additionalProperties": health},
                "events": object_of({"state": {"enum": ["ok", "degraded"]}, "troubles": list_of(TEXT)}),
            },
            optional=("events",),
        ),
        "Site": object_of({"version": TEXT, "recordings": FLAG, "browser_camera": FLAG, "browser_camera_in_use": FLAG}),
        "Error": object_of({"error": {"type": "string", "description": "What is wrong, for people."}}),
    }


_NAME: Schema = {
    "name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "description": "A camera's name.",
}  # fmt: skip


_WIDTH: Schema = {
    "name": "width", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 99999},
    "description": "In how many pixels it is shown: pictures are at most that wide, but at least 160; never enlarged.",
}  # fmt: skip


def _of_camera(
    identifier: str,
    summary: str,
    answers: Schema,
    errors: tuple[str, ...] = (),
    body: Schema | None = None,
    *,
    query: tuple[Schema, ...] = (),
) -> Schema:
    return operation(identifier, summary, answers, ("404", *errors), parameters=(_NAME, *query), body=body)


def _camera_paths() -> Schema:
    camera, frame, saved = ref("Camera"), ref("Frame"), object_of({"name": TEXT, "url": TEXT})
    return {
        "/api/cameras/{name}": {
            "get": _of_camera("camera", "One camera", {"200": answer("Done.", camera)}),
            "patch": _of_camera(
                "change",
                "Change settings, or start and end the recording",
                {"200": answer("The camera afterwards.", camera)},
                ("400", "409", "413", "422"),
                ref("Change"),
            ),
        },
        "/api/cameras/{name}/poses": {
            "get": _of_camera("poses", "The newest poses", {"200": answer("A JSON line.", frame)}, ("503",))
        },
        "/api/cameras/{name}/events": {
            "get": _of_camera(
                "events",
                "The JSON lines as they come; /ws/cameras/{name}/lines gives them over a WebSocket",
                {"200": answer("Server-sent events.", TEXT, "text/event-stream")},
                ("503",),
            )
        },
        "/api/cameras/{name}/snapshot": {
            "post": _of_camera(
                "keepSnapshot",
                "Save the drawn picture among the recordings",
                {"201": answer("Saved.", saved)},
                ("400", "409", "413", "503"),
            )
        },
        "/cameras/{name}/stream.mjpg": {
            "get": _of_camera(
                "stream", "Drawn pictures, one after the other",
                {"200": answer("Motion JPEG.", None, "multipart/x-mixed-replace")}, ("422", "503"), query=(_WIDTH,),
            )
        },
        "/cameras/{name}/snapshot.jpg": {
            "get": _of_camera(
                "snapshot", "The newest drawn picture", {"200": answer("A JPEG.", None, "image/jpeg")}, ("503",)
            )
        },
    }  # fmt: skip


def _paths() -> Schema:
    health = ref("Health")
    cameras, recordings = (
        object_of({"cameras": list_of(ref("Camera"))}),
        object_of({"recordings": list_of(ref("Recording"))}),
    )
    file = {"name": "name", "in": "path", "required": True, "schema": TEXT, "description": "As the list names it."}
    media: Schema = {"description": "The file.", "content": {"video/*": {}, "image/*": {}}}
    return {
        "/api/site": {"get": operation("site", "What the page can offer", {"200": answer("Done.", ref("Site"))})},
        "/api/cameras": {"get": operation("cameras", "Every camera", {"200": answer("Done.", cameras)})},
        **_camera_paths(),
        **openapi_events.paths(),
        "/api/recordings": {
            "get": operation("recordings", "Videos and snapshots", {"200": answer("Done.", recordings)})
        },
        "/recordings/{name}": {
            "get": operation(
                "recording",
                "One file; takes Range",
                {"200": media, "206": media},
                ("400", "404", "416"),
                parameters=(file,),
            )
        },
        "/metrics": {
            "get": operation("metrics", "Figures for Prometheus", {"200": answer("Done.", TEXT, "text/plain")})
        },
        "/healthz": {
            "get": operation(
                "health", "Whether it lives; a silent camera is degraded, not dead",
                {"200": answer("It lives.", health), "503": answer("Only a restart helps.", health)},
            )
        },
        "/readyz": {
            "get": operation(
                "readiness", "Whether there is something to see",
                {"200": answer("There is.", health), "503": answer("Not yet, or no more.", health)},
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
            "summary": "Live pictures with keypoints: pictures, poses, events, figures, health.",
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
