"""A pool of workers for the driver whose files end as the test says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from kpstream.recorded.archive.pool import WorkerDied
from kpstream.recorded.archive.work import FileResult, FileTask, Progress

Result = FileResult | WorkerDied
Ending = Callable[[FileTask], Result]


def good(task: FileTask) -> Result:
    """It ends well."""
    target = Path(task.into) / f"{task.name}.jsonl"
    target.write_text(task.name)
    return FileResult(task.name, Progress(1.0, 25, 5, 5), 0.5, "node", outputs=(("jsonl", len(task.name)),))


class ScriptedPool:
    """Ends each file with the next of its endings, or well.

    Args:
        endings: By file.
        size: How many files it works on at once.
        is_local: Whether its workers are on this machine.
        tick: Called with each `wait`.
    """

    def __init__(
        self,
        endings: Mapping[str, list[Ending]],
        size: int = 1,
        *,
        is_local: bool = True,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self.size = size
        self.is_local = is_local
        self.requests_spent = 0
        self.reserved = 0
        self.most_held: int | None = 8
        """What was dealt to each file that ends."""
        self.begun: list[str] = []
        self.settled: list[tuple[str, int]] = []
        self.closed = self.stopped = False
        self._endings = {name: list(each) for name, each in endings.items()}
        self._under_way: list[FileTask] = []
        self._passes = tick

    @property
    def room(self) -> int:
        return self.size - len(self._under_way)

    def reserve(self, requests: int) -> None:
        self.reserved = requests

    def submit(self, task: FileTask) -> None:
        self.begun.append(task.name)
        self._under_way.append(task)

    def wait(self, within: float, tick: Callable[[], None]) -> list[Result]:
        self._passes()
        tick()
        ended, self._under_way = self._under_way, []
        if self.stopped:
            return [FileResult(task.name, Progress(), 0.0, "node", interrupted=True) for task in ended]
        return [(self._endings.get(task.name) or [good]).pop(0)(task) for task in ended]

    def held(self, name: str) -> int | None:
        return self.most_held

    def settle(self, name: str, spent: int) -> None:
        self.settled.append((name, spent))

    def progress(self) -> Mapping[str, Progress]:
        return {task.name: Progress(0.5, 10, 1, 1) for task in self._under_way}

    def stop(self) -> None:
        self.stopped = True

    def close(self) -> None:
        self.closed = True
