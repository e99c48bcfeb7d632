"""The local endpoint: a server that speaks the hosted service's wire, with a model of this machine behind it."""

from __future__ import annotations

from kpstream.server.answers import Finder
from kpstream.server.app import create_app
from kpstream.server.serving import Server

__all__ = ["Finder", "Server", "create_app"]
