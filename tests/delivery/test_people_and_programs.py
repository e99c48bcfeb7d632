"""Events for people, through Apprise, and for programs on their standard input."""

from __future__ import annotations

import json
import logging
import os
import sys
import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from kpstream.delivery.destination import Refused, Unavailable
from kpstream.delivery.notify import Notify, apprise_send
from kpstream.delivery.program import Program
from kpstream.errors import UsageError
from kpstream.options import SourceOptions
from kpstream.site_file.delivery import read_delivery
from kpstream.testing import wait_until
from kpstream.testing.scripted_server import Reply, ScriptedServer
from tests.support.event_store import delivery, ended, opened

WRITES = (
    "import sys,os;open(sys.argv[1],'ab').write(sys.stdin.buffer.read()+os.environ['KPSTREAM_EVENT_STORE'].encode())"
)


def program(tmp_path: Path, code: str = WRITES, timeout: float = 20.0) -> Program:
    return Program([sys.executable, "-c", code, str(tmp_path / "out")], store=tmp_path, timeout=timeout)


def test_a_program_gets_the_event_and_is_told_where_the_store_is(tmp_path: Path) -> None:
    event = opened(rule="Sturz über Kabel")
    program(tmp_path).send([delivery(event)])
    line, store = (tmp_path / "out").read_text().splitlines()
    assert json.loads(line) == event.to_json()
    assert store == str(tmp_path)


def test_a_program_inherits_no_variable_that_a_secret_is_read_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOFLOW_API_KEY", "rf-key-of-kpstream")
    monkeypatch.setenv("KPSTREAM_WEB_TOKEN", "token-of-the-page")
    monkeypatch.setenv("HOOK_URL", "https://example.org/hook-secret")
    monkeypatch.setenv("DOOR_HEADER", "door-secret")
    monkeypatch.setenv("LAMP_ADDRESS", "192.0.2.7")
    site = '[[webhook]]\nurl_env = "HOOK_URL"'
    assert not read_delivery(tomllib.loads(site), tmp_path)[1]
    assert SourceOptions(source_header=(("X-Door", "DOOR_HEADER"),)).headers == {"X-Door": "door-secret"}
    code = "import os,sys;open(sys.argv[1],'w').write(repr(dict(os.environ)))"
    program(tmp_path, code).send([delivery(opened())])
    seen = (tmp_path / "out").read_text()
    assert "192.0.2.7" in seen
    assert "KPSTREAM_EVENT_STORE" in seen
    assert not [secret for secret in ("rf-key", "token-of", "hook-secret", "door-secret") if secret in seen]


def test_a_program_that_fails_is_told_by_its_exit(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="ended with 3"):
        program(tmp_path, "raise SystemExit(3)").send([delivery(opened())])


def test_a_program_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "out")
    listening = os.open(tmp_path / "out", os.O_RDONLY | os.O_NONBLOCK)
    code = "import subprocess,sys,time;subprocess.Popen(['sleep','60'],stdout=open(sys.argv[1],'w'));time.sleep(60)"
    with pytest.raises(Refused, match="did not end within 1 s"):
        program(tmp_path, code, timeout=1.0).send([delivery(opened())])

    def has_nobody() -> bool:
        try:
            return os.read(listening, 1) == b""
        except BlockingIOError:  # somebody holds its other end
            return False

    wait_until(has_nobody)
    os.close(listening)


def test_a_program_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="nothing-here cannot be started: No such file or directory"):
        Program(["/nothing-here"], store=tmp_path).send([delivery(opened())])


def test_a_program_wants_what_opens_and_ends(tmp_path: Path) -> None:
    wanted = [state for state in ("opened", "updated", "ended") if program(tmp_path).wants({"state": state})]
    assert wanted == ["opened", "ended"]


class Inbox:
    def __init__(self, *, works: bool = True) -> None:
        self.works = works
        self.messages: list[tuple[str, str, Path | None]] = []

    def __call__(self, title: str, text: str, picture: Path | None) -> bool:
        self.messages.append((title, text, picture))
        return self.works


def notify(inbox: Inbox, tmp_path: Path, **options: object) -> Notify:
    return Notify(inbox, address="ntfys://topic-secret", store=tmp_path, **options)  # type: ignore[arg-type]


def test_people_see_one_event_with_its_picture(tmp_path: Path) -> None:
    (tmp_path / "e1.jpg").write_bytes(b"jpeg")
    inbox = Inbox()
    notify(inbox, tmp_path).send([delivery(opened(snapshot="e1.jpg"))])
    ((title, text, picture),) = inbox.messages
    assert title == "hand in press - hall"
    assert "person #3" in text
    assert "zone press" in text
    assert picture == tmp_path / "e1.jpg"


def test_people_are_told_times_in_the_time_zone_of_the_events(tmp_path: Path) -> None:
    inbox = Inbox()
    kathmandu = notify(inbox, tmp_path, timezone=ZoneInfo("Asia/Kathmandu"))
    kathmandu.send([delivery(opened())])
    kathmandu.send([delivery(opened()), delivery(opened(after=3600))])
    (_, one, _), (_, two, _) = inbox.messages
    assert one.splitlines()[0] == "2026-11-28 12:05:01"
    assert two.splitlines()[-1].startswith("2026-11-28 13:05:01  ")


def test_people_see_many_events_as_a_digest(tmp_path: Path) -> None:
    inbox = Inbox()
    events = [
        opened(f"e{number}", camera="hall" if number % 2 else "door", snapshot="gone.jpg") for number in range(15)
    ]
    notify(inbox, tmp_path).send([delivery(event) for event in events])
    ((title, text, picture),) = inbox.messages
    assert title == "15 events"
    assert text.splitlines()[:2] == ["8 x hand in press - door", "7 x hand in press - hall"]
    assert text.splitlines()[-1] == "and 5 before"
    assert picture is None


def test_people_are_told_when_it_begins_and_only_of_what_they_want(tmp_path: Path) -> None:
    all_of_it, alerts = notify(Inbox(), tmp_path), notify(Inbox(), tmp_path, severity="alert")
    event = opened()
    moment = ended(opened(kind="line_crossing"), lasted=0.0)
    assert [all_of_it.wants(each.to_json()) for each in (event, ended(event), moment)] == [True, False, True]
    assert not alerts.wants(opened(severity="notice").to_json())
    assert alerts.wants(event.to_json())


def test_a_message_that_is_not_taken_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="the message was not taken"):
        notify(Inbox(works=False), tmp_path).send([delivery(opened())])


def test_apprise_sends_it_with_the_picture(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "e1.jpg").write_bytes(b"jpeg")
    with ScriptedServer(Reply(200, {}), Reply(500, {})) as server:
        address = server.url.replace("http://", "json://") + "/?token=tttt-secret"
        made = Notify(apprise_send(address), address=address, store=tmp_path)
        made.send([delivery(opened(snapshot="e1.jpg"))])
        with pytest.raises(Unavailable):
            made.send([delivery(opened())])
        request = server.requests[0]
    body = json.loads(request.body)
    assert body["title"] == "hand in press - hall"
    assert len(body["attachments"]) == 1
    assert "tttt-secret" not in caplog.text + made.name + repr(made)


def test_an_address_that_apprise_does_not_know_is_one_line() -> None:
    with pytest.raises(UsageError, match="holds no address that Apprise knows") as raised:
        apprise_send("nonsense://tttt-secret")
    assert "tttt-secret" not in str(raised.value)


def test_without_apprise_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(UsageError, match=r"pip install 'kpstream\[notify\]'"):
        apprise_send("json://localhost")
