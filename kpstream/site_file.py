"""What may stand in the file that describes a site: its sections, its keys, and a line for each that is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from kpstream.dispatch.sampling import LIVE_RATE
from kpstream.errors import UsageError
from kpstream.options import KEY_VARIABLE, DrawOptions, ModelOptions
from kpstream.quantities import duration, size
from kpstream.redact import redact


def read_sections(path: Path) -> SiteSection:
    """Read a site's file as far as it can be understood by itself.

    Raises:
        UsageError: The file is faulty; the text has a line for each fault.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: this is not TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or 'it is not text'}") from None
    try:
        return SiteSection.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
    raise faulty(path, [_fault(details, document) for details in found])


def faulty(path: Path, faults: list[str]) -> UsageError:
    """The error that names these faults, a line each."""
    return UsageError("\n".join(redact(f"{path}: {fault}") for fault in faults))


def _listed(value: object) -> object:
    """A list of words as the comma list that the command line takes."""
    return ",".join(value) if isinstance(value, list) and all(isinstance(v, str) for v in value) else value


def _worded(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _quantity(parse: Callable[[Any], float]) -> BeforeValidator:
    def checked(value: object) -> object:
        return value if isinstance(value, bool | list | dict) else parse(value)

    return BeforeValidator(checked)


_Seconds = Annotated[float, _quantity(duration)]
_Size = Annotated[int, _quantity(size)]
_Words = Annotated[str, BeforeValidator(_listed)]
_Reference = Annotated[str, BeforeValidator(_worded)]
_Positive = Annotated[float, Field(gt=0)]
_Fraction = Annotated[float, Field(ge=0, le=1)]
_Corner = Annotated[list[_Fraction], Field(min_length=2, max_length=2)]
_Zone = Annotated[list[_Corner], Field(min_length=3)]
_Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
_HINTS = get_type_hints(ModelOptions, include_extras=True)


def _as(option: str) -> Any:
    """An option of the command line as a key of the file: its default, its limits and what it means."""
    told = get_args(_HINTS[option])[1]
    least, most = (limit if isinstance(limit, int | float) else None for limit in (told.min, told.max))
    return Field(getattr(ModelOptions, option), ge=least, le=most, description=told.help.rstrip("."))


def _key(meaning: str, default: Any = None, **limits: Any) -> Any:
    return Field(default, description=meaning, **limits)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


class EndpointSection(_Section):
    """Which model is asked, and where."""

    model: str | None = _as("model")
    endpoint: str = _as("endpoint")
    api_url: str = _as("api_url")
    api_key_env: _Variable = _key("name of the environment variable that holds the API key", KEY_VARIABLE)
    api_key_file: str | None = _key("a file that holds the API key and nothing else")
    key_in: Literal["query", "header"] = _key("how the key travels: as documented, or in a header", "query")
    confidence: float = _as("confidence")
    overlap: float = _as("overlap")
    classes: _Words = _as("classes")
    keypoint_confidence: float = _as("keypoint_confidence")
    max_detections: int = _as("max_detections")
    skeleton: str | None = _as("skeleton")
    upload_size: int = _as("upload_size")
    jpeg_quality: int = _as("jpeg_quality")
    body: Literal["multipart", "base64"] = _as("body")
    timeout: float = _as("timeout")


class LimitsSection(_Section):
    """What all cameras share."""

    rate: _Positive = _key("the most requests a second, all cameras together", inf)
    max_requests: int | None = _key("the budget: the most requests in all, until it is started anew", ge=1)
    max_in_flight: int | None = _key("the most requests at once, all cameras together", ge=1)


class RecordSection(_Section):
    """What is recorded, and for how long it is kept."""

    folder: str | None = _key("where the recordings go")
    segment: _Seconds = _key("how long one file is, as 10m", 600.0)
    keep: _Seconds | None = _key("how long files are kept, as 7d")
    keep_size: _Size | None = _key("how much room the files of one camera may take, as 50G")


class WebSection(_Section):
    """The page in a browser."""

    listen: _Reference = _key("[HOST:]PORT that the page is served at", "127.0.0.1:8080")
    token_env: _Variable | None = _key("name of the environment variable that holds the page's token")
    tls: Literal["self"] | None = _key("'self' makes a certificate on the spot")
    tls_cert: str | None = _key("a file with the page's certificate")
    tls_key: str | None = _key("a file with the key of that certificate")


class CameraSection(_Section):
    """One camera, and what is different for it."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?$",
        description="what it is called on the page and in file names: letters, digits and _ . -",
    )
    source: _Reference | None = _key("a device (0), rtsp://, http(s)://, or a file")
    source_env: _Variable | None = _key("name of the environment variable that holds the source")
    masks: list[_Zone] = _key("zones to paint over: 3 corners or more, each [x, y] in fractions of the picture", [])
    rate: _Positive = _key("the most samples per second of video", LIVE_RATE)
    sampling: Literal["steady", "adaptive"] = _key("adaptive asks less while nothing happens", "adaptive")
    sync: Literal["live", "aligned"] = _key("live shows the newest picture, aligned waits for its answers", "live")
    delay: _Positive = _key("the most seconds that aligned waits", 1.5)
    draw: _Words = _key("what is drawn", DrawOptions().draw)
    thickness: int | None = _key("of lines, in pixels", ge=1)
    size: str | None = _key("picture size asked of a webcam, as 1280x720", pattern=r"^[1-9]\d{0,4}x[1-9]\d{0,4}$")
    frame_rate: _Positive | None = _key("frames a second asked of a webcam")
    rtsp_transport: Literal["tcp", "udp"] = _key("how an RTSP stream travels", "tcp")
    recorded: bool = _key("whether it is recorded where there is a [record]", True)
    record: RecordSection = _key("what differs from [record]", RecordSection())
    endpoint: EndpointSection = _key("what differs from [endpoint]", EndpointSection())


class SiteSection(_Section):
    """The whole file."""

    endpoint: EndpointSection = _key("which model is asked, and where", EndpointSection())
    limits: LimitsSection = _key("what all cameras share", LimitsSection())
    record: RecordSection | None = _key("recording")
    web: WebSection | None = _key("the page")
    camera: list[CameraSection] = Field(description="one [[camera]] for each camera", min_length=1)


_SECTIONS: dict[tuple[str, ...], type[_Section]] = {
    (): SiteSection,
    ("endpoint",): EndpointSection,
    ("limits",): LimitsSection,
    ("record",): RecordSection,
    ("web",): WebSection,
    ("camera",): CameraSection,
    ("camera", "endpoint"): EndpointSection,
    ("camera", "record"): RecordSection,
}


_WRONG = {
    "missing": "it is required",
    "bool_type": "it must be true or false",
    "float_type": "it must be a number",
    "int_type": "it must be a whole number",
    "list_type": "it must be a list",
    "model_type": "it must be a section",
    "string_type": "it must be a text in quotes",
    "string_pattern_mismatch": "it has another form",
    "too_long": "there is something too many in it",
    "too_short": "there is something missing in it",
}
"""What pydantic's kinds of errors mean to somebody who writes a file; others say it well themselves."""


def _fault(details: ErrorDetails, document: Mapping[str, Any]) -> str:
    """One line on what pydantic found: the place, what is wrong, and what the key means."""
    words = tuple(part for part in details["loc"] if isinstance(part, str))
    section, place = _SECTIONS[words[:-1]], _place(details["loc"], document)
    if details["type"] == "extra_forbidden":
        near = get_close_matches(words[-1], section.model_fields, n=1)
        known = f"did you mean {near[0]}?" if near else f"known are {', '.join(section.model_fields)}"
        secret = " - a key never stands in the file: api_key_env names its variable" if words[-1] == "api_key" else ""
        return f"{place}: there is no such key; {known}{secret}"
    wrong = _WRONG.get(details["type"]) or details["msg"].removeprefix("Value error, ").replace(
        "Input should", "it must"
    )
    return f"{place}: {wrong} ({section.model_fields[words[-1]].description})"


def _place(location: tuple[int | str, ...], document: Mapping[str, Any]) -> str:
    """Where in the file that is, in the file's own words."""
    rest = list(location)
    begin = ""
    if rest[0] == "camera" and len(rest) > 1:
        number = rest[1]
        camera = document["camera"][number]
        name = camera.get("name") if isinstance(camera, dict) else None
        begin, rest = f"camera {name if isinstance(name, str) else int(number) + 1}, ", rest[2:]
    elif len(rest) > 1:
        begin, rest = f"[{rest[0]}] ", rest[1:]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest).removeprefix(".")
    return (begin + key).removesuffix(", ")
