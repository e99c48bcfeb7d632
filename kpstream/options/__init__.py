"""The options: a frozen dataclass a concept, each option declared once with its type, default, bounds and meaning.

The options of the command line and the keys of a site's file are both made from them. They are plain values, and
nothing here loads OpenCV: ``--help`` and ``doctor`` work where it cannot be loaded.
"""

from __future__ import annotations

from kpstream.options.archive import ArchiveOptions
from kpstream.options.declared import DeclaredOption, Option, declared_options
from kpstream.options.delivery import MqttOptions, NotifyOptions, RunOptions, WebhookOptions
from kpstream.options.drawing import DRAWN, DrawOptions
from kpstream.options.events import EventsOptions
from kpstream.options.model import EMBEDDED, HOSTED, HOSTED_API, KEY_VARIABLE, UPLOAD_SIZES, ModelOptions
from kpstream.options.naming import in_file, on_command_line
from kpstream.options.outputs import OutputOptions, PartOptions, VideoOptions
from kpstream.options.page import TOKEN_VARIABLE, Network, PageOptions, parse_listen
from kpstream.options.recording import RecordingOptions
from kpstream.options.requests import ArchiveRequestOptions, LiveRequestOptions, RequestOptions
from kpstream.options.rules import RulesOptions
from kpstream.options.source import SourceOptions, Zone
from kpstream.options.view import ViewOptions

__all__ = [
    "DRAWN",
    "EMBEDDED",
    "HOSTED",
    "HOSTED_API",
    "KEY_VARIABLE",
    "TOKEN_VARIABLE",
    "UPLOAD_SIZES",
    "ArchiveOptions",
    "ArchiveRequestOptions",
    "DeclaredOption",
    "DrawOptions",
    "EventsOptions",
    "LiveRequestOptions",
    "ModelOptions",
    "MqttOptions",
    "Network",
    "NotifyOptions",
    "Option",
    "OutputOptions",
    "PageOptions",
    "PartOptions",
    "RecordingOptions",
    "RequestOptions",
    "RulesOptions",
    "RunOptions",
    "SourceOptions",
    "VideoOptions",
    "ViewOptions",
    "WebhookOptions",
    "Zone",
    "declared_options",
    "in_file",
    "on_command_line",
    "parse_listen",
]
