from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.redact import may_hide_a_login, redact, remember, remember_secrets, with_login_quoted, without_remembered


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
        ("write them as rtsp://USER:PASSWORD@HOST/...", "write them as rtsp://USER:PASSWORD@HOST/..."),
        ("give USER:PASSWORD@HOST, not me:hunter2@cam", "give USER:PASSWORD@HOST, not ***@cam"),
        ("design=new&monkey=1&keyframe=3&frames=2", "design=new&monkey=1&keyframe=3&frames=2"),
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


@pytest.mark.parametrize("text", ["http://cam.test/?club_token={}&size=1", "{{'club_token': '{}'}}"])
def test_a_remembered_secret_that_is_a_part_of_a_name_does_not_uncover_what_that_name_stands_for(text: str) -> None:
    remember("club_tok")
    assert "hunter2" not in redact(text.format("hunter2"))


def test_any_object_can_be_shown() -> None:
    assert redact(ValueError("https://u:longpass@h/")) == "https://***@h/"


@pytest.mark.parametrize(
    "name",
    [
        "token", "access_token", "id-token", "X-Amz-Security-Token", "X-Amz-Credential", "X-Amz-Signature", "signature",
        "apikey", "api_key", "x-api-key", "accessKey", "streamkey", "stream_key", "auth_key", "session_key", "key",
        "password", "passwd", "pass", "pwd", "pw", "user_pwd", "userpwd", "loginpas", "loginpass", "psw", "passphrase",
        "passcode", "admin_password2", "auth", "sig", "jwt", "ticket", "sid", "sessionid", "hmac", "client_secret",
        "hdnea", "hdnts",
    ],
)  # fmt: skip
def test_what_such_a_name_stands_for_in_an_address_is_masked(name: str) -> None:
    assert redact(f"http://cam.test/a.m3u8?{name}=hunter2&size=1") == f"http://cam.test/a.m3u8?{name}=***&size=1"
    remember_secrets(f"http://cam.test/a.m3u8?{name}=marked-{name}&size=1")
    assert f"marked-{name}" not in redact(f"the camera said marked-{name}")


CUTS = st.text(alphabet="abcXYZ019!$&*+,;=:@#/?-_.~", min_size=1, max_size=12)
HOSTS = st.sampled_from(["10.0.0.5", "cam", "cam.example.org", "[::1]"])
PORTS = st.sampled_from(["", ":554", ":80"])
REST = st.sampled_from(["", "/", "/live/1", "/live?size=1", "/live?mail=me@home.org", "/live@home/1"])


@given(CUTS, HOSTS, PORTS, REST)
def test_the_host_behind_a_password_is_found_or_the_address_is_doubtful(
    password: str, host: str, port: str, rest: str
) -> None:
    address = f"rtsp://admin:{password}@{host}{port}{rest}"
    quoted = with_login_quoted(address)
    remember_secrets(address)
    assert with_login_quoted(quoted) == quoted
    parts = urlsplit(quoted)
    right = parts.hostname == host.strip("[]") and parts.password is not None
    if right and unquote(parts.password or "") == password:
        assert quoted.endswith(f"@{host}{port}{rest}")
        return
    # a part of the password reads as a port or a host of its own: nobody can tell
    assert may_hide_a_login(address) or "@" in password + rest


@pytest.mark.parametrize(
    ("password", "quoted"),
    [
        ("p@ss#1", "p%40ss%231"), ("p#ss", "p%23ss"), ("p/ss", "p%2Fss"), ("p?ss", "p%3Fss"),
        ("a/b?c#d@e", "a%2Fb%3Fc%23d%40e"), ("12#34", "12%2334"), ("hu/n@ter2", "hu%2Fn%40ter2"),
    ],
)  # fmt: skip
def test_a_password_as_people_paste_it_is_understood(password: str, quoted: str) -> None:
    for behind in ("10.0.0.5", "10.0.0.5:554/cam", "[::1]:554/cam", "cam.example.org/live?size=1"):
        assert with_login_quoted(f"rtsp://admin:{password}@{behind}") == f"rtsp://admin:{quoted}@{behind}"


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://cam/live", "http://cam:8080/live?mail=me@home.org", "rtsp://cam:554/live@home/1", "cam:a/b@c",
        "rtsp://admin:secret@cam/live", "rtsp://admin:p@ss@cam/live", "rtsp://admin:p%40ss%231@cam", "a/b@c.mp4",
        "rtsp://admin@cam/1",
        "http://admin:p@cam/snap?mail=me@home.org", "C:/videos/you@home.mp4", "0", "", "rtsp://[",
    ],
)  # fmt: skip
def test_an_address_that_is_clear_is_left_as_it_is(address: str) -> None:
    assert with_login_quoted(address) == address


def test_a_password_that_reads_as_a_port_is_doubtful() -> None:
    assert may_hide_a_login("rtsp://admin:12/34@10.0.0.5/cam")
    assert not may_hide_a_login("rtsp://10.0.0.5:554/cam")
    assert not may_hide_a_login("rtsp://admin:secret@10.0.0.5/cam")


@pytest.mark.parametrize("piece", ["key-", "a-", "a", "user:", "x:/a:"])
def test_long_texts_of_strangers_do_not_hold_it_up(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    assert redact(f"{text} token=geheim") == f"{text} token=***"
