"""Starts the servers of Ray on this machine, or joins those of a cluster, and watches whether they live.

Ray raises errors of all kinds where it does not start. Once one of its servers has died, its calls wait for a minute,
and then it ends this process without a word: so each server is watched.
"""

from __future__ import annotations

import logging
import os
import platform
import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import ray
from ray._private import worker as ray_worker
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from kpstream import __version__
from kpstream.errors import UsageError
from kpstream.recorded.archive.session_folder import SessionFolder

_remote: Any = ray.remote  # declared too narrowly for what it takes
_nodes: Any = ray.nodes
_worker: Any = ray_worker
_SERVERS = ("raylet", "gcs_server")
_OBJECT_STORE = 80 * 2**20
"""Bytes: Ray takes no less than 75 MiB."""
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
_CONNECT_WITHIN, _ATTEMPTS = 5.0, 3
_ASK_HEAD_EVERY, _HEAD_AWAY = 2.0, 30.0
"""Seconds: Ray waits for a head that starts anew for a minute, and then ends this process."""
_SETTINGS = b"\x04"
_HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0" + _SETTINGS + b"\0\0\0\0\0"
"""What a client sends first; a server answers with its settings. Source: RFC 9113, section 3.4."""
_HOST_AND_PORT = re.compile(r"\[?([^/\]]+?)\]?:(\d+)")


def start_here(workers: int | None, session: SessionFolder) -> None:
    """Start Ray on this machine; blocks.

    Args:
        workers: Processes at once; None for as many as there are cores.
        session: Open; where its sockets and logs lie.

    Raises:
        UsageError: It does not start.
    """
    try:
        ray.init(
            address="local",
            _temp_dir=str(session.path),
            num_cpus=workers or os.cpu_count() or 1,
            num_gpus=0,
            object_store_memory=_OBJECT_STORE,
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            **_QUIET,
        )
    except Exception as error:  # noqa: BLE001 - Ray raises of all kinds, and plain ones too
        raise _not_started("on this machine", error) from None


def join(address: str) -> None:
    """Join a cluster of which one node is this machine, and whose versions are those here; blocks.

    Raises:
        UsageError: It cannot be reached, no node of it runs here, or versions differ.
    """
    found = _HOST_AND_PORT.fullmatch(address)
    if found is not None and not _answers(found[1], int(found[2]), _ATTEMPTS):
        raise UsageError(
            f"no Ray answers at {address}: start its head (`ray start --head`), or name the address of one that runs",
            option="on",
        )
    try:
        ray.init(address=address, **_QUIET)
    except ConnectionError:
        raise UsageError(
            f"Ray answers at {address}, but no node of it lives on this machine: "
            f"start one (`ray start --address={address}`), or run this where one does",
            option="on",
        ) from None
    except Exception as error:  # noqa: BLE001
        raise _not_started(f"to {address}", error) from None
    _check_versions()


class ServerWatch:
    """Watches the servers of Ray on which this process depends. For one thread; make it once Ray has started.

    Args:
        is_local: Whether this process has started them.
        clock: Monotonic seconds.
    """

    def __init__(self, *, is_local: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._node = _worker._global_node  # there is no public way to ask
        self._is_local = is_local
        self._clock = clock
        self._raylet = None if is_local else _connected(self._node.raylet_socket_name)
        self._head = _HOST_AND_PORT.fullmatch(self._node.gcs_address or "")
        self._asked_at = self._answered_at = clock()

    def fault(self) -> str:
        """What has died, in words for the user; empty while all live. Waits a moment where the head does not answer."""
        if self._is_local:
            dead = [kind for kind, _ in self._node.dead_processes() if kind in _SERVERS]
            return "Ray has died" if dead else ""
        if self._raylet is not None and _is_cut(self._raylet):
            return "the node of Ray on this machine has died"
        now = self._clock()
        if self._head is not None and now - self._asked_at >= _ASK_HEAD_EVERY:
            self._asked_at = now
            if _answers(self._head[1], int(self._head[2]), 1):
                self._answered_at = now
        return "the head of the Ray cluster has died" if now - self._answered_at >= _HEAD_AWAY else ""

    def close(self) -> None:
        """Watch no more. Idempotent."""
        if self._raylet is not None:
            self._raylet.close()
            self._raylet = None


def _answers(host: str, port: int, attempts: int) -> bool:
    """Whether a server there speaks as Ray's do, which is gRPC; what speaks TLS is not asked."""
    for _ in range(attempts):
        with suppress(OSError), socket.create_connection((host, port), _CONNECT_WITHIN) as connection:
            if os.environ.get("RAY_USE_TLS", "0") == "1":
                return True
            connection.sendall(_HTTP2_PREFACE)
            return connection.recv(9, socket.MSG_WAITALL)[3:4] == _SETTINGS
    return False


def _connected(path: str) -> socket.socket | None:
    """A connection that ends when the server behind it dies; None where there are no such sockets."""
    if not hasattr(socket, "AF_UNIX"):
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
        connection.setblocking(False)
    except OSError:
        connection.close()
        return None
    return connection


def _is_cut(connection: socket.socket) -> bool:
    try:
        return not connection.recv(1)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _not_started(where: str, error: Exception) -> UsageError:
    mine = f"here are Python {platform.python_version()}, ray {ray.__version__}"
    text = "it wants a token: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH, as its nodes have them"
    if "auth" not in repr(error.__cause__).lower():
        text = " ".join(str(error).split())[:300]
    return UsageError(f"Ray does not start {where} ({mine}): {text}")


def _check_versions() -> None:
    """See that every node runs this version of kpstream.

    Raises:
        UsageError: One does not.
    """

    def version() -> str:  # inside a function it travels itself, and needs no kpstream there
        try:
            import kpstream
        except ImportError:
            return "none"
        return kpstream.__version__

    probe = _remote(num_cpus=0, max_retries=0)(version)
    for node in _nodes():
        if not node["Alive"]:
            continue
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        try:
            found = ray.get(probe.options(scheduling_strategy=there).remote())
        except RayError:  # the node has died since: it gets no file
            continue
        if found != __version__:
            ray.shutdown()
            host = node["NodeManagerHostname"]
            raise UsageError(f"node {host} runs kpstream {found}, here is {__version__}: install the same on all")
