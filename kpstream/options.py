"""The options that commands share, each declared once, and the objects that they make."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from kpstream.endpoints.advice import KeyAdvice
from kpstream.entities import Filters
from kpstream.errors import UsageError
from kpstream.interfaces import Annotator, Endpoint
from kpstream.redact import redact, remember
from kpstream.skeleton import Skeleton

if TYPE_CHECKING:
    from kpstream.dispatch.sampling import Adaptive, FixedRate

KEY_VARIABLE = "ROBOFLOW_API_KEY"
HOSTED = "https://serverless.roboflow.com"
HOSTED_API = "https://api.roboflow.com"
EMBEDDED = "embedded"
ON_COMMAND_LINE = KeyAdvice(
    f"no API key: put it in {KEY_VARIABLE}, or in a file given as --api-key-file",
    f"{KEY_VARIABLE} or --api-key-file",
)
DRAWN = ("boxes", "keypoints", "edges", "labels", "ids")

_MODEL = "Model"
_REQUESTS = "Requests"
_PICTURE = "Picture"


def takes(**groups: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the fields of option groups as options of its own; it is called with the groups, filled.

    Args:
        groups: For each parameter of the command that is a group: its name, and the dataclass.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        own = [parameter for name, parameter in signature.parameters.items() if name not in groups]
        shared = [
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hint)
            for group in groups.values()
            for field, hint in zip(fields(group), get_type_hints(group, include_extras=True).values(), strict=True)
        ]

        @wraps(command)
        def with_groups(**values: Any) -> None:
            for name, group in groups.items():
                values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
            command(**values)

        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own, *shared)]
        with_groups.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        with_groups.__annotations__ = {p.name: p.annotation for p in parameters}
        return with_groups

    return decorate


@dataclass(frozen=True)
class ModelOptions:
    """Which model is asked, where, and what of its answers is used."""

    model: Annotated[
        str | None,
        typer.Option(
            metavar="PROJECT/VERSION",
            help="Your model's id, as in my-pose/3 (or WORKSPACE/SLUG). Without it the embedded model is used.",
            rich_help_panel=_MODEL,
        ),
    ] = None
    endpoint: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Any server that speaks the hosted service's wire, or 'embedded' for the model in the package.",
            rich_help_panel=_MODEL,
        ),
    ] = HOSTED
    api_url: Annotated[
        str, typer.Option(metavar="URL", help="Where the skeleton is asked for.", rich_help_panel=_MODEL)
    ] = HOSTED_API
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help=f"A file with the API key. Without it the key is taken from the variable {KEY_VARIABLE}.",
            rich_help_panel=_MODEL,
        ),
    ] = None
    key_in: Annotated[
        Literal["query", "header"],
        typer.Option(help="How the key travels: as documented, or as a Bearer header.", rich_help_panel=_MODEL),
    ] = "query"
    confidence: Annotated[
        float,
        typer.Option(help="Poses below it are not used: 0-100, or a fraction below 1.", rich_help_panel=_MODEL),
    ] = 40.0
    overlap: Annotated[
        float,
        typer.Option(help="Boxes that overlap more count as one: 0-100, or a fraction.", rich_help_panel=_MODEL),
    ] = 30.0
    classes: Annotated[
        str, typer.Option(metavar="A,B", help="Only these object classes.", show_default="all", rich_help_panel=_MODEL)
    ] = ""
    keypoint_confidence: Annotated[
        float,
        typer.Option(min=0, max=1, help="Keypoints below it are not drawn and not tracked.", rich_help_panel=_MODEL),
    ] = 0.3
    max_detections: Annotated[
        int, typer.Option(min=1, help="At most this many poses in a picture.", rich_help_panel=_MODEL)
    ] = 300
    skeleton: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            help="Vertices and edges by hand, in the form of the version's 'skeletons'.",
            rich_help_panel=_MODEL,
        ),
    ] = None
    upload_size: Annotated[
        int,
        typer.Option(
            min=32, metavar="PX", help="Longest side of what is sent, never enlarged.", rich_help_panel=_MODEL
        ),
    ] = 640
    jpeg_quality: Annotated[
        int, typer.Option(min=1, max=100, metavar="Q", help="Of what is sent.", rich_help_panel=_MODEL)
    ] = 80
    body: Annotated[
        Literal["multipart", "base64"],
        typer.Option(help="Form of the upload; base64 is the documented, larger one.", rich_help_panel=_MODEL),
    ] = "multipart"
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="S", help="For one request, all phases.", rich_help_panel=_MODEL)
    ] = 10.0

    @property
    def embedded(self) -> bool:
        """Whether the model inside the package answers."""
        return self.endpoint == EMBEDDED or (self.model is None and self.endpoint == HOSTED)

    @property
    def filters(self) -> Filters:
        """What of the answers is used.

        Raises:
            UsageError: A percentage is not one.
        """
        return Filters(
            confidence=_fraction("--confidence", self.confidence),
            overlap=_fraction("--overlap", self.overlap),
            classes=tuple(name.strip() for name in self.classes.split(",") if name.strip()),
            keypoint_confidence=self.keypoint_confidence,
            max_detections=self.max_detections,
        )

    def key(self) -> str | None:
        """The API key, if there is one; from now on no text for people shows it.

        Raises:
            UsageError: The key file cannot be read or is empty.
        """
        return read_key(self.api_key_file)

    def load_skeletons(self) -> dict[str, Skeleton] | None:
        """The skeletons that were given by hand, by class name; None where there are none.

        Raises:
            UsageError: The file is not of the form.
        """
        from kpstream.endpoints.versions import load_skeleton_file

        return None if self.skeleton is None else load_skeleton_file(self.skeleton)

    def identity(self) -> dict[str, str]:
        """What an answer depends on, beside the picture: by name, without any secret."""
        skeleton = "" if self.skeleton is None else f"{self.skeleton.stat().st_size} {self.skeleton.stat().st_mtime_ns}"
        return {
            "model": self.model or EMBEDDED,
            "endpoint": EMBEDDED if self.embedded else redact(self.endpoint),
            "thresholds": repr(self.filters),
            "upload": f"{self.upload_size} px, quality {self.jpeg_quality}",
            "skeleton": skeleton,
        }

    def spare_cores(self) -> None:
        """With a model elsewhere every core has a picture of its own to work on.

        OpenCV then only loses by spreading each of them over all cores: 26 ms of CPU a 1768x994 frame instead of 29.
        """
        if not self.embedded:
            import cv2

            cv2.setNumThreads(1)

    def make_endpoint(self) -> Endpoint:
        """The endpoint that the options name.

        Raises:
            UsageError: The options do not fit together.
        """
        if self.embedded:
            if self.model is not None or self.skeleton is not None:
                raise UsageError("the embedded model is the only one of its kind: leave out --model and --skeleton")
            from kpstream.endpoints.embedded import EmbeddedEndpoint

            return EmbeddedEndpoint()
        from kpstream.endpoints.roboflow import RoboflowEndpoint

        if self.model is None:
            raise UsageError(f"--endpoint {self.endpoint} needs a model to ask for: add --model PROJECT/VERSION")
        endpoint = RoboflowEndpoint(
            self.model,
            endpoint_url=self.endpoint,
            api_url=self.api_url,
            api_key=self.key(),
            key_in=self.key_in,
            upload_size=self.upload_size,
            jpeg_quality=self.jpeg_quality,
            body=self.body,
            timeout=self.timeout,
            skeletons=self.load_skeletons(),
            key_advice=ON_COMMAND_LINE,
        )
        endpoint.check()
        return endpoint


@dataclass(frozen=True)
class DrawOptions:
    """What is drawn, and how thick."""

    draw: Annotated[
        str,
        typer.Option(
            metavar=",".join(DRAWN), help="What is drawn, a comma list; '' draws nothing.", rich_help_panel=_PICTURE
        ),
    ] = ",".join(DRAWN)
    thickness: Annotated[
        int | None,
        typer.Option(min=1, metavar="PX", help="Of lines.", show_default="by picture size", rich_help_panel=_PICTURE),
    ] = None

    def make_annotator(self) -> Annotator:
        """The annotator that the options name.

        Raises:
            UsageError: Something is to be drawn that nobody knows.
        """
        from kpstream.render import PoseAnnotator

        names = frozenset(name.strip() for name in self.draw.split(",") if name.strip())
        if unknown := sorted(names - set(DRAWN)):
            raise UsageError(f"--draw does not know {', '.join(unknown)}: it takes {', '.join(DRAWN)}")
        return PoseAnnotator(draw=names, thickness=self.thickness)


_RATE = typer.Option(min=0.001, metavar="R", help="The most samples per second of video.", rich_help_panel=_REQUESTS)
_SAMPLING = typer.Option(
    help="steady: --rate evenly; adaptive: up to --rate while anything changes, once in 5 s while nothing does.",
    rich_help_panel=_REQUESTS,
)


@dataclass(frozen=True)
class RequestOptions:
    """How often and how much is asked; of recorded video every frame, unless told otherwise."""

    rate: Annotated[float | None, _RATE] = None
    sampling: Annotated[Literal["steady", "adaptive"], _SAMPLING] = "steady"
    max_in_flight: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=128,
            metavar="N",
            help="Requests at once.",
            show_default="follows the latency",
            rich_help_panel=_REQUESTS,
        ),
    ] = None
    max_requests: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="A budget: never more requests than this in one run, tries again included.",
            show_default="no limit",
            rich_help_panel=_REQUESTS,
        ),
    ] = None

    def make_sampling(self) -> FixedRate | Adaptive:
        """Which frames are asked about."""
        from kpstream.dispatch.sampling import Adaptive, FixedRate

        rate = inf if self.rate is None else self.rate
        return FixedRate(rate) if self.sampling == "steady" else Adaptive(rate)


@dataclass(frozen=True)
class LiveRequestOptions(RequestOptions):
    """The same for a live picture: a few a second, and none while nothing changes."""

    rate: Annotated[float | None, _RATE] = 5.0
    sampling: Annotated[Literal["steady", "adaptive"], _SAMPLING] = "adaptive"


def read_key(path: Path | None) -> str | None:
    """An API key from a file, or from the environment; None where there is none.

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
            raise UsageError(f"--api-key-file: {reason}; it takes the path of a file with the key") from None
        if not key or len(key.split()) != 1:
            raise UsageError("--api-key-file: the file must hold the key and nothing else")
    if key:
        remember(key)
    return key or None


def _fraction(name: str, value: float) -> float:
    if not 0 <= value <= 100:
        raise UsageError(f"{name} {value:g}: give 0 to 100, or a fraction below 1")
    return value / 100 if value >= 1 else value
