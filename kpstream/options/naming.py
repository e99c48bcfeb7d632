"""How the fields that a text names are written for those who read it.

Below the roof a text names a field of the options in backticks, as Python's documentation does: ```upload_size` must
be between 1 and 16384 pixels``. A program reads it as it is; a presenter writes it as its users know it.
"""

from __future__ import annotations

import re

_FIELD = re.compile(r"`([a-z][a-z0-9_]*)`")
_CALLED = {"endpoint_url": "endpoint", "api_key": "api_key_file"}
"""What is called otherwise by programs than by the options."""
_FLAGS = {"poses": "from", "form": "format", "masks": "mask"}


def on_command_line(text: str) -> str:
    """The text with its fields as options: ``--upload-size``."""
    return _FIELD.sub(lambda found: "--" + _FLAGS.get(_name(found), _name(found)).replace("_", "-"), text)


def in_file(text: str) -> str:
    """The text with its fields as keys of a file: ``upload_size``."""
    return _FIELD.sub(_name, text)


def _name(found: re.Match[str]) -> str:
    return _CALLED.get(found[1], found[1])
