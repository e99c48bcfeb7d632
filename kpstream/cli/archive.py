"""``kpstream archive``: many recorded videos, all of them done."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kpstream.cli.app import INTERRUPTED, app, examples
from kpstream.cli.archive_settings import make_settings
from kpstream.cli.archive_terminal import archive_progress, plan_lines, probing
from kpstream.cli.options import check_named, takes
from kpstream.cli.signals import signals_handled
from kpstream.cli.terminal import say
from kpstream.errors import (
    BudgetSpent,
    EndpointError,
    FilesFailed,
    KpstreamError,
    SinkError,
    SourceError,
    UsageError,
)
from kpstream.options import ArchiveOptions, ArchiveRequestOptions, DrawOptions, ModelOptions, VideoOptions
from kpstream.options.units import count_text
from kpstream.paths import is_there

if TYPE_CHECKING:
    from kpstream.recorded.archive.driver import Driver, Figures, Limits
    from kpstream.recorded.archive.faults import Fault
    from kpstream.recorded.archive.inputs import FoundInputs
    from kpstream.recorded.archive.intake import Inventory
    from kpstream.recorded.archive.ledger import Ledger
    from kpstream.recorded.archive.place import ArchivePlace
    from kpstream.recorded.archive.pool import FilePool
    from kpstream.recorded.archive.settings import ArchiveSettings

_ERRORS: dict[int, type[KpstreamError]] = {3: SourceError, 4: EndpointError, 5: SinkError, 6: BudgetSpent}
"""By the exit code of a fault."""


@app.command(
    epilog=examples(
        "kpstream archive videos/ --into out/ --plan   # what it will take",
        "kpstream archive videos/ --into out/ --rate 5   # again: it goes on",
    )
)
@takes(
    archiving=ArchiveOptions,
    video=VideoOptions,
    model=ModelOptions,
    requests=ArchiveRequestOptions,
    drawing=DrawOptions,
)
def archive(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...", help="Videos, folders, globs, @LIST.txt, addresses (https://, s3://, gs://, az://)."
        ),
    ],
    *,
    archiving: ArchiveOptions,
    video: VideoOptions,
    model: ModelOptions,
    requests: ArchiveRequestOptions,
    drawing: DrawOptions,
    every: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Ask about every N-th frame; poses between are interpolated.")
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(metavar="RULES.toml", help="Say of each file what happens in it; the report lists it."),
    ] = None,
) -> None:
    """Annotate many recorded videos: all of them, each content once, within one budget.

    A ledger says what is done: the same command goes on after any interruption, and takes what has come since.
    """
    from kpstream.recorded.archive.inputs import find_inputs
    from kpstream.recorded.archive.ledger import Ledger
    from kpstream.recorded.archive.place import ArchivePlace, check_parts
    from kpstream.recorded.archive.shard import parse_shard

    check_named(inputs)
    into = _into(archiving)
    settings = make_settings(archiving, video, model, requests, drawing, every=every, rules=rules)
    place = ArchivePlace(into, archiving.ledger or Path(into), parse_shard(archiving.shard, os.environ))
    check_parts(place)
    found = find_inputs(inputs, outputs=[place.into, place.folder])
    found = replace(found, inputs=place.shard.part(found.inputs))
    if not found.inputs and place.shard.is_whole:
        raise UsageError("no video among the inputs: name files, or folders that hold some")
    if archiving.plan:
        _print_plan(settings, place, found, archiving)
        return
    _check_endpoint(model)
    if not is_there(place.ledger):
        _check_ray(archiving, len(found.inputs))
    place.make()
    try:
        with Ledger(place.ledger) as ledger:
            _run(settings, place, found, ledger, archiving)
    except (KeyboardInterrupt, SystemExit):  # before there is work that could be stopped, or a second Ctrl-C
        raise _interrupted() from None


def _into(archiving: ArchiveOptions) -> str:
    from kpstream.recorded.archive.stored_file import is_stored, scheme_of, shown, understood

    if archiving.into is None or not archiving.into.strip():
        raise UsageError("is needed: the folder that the outputs go to", option="into")
    if not scheme_of(archiving.into):
        return archiving.into
    into = understood(archiving.into)
    if not is_stored(into):
        raise UsageError(
            f"names {shown(into)}: give a folder, or an address of a storage, as s3://bucket", option="into"
        )
    if archiving.ledger is None:
        raise UsageError(
            "is needed where `into` is an address: the folder of what is known and under way", option="ledger"
        )
    return into


def _check_endpoint(model: ModelOptions) -> None:
    """What would refuse the first request is told before anything is made."""
    from kpstream.endpoints.opening import make_endpoint

    make_endpoint(model).close()


def _check_ray(archiving: ArchiveOptions, files: int) -> None:
    """See that Ray is there where it is needed for so many files."""
    if _needs_ray(archiving, files) and find_spec("ray") is None:
        raise _without_ray(archiving)


def _needs_ray(archiving: ArchiveOptions, files: int) -> bool:
    """Whether so many files are worked on elsewhere than in this process."""
    return files > 0 and (archiving.on is not None or _workers(archiving, files) != 1)


def _workers(archiving: ArchiveOptions, files: int) -> int:
    """How many processes are to work on so many files; 0 leaves it to the cluster."""
    workers = archiving.workers if archiving.workers is not None else (1 if archiving.on is None else 0)
    if workers == 0 and archiving.on is None:  # one for each core, and none that would find no file
        workers = min(os.cpu_count() or 1, files)
    return workers


def _without_ray(archiving: ArchiveOptions) -> UsageError:
    asked = ("more than one", "workers") if archiving.on is None else ("a cluster", "on")
    return UsageError(f"{asked[0]} needs Ray: pip install 'kpstream[archive]'", option=asked[1])


def _print_plan(settings: ArchiveSettings, place: ArchivePlace, found: FoundInputs, archiving: ArchiveOptions) -> None:
    from kpstream.recorded.archive.place import check_settings, done_elsewhere, read_known, survey

    contents = read_known(place)
    known = {} if archiving.again else {**contents.records, **done_elsewhere(place, settings, contents.records)}
    if not archiving.again:
        check_settings(settings, contents.facts, place.folder)
    with probing(len(found.inputs)) as on_probed:
        inventory = survey(place, found.inputs, known, retry=archiving.retry_failed, on_probed=on_probed)
    for line in plan_lines(
        inventory, found.passed_over, settings, rate=_rate(settings, place, archiving), into=place.into
    ):
        typer.echo(line)


def _rate(settings: ArchiveSettings, place: ArchivePlace, archiving: ArchiveOptions) -> float:
    wanted = archiving.requests_per_second
    return place.shard.rate(settings.usual_rate if wanted is None else wanted)


def _run(
    settings: ArchiveSettings, place: ArchivePlace, found: FoundInputs, ledger: Ledger, archiving: ArchiveOptions
) -> None:
    from kpstream.camera.cores import draw_on_one_core
    from kpstream.recorded.archive.bookkeeping import settle_last_run
    from kpstream.recorded.archive.driver import Driver
    from kpstream.recorded.archive.fetch import Fetcher
    from kpstream.recorded.archive.metrics import MetricsFile
    from kpstream.recorded.archive.place import begin, check_targets, done_elsewhere, forget_done, survey

    if archiving.again:
        forget_done(ledger, place)
    is_new = begin(ledger, place, settings) and not archiving.again
    settle_last_run(ledger, place.scratch)
    known = ledger.records()
    elsewhere = {} if archiving.again else done_elsewhere(place, settings, known)
    with probing(len(found.inputs)) as on_probed:
        inventory = survey(
            place, found.inputs, {**known, **elsewhere}, retry=archiving.retry_failed, on_probed=on_probed
        )
    inventory.leave_out_done(elsewhere)
    check_targets(place, settings, inventory, is_new=is_new)
    limits = _limits(settings, place, archiving, len(inventory.records))
    ledger.note(max_requests="" if limits.max_requests is None else str(limits.max_requests))
    draw_on_one_core()
    metrics = MetricsFile(place, limits.max_requests)

    def show(figures: Figures) -> None:
        progress.show(figures)
        metrics.show(figures)

    with signals_handled() as signals:
        pool = _pool(settings, place, archiving, files=len(inventory.todo), spent=int(ledger.fact("booked") or 0))
        driver = Driver(
            ledger,
            inventory,
            pool,
            outputs=place.outputs,
            into=place.into,
            scratch=place.scratch,
            fetcher=Fetcher(),
            limits=limits,
            on_figures=show,
        )
        signals.stop = driver.stop
        if signals.caught:  # while Ray started, which may swallow the exception
            driver.stop()
        with archive_progress() as progress, _quiet_stdout():
            driver.run()
    metrics.write(driver.figures())
    _finish(place, ledger, inventory, driver)


@contextmanager
def _quiet_stdout() -> Iterator[None]:
    """Keep from stdout what Ray prints there of each death, page by page; the driver says it in a line."""
    with Path(os.devnull).open("w") as discarded, redirect_stdout(discarded):
        yield


def _pool(
    settings: ArchiveSettings, place: ArchivePlace, archiving: ArchiveOptions, *, files: int, spent: int
) -> FilePool:
    """Where files are worked on: in this process, or by Ray, which is not started for nothing."""
    from kpstream.dispatch.grant_queue import GrantQueue
    from kpstream.recorded.archive.pool import LocalPool

    rate, budget = _rate(settings, place, archiving), place.shard.budget(settings.requests.max_requests)
    if not _needs_ray(archiving, files):
        return LocalPool(settings, GrantQueue(rate, budget, spent))
    if archiving.on is None:  # read when Ray is loaded: on one machine it listens on loopback alone
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    try:
        from kpstream.recorded.archive.ray_pool import RayPool
    except ImportError:
        raise _without_ray(archiving) from None
    workers = _workers(archiving, files) or None
    return RayPool(settings, rate=rate, max_requests=budget, spent=spent, workers=workers, address=archiving.on)


def _limits(settings: ArchiveSettings, place: ArchivePlace, archiving: ArchiveOptions, files: int) -> Limits:
    from kpstream.recorded.archive.driver import Limits

    failures = inf
    if archiving.max_failures is not None:
        number, is_share = archiving.max_failures
        failures = max(1, number * files / 100 if is_share else number)
    return Limits(place.shard.budget(settings.requests.max_requests), failures)


def _finish(place: ArchivePlace, ledger: Ledger, inventory: Inventory, driver: Driver) -> None:
    """Write the reports, say what was done, and end with what stands in the way of the rest."""
    from kpstream.recorded.archive.ledger import read_ledger
    from kpstream.recorded.archive.report import write_reports
    from kpstream.recorded.archive.summary import is_damaged

    write_reports(place, read_ledger(ledger.path))
    figures, failed = driver.figures(), inventory.of_state("failed")
    waiting = figures.files - figures.done - figures.failed
    rest = f", {waiting} {_wait(waiting)}" if waiting else ""
    damaged = sum(map(is_damaged, inventory.of_state("done")))
    of_them = f" ({damaged} of them damaged)" if damaged else ""
    say(
        f"{place.outputs.name}: {figures.done} of {count_text(figures.files, 'file')} done{of_them}, "
        f"{figures.failed} failed{rest}, "
        f"{count_text(figures.requests, 'request')}; {place.report('html')} shows all of it"
    )
    if driver.stopped:
        raise _interrupted()
    if driver.fault is not None:
        raise _error_of(driver.fault)
    if away := [record for record in inventory.of_state("waiting") if record.fault_kind == "passing"]:
        raise SourceError(
            f"{len(away)} of {count_text(figures.files, 'file')} {_wait(len(away))}: {away[0].fault}; {away[0].remedy}"
        )
    if failed:
        left = f", with which `max_failures` left {waiting} waiting" if waiting else ""
        raise FilesFailed(
            f"{len(failed)} of {count_text(figures.files, 'file')} failed{left}: "
            f"`kpstream archive status {place.folder} --failed` says why"
        )


def _wait(files: int) -> str:
    return "waits" if files == 1 else "wait"


def _interrupted() -> typer.Exit:
    say("interrupted: what was answered is kept; the same command goes on")
    return typer.Exit(INTERRUPTED)


def _error_of(fault: Fault) -> KpstreamError:
    return _ERRORS.get(fault.exit_code, UsageError)(f"{fault.text}; {fault.remedy}")
