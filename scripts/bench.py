#!/usr/bin/env python3
"""What kpstream costs and how well it keeps up, measured on this machine in one run, as a table in Markdown.

    python scripts/bench.py                          the sample clip, whose truth is exact
    python scripts/bench.py CLIP.mp4 CLIP.poses.json any clip with reference poses
    python scripts/bench.py --only file,live         some of the parts

Parts: ``file`` throughput of annotate at several latencies; ``cost`` CPU of the pipeline against a bare decode and
x264 encode of the same file; ``live`` frames shown, age of the picture and error of the overlay. Nothing else should
run on the machine. Every figure is measured in this run; ratios carry over to other machines, times do not.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from overlay_score import score

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "samples" / "walkers.mp4"
LIVE_LATENCIES = (0.15, 0.4, 0.8)
FILE_CASES = ((0.15, 8), (0.4, 24))


@contextlib.contextmanager
def replay(clip: Path, poses: Path) -> Iterator[str]:
    """A replay endpoint in a process of its own; gives its URL."""
    command = [sys.executable, str(ROOT / "scripts" / "replay_endpoint.py"), str(clip), str(poses), "--latency", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[1]
        finally:
            server.terminate()


def set_latency(url: str, latency: float) -> None:
    urllib.request.urlopen(f"{url}/_latency/{latency}").read()


def timed(*command: str) -> tuple[float, float]:
    """Run a command of Python's; (wall, CPU) seconds of its process."""
    before, started_at = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    environment = {name: value for name, value in os.environ.items() if name != "ROBOFLOW_API_KEY"}
    subprocess.run(
        [sys.executable, *command],
        check=True,
        env=environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wall, after = time.monotonic() - started_at, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def kpstream(url: str, *words: str | Path | float) -> tuple[float, float]:
    """Run a command of kpstream's against a replay endpoint; (wall, CPU) seconds."""
    return timed("-m", "kpstream", *map(str, words), "--model", "bench/1", "--endpoint", url, "--api-url", url)


def starting() -> tuple[float, float]:
    """(wall, CPU) seconds before the first frame, which a rate should not be charged with."""
    return timed("-c", "import kpstream.cli, kpstream.annotate, kpstream.pipeline, kpstream.endpoints.roboflow")


def bare(clip: Path, out: Path) -> None:
    """Decode to BGR and encode with x264, and nothing else: what any annotator pays before it does anything."""
    with av.open(str(clip)) as source, av.open(str(out), "w") as sink:
        video = source.streams.video[0]
        video.thread_type = "AUTO"
        stream = sink.add_stream("libx264", rate=video.average_rate, options={"preset": "ultrafast", "crf": "20"})
        stream.width, stream.height = video.width - video.width % 2, video.height - video.height % 2
        stream.pix_fmt = "yuv420p"
        for frame in source.decode(video):
            picture = av.VideoFrame.from_ndarray(frame.to_ndarray(format="bgr24"), format="bgr24")
            picture.pts, picture.time_base = frame.pts, frame.time_base
            sink.mux(stream.encode(picture))
        sink.mux(stream.encode(None))


def frame_count(clip: Path) -> int:
    with av.open(str(clip)) as source:
        return sum(1 for packet in source.demux(source.streams.video[0]) if packet.size)


def measure_file(clip: Path, poses: Path, folder: Path) -> list[list[str]]:
    frames, start, rows = frame_count(clip), starting()[0], []

    def rate(url: str, latency: float, in_flight: int) -> float:
        set_latency(url, latency)
        words = ("annotate", clip, "-o", folder / "out.mp4", "--overwrite", "--preset", "ultrafast")
        return frames / (kpstream(url, *words, "--max-in-flight", in_flight)[0] - start)

    with replay(clip, poses) as url:
        for latency, in_flight in FILE_CASES:
            free, late = rate(url, 0.0, in_flight), rate(url, latency, in_flight)
            share = late / min(in_flight / latency, free)
            rows.append([f"{latency:.2f} s, {in_flight} in flight", f"{late:.1f}", f"{free:.1f}", f"{share:.2f}"])
    return rows


def measure_cost(clip: Path, poses: Path, folder: Path) -> list[list[str]]:
    frames = frame_count(clip)
    plain = timed(__file__, "--bare", str(clip), str(folder / "bare.mp4"))[1] - timed(__file__, "--bare", "", "")[1]
    with replay(clip, poses) as url:
        words = ("annotate", clip, "-o", folder / "ours.mp4", "--overwrite", "--preset", "ultrafast")
        ours = kpstream(url, *words)[1] - starting()[1]
    return [[f"{1000 * ours / frames:.1f}", f"{1000 * plain / frames:.1f}", f"{ours / plain:.2f}"]]


def measure_live(clip: Path, poses: Path, folder: Path, seconds: float) -> list[list[str]]:
    frames, out, rows = frame_count(clip), folder / "live.jsonl", []
    with replay(clip, poses) as url:
        for latency in LIVE_LATENCIES:
            set_latency(url, latency)
            outputs = ("--record", folder / "live.mp4", "--jsonl", out)
            kpstream(url, "live", clip, "--loop", "--no-window", *outputs, "--duration", seconds)
            lines = [json.loads(line) for line in out.read_text().splitlines()]
            ages = np.array([line["rendered_at"] - line["captured_at"] for line in lines])
            span = lines[-1]["rendered_at"] - lines[0]["rendered_at"]
            overlay = score([line for line in lines if line["frame_index"] < frames], json.loads(poses.read_text()))
            rows.append(
                [
                    f"{latency:.2f} s",
                    f"{(len(lines) - 1) / span:.2f}",
                    f"{1000 * np.percentile(ages, 50):.1f} / {1000 * np.percentile(ages, 95):.1f}",
                    f"{overlay.error:.2f} / {overlay.held:.2f}",
                    f"{overlay.missing:.3f}",
                ]
            )
    return rows


HEADS: dict[str, tuple[str, list[str]]] = {
    "file": (
        "Recorded video, every frame asked about",
        ["latency", "frames/s", "frames/s without latency", "share of what is possible"],
    ),
    "cost": ("CPU of recorded video, x264 ultrafast", ["kpstream, ms a frame", "bare, ms a frame", "ratio"]),
    "live": (
        "Live, 5 requests a second, recording",
        [
            "latency",
            "frames shown a second",
            "picture age p50 / p95, ms",
            "overlay error / newest answer held, % of box diagonal",
            "missing",
        ],
    ),
}


def table(part: str, rows: list[list[str]]) -> str:
    title, head = HEADS[part]
    lines = [f"**{title}**", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, nargs="?", default=SAMPLE)
    parser.add_argument("poses", type=Path, nargs="?")
    parser.add_argument("--only", default=",".join(HEADS), help="which parts, a comma list")
    parser.add_argument("--seconds", type=float, default=30, help="length of each live run")
    parser.add_argument("--bare", nargs=2, metavar=("CLIP", "OUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        if options.bare[0]:
            bare(Path(options.bare[0]), Path(options.bare[1]))
        return
    poses = options.poses or options.clip.with_suffix(".poses.json")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measures: dict[str, Any] = {
            "file": lambda: measure_file(options.clip, poses, folder),
            "cost": lambda: measure_cost(options.clip, poses, folder),
            "live": lambda: measure_live(options.clip, poses, folder, options.seconds),
        }
        print(
            f"{options.clip.name}, {os.cpu_count()} cores, OpenCV {cv2.__version__}, PyAV {av.__version__}\n",
            flush=True,
        )
        for part in options.only.split(","):
            print(table(part, measures[part]()), flush=True)


if __name__ == "__main__":
    main()
