"""One budget and one rate over four workers, at the endpoint's own count, while requests fail."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

from archive_parts.rig import cut, last_line, replaying, start, words

BUDGET, RATE, WORKERS = 500, 20, 4
_SPENT = 6


def prove(folder: Path) -> bool:
    """Spend the budget, and keep to the rate; whether both held."""
    for number in range(40):
        cut(folder / "clips" / f"clip {number}.mp4", 5.0, title=str(number))
    log = folder / "log.txt"
    with replaying(0.2, "500:0.1,429:0.05,reset:0.05") as endpoint:
        command = words(endpoint, folder / "clips", folder / "budget", "--rate", 5, "--workers", WORKERS)
        code = start([*command, "--max-requests", str(BUDGET)], log).wait()
        counted = endpoint.asked
        print(f"budget of {BUDGET}, a fifth of the requests fail: {counted} reached the endpoint; {last_line(log)}")
        again = start([*command, "--max-requests", str(BUDGET)], log).wait()
        total = endpoint.asked
        print(f"the same command again: {total - counted} more")
    with replaying(0.2, "500:0.1,reset:0.1") as endpoint:
        command = words(endpoint, folder / "clips", folder / "rate", "--rate", 5, "--workers", WORKERS)
        start(
            [*command, "--max-in-flight", "8", "--requests-per-second", str(RATE), "--max-requests", "600"], log
        ).wait()
        arrivals = endpoint.arrivals
    most = most_within(arrivals, 10.0)
    mean = len(arrivals) / (arrivals[-1] - arrivals[0])
    print(f"rate of {RATE} a second: at most {most} in any 10 s, {mean:.1f} a second on average over {len(arrivals)}")
    return (code, again) == (_SPENT, _SPENT) and 0.9 * BUDGET <= counted <= total <= BUDGET and most <= RATE * 10 * 1.02


def most_within(moments: Sequence[float], seconds: float) -> int:
    """How many of these moments, in order, lie in any stretch of so many seconds at most."""
    return max((bisect_left(moments, at + seconds) - number for number, at in enumerate(moments)), default=0)
