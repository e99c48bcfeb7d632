"""Which keypoints a model has and how they are joined: from a file, from the user's cache, or from the management API.

Nothing here is worth a lost answer: whatever goes wrong, keypoints are drawn without edges and a line says why.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import platformdirs

from kpstream.endpoints.refusals import refusal
from kpstream.endpoints.transport import Access, Transport
from kpstream.errors import EndpointRejected, EndpointUnavailable, UsageError
from kpstream.skeleton import Skeleton, label
from kpstream.wire.skeletons import from_metadata, from_version, to_version

_TIMEOUT = 5.0
"""Seconds for all that one look-up asks."""
_PAUSE = 30.0
"""Seconds between a look-up that failed for now and the next one; doubled each time, up to an hour."""
_MAX_PAUSE = 3600.0
_WEIGHTS = "/models/v1/external/weights"
_METADATA_FILE = "keypoints_metadata.json"


def load_skeleton_file(path: str | Path) -> dict[str, Skeleton]:
    """Read skeletons by class name from a JSON file.

    Args:
        path: It holds a version's ``skeletons``, or a whole answer of 'View a Version', or a ``keypoints_metadata``.

    Raises:
        UsageError: It cannot be read, or holds none of these.
    """
    try:
        skeletons = _skeletons_in(json.loads(Path(path).read_bytes()), bare=True)
    except OSError as error:
        failure = UsageError(f"cannot read the skeleton file {path}: {error.strerror}")
    except (ValueError, RecursionError) as error:
        failure = UsageError(f"the skeleton file {path} is of no known form: {label(error)}")
    else:
        if skeletons:
            return skeletons
        failure = UsageError(f"the skeleton file {path} holds no skeletons: it wants those of a version, by class name")
    raise failure


class SkeletonCache:
    """Skeletons on disk, one file a model, in the form of a ``--skeleton`` file; private to the user.

    A version never changes once it is trained, so what is kept does not grow old.

    Args:
        folder: Where; None for the user's cache.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def load(self, host: str, model: str) -> dict[str, Skeleton]:
        """What is kept of a model; empty where there is nothing, or nothing of use."""
        try:
            return _skeletons_in(json.loads(self._path(host, model).read_bytes()))
        except (OSError, ValueError, RecursionError):
            return {}

    def store(self, host: str, model: str, skeletons: Mapping[str, Skeleton]) -> None:
        """Keep the skeletons of a model; a disk that does not take them is no fault."""
        path = self._path(host, model)
        text = json.dumps({"skeletons": to_version(skeletons)})
        with suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".unfinished")  # mode 0600
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
                Path(unfinished).replace(path)
            except OSError:
                Path(unfinished).unlink()

    def _path(self, host: str, model: str) -> Path:
        folder = self._folder or platformdirs.user_cache_path("kpstream") / "skeletons"
        return folder / f"{quote(f'{host}/{model}', safe='')}.json"


class SkeletonLookup:
    """Finds the skeletons of one model, once, and tells them.

    Args:
        model: PROJECT/VERSION or WORKSPACE/SLUG.
        api_url: The management API.
        access: The key. Without one only an API that is not the hosted one is asked.
        transport: What the requests go through.
        on_found: Called with the skeletons once they are known, by the thread that found them.
        hosted: Whether ``api_url`` is the hosted API, which answers no request without a key.
        cache: Where found skeletons are kept.
        not_found: Why there are none, where an earlier look-up of this run has found that out: nothing is asked then.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        model: str,
        api_url: str,
        access: Access,
        transport: Transport,
        on_found: Callable[[Mapping[str, Skeleton]], None],
        *,
        hosted: bool,
        cache: SkeletonCache,
        not_found: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        self._api_url = api_url.rstrip("/")
        self._host = urlsplit(api_url).netloc.rpartition("@")[2]
        self._access = access
        self._transport = transport
        self._on_found = on_found
        self._hosted = hosted
        self._cache = cache
        self._clock = clock
        self._turn = threading.Lock()
        self._done = bool(not_found)
        self._not_before = float("-inf")
        self._pause = _PAUSE
        self._trouble = not_found

    @property
    def not_found(self) -> str:
        """Why there are no skeletons, once that will not change; otherwise empty."""
        return self._trouble if self._done else ""

    @property
    def trouble(self) -> str:
        """Why the skeletons are not known; empty while nothing has been tried, and once they are."""
        return self._trouble

    def look_up_if_due(self) -> None:
        """Look the skeletons up if that is due; waits for the API at most 5 s, and never for another thread.

        After a failure that may pass it looks again, after 30 s and then ever more rarely; otherwise never.
        """
        if self._done or not self._turn.acquire(blocking=False):
            return
        try:
            if not self._done and self._clock() >= self._not_before:
                self._look_up()
        finally:
            self._turn.release()

    def _look_up(self) -> None:
        self._trouble = ""
        try:
            skeletons = self._cache.load(self._host, self._model)
            if not skeletons and (skeletons := self._asked()):
                self._cache.store(self._host, self._model, skeletons)
        except EndpointUnavailable as error:
            self._trouble = str(error)
            self._not_before, self._pause = self._clock() + self._pause, min(2 * self._pause, _MAX_PAUSE)
            return
        self._done = True
        if skeletons:
            self._trouble = ""
            self._on_found(skeletons)

    def _asked(self) -> dict[str, Skeleton]:
        """Ask one route after the other; a route that is refused is not the last word, one that fails is for now."""
        if self._hosted and not self._access.key:
            self._trouble = f"there is no API key to ask {self._host} with"
            return {}
        for document in self._documents(self._clock() + _TIMEOUT):
            try:
                if skeletons := _skeletons_in(document):
                    return skeletons
            except ValueError as error:
                self._note(f"{self._host} tells it in a form that cannot be read: {label(error)}")
        self._note(f"{self._host} does not know it")
        return {}

    def _documents(self, ends_at: float) -> Iterator[Any]:
        project, _, version = self._model.partition("/")
        if version.isdigit() and (workspace := _workspace(self._get_json("/", ends_at))):
            yield self._get_json(f"/{quote(workspace, safe='')}/{project}/{version}", ends_at)
        # What the inference server itself downloads: without colours, but it knows models of other workspaces too.
        yield self._get_json(f"/ort/{self._model}", ends_at, nocache="true", device="kpstream", dynamic="true")
        for url in _metadata_urls(self._get_json(_WEIGHTS, ends_at, modelId=self._model)):
            if urlsplit(url).scheme in {"https", urlsplit(self._api_url).scheme}:
                yield {"keypoints_metadata": self._get_json(url, ends_at)}

    def _get_json(self, where: str, ends_at: float, **params: str) -> Any:
        """Get JSON from a route of the API, or, without the key, from a URL that it named; None where it is refused.

        Raises:
            EndpointUnavailable: It may be there later.
        """
        inside = where.startswith("/")
        access = self._access if inside else Access("")
        try:
            request = access.request("GET", self._api_url + where if inside else where, params)
            response = self._transport.exchange(request, ends_at - self._clock())
            if response.accepted:
                return json.loads(response.body)
            failure = refusal(response, host=self._host, model=self._model, access=access)
        except EndpointRejected as error:
            failure = error
        except (ValueError, RecursionError):
            failure = EndpointRejected(f"{self._host} answers with something that is not JSON")
        if isinstance(failure, EndpointUnavailable):
            raise failure
        self._note(str(failure))
        return None

    def _note(self, trouble: str) -> None:
        self._trouble = self._trouble or trouble  # the first cause says most


def _skeletons_in(document: Any, *, bare: bool = False) -> dict[str, Skeleton]:
    """Find skeletons wherever one of the published forms has them; empty where there are none.

    Args:
        document: Decoded JSON.
        bare: Whether the document may itself be the ``skeletons`` or the ``keypoints_metadata``.

    Raises:
        ValueError: They are there, and not of the form that they should have.
    """
    if isinstance(document, list) and bare:
        return from_metadata(document)
    if not isinstance(document, dict):
        return {}
    # The documentation shows the skeletons without the object that they are in.
    for parent in (document.get("version"), document, document.get("project")):
        if isinstance(parent, dict) and parent.get("skeletons"):
            return from_version(parent["skeletons"])
    for parent in (document.get("ort"), document):
        if isinstance(parent, dict) and parent.get("keypoints_metadata"):
            return from_metadata(parent["keypoints_metadata"])
    if bare and any(isinstance(value, dict) and "vertices" in value for value in document.values()):
        return from_version(document)
    return {}


def _workspace(document: Any) -> str:
    workspace = document.get("workspace") if isinstance(document, dict) else None
    if isinstance(workspace, dict):
        workspace = workspace.get("url") or workspace.get("name")
    return workspace if isinstance(workspace, str) else ""


def _metadata_urls(document: Any) -> Iterator[str]:
    try:
        for package in document["modelMetadata"]["modelPackages"]:
            for file in package["packageFiles"]:
                if file["fileHandle"] == _METADATA_FILE and isinstance(file["downloadUrl"], str):
                    yield file["downloadUrl"]
                    return
    except (KeyError, TypeError):
        return
