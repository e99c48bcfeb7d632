"""The management routes: they describe a workspace, a project and a version, so that clients find the skeleton.

There is one model, and whatever a client calls its project is that model.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kpstream.server.answers import as_json
from kpstream.server.keys import ApiKeyCheck
from kpstream.skeleton import COCO
from kpstream.wire.skeletons import to_metadata, to_version

Answering = Callable[[Request], Awaitable[Response]]

CLASS_NAME = "person"
SKELETON = COCO
WORKSPACE = "local"
_PROJECT = "embedded"
TASK = "keypoint-detection"
_MODEL_TYPE = "movenet-multipose-pose"
"""Clients take a model for one of keypoints when its type holds the word pose."""
_TRAINING = "embedded"
_VERSIONS = 99
"""The number of versions that a project claims to have: clients look for theirs in the list before they ask for it."""
_PALETTE = ("#FF8000", "#FF00FF", "#00FFCE", "#8622FF", "#FE0056")
_CLASS_COLOR = "#4892EA"
_TEMPLATE = (
    (0.50, 0.10), (0.53, 0.08), (0.47, 0.08), (0.57, 0.10), (0.43, 0.10), (0.62, 0.24), (0.38, 0.24), (0.68, 0.38),
    (0.32, 0.38), (0.71, 0.51), (0.29, 0.51), (0.58, 0.53), (0.42, 0.53), (0.59, 0.73), (0.41, 0.73), (0.60, 0.93),
    (0.40, 0.93),
)  # fmt: skip
"""Where the COCO vertices stand in a picture of the skeleton, as shares of its width and height."""


def management_routes(key_check: ApiKeyCheck) -> list[Route]:
    """All management routes but ``GET /{workspace}/{project}``, which shares its path with requests for inference."""
    return [
        Route("/", _answering(key_check, _root), methods=["GET", "POST"]),
        Route("/ort/{project}/{version}", _answering(key_check, _weights), methods=["GET"]),
        Route("/{workspace}", _answering(key_check, _workspace), methods=["GET"]),
        Route("/{workspace}/{project}/{version}", _answering(key_check, _version), methods=["GET"]),
        Route("/{workspace}/{project}/{version}/v2/trainings", _answering(key_check, _trainings), methods=["GET"]),
        Route("/{workspace}/{project}/{version}/v2/trainings/get", _answering(key_check, _training), methods=["GET"]),
    ]


def project_route(key_check: ApiKeyCheck) -> Answering:
    """What answers ``GET /{workspace}/{project}``; its path parameters are ``first`` and ``second``."""
    return _answering(key_check, _project)


def json_response(content: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(as_json(content), status, media_type="application/json")


def _answering(key_check: ApiKeyCheck, describe: Callable[[dict[str, str]], dict[str, Any]]) -> Answering:
    async def answer(request: Request) -> Response:
        key_check.check(request)
        return json_response(describe(request.path_params))

    return answer


def _root(_: dict[str, str]) -> dict[str, Any]:
    return {
        "welcome": "Welcome to the local endpoint of kpstream.",
        "instructions": "You are successfully authenticated.",
        "workspace": WORKSPACE,
    }


def _workspace(path: dict[str, str]) -> dict[str, Any]:
    facts = _workspace_facts(path["workspace"])
    return {"workspace": {**facts, "projects": [_project_facts(path["workspace"], _PROJECT)]}}


def _project(path: dict[str, str]) -> dict[str, Any]:
    workspace, project = path["first"], path["second"]
    return {
        "workspace": _workspace_facts(workspace),
        "project": {**_project_facts(workspace, project), "versions": _VERSIONS},
        "versions": [_version_facts(workspace, project, str(number)) for number in range(_VERSIONS, 0, -1)],
    }


def _version(path: dict[str, str]) -> dict[str, Any]:
    workspace, project, version = path["workspace"], path["project"], path["version"]
    return {
        "workspace": _workspace_facts(workspace),
        "project": _project_facts(workspace, project),
        "version": {
            **_version_facts(workspace, project, version),
            "classes": [CLASS_NAME],
            "skeletons": _drawn_skeletons(),
        },
    }


def _trainings(path: dict[str, str]) -> dict[str, Any]:
    return {"trainings": [{**_training_facts(), "modelIds": [f"{path['project']}/{path['version']}"]}]}


def _training(path: dict[str, str]) -> dict[str, Any]:
    model = {"modelId": f"{path['project']}/{path['version']}", "modelType": _MODEL_TYPE}
    return {**_training_facts(), "models": [model]}


def _weights(_: dict[str, str]) -> dict[str, Any]:
    facts = {"classes": [CLASS_NAME], "colors": {CLASS_NAME: _CLASS_COLOR}, "modelType": _MODEL_TYPE, "type": TASK}
    return {"ort": {**facts, "keypoints_metadata": [to_metadata(CLASS_NAME, 0, SKELETON)]}}


def _workspace_facts(workspace: str) -> dict[str, Any]:
    return {"name": workspace, "url": workspace, "members": 1}


def _project_facts(workspace: str, project: str) -> dict[str, Any]:
    return {
        "id": f"{workspace}/{project}",
        "type": TASK,
        "name": project,
        "annotation": CLASS_NAME,
        "created": 0,
        "updated": 0,
        "images": 0,
        "unannotated": 0,
        "public": False,
        "splits": {},
        "classes": {CLASS_NAME: 0},
        "colors": {CLASS_NAME: _CLASS_COLOR},
    }


def _version_facts(workspace: str, project: str, version: str) -> dict[str, Any]:
    return {
        "id": f"{workspace}/{project}/{version}",
        "name": "embedded model",
        "created": 0,
        "images": 0,
        "splits": {},
        "preprocessing": {},
        "augmentation": {},
        "exports": [],
        "public": False,
        "model": {"id": f"{project}/{version}", "type": _MODEL_TYPE},
    }


def _training_facts() -> dict[str, Any]:
    return {"trainingId": _TRAINING, "status": "finished", "modelType": _MODEL_TYPE}


def _drawn_skeletons() -> dict[str, Any]:
    """The version's skeletons, with colours and with places in a picture of the skeleton."""
    colors = [_PALETTE[number % len(_PALETTE)] for number in range(max(len(SKELETON.names), len(SKELETON.edges)))]
    coloured = replace(
        SKELETON,
        vertex_colors=tuple(colors[: len(SKELETON.names)]),
        edge_colors=tuple(colors[: len(SKELETON.edges)]),
    )
    skeletons = to_version({CLASS_NAME: coloured})
    for vertex, (x, y) in zip(skeletons[CLASS_NAME]["vertices"], _TEMPLATE, strict=True):
        vertex.update(x=x, y=y)
    return skeletons
