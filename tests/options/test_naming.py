"""How the fields that a text names are written for those who read it."""

from __future__ import annotations

import pytest

from kpstream.errors import UsageError
from kpstream.options import in_file, on_command_line


@pytest.mark.parametrize(
    ("text", "shown", "written"),
    [
        ("`upload_size` must be more", "--upload-size must be more", "upload_size must be more"),
        ("lower `rate` or `max_in_flight`", "lower --rate or --max-in-flight", "lower rate or max_in_flight"),
        ("check `api_key`", "check --api-key-file", "check api_key_file"),
        ("`endpoint_url` is no address", "--endpoint is no address", "endpoint is no address"),
        ("`poses` holds one video", "--from holds one video", "poses holds one video"),
        ("no field, but `two words` and `UPPER`",) * 3,
    ],
)
def test_a_field_is_an_option_or_a_key(text: str, shown: str, written: str) -> None:
    assert (on_command_line(text), in_file(text)) == (shown, written)


def test_an_error_begins_with_the_field_that_is_at_fault() -> None:
    error = UsageError("must be more than 0", option="timeout")
    assert (str(error), error.option) == ("`timeout` must be more than 0", "timeout")
