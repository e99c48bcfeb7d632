"""How a source is opened, as people write it."""

from __future__ import annotations

import pytest

from kpstream.errors import UsageError
from kpstream.options import SourceOptions
from kpstream.options.source import parse_header, parse_turn, parse_zone


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


@pytest.mark.parametrize("text", ["", "X-Key", "X Key=A", "X-Key=", "X-Key=a b", "=A", "X-Key: secret"])
def test_what_is_no_header_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="give a header and the name of the variable") as caught:
        parse_header(text)
    assert "secret" not in str(caught.value)


def test_the_value_of_a_header_is_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    options = SourceOptions(source_header=(parse_header("X-Key=KEY_OF_DOOR"),))
    with pytest.raises(UsageError, match="KEY_OF_DOOR is not set"):
        _ = options.headers
    monkeypatch.setenv("KEY_OF_DOOR", "marked-value")
    assert options.headers == {"X-Key": "marked-value"}


@pytest.mark.parametrize("text", ["45", "360", "-90", "left"])
def test_what_is_no_quarter_turn_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="give 90, 180 or 270"):
        parse_turn(text)
