"""Events as signed requests, against a server that answers by a script."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from kpstream.delivery.cloud_events import secret_of
from kpstream.delivery.destination import Gone, Refused, Unavailable
from kpstream.delivery.webhook import Webhook, check_webhook_url
from kpstream.serving.dialing import Dialer
from kpstream.testing.scripted_server import Reply, ScriptedServer
from tests.support.errors import texts_of
from tests.support.event_store import delivery, ended, opened

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
PRIVATE = Dialer(allow_private=True)


def webhook(server: ScriptedServer, path: str = "/hook?token=tttt-secret", **options: object) -> Webhook:
    given: dict[str, object] = {"dialer": PRIVATE, "secret": secret_of(SECRET), "timeout": 5.0} | options
    return Webhook(f"{server.url}{path}", **given)  # type: ignore[arg-type]


def test_an_event_is_a_cloud_event_and_its_signature_holds() -> None:
    event = opened(camera="hall 2", snapshot="snapshots/2026-11-28/e1.jpg")
    with ScriptedServer(Reply(204)) as server:
        webhook(server).send([delivery(event, 7)])
        (request,) = server.requests
    assert (request.method, request.path, request.query) == ("POST", "/hook", {"token": "tttt-secret"})
    assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert request.headers["webhook-id"] == "e1.opened"
    Verifier(SECRET).verify(request.body, dict(request.headers))
    assert json.loads(request.body) == {
        "specversion": "1.0",
        "id": "e1.opened",
        "source": "/cameras/hall%202",
        "type": "kpstream.event.opened",
        "subject": "hand in press",
        "time": event.to_json()["opened_at"],
        "datacontenttype": "application/json",
        "data": event.to_json(),
    }


def test_a_repetition_has_the_same_name_and_each_change_its_own() -> None:
    event = opened()
    changed = replace(event, state="updated")
    with ScriptedServer(*[Reply(200, {})] * 5) as server:
        for each in (delivery(event, 1), delivery(changed, 2), delivery(changed, 2), delivery(changed, 3)):
            webhook(server).send([each])
        webhook(server).send([delivery(ended(event), 4)])
        names = [request.headers["webhook-id"] for request in server.requests]
    assert names == ["e1.opened", "e1.updated.2", "e1.updated.2", "e1.updated.3", "e1.ended"]


def test_without_a_secret_nothing_is_signed() -> None:
    with ScriptedServer(Reply(200, {})) as server:
        webhook(server, secret=None).send([delivery(opened())])
        assert "webhook-signature" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        (Reply(500, {}), Unavailable, "127.0.0.1 answers 500"),
        (Reply(401, {}), Unavailable, "127.0.0.1 answers 401"),
        (Reply(302, {}, headers={"Location": "/other"}), Unavailable, "answers 302, and redirects are not followed"),
        (Reply(422, {}), Refused, "answers 422: it does not take this event"),
        (Reply(410, {}), Gone, "answers 410: it wants nothing more"),
        (Reply(fault="reset"), Unavailable, "cannot be reached"),
    ],
)
def test_what_the_answer_means(reply: Reply, error: type[Exception], said: str) -> None:
    with ScriptedServer(reply) as server:
        with pytest.raises(error, match=said) as raised:
            webhook(server).send([delivery(opened())])
        assert len(server.requests) == 1
    assert "tttt-secret" not in texts_of(raised.value)


def test_a_receiver_that_hangs_is_not_waited_for_any_longer() -> None:
    with ScriptedServer(Reply(fault="hang"), Reply(fault="dribble_head")) as server:
        for _ in range(2):
            with pytest.raises(Unavailable, match=r"did not answer within 0\.3 s"):
                webhook(server, timeout=0.3).send([delivery(opened())])


@pytest.mark.parametrize(("header", "seconds"), [("120", 120.0), ("Sat, 28 Nov 2026 06:21:40 GMT", 100.0), ("", None)])
@pytest.mark.parametrize("clock_is_wrong_by", [0.0, -3600.0, -1.7e9])
def test_it_may_ask_for_time_by_its_own_clock(header: str, seconds: float | None, clock_is_wrong_by: float) -> None:
    reply = Reply(503, {}, headers={"Retry-After": header, "Date": "Sat, 28 Nov 2026 06:20:00 GMT"})
    with ScriptedServer(reply) as server, pytest.raises(Unavailable) as raised:
        webhook(server, wall_clock=lambda: 1795846800.0 + clock_is_wrong_by).send([delivery(opened())])
    assert raised.value.retry_after == seconds


def test_a_private_address_is_asked_only_where_that_is_wanted() -> None:
    with ScriptedServer() as server:
        with pytest.raises(Unavailable, match="private = true lets it be asked"):
            webhook(server, dialer=Dialer()).send([delivery(opened())])
        assert server.requests == []


def test_it_connects_to_the_address_that_was_checked() -> None:
    asked: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], _: float) -> object:
        asked.append(address)
        raise ConnectionRefusedError

    answers = iter([["93.184.215.14"], ["127.0.0.1"]])
    dialer = Dialer(resolve=lambda *_: next(answers), connect=connect)  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        Webhook("http://hooks.example.org/x", dialer=dialer).send([delivery(opened())])
    assert asked == [("93.184.215.14", 80)]


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "hooks.example.org", "https://", "http://user:pw@host/", "http://[::1"]
)
def test_an_address_that_is_none_is_told_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="webhook") as raised:
        check_webhook_url(url)
    assert "pw" not in str(raised.value)


@pytest.mark.parametrize("secret", ["", "short", "whsec_c2hvcnQ=", "not base 64!" * 3])
def test_a_secret_that_is_none_is_told_without_repeating_it(secret: str) -> None:
    with pytest.raises(ValueError, match="it holds no secret: make one with") as raised:
        secret_of(secret)
    assert not secret or secret not in str(raised.value)


def test_its_name_holds_no_secret_and_tells_addresses_apart() -> None:
    one, other = Webhook("https://h.example/a?token=abcdef"), Webhook("https://h.example/b?token=abcdef")
    assert one.name.startswith("webhook h.example ")
    assert one.name != other.name
    assert "abcdef" not in one.name + repr(one)
