"""What a file of rules says of delivery, by way of ``annotate``."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from kpstream.cli import run
from kpstream.testing.scripted_server import Reply, ScriptedServer
from tests.support.rules import LEFT_HALF

SAMPLE = Path(__file__).parents[2] / "samples" / "walkers.mp4"
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


def annotate(rules: Path, *options: str) -> int:
    return run(["annotate", str(SAMPLE), "--end", "2", "--rate", "3", "--rules", str(rules), *options])


def test_what_happens_arrives_signed_and_is_handed_to_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    rules, store = tmp_path / "rules.toml", tmp_path / "store"
    with ScriptedServer(Reply(204), Reply(204)) as server:
        monkeypatch.setenv("HOOK", f"{server.url}/hook")
        rules.write_text(
            LEFT_HALF
            + '[[webhook]]\nurl_env = "HOOK"\nsecret_env = "HOOK_SECRET"\nprivate = true\n'
            + f'[[run]]\ncommand = ["sh", "-c", "cat >> {tmp_path}/told"]\n'
        )
        assert annotate(rules, "--event-store", str(store)) == 0
        for request in server.requests:
            Verifier(SECRET).verify(request.body, dict(request.headers))
        bodies = [json.loads(request.body) for request in server.requests]

    assert [body["type"] for body in bodies] == ["kpstream.event.opened", "kpstream.event.ended"]
    told = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
    assert told == [body["data"] for body in bodies]
    assert (store / told[0]["snapshot"]).is_file()
    written = capsys.readouterr().err + "".join(
        path.read_bytes().decode("latin-1") for path in store.glob("events.db*")
    )
    assert SECRET not in written
    assert SECRET.removeprefix("whsec_") not in written


def test_what_did_not_arrive_is_delivered_by_the_next_run(tmp_path: Path) -> None:
    rules, store = tmp_path / "rules.toml", tmp_path / "store"
    with ScriptedServer(Reply(500, {})) as server:
        rules.write_text(LEFT_HALF + f'[[webhook]]\nurl = "{server.url}/hook"\nprivate = true\n')
        assert annotate(rules, "--event-store", str(store)) == 0
        first = [request.headers["webhook-id"] for request in server.requests]
        assert annotate(rules, "--event-store", str(store)) == 0
        names = [request.headers["webhook-id"] for request in server.requests]
    assert len(first) == 1
    assert names[1] == first[0]
    assert names[2] == first[0].replace("opened", "ended")
    assert len(names) == 5


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ('[[webhook]]\nurl = "http://h/"', "add --event-store FOLDER, or [events] folder"),
        ("[[webhook]]\nprivate = true", "webhook 1, url: give this or url_env, one of them"),
        ('[[webhook]]\nurl_env = "NOPE"', "webhook 1, url_env: the environment variable NOPE is not set"),
        ('[[webhook]]\nurl = "hooks"', "webhook 1, url: it is no address of a webhook"),
        ('[[webhook]]\nurl = "http://h/"\nsecret_env = "BAD"', "webhook 1, secret_env: it holds no secret"),
        ('[[webhook]]\nurl = "http://h/"\nsecret = "x"', "webhook 1, secret: there is no such key; did you mean"),
        ('[[notify]]\nseverity = "alert"', "notify 1, url_env: it is required"),
        ('[[notify]]\nurl_env = "BAD"', "notify 1, url_env holds no address that Apprise knows"),
        ('[[notify]]\nurl_env = "BAD"\nquiet = "nights"', "notify 1, quiet: nights is no part of a day"),
        ('[[notify]]\nurl_env = "BAD"\nquiet = "0:00-00:00"', "notify 1, quiet: 0:00-00:00 is no part of a day"),
        ('[mqtt]\nprefix = "a"', "[mqtt] url: it is required"),
        ('[mqtt]\nurl = "mqtt://me:not-a-secret@h"', "[mqtt] url: user and password never stand in it"),
        ('[mqtt]\nurl = "mqtt://h"\npassword_env = "BAD"', "[mqtt] password_env: a password goes with a user"),
        ('[mqtt]\nurl = "mqtt://h"\nca = "nope.pem"', "nope.pem: there is no such file"),
        ("[[run]]\ntimeout = 5", "run 1, command: it is required"),
        ('[events]\nfolder = "~no-such-user/x"', "nobody of that name has a folder here"),
        ('[[run]]\ncommand = "rm -rf"', "run 1, command: it must be a list"),
    ],
)
def test_a_fault_is_one_line_and_shows_no_secret(
    tables: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BAD", "not-a-secret-at-all")
    rules = tmp_path / "rules.toml"
    rules.write_text(LEFT_HALF + tables)
    assert annotate(rules, "--csv", str(tmp_path / "a.csv")) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert said in shown
    assert "not-a-secret" not in shown
