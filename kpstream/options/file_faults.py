"""What is wrong with a key of a TOML file, in words for the person who wrote the file."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

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


def suggestion(name: str, known: Iterable[str]) -> str:
    """What the writer may have meant by a name that nothing has."""
    near = get_close_matches(name, known := list(known), n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def wrong_value(kind: str, message: str) -> str:
    """What is wrong with a value.

    Args:
        kind: Pydantic's name of the error.
        message: Pydantic's own words, which are used where the name says too little to the writer.
    """
    return _WRONG.get(kind) or message.removeprefix("Value error, ").replace("Input should", "it must")
