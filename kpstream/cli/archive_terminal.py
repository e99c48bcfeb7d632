"""What the terminal shows of an archive: what it will take, how far it is, and what stands in its ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from shutil import disk_usage
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from kpstream.cli.terminal import LINE_EVERY, PRICE, progress_bar, say, stderr
from kpstream.options.units import clock_text, count_text
from kpstream.paths import is_folder

if TYPE_CHECKING:
    from kpstream.recorded.archive.driver import Figures
    from kpstream.recorded.archive.intake import Inventory
    from kpstream.recorded.archive.ledger import FileRecord
    from kpstream.recorded.archive.settings import ArchiveSettings

_LISTED = 20
_STANDS_AFTER = 60.0
"""Seconds after which a file whose progress nobody writes any more is told: its driver was killed."""


class ArchiveProgress:
    """A bar over all hours of video, with files, requests and failures; without a terminal a line a minute."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, what="")
        self._next_line_at = time.monotonic() + LINE_EVERY

    def show(self, figures: Figures) -> None:
        """Show how it is doing."""
        what = progress_text(figures)
        running = figures.running[0] if len(figures.running) == 1 else f"{len(figures.running)} files"
        self._progress.update(
            self._task,
            description=running[-40:],
            completed=figures.seconds_done,
            total=max(figures.seconds, 1e-3),
            what=what,
        )
        if self._progress.disable and time.monotonic() >= self._next_line_at:
            self._next_line_at = time.monotonic() + LINE_EVERY
            say(f"{clock_text(figures.seconds_done)} of {clock_text(figures.seconds)} of video, {what}")


def progress_text(figures: Figures) -> str:
    """Files, requests, credits and failures in one line."""
    parts = [f"{figures.done} of {count_text(figures.files, 'file')}", count_text(figures.requests, "request")]
    if figures.credits:
        parts.append(f"{figures.credits:.3f} credits")
    if figures.failed:
        parts.append(f"{figures.failed} failed")
    if figures.trouble:
        parts.append(f"waiting: {figures.trouble}")
    return ", ".join(parts)


@contextmanager
def archive_progress() -> Iterator[ArchiveProgress]:
    """The progress of an archive for as long as the block runs."""
    with progress_bar() as progress:
        yield ArchiveProgress(progress)


@contextmanager
def probing(files: int) -> Iterator[Callable[[int, int], None]]:
    """A bar while files are probed; given how many of how many are."""
    columns = (TextColumn(f"looking at {count_text(files, 'file')}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=stderr, disable=not stderr.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=files)
        yield lambda done, of: progress.update(task, completed=done, total=of)


def plan_lines(
    inventory: Inventory, passed_over: int, settings: ArchiveSettings, *, rate: float, into: str
) -> list[str]:
    """What an archive will take, and what of it is left out, in lines."""
    from kpstream.recorded.archive.estimate import estimate
    from kpstream.recorded.archive.stored_file import is_stored

    def samples(record: FileRecord) -> float:
        return settings.samples(record.duration, record.frame_rate)

    def written(record: FileRecord) -> float:
        return samples(record) if settings.sampled_only else record.duration * record.frame_rate

    todo = [inventory.records[name] for name in inventory.todo]
    found = estimate(
        todo,
        inventory.of_state("done"),
        samples=samples,
        written=written,
        kinds=settings.outputs,
        requests_per_second=rate,
        credits_per_request=settings.credits_per_request,
    )
    free = "" if is_stored(into) else f", {disk_usage(_nearest(Path(into))).free / 1e9:.0f} GB are free"
    unknown = f", and {found.unknown} of unknown length" if found.unknown else ""
    price = f", at least {found.credits:.4f} credits {PRICE}" if found.credits else ""
    rated = "1 request" if rate == 1 else f"{rate:g} requests"
    lasting = f"at least {clock_text(found.work_seconds)} at {rated} a second" if found.work_seconds else ""
    lines = [
        f"to do     {count_text(found.files, 'file')}, {clock_text(found.seconds)} of video{unknown}, "
        f"{count_text(found.frames, 'frame')}",
        f"requests  about {found.requests}{price}",
        f"time      {lasting or 'as fast as this machine and the endpoint are'}",
        f"disk      about {found.bytes / 1e6:.1f} MB{free}",
    ]
    return [*lines, *_left_out(inventory, passed_over)]


def _left_out(inventory: Inventory, passed_over: int) -> Iterator[str]:
    done, failed = inventory.of_state("done"), inventory.of_state("failed")
    again = len(inventory.to_copy) + sum(bool(record.same_as) for record in inventory.of_state("waiting"))
    if done:
        yield f"done      {count_text(len(done), 'file')}"
    if again:
        has, they, are = ("has", "it", "is") if again == 1 else ("have", "they", "are")
        yield (f"the same  {count_text(again, 'file')} {has} the content of another: {they} {are} given its outputs")
    if passed_over:
        yield f"no video  {count_text(passed_over, 'other file')} in the folders"
    for record in failed[:_LISTED]:
        yield f"skipped   {record.name}: {record.fault}"
    if len(failed) > _LISTED:
        yield f"skipped   {len(failed) - _LISTED} more"


def status_lines(found: dict[str, Any], now: datetime, *, failed_only: bool) -> Iterator[str]:
    """What stands in a ledger, in lines."""
    from kpstream.recorded.archive.summary import DAMAGED_REMEDY

    totals = found["totals"]
    if not failed_only:
        others = ", ".join(f"{totals[state]} {state}" for state in ("running", "waiting", "failed"))
        are = "is" if totals["damaged"] == 1 else "are"
        damaged = f"; {totals['damaged']} of those done {are} damaged" if totals["damaged"] else ""
        yield f"{totals['done']} of {count_text(totals['files'], 'file')} done, {others}{damaged}"
        left = "" if totals["requests_left"] is None else f", {totals['requests_left']} left"
        cost = f", about {totals['credits']:.4f} credits" if totals["credits"] else ""
        yield (
            f"{clock_text(totals['seconds_done'])} of {clock_text(totals['seconds'])} of video, "
            f"{count_text(totals['requests'], 'request')}{left}{cost}, {clock_text(totals['work_seconds'])} of work"
        )
        for record in (each for each in found["files"] if each["state"] == "running"):
            of = "" if record["duration"] is None else f" of {clock_text(record['duration'])}"
            how_far = f"{clock_text(record['position'])}{of}"
            silent = (now - datetime.fromisoformat(record["updated_at"])).total_seconds()
            stands = f", nobody has worked on it for {clock_text(silent)}" if silent >= _STANDS_AFTER else ""
            yield f"running   {record['name']}: {how_far}, {count_text(record['requests'], 'request')}{stands}"
        for record in (each for each in found["files"] if each["state"] == "waiting" and each["fault"]):
            yield f"waiting   {record['name']}: {record['fault']}; {record['remedy']}"
        for record in (each for each in found["files"] if each["damage"]):
            yield f"damaged   {record['name']}: {record['damage']}; {DAMAGED_REMEDY}"
    for record in (each for each in found["files"] if each["state"] == "failed"):
        yield f"failed    {record['name']}: {record['fault']}; {record['remedy']}"


def _nearest(path: Path) -> Path:
    """A folder that is there, at or above a path."""
    return next(each for each in (path.absolute(), *path.absolute().parents) if is_folder(each))
