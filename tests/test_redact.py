from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.redact import redact, remember, without_remembered


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://admin:hunter2@10.0.0.5/cam", "rtsp://***@10.0.0.5/cam"),
        ("rtsp://admin:p@ss@10.0.0.5/cam", "rtsp://***@10.0.0.5/cam"),
        ("GET https://x.test/a/1?api_key=abc123&confidence=40", "GET https://x.test/a/1?api_key=***&confidence=40"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("https://cam.test/video?user=a&password=b c", "https://cam.test/video?user=a&password=*** c"),
        ("rtsp://admin:pa/ss@10.0.0.5/cam", "rtsp://***@10.0.0.5/cam"),
        ("http://cam.test/cgi?usr=a&psw=hunter2", "http://cam.test/cgi?usr=a&psw=***"),
        ("http://cam.test/cgi?loginuse=a&loginpas=hunter2", "http://cam.test/cgi?loginuse=a&loginpas=***"),
        ('{"api_key": "abc123", "model": "m"}', '{"api_key": "***", "model": "m"}'),
        ("x-api-key: abc123", "x-api-key: ***"),
        ("Authorization: Basic dTpw", "Authorization: Basic ***"),
        ("https://s3.test/a?X-Amz-Signature=abc", "https://s3.test/a?X-Amz-Signature=***"),
        ("no API key: put it in ROBOFLOW_API_KEY", "no API key: put it in ROBOFLOW_API_KEY"),
        ("cannot open rtsp:/admin:hunter2@10.0.0.5/cam", "cannot open rtsp:/***@10.0.0.5/cam"),
        ("cannot open rtsp:/hunter2@10.0.0.5/cam", "cannot open rtsp:/***@10.0.0.5/cam"),
        ("cannot open rtsp//admin:hunter2@10.0.0.5/cam", "cannot open rtsp//***@10.0.0.5/cam"),
        ("admin:hu/n@ter2@[::1]:554/cam: no such file", "***@[::1]:554/cam: no such file"),
        ("'admin:hunter2@camera' is not one of 'tcp', 'udp'", "'***@camera' is not one of 'tcp', 'udp'"),
        ("C:/videos/you@home.mp4", "C:/videos/you@home.mp4"),
        ('{"class":"mail","name":"you@home"}', '{"class":"mail","name":"you@home"}'),
        ("nothing to hide: 12 frames, key frames", "nothing to hide: 12 frames, key frames"),
    ],
)
def test_secrets_in_known_places_are_masked(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_a_remembered_secret_is_masked_wherever_it_stands() -> None:
    remember("s3cr3t/Kä+y")
    assert "s3cr3t" not in redact("the key s3cr3t/Kä+y was refused")
    assert redact("x=s3cr3t%2FK%C3%A4%2By") == "x=***"


@given(st.text(alphabet="abcXYZ0189-_.~!$&*+,;=:@%/?#", min_size=4, max_size=30))
def test_no_password_in_a_url_survives(password: str) -> None:
    assert f":{password}@" not in redact(f"cannot open rtsp://user:{password}@camera.test:554/live")


@pytest.mark.parametrize("shown", ["%c3%a4b%2fc+d", "%C3%A4b%2Fc+d", "%c3%a4b%2fc%20d", "\\u00e4b/c d"])
def test_a_remembered_secret_is_masked_however_it_is_quoted(shown: str) -> None:
    remember("äb/c d")
    assert redact(f"({shown})") == "(***)"


def test_data_loses_what_was_remembered_and_nothing_else() -> None:
    remember("rfKey77")
    assert without_remembered("token=1 rfKey77 a:b@c") == "token=1 *** a:b@c"


def test_any_object_can_be_shown() -> None:
    assert redact(ValueError("https://u:longpass@h/")) == "https://***@h/"
