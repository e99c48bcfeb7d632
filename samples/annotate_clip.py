"""Annotate a clip from a program: ``python samples/annotate_clip.py CLIP.mp4 OUT.mp4``.

One frame in three is asked about; the poses between are interpolated, at a third of the requests. Interrupted
and started again it goes on where it stopped: what was answered is kept beside the output until it is whole.
"""

from __future__ import annotations

import sys
from pathlib import Path

import kpstream


def main(clip: Path, out: Path) -> None:
    job = kpstream.Job(clip, kpstream.Outputs(video=out))
    stats = kpstream.run_job(job, kpstream.EmbeddedEndpoint(), every=3)
    print(f"{out}: {stats.rendered} frames, {stats.requests} requests")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python samples/annotate_clip.py CLIP.mp4 OUT.mp4")
    main(*map(Path, sys.argv[1:]))
