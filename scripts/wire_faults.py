"""What an endpoint may do instead of answering, chosen at random by a seed: part of replay_endpoint.py."""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

_REDIRECTED_TO = "http://127.0.0.1:9/elsewhere"
_HUGE_BODY = 100 * 2**20
_BODIES: dict[str, tuple[str, bytes]] = {
    "garbage": ("application/json", b"\x00\xff this is no JSON \x80"),
    "html": ("text/html", b"<!doctype html><title>502 Bad Gateway</title>"),
    "wrong": ("application/json", b'{"results": [{"boxes": [1, 2, 3]}], "ok": true}'),
}
STATUSES = {400, 401, 402, 403, 404, 413, 429, 500, 502, 503, 504}
NAMES = {
    *map(str, STATUSES), "429bare", "hang", "reset", "slow", "truncated", *_BODIES, "nan", "huge", "empty", "flood",
    "redirect",
}  # fmt: skip


class Faults:
    """Which requests fail, and how.

    Args:
        text: ``NAME:PROBABILITY,…``; without a probability every request. Numbers are statuses, 429 and 503 with
            ``Retry-After: 1`` and 429bare without; ``hang`` never answers, ``reset`` tears the connection down,
            ``slow`` sends a byte now and then, ``truncated`` half of an answer, ``garbage`` no JSON, ``html`` a page,
            ``wrong`` JSON of another shape, ``nan`` and ``huge`` coordinates that cannot be, ``empty`` no prediction,
            ``flood`` 100 MB, ``redirect`` sends elsewhere.
        seed: Of the dice.
    """

    def __init__(self, text: str = "", seed: int = 0) -> None:
        self.counts: dict[str, int] = {}
        """How often each came so far."""
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self._shares: dict[str, float] = {}
        self.set(text)

    def set(self, text: str) -> None:
        """Fail in another way from now on.

        Raises:
            ValueError: No such fault.
        """
        parts = [part.partition(":") for part in text.split(",") if part]
        shares = {name: float(share or 1) for name, _, share in parts}
        if unknown := sorted(shares.keys() - NAMES):
            raise ValueError(f"no such fault: {', '.join(unknown)}")
        self._shares = shares

    def pick(self) -> str:
        """The fault of the next request; empty for none."""
        with self._lock:
            roll = self._dice.random()
            for name, share in self._shares.items():
                if roll < share:
                    self.counts[name] = self.counts.get(name, 0) + 1
                    return name
                roll -= share
            return ""


def misbehave(handler: BaseHTTPRequestHandler, fault: str, answer: dict[str, Any]) -> None:
    """Do to a request what the fault is; ``answer`` is what it would have been."""
    if fault.removesuffix("bare").isdigit():
        wait = {"Retry-After": "1"} if fault in ("429", "503") else {}
        _send(handler, int(fault.removesuffix("bare")), json.dumps({"message": "told to fail"}).encode(), **wait)
    elif fault == "hang":
        handler.close_connection = True
        while handler.connection.recv(65536):  # until the client gives up
            pass
    elif fault == "reset":
        handler.close_connection = True
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
    elif fault == "redirect":
        _send(handler, 307, b"", Location=_REDIRECTED_TO)
    elif fault == "flood":
        _flood(handler)
    elif fault in _BODIES:
        kind, body = _BODIES[fault]
        _send(handler, 200, body, **{"Content-Type": kind})
    else:
        _send_damaged(handler, fault, json.dumps(_damaged(answer, fault)).encode())


def _send_damaged(handler: BaseHTTPRequestHandler, fault: str, body: bytes) -> None:
    if fault == "truncated":
        body = body[: len(body) // 2]
    if fault != "slow":
        _send(handler, 200, body)
        return
    _head(handler, 200, len(body), {})
    for byte in body:
        handler.wfile.write(bytes((byte,)))
        time.sleep(0.05)


def _damaged(answer: dict[str, Any], fault: str) -> dict[str, Any]:
    if fault == "empty":
        return {**answer, "predictions": []}
    if fault not in ("nan", "huge"):
        return answer
    number = float("nan") if fault == "nan" else 1e9
    point = {"x": number, "y": number, "confidence": 0.9, "class_id": 0, "class": "nose"}
    person = {"x": number, "y": 1, "width": 1, "height": 1, "confidence": 0.9, "class": "person", "class_id": 0}
    return {**answer, "predictions": [{**person, "keypoints": [point]}]}


def _flood(handler: BaseHTTPRequestHandler) -> None:
    _head(handler, 200, _HUGE_BODY, {})
    block = b" " * 2**20
    for _ in range(_HUGE_BODY // len(block)):
        handler.wfile.write(block)


def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **fields: str) -> None:
    _head(handler, status, len(body), fields)
    handler.wfile.write(body)


def _head(handler: BaseHTTPRequestHandler, status: int, length: int, fields: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", **fields, "Content-Length": str(length)}.items():
        handler.send_header(name, value)
    handler.end_headers()
