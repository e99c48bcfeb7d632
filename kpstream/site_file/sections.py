"""What may stand in the file that describes a site: its sections, its keys, and a line for each that is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

from kpstream.errors import UsageError
from kpstream.events.tables import TABLES
from kpstream.options import (
    DeclaredOption,
    DrawOptions,
    EventsOptions,
    LiveRequestOptions,
    ModelOptions,
    MqttOptions,
    NotifyOptions,
    PageOptions,
    RecordingOptions,
    RunOptions,
    SourceOptions,
    ViewOptions,
    WebhookOptions,
    declared_options,
)
from kpstream.options.file_faults import suggestion, wrong_value
from kpstream.redact import redact


def read_sections(path: Path) -> dict[str, Any]:
    """Read a site's file as far as it can be understood by itself.

    Returns:
        The keys that stand in it, each of its type and within its limits.

    Raises:
        UsageError: The file is faulty; the text has a line for each fault.
    """
    document = read_document(path)
    try:
        return _SITE.model_validate(document).model_dump(exclude_unset=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
    raise faulty(path, [_fault(details, document) for details in found])


def read_events_sections(document: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Read what a file says of keeping and delivering events, as far as that can be understood by itself.

    Args:
        document: The tables of a file of rules.

    Returns:
        The keys that stand in it, each of its type and within its limits; and a line for each fault.
    """
    known = {name: document[name] for name in _EVENTS_SECTIONS.model_fields if name in document}
    try:
        return _EVENTS_SECTIONS.model_validate(known).model_dump(exclude_unset=True), []
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
    return {}, [_fault(details, document) for details in found]


def read_document(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        UsageError: It is none, or cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: this is not TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or 'it is not text'}") from None


def faulty(path: Path, faults: list[str]) -> UsageError:
    """The error that names these faults, a line each."""
    return UsageError("\n".join(redact(f"{path}: {fault}") for fault in faults))


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_Reference = Annotated[str, BeforeValidator(_as_text)]
_Positive = Annotated[float, Field(gt=0)]
_Fraction = Annotated[float, Field(ge=0, le=1)]
_Corner = Annotated[list[_Fraction], Field(min_length=2, max_length=2)]
_Zone = Annotated[list[_Corner], Field(min_length=3)]
_Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


def _key(kind: Any, meaning: str, *, required: bool = False, **limits: Any) -> Any:
    """A key of the file, with what a fault says about its meaning."""
    return kind, Field(... if required else None, description=meaning, **limits)


def _keys_of(group: type, *, leave_out: Collection[str] = (), **types: Any) -> dict[str, Any]:
    """The options of a group as keys of the file.

    Args:
        group: Declares them.
        leave_out: Those that a file has no key for.
        types: Of those that have a form of their own in a file.
    """
    return {
        each.name: _key(
            types.get(each.name) or _type_in_file(each),
            each.option.meaning,
            required=each.is_required,
            ge=each.option.min,
            le=each.option.max,
            pattern=each.option.pattern,
        )
        for each in declared_options(group)
        if each.name not in leave_out
    }


def _type_in_file(declared: DeclaredOption) -> Any:
    kind = {Path: str, Path | None: str | None}.get(declared.type, declared.type)
    parse = declared.option.parse
    if parse is None:
        return kind
    no_text = bool | dict if declared.type is str else bool | dict | list  # a text may be a list of words

    def parsed(value: object) -> object:
        return value if isinstance(value, no_text) else parse(value)

    return Annotated[kind, BeforeValidator(parsed)]


def _several(group: type, name: str) -> Any:
    """An option that may be given several times, as a list of the file."""
    (option,) = (each.option for each in declared_options(group) if each.name == name)

    def parsed(value: object) -> object:
        if not isinstance(value, str):
            raise ValueError("it must be a text in quotes")  # noqa: TRY004 - pydantic takes this kind alone
        return value if option.parse is None else option.parse(value)

    return _key(list[Annotated[Any, BeforeValidator(parsed)]], option.meaning)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


def _section(**keys: Any) -> type[_Section]:
    return create_model("Section", __base__=_Section, **keys)


_ENDPOINT = _section(
    **_keys_of(ModelOptions),
    api_key_env=_key(_Variable, "name of the environment variable that holds the API key"),
)
_LIMITS = _section(
    rate=_key(_Positive, "the most requests a second, all cameras together"),
    max_requests=_key(int, "the budget: the most requests in all, until it is started anew", ge=1),
    max_in_flight=_key(int, "the most requests at once, all cameras together", ge=1),
)
_RECORD = _section(
    folder=_key(str, "where the recordings go"),
    **_keys_of(RecordingOptions, leave_out={"record", "jsonl"}),
)
_WEB_LISTS = {"web_name": "names", "web_embed": "embed", "web_proxy": "proxy"}
"""Options that may be given several times, and the lists that they are in the file."""
_WEB = _section(
    listen=_key(_Reference, "[HOST:]PORT that the page is served at"),
    token_env=_key(_Variable, "name of the environment variable that holds the page's token"),
    edit_zones=_key(bool, "whether the page may write the zones and lines of this file"),
    **_keys_of(PageOptions, leave_out={"web", *_WEB_LISTS}),
    **{key: _several(PageOptions, name) for name, key in _WEB_LISTS.items()},
)
_CAMERA = _section(
    name=_key(
        str,
        "what it is called on the page and in file names: A-Z, a-z, 0-9 and _ . -",
        required=True,
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?$",
    ),
    source=_key(_Reference, "a device (0), rtsp://, http(s)://, or a file"),
    source_env=_key(_Variable, "name of the environment variable that holds the source"),
    **_keys_of(LiveRequestOptions),
    **_keys_of(ViewOptions, leave_out={"window", "duration"}),
    **_keys_of(DrawOptions),
    **_keys_of(SourceOptions, leave_out={"loop", "source_header"}, masks=list[_Zone]),
    source_header=_several(SourceOptions, "source_header"),
    **_keys_of(RecordingOptions, leave_out={"record", "segment", "keep", "keep_size"}),
    recorded=_key(bool, "whether it is recorded where there is a [record]"),
    record=_key(_RECORD, "what differs from [record]"),
    endpoint=_key(_ENDPOINT, "what differs from [endpoint]"),
)
_EVENTS = _section(**_keys_of(EventsOptions))
_MQTT, _WEBHOOK, _NOTIFY = (_section(**_keys_of(group)) for group in (MqttOptions, WebhookOptions, NotifyOptions))
_RUN = _section(**_keys_of(RunOptions, command=Annotated[list[str], Field(min_length=1)]))
_EVENTS_KEYS = {
    "events": _key(_EVENTS, "where events are kept"),
    "mqtt": _key(_MQTT, "an MQTT broker"),
    "webhook": _key(list[_WEBHOOK], "one [[webhook]] for each address"),  # type: ignore[valid-type]
    "notify": _key(list[_NOTIFY], "one [[notify]] for each address of Apprise"),  # type: ignore[valid-type]
    "run": _key(list[_RUN], "one [[run]] for each program"),  # type: ignore[valid-type]
}
_EVENTS_SECTIONS = _section(**_EVENTS_KEYS)
_SITE = _section(
    endpoint=_key(_ENDPOINT, "which model is asked, and where"),
    limits=_key(_LIMITS, "what all cameras share"),
    record=_key(_RECORD, "recording"),
    web=_key(_WEB, "the page"),
    **_EVENTS_KEYS,
    **{name: _key(list[Any], f"one [[{name}]] for each") for name in TABLES},
    camera=_key(list[_CAMERA], "one [[camera]] for each camera", required=True, min_length=1),  # type: ignore[valid-type]
)


_SECTIONS: dict[tuple[str, ...], type[_Section]] = {
    (): _SITE,
    ("endpoint",): _ENDPOINT,
    ("limits",): _LIMITS,
    ("record",): _RECORD,
    ("web",): _WEB,
    ("events",): _EVENTS,
    ("mqtt",): _MQTT,
    ("webhook",): _WEBHOOK,
    ("notify",): _NOTIFY,
    ("run",): _RUN,
    ("camera",): _CAMERA,
    ("camera", "endpoint"): _ENDPOINT,
    ("camera", "record"): _RECORD,
}


def _fault(details: ErrorDetails, document: Mapping[str, Any]) -> str:
    """One line on what pydantic found: the place, what is wrong, and what the key means."""
    words = tuple(part for part in details["loc"] if isinstance(part, str))
    section, place = _SECTIONS[words[:-1]], _place(details["loc"], document)
    if details["type"] == "extra_forbidden":
        secret = " - a key never stands in the file: api_key_env names its variable" if words[-1] == "api_key" else ""
        return f"{place}: there is no such key; {suggestion(words[-1], section.model_fields)}{secret}"
    wrong = wrong_value(details["type"], details["msg"])
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
    elif len(rest) > 1 and isinstance(rest[1], int):
        begin, rest = f"{rest[0]} {rest[1] + 1}, ", rest[2:]
    elif len(rest) > 1:
        begin, rest = f"[{rest[0]}] ", rest[1:]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest).removeprefix(".")
    return (begin + key).removesuffix(", ")
