"""How an archive of many files is worked through."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from kpstream.options.declared import Option
from kpstream.options.units import parse_share, parse_workers

_work = partial(Option, panel="Work")


@dataclass(frozen=True)
class ArchiveOptions:
    """How an archive of many files is worked through."""

    into: Annotated[
        str | None,
        Option(
            "Needed: the folder of the outputs, or an address of a storage (s3://, gs://, az://).", metavar="FOLDER"
        ),
    ] = None
    write: Annotated[
        str, Option("What is written of each file: jsonl, csv, coco, parquet, mp4; a comma list.", metavar="KIND,...")
    ] = "jsonl"
    sampled_only: Annotated[
        bool,
        Option(
            "Write only the frames that are asked about, and decode as little as can be.", flags=("--sampled-only",)
        ),
    ] = False
    ledger: Annotated[
        Path | None,
        Option("Where the ledger, the journals and the reports lie.", metavar="FOLDER", shown_default="that of --into"),
    ] = None
    plan: Annotated[bool, Option("Only tell what it will take: asks nothing, writes nothing.", flags=("--plan",))] = (
        False
    )
    requests_per_second: Annotated[
        float | None,
        Option(
            "All workers together.",
            panel="Requests",
            metavar="R",
            min=0.001,
            shown_default="20 for the hosted service, else no limit",
        ),
    ] = None
    workers: Annotated[
        int | None,
        _work(
            "Files at once; 1 works in this process, more need the extra kpstream\\[archive]; auto: the cores.",
            metavar="N|auto",
            shown_default="1; with --on auto",
            parse=parse_workers,
        ),
    ] = None
    """0 for as many as there are cores; None where nobody said."""
    on: Annotated[
        str | None,
        _work("Work on this Ray cluster, from one of its nodes: its address, or auto.", metavar="ADDRESS"),
    ] = None
    retry_failed: Annotated[bool, _work("Try again what failed.", flags=("--retry-failed",))] = False
    again: Annotated[bool, _work("Everything anew, also with other settings.", flags=("--again",))] = False
    max_failures: Annotated[
        tuple[float, bool] | None,
        _work(
            "Take no more files when so many failed, or such a share of all.",
            metavar="N|P%",
            shown_default="no limit",
            parse=parse_share,
        ),
    ] = None
    """A number, and whether it is a percentage."""
    shard: Annotated[
        str | None,
        _work(
            "Only the I-th of N equal parts, for job arrays; auto reads the variables of the array.", metavar="I/N|auto"
        ),
    ] = None
