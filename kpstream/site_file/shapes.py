"""Zones and lines that somebody has drawn, written into a file of TOML: nothing else in it changes, not a comment."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kpstream.errors import UsageError
from kpstream.events import Line, Zone, point_text, polygon_text, shape_table
from kpstream.paths import real

_TABLE = re.compile(r"\[\[\s*(zone|line)\s*\]\]")
_KEY = re.compile(r'[ \t]*("[^"\n]*"|\'[^\'\n]*\'|[A-Za-z0-9_.\- \t]+?)[ \t]*=[ \t]*')
_COMMENT = re.compile(r"#[^\r\n]*")
_QUOTES = ('"""', "'''", '"', "'")


def write_shapes(path: Path, zones: Sequence[Zone], lines: Sequence[Line]) -> None:
    """Write where zones and lines lie: those that the file has keep all but their place, others are added at its end.

    The file is replaced as a whole or not at all; blocks.

    Args:
        path: A site's file, or one of rules.
        zones: Those that have changed.
        lines: Likewise.

    Raises:
        UsageError: It cannot be read or written, or is written in a way that is not understood here.
    """
    place = real(path)
    try:
        with place.open(encoding="utf-8", newline="") as file:  # lines keep their ends
            text = file.read()
        _replace(place, with_shapes(text, zones, lines))
    except (ValueError, tomllib.TOMLDecodeError):
        raise UsageError(f"{path}: its zones and lines cannot be changed from here: change them in the file") from None
    except OSError as error:
        raise UsageError(f"{path}: it cannot be written: {error.strerror or error}") from None


def with_shapes(text: str, zones: Sequence[Zone], lines: Sequence[Line]) -> str:
    """The text of a file with these zones and lines, and all else as it was.

    Raises:
        ValueError: It is no TOML, or the tables are written in a way that is not understood here.
    """
    wanted = tomllib.loads(text)
    for kind, shapes in (("zone", zones), ("line", lines)):
        for shape in shapes:
            values = _values(shape)
            tables = wanted.setdefault(kind, [])
            place = next((i for i, table in enumerate(tables) if table.get("name") == shape.name), None)
            if place is None:
                text = f"{text.rstrip()}\n\n{shape_table(shape)}"
                tables.append(tomllib.loads(shape_table(shape))[kind][0])
                continue
            for key, value in values.items():
                text = _with_value(text, kind, place, key, value)
                tables[place][key] = tomllib.loads(f"value = {value}")["value"]
    if tomllib.loads(text) != wanted:  # whatever was not understood, nothing else may change
        raise ValueError("the file would say something else")
    return text


def _values(shape: Zone | Line) -> dict[str, str]:
    """The keys that say where a shape lies, and their values as TOML."""
    if isinstance(shape, Zone):
        return {"polygon": polygon_text(shape)}
    return {"from": point_text(shape.start), "to": point_text(shape.end)}


def _with_value(text: str, kind: str, place: int, key: str, value: str) -> str:
    number, inside = -1, False
    for found in _statements(text):
        if found.table is not None:
            inside = found.table == kind
            number += inside
        elif inside and number == place and found.key == key:
            return text[: found.start] + _with_comments(value, text[found.start : found.end]) + text[found.end :]
    raise ValueError(f"there is no {key} of {kind} {place}")


def _with_comments(value: str, replaced: str) -> str:
    """A list of numbers with the comments of the one that it replaces, a line each before its first entry."""
    comments = _COMMENT.findall(replaced)
    if not comments:
        return value
    end = "\r\n" if "\r\n" in replaced else "\n"
    return end.join(["[", *(f"  {comment}" for comment in comments), f"  {value[1:-1]}", "]"])


@dataclass(frozen=True, slots=True)
class _Statement:
    """The head of a table, or a key with the place of its value."""

    table: str | None = None
    """``zone`` or ``line``; empty for any other table; None for a key."""
    key: str = ""
    start: int = 0
    end: int = 0


def _statements(text: str) -> Iterator[_Statement]:
    """The heads and keys of a file, in order; of what lies inside a value, nothing."""
    at = 0
    while at < len(text):
        if text[at] in " \t\r\n":
            at += 1
        elif text[at] == "#":
            at = _line_end(text, at)
        elif text[at] == "[":
            head = _TABLE.match(text, at)
            yield _Statement(table=head[1] if head else "")
            at = _line_end(text, at)
        else:
            key = _KEY.match(text, at)
            if key is None:
                raise ValueError("what is no key and no table")
            end = _value_end(text, key.end())
            yield _Statement(key=key[1].strip("\"'"), start=key.end(), end=end)
            at = _line_end(text, end)


def _value_end(text: str, at: int) -> int:
    """Where a value ends that begins at a place: before a comment, and before the end of its line."""
    depth, end = 0, at
    while at < len(text):
        quote = next((mark for mark in _QUOTES if text.startswith(mark, at)), None)
        if quote is not None:
            at = end = _string_end(text, at, quote)
        elif text[at] == "#":
            if not depth:
                return end
            at = _line_end(text, at)
        elif text[at] == "\n" and not depth:
            return end
        else:
            depth += (text[at] in "[{") - (text[at] in "]}")
            at += 1
            end = end if text[at - 1].isspace() else at
    return end


def _string_end(text: str, at: int, quote: str) -> int:
    at += len(quote)
    while not text.startswith(quote, at):
        if at >= len(text):
            raise ValueError("a text without an end")
        at += 2 if text[at] == "\\" and quote[0] == '"' else 1
    at += len(quote)
    while len(quote) == 3 and text.startswith(quote[0], at):  # a quotation mark right before the end of the text
        at += 1
    return at


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(path, part)
        with suppress(OSError, AttributeError):
            about = path.stat()
            os.chown(part, about.st_uid, about.st_gid)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
