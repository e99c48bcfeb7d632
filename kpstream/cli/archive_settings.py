"""From the options of ``kpstream archive`` to what is made of every file."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from kpstream.cli.rules import load_rules
from kpstream.errors import UsageError
from kpstream.options import ArchiveOptions, ArchiveRequestOptions, DrawOptions, ModelOptions, VideoOptions
from kpstream.paths import is_file

if TYPE_CHECKING:
    from kpstream.recorded.archive.settings import ArchiveSettings


def make_settings(
    archiving: ArchiveOptions,
    video: VideoOptions,
    model: ModelOptions,
    requests: ArchiveRequestOptions,
    drawing: DrawOptions,
    *,
    every: int | None,
    rules: Path | None,
) -> ArchiveSettings:
    """The settings that options name, checked as far as it can be before anything is looked for.

    Args:
        archiving: What is written.
        video: How video is read and written.
        model: What finds the poses.
        requests: How often it is asked.
        drawing: What is drawn.
        every: Ask about every N-th frame.
        rules: The file of rules.

    Raises:
        UsageError: They do not fit together.
    """
    from kpstream.options.units import split_words
    from kpstream.recorded.archive.settings import KINDS, ArchiveSettings
    from kpstream.recorded.plan import Encoding
    from kpstream.sinks.h264 import Quality

    kinds = tuple(dict.fromkeys(split_words(archiving.write)))
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise UsageError(f"does not know {', '.join(unknown)}: it takes {', '.join(KINDS)}", option="write")
    if not kinds:
        raise UsageError("names nothing: give a comma list of what is to be written", option="write")
    if "mp4" in kinds:
        Quality(video.crf, video.preset).check()
    if "parquet" in kinds and find_spec("pyarrow") is None:
        raise UsageError("parquet needs pyarrow: pip install 'kpstream[archive]'", option="write")
    if every is not None and requests.rate is not None:
        raise UsageError("`every` and `rate` say the same thing in two ways: give one of them")
    if every is not None and requests.sampling == "adaptive":
        raise UsageError("asks at even steps: give `rate` with `sampling` adaptive", option="every")
    if archiving.sampled_only:
        _check_sampled_only(kinds, requests, every=every, rules=rules)
    _ = model.filters, drawing.parts  # what is wrong with them is told before anything is looked for
    settings = ArchiveSettings(
        model,
        requests,
        every,
        kinds,
        drawing,
        Encoding(video.crf, video.preset, audio=video.audio),
        deinterlace=not video.no_deinterlace,
        sampled_only=archiving.sampled_only,
    )
    if rules is None:
        return settings

    digest = hashlib.sha256(rules.read_bytes()).hexdigest()[:16] if is_file(rules) else ""
    return replace(settings, rules=load_rules(rules).rules, rules_digest=digest)


def _check_sampled_only(
    kinds: tuple[str, ...], requests: ArchiveRequestOptions, *, every: int | None, rules: Path | None
) -> None:
    if every is None and requests.rate is None:
        raise UsageError(
            "leaves out the frames that are not asked about: give `rate` or `every`", option="sampled_only"
        )
    if "mp4" in kinds:
        raise UsageError("leaves no video to show: `write` mp4 needs every frame", option="sampled_only")
    if rules is not None:
        raise UsageError("leaves out what happens between the samples: `rules` need every frame", option="sampled_only")
    if requests.sampling == "adaptive":
        raise UsageError("takes even steps: `sampling` adaptive has to see every frame", option="sampled_only")
