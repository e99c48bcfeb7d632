"""What an archive makes of every file: the settings that all files share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from kpstream.dispatch.sampling import EveryNth, FixedRate, Sampling, make_sampling
from kpstream.endpoints.hosted import MAX_RATE, credits_for, is_hosted
from kpstream.endpoints.opening import answer_identity
from kpstream.events import RuleSet
from kpstream.options import DrawOptions, ModelOptions, RequestOptions
from kpstream.recorded.archive.inputs import OUTPUT_SUFFIX
from kpstream.recorded.plan import Encoding, Outputs
from kpstream.sources.spacing import Spacing

FORMAT = 1
"""The version of the outputs: raised when the same answers are written in another way, so that all are made anew."""

SUFFIXES = {
    "jsonl": ".jsonl",
    "csv": ".csv",
    "coco": ".coco.json",
    "parquet": ".parquet",
    "mp4": OUTPUT_SUFFIX,
    "events": ".events.jsonl",
}
"""The suffixes that follow the name of a video, by kind of output."""
KINDS = tuple(kind for kind in SUFFIXES if kind != "events")
"""The kinds that the user can choose; events are written wherever there are rules."""


_LONGEST = 240
"""Bytes of the last part of an output's name: file systems take 255; what is on its way has a longer one."""


def output_name(name: str, kind: str) -> str:
    """What an output of a file is called, below the place of the outputs.

    The beginning of a name that is too long stands for it, with what tells it from others that begin alike.
    """
    suffix = SUFFIXES[kind]
    folder, slash, last = name.rpartition("/")
    whole = last.encode()
    if len(whole) + len(suffix) > _LONGEST:
        digest = hashlib.sha256(whole).hexdigest()[:8]
        last = whole[: _LONGEST - len(suffix) - len(digest) - 1].decode(errors="ignore") + f"~{digest}"
    return f"{folder}{slash}{last}{suffix}"


@dataclass(frozen=True)
class ArchiveSettings:
    """What is made of every file. Holds no secret, because it travels to other processes and machines."""

    model: ModelOptions
    requests: RequestOptions
    """Its budget is ignored: the archive has one of its own."""
    every: int | None = None
    kinds: tuple[str, ...] = ("jsonl",)
    drawing: DrawOptions = field(default_factory=DrawOptions)
    encoding: Encoding = field(default_factory=Encoding)
    deinterlace: bool = True
    """Whether interlaced pictures are made whole."""
    sampled_only: bool = False
    """Whether only the frames that are asked about are read, and written."""
    rules: RuleSet | None = None
    rules_digest: str = ""
    """Identifies the content of the file of rules."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The kinds of files that are made."""
        return (*self.kinds, *(["events"] if self.rules is not None else []))

    @property
    def is_hosted(self) -> bool:
        """Whether the hosted service answers the requests, which has a price and a rate."""
        return not self.model.embedded and is_hosted(self.model.endpoint)

    @property
    def usual_rate(self) -> float:
        """Requests a second for all workers together, where the user names no rate."""
        return MAX_RATE if self.is_hosted else inf

    @property
    def credits_per_request(self) -> float:
        """The least that an answered request costs; 0 where the service has no price."""
        return credits_for() if self.is_hosted else 0.0

    @property
    def spacing(self) -> Spacing | None:
        """How far apart the frames are that are read; None where every frame is."""
        if not self.sampled_only:
            return None
        return Spacing(self.every, in_frames=True) if self.every else Spacing(1 / self.requests.max_rate)

    def sampling(self) -> Sampling:
        """Which of the frames that are read of one file are asked about."""
        return FixedRate(inf) if self.sampled_only else self._sampling()

    def samples(self, duration: float, frame_rate: float) -> float:
        """How many frames of a file are asked about at most, about; NaN where nobody knows."""
        samples = self._sampling().expected(duration, frame_rate)
        return samples if self.sampled_only else min(samples + 1, duration * frame_rate)  # the last frame is asked, too

    def _sampling(self) -> Sampling:
        return EveryNth(self.every) if self.every else make_sampling(self.requests)

    def identity(self) -> dict[str, str]:
        """The settings that the outputs depend on, as text by name."""
        settings = answer_identity(self.model)
        settings["asked"] = f"every {self.every}" if self.every else _asked(self.requests)
        if self.sampled_only:
            settings["frames"] = "sampled only"
        settings["write"] = ",".join(sorted(self.kinds))
        if "mp4" in self.kinds:
            settings["picture"] = f"{self.drawing!r}, {self.encoding!r}"
        if not self.deinterlace:
            settings["pictures"] = "interlaced as they are"
        if self.rules_digest:
            settings["rules"] = self.rules_digest
        settings["format"] = str(FORMAT)
        return settings


def _asked(requests: RequestOptions) -> str:
    rate = "every frame" if requests.rate is None else f"rate {requests.rate:g}"
    return rate if requests.sampling == "steady" else f"{rate}, {requests.sampling}"


def job_outputs(folder: Path, kinds: tuple[str, ...]) -> Outputs:
    """The paths at which the outputs of one file are made before they are published."""
    paths = output_paths(folder, kinds)
    return Outputs(
        video=paths.get("mp4"),
        jsonl=paths.get("jsonl"),
        coco=paths.get("coco"),
        csv=paths.get("csv"),
        parquet=paths.get("parquet"),
    )


def output_paths(folder: Path, kinds: tuple[str, ...]) -> Mapping[str, Path]:
    """The same paths by kind, those of the events included."""
    return {kind: folder / f"made{SUFFIXES[kind]}" for kind in kinds}
