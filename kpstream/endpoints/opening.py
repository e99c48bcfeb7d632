"""The endpoint that options name, and the key for it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from kpstream.endpoints.hosted import is_hosted
from kpstream.errors import EndpointRejected, UsageError
from kpstream.interfaces import Endpoint
from kpstream.options import EMBEDDED, KEY_VARIABLE, UPLOAD_SIZES, ModelOptions
from kpstream.redact import redact, remember


def read_key(path: Path | None) -> str | None:
    """An API key from a file, or from the environment; None where there is none. From now on no text shows it.

    Raises:
        UsageError: The file cannot be read or holds no key.
    """
    if path is None:
        key = os.environ.get(KEY_VARIABLE, "").strip()
    else:
        try:
            key = path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            # The name is not repeated: somebody may have given the key itself.
            reason = getattr(error, "strerror", None) or "it is not text"
            raise UsageError(f"`api_key_file`: {reason}; it takes the path of a file with the key") from None
        if not key or len(key.split()) != 1:
            raise UsageError("`api_key_file`: the file must hold the key and nothing else")
    if key:
        remember(key)
    return key or None


def make_endpoint(model: ModelOptions, api_key: str | None = None, *, skeletons_not_found: str = "") -> Endpoint:
    """The endpoint that the options name.

    Args:
        model: Which model, where, and how it is asked.
        api_key: A key that was found already; None reads the key file or the environment.
        skeletons_not_found: What the function of this name says of an endpoint that has asked before.

    Raises:
        EndpointRejected: The hosted service is named, and there is no key.
        UsageError: The options do not fit together.
    """
    if model.embedded:
        if model.model is not None or model.skeleton is not None:
            raise UsageError("the embedded model is the only one of its kind: leave out `model` and `skeleton`")
        from kpstream.endpoints.embedded import EmbeddedEndpoint

        return EmbeddedEndpoint()
    from kpstream.endpoints.roboflow import RoboflowEndpoint
    from kpstream.endpoints.versions import load_skeleton_file

    if model.model is None:
        raise UsageError(f"{model.endpoint} needs a model to ask for: add `model` PROJECT/VERSION", option="endpoint")
    key = read_key(model.api_key_file) if api_key is None else api_key
    endpoint = RoboflowEndpoint(
        model.model,
        endpoint_url=model.endpoint,
        api_url=model.api_url,
        api_key=key,
        key_in=model.key_in,
        upload_size=UPLOAD_SIZES[0] if model.upload_size is None else model.upload_size,
        jpeg_quality=model.jpeg_quality,
        body=model.body,
        timeout=model.timeout,
        skeletons=None if model.skeleton is None else load_skeleton_file(model.skeleton),
        skeletons_not_found=skeletons_not_found,
    )
    if key is None and is_hosted(model.endpoint):
        raise EndpointRejected(f"no API key: put it in {KEY_VARIABLE}, or in a file given as `api_key_file`")
    endpoint.check()
    return endpoint


def skeletons_not_found(endpoint: Endpoint) -> str:
    """Why the endpoint's skeletons cannot be known, once it looked them up in vain; otherwise empty."""
    from kpstream.endpoints.roboflow import RoboflowEndpoint

    return redact(endpoint.skeletons_not_found) if isinstance(endpoint, RoboflowEndpoint) else ""


def make_live_endpoint(model: ModelOptions, api_key: str | None = None) -> Endpoint:
    """The endpoint for a live view; where `upload_size` is auto, it is to be asked through an `AdaptiveUpload`.

    Raises:
        KpstreamError: As from `make_endpoint`.
    """
    return make_endpoint(replace(model, upload_size=model.upload_size or UPLOAD_SIZES[-1]), api_key)


def answer_identity(model: ModelOptions) -> dict[str, str]:
    """What an answer depends on, beside the picture: by name, without any secret."""
    skeleton = "" if model.skeleton is None else f"{model.skeleton.stat().st_size} {model.skeleton.stat().st_mtime_ns}"
    return {
        "model": model.model or EMBEDDED,
        "endpoint": EMBEDDED if model.embedded else redact(model.endpoint),
        "thresholds": repr(model.filters),
        "upload": f"{model.upload_size or UPLOAD_SIZES[0]} px, quality {model.jpeg_quality}",
        "skeleton": skeleton,
    }
