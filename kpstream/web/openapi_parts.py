"""What an OpenAPI document is made of."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

NUMBER: Schema = {"type": ["number", "null"]}
COUNT: Schema = {"type": "integer", "minimum": 0}
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}


def object_of(properties: Schema, *, optional: tuple[str, ...] = ()) -> Schema:
    """An object with these properties."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def list_of(items: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": items}


def ref(name: str) -> Schema:
    """A schema of the document, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def answer(description: str, schema: Schema | None = None, kind: str = "application/json") -> Schema:
    """What a route answers."""
    return {"description": description, "content": {kind: {"schema": schema} if schema else {}}}


_ERRORS: dict[str, str] = {
    "400": "The body cannot be read.",
    "404": "There is no such camera, event or file.",
    "409": "It cannot be done on this camera.",
    "413": "The body is too long.",
    "416": "The file has no such range.",
    "422": "A value is out of bounds.",
    "503": "Not now: no picture has come yet, there are too many viewers, or the event store has trouble.",
}


def operation(
    identifier: str,
    summary: str,
    answers: Schema,
    errors: tuple[str, ...] = (),
    *,
    parameters: tuple[Schema, ...] = (),
    body: Schema | None = None,
) -> Schema:
    """What can be asked of a route.

    Args:
        identifier: Its name for programs.
        summary: Its name for people.
        answers: By status, where all is well.
        errors: The statuses of faults that it has beside those of every route.
        parameters: In its path and behind it.
        body: The schema of what is sent to it; None where nothing is.
    """
    refused: Schema = {code: answer(_ERRORS[code], ref("Error")) for code in errors}
    refused |= {
        "401": {"description": "The token is missing or wrong."},
        "403": answer("The request comes from another site.", ref("Error")),
        "421": answer("The page is not called by that name.", ref("Error")),
    }
    found: Schema = {"operationId": identifier, "summary": summary, "responses": answers | refused}
    if parameters:
        found["parameters"] = list(parameters)
    if body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return found
