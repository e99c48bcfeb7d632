"""Every status is one line that says what to do, and the service's own words are safe to show."""

from __future__ import annotations

import json
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from kpstream.endpoints.refusals import refusal, server_message
from kpstream.endpoints.transport import Access, Response
from kpstream.errors import EndpointError, EndpointRejected, EndpointUnavailable
from kpstream.options import on_command_line

ERRORS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data/errors.json").read_text())


def response(status: int, body: object = b"", headers: dict[str, str] | None = None) -> Response:
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Response(status, CaseInsensitiveDict({"Content-Type": "application/json", **(headers or {})}), content)


def error_of(answer: Response, *, key: str = "K") -> EndpointError:
    return refusal(answer, host="pose.example", model="my-pose/3", access=Access(key))


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: f"{case['status']}-{case['says'][-1][:20]}")
def test_recorded_errors_say_what_to_do(case: dict[str, Any]) -> None:
    error = error_of(response(case["status"], case["body"], case.get("headers")))
    text = on_command_line(str(error))
    assert type(error) is {"rejected": EndpointRejected, "unavailable": EndpointUnavailable}[case["kind"]]
    assert all(words in text for words in case["says"]), text
    assert not any(words in text for words in case.get("never", ())), text
    assert f"({case['status']} from pose.example" in text
    assert "\n" not in text
    if isinstance(error, EndpointUnavailable):
        assert error.slow_down is case.get("slow_down", False)
        assert error.retry_after == case.get("retry_after")


@pytest.mark.parametrize("status", [401, 403])
def test_without_a_key_the_line_asks_for_one(status: int) -> None:
    assert "no API key" in str(error_of(response(status), key=""))
    assert "no API key" not in str(error_of(response(status)))


@pytest.mark.parametrize("key", ["", "K"])
def test_a_program_reads_the_name_of_an_argument_and_the_command_line_that_of_an_option(key: str) -> None:
    in_a_program = str(error_of(response(401), key=key))
    assert "`api_key`" in in_a_program
    assert "--" not in in_a_program
    assert "--api-key-file" in on_command_line(in_a_program)


def test_what_a_server_says_is_never_taken_for_the_name_of_an_option() -> None:
    text = str(error_of(response(400, {"message": "`image` is required"})))
    assert "'image' is required" in on_command_line(text)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (408, EndpointUnavailable), (425, EndpointUnavailable), (505, EndpointUnavailable), (529, EndpointUnavailable),
        (406, EndpointRejected), (418, EndpointRejected), (415, EndpointRejected), (407, EndpointRejected),
    ],
)  # fmt: skip
def test_a_status_that_nobody_documented_is_sorted_by_its_kind(status: int, kind: type[EndpointError]) -> None:
    assert type(error_of(response(status))) is kind


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://user:secret@other.example:8443/a/b?api_key=K123#x", "https://other.example:8443/a/b"),
        ("/moved/here?api_key=K123", "/moved/here"),
        ("http://[broken", "another place"),
        ("https://x:notaport/", "another place"),
        ("", "another place"),
    ],
)
def test_a_redirect_says_where_to_without_secrets(location: str, shown: str) -> None:
    error = error_of(response(307, headers={"Location": location}))
    assert isinstance(error, EndpointRejected)
    assert f"to {shown}:" in str(error)
    assert "K123" not in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("1", 1), ("2.5", 2.5), (" 3 ", 3), ("999999", 3600),
        ("-1", None), ("nan", None), ("inf", None), ("1e3", None), ("soon", None), ("", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds(text: str, seconds: float | None) -> None:
    error = error_of(response(503, headers={"Retry-After": text}))
    assert isinstance(error, EndpointUnavailable)
    assert error.retry_after == seconds


def test_retry_after_may_be_a_date() -> None:
    past = error_of(response(429, headers={"Retry-After": formatdate(0, usegmt=True)}))
    far = error_of(response(429, headers={"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}))
    assert isinstance(past, EndpointUnavailable)
    assert isinstance(far, EndpointUnavailable)
    assert past.retry_after == 0
    assert far.retry_after == 3600


def test_retry_after_is_a_date_by_the_clock_of_the_server() -> None:
    dates = {"Date": "Sat, 28 Nov 2026 06:20:00 GMT", "Retry-After": "Sat, 28 Nov 2026 06:20:30 GMT"}
    error = error_of(response(429, headers=dates))
    assert isinstance(error, EndpointUnavailable)
    assert error.retry_after == 30


def test_words_are_shortened_and_pictures_left_out() -> None:
    assert len(server_message(response(400, {"message": "no " * 500_000}))) < 250
    assert server_message(response(422, {"detail": "bad image /9j/" + "A" * 2000 + " sorry"})) == "bad image … sorry"


def test_words_cannot_garble_a_terminal_or_make_more_lines() -> None:
    assert server_message(response(400, {"message": "a\n\n\x1b[2Jb\ud800\tc"})) == "a [2Jb c"


def test_a_key_in_the_service_s_words_is_left_out() -> None:
    assert "K1234567" not in server_message(
        response(401, {"message": "https://x.example/?api_key=K1234567 is not known"})
    )


def test_what_is_neither_json_nor_text_is_not_shown() -> None:
    assert server_message(response(500, b"\x00\xff\xfe", {"Content-Type": "application/octet-stream"})) == ""


@given(
    st.integers(300, 999).filter(lambda status: status != 200),
    st.binary(max_size=200) | st.text(),
    st.text(max_size=30),
    st.text(max_size=30),
)
def test_any_response_is_an_error_in_one_short_line(status: int, body: bytes | str, wait: str, location: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps({"message": body}).encode()
    text = str(error_of(response(status, content, {"Retry-After": wait, "Location": location})))
    assert text.isprintable()
    assert len(text) < 500
