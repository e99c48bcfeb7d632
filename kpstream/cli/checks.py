"""What works on this machine and what does not, with the remedy."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from kpstream.endpoints.opening import make_endpoint, read_key
from kpstream.errors import EndpointUnavailable, UsageError, opencv_missing
from kpstream.options import HOSTED_API, KEY_VARIABLE, ModelOptions, on_command_line
from kpstream.redact import redact

_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    works: bool | None
    """None where it could not be tried, or is not needed."""
    detail: str
    """What was found, or the remedy."""
    exit_code: int = 1
    """What the command ends with where it does not work."""


def examine(source: str | None, model: ModelOptions) -> Iterator[Finding]:
    """Look at everything, one finding after the other; nothing is sent to the model.

    Args:
        source: A camera, stream or file to open; None opens none.
        model: Whose endpoint, key and model id are checked.

    Yields:
        The findings, as they come.
    """
    yield Finding("Python", sys.version_info >= (3, 11), f"{platform.python_version()} on {platform.platform()}")
    opencv = _guarded("OpenCV", _opencv)
    yield opencv
    if not opencv.works:
        return
    yield _guarded("encoder", _encoder, exit_code=5)
    yield _guarded("window", _window)
    yield _guarded("embedded model", _embedded)
    yield _guarded("source", lambda: _source(source), exit_code=3)
    yield _guarded("key", lambda: _key(model), exit_code=4)
    yield _guarded("endpoint", lambda: _endpoint(model), exit_code=4)
    yield _guarded("model", lambda: _model(model), exit_code=4)


def _guarded(what: str, check: Callable[[], tuple[bool | None, str]], exit_code: int = 1) -> Finding:
    try:
        works, detail = check()
    except ImportError as error:
        works, detail = False, opencv_missing(error)
    except UsageError as error:
        works, detail, exit_code = False, str(error), error.exit_code
    except Exception as error:  # noqa: BLE001 - whatever is broken here is what the user wants to know
        works, detail = False, str(error) or type(error).__name__
    return Finding(what, works, on_command_line(redact(detail)), exit_code)


def _opencv() -> tuple[bool, str]:
    import cv2

    return True, f"{cv2.__version__}, with supervision {version('supervision')}, PyAV {version('av')}"


def _encoder() -> tuple[bool, str]:
    import av

    av.CodecContext.create("libx264", "w")
    return True, "H.264 by libx264"


def _window() -> tuple[bool | None, str]:
    from kpstream.sinks.window import reason_no_window

    reason = reason_no_window()
    return (True, "can be opened") if reason is None else (None, reason)


def _embedded() -> tuple[bool, str]:
    import numpy as np

    from kpstream.endpoints.embedded import EmbeddedEndpoint

    endpoint = EmbeddedEndpoint()
    picture = np.zeros((360, 640, 3), np.uint8)
    endpoint.infer(picture)
    started_at = time.monotonic()
    endpoint.infer(picture)
    return True, f"{1000 * (time.monotonic() - started_at):.0f} ms a picture, with onnxruntime {version('onnxruntime')}"


def _source(reference: str | None) -> tuple[bool | None, str]:
    from kpstream.sources import open_source

    if reference is None:
        return None, "not asked; try: kpstream doctor 0, or kpstream doctor rtsp://..."
    source = open_source(reference)
    try:
        frame = source.read()
        if frame is None:
            return False, f"{source.name} opens, but gives no picture"
        width, height = frame.size
        return True, f"{source.name} gives {width}x{height}, {source.frame_rate:.4g} frames/s declared"
    finally:
        source.close()


def _key(model: ModelOptions) -> tuple[bool | None, str]:
    if read_key(model.api_key_file) is None:
        return None, f"none: needed for the hosted service; put it in {KEY_VARIABLE}, or in a file for `api_key_file`"
    try:
        status, document = _get(model, model.api_url)
    except EndpointUnavailable as error:
        return None, f"there is one, and nobody to say whether it is good: {error}"
    if status == 200:
        return True, f"accepted, workspace {document.get('workspace', 'unknown')}"
    if status in (401, 403):
        return False, f"refused by {model.api_url}: copy it again from the workspace's settings"
    return None, f"there is one; {model.api_url} could not say whether it is good (HTTP {status})"


def _endpoint(model: ModelOptions) -> tuple[bool | None, str]:
    if model.embedded:
        return None, "no model named: the embedded one answers; add `model` PROJECT/VERSION to check yours"
    status, _ = _get(model, model.endpoint)
    return status < 500, f"{model.endpoint} answers (HTTP {status})"


def _model(model: ModelOptions) -> tuple[bool | None, str]:
    if model.embedded or model.model is None:
        return None, "not asked"
    make_endpoint(model).close()
    try:
        status, document = _get(model, f"{model.api_url}/ort/{model.model}")
    except EndpointUnavailable as error:  # nothing stops for want of a skeleton
        without = "keypoints are drawn without edges: add `api_url` URL, or `skeleton` FILE.json"
        return None, f"{error}; {without if model.skeleton is None else 'the skeleton is that of `skeleton`'}"
    if status == 200:
        has_skeleton = bool(document.get("ort", {}).get("keypoints_metadata"))
        return True, f"{model.model} is there, {'with' if has_skeleton else 'without'} a skeleton"
    if status in (401, 403, 404) and model.api_url == HOSTED_API:
        return False, f"{model.model} is not there for this key (HTTP {status}): check the id and the workspace"
    return None, f"{model.api_url} could not say (HTTP {status})"


def _get(model: ModelOptions, url: str) -> tuple[int, dict[str, Any]]:
    from kpstream.endpoints.transport import Access, Transport

    transport = Transport()
    try:
        request = Access(read_key(model.api_key_file) or "", model.key_in).request("GET", url, {})
        response = transport.exchange(request, _TIMEOUT)
    finally:
        transport.close()
    try:
        document = json.loads(response.body)
    except ValueError:
        document = {}
    return response.status, document if isinstance(document, dict) else {}
