"""How a source is opened, as people write it."""

from __future__ import annotations

import pytest

from kpstream.errors import UsageError
from kpstream.options import SourceOptions
from kpstream.options.source import parse_zone


def test_a_zone_is_its_corners_in_a_row() -> None:
    assert parse_zone("0,0,0.5,0, 0.5,1") == ((0, 0), (0.5, 0), (0.5, 1))


@pytest.mark.parametrize("text", ["", "0,0,1,1", "0,0,1,0,1", "0,0,2,0,1,1", "0,0,nan,0,1,1", "a,b,c,d,e,f"])
def test_what_is_no_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="three corners or more"):
        parse_zone(text)


@pytest.mark.parametrize(("text", "size"), [("1280x720", (1280, 720)), ("1280X720", (1280, 720)), (None, None)])
def test_a_picture_size_is_width_and_height(text: str | None, size: tuple[int, int] | None) -> None:
    assert SourceOptions(size=text).picture_size == size


@pytest.mark.parametrize("text", ["big", "0x720", "1280", "1280x", "-1x5"])
def test_what_is_no_picture_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="give width and height in pixels"):
        _ = SourceOptions(size=text).picture_size
