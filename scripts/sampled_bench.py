#!/usr/bin/env python3
"""What an archive of few samples costs: ``python3 scripts/sampled_bench.py [--minutes 60] [--rate 0.5] [--gop 60]``.

The sample clip is made larger (1080p) once, and looped to its length without encoding. Then each row reads the whole
file in a process of its own: decoding every frame, reading only the sampled ones, and ``kpstream archive
--sampled-only`` from the first request to the last line, asked of an endpoint on this machine. Linux only.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from environment import ROOT, enter

CLIP, POSES = ROOT / "samples" / "walkers.mp4", ROOT / "samples" / "walkers.poses.json"
SIZE = 1920, 1080


def make_clip(path: Path, gop: int) -> None:
    """The sample clip in 1080p, with a key frame every so many frames."""
    import av
    from av.video.frame import PictureType

    with av.open(str(CLIP)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=30, options={"g": str(gop), "preset": "fast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for frame in source.decode(video=0):
            large = frame.reformat(*SIZE, "yuv420p", interpolation="BICUBIC")
            large.pict_type = PictureType.NONE
            target.mux(stream.encode(large))
        target.mux(stream.encode(None))


def loop(clip: Path, path: Path, seconds: float) -> None:
    """The clip again and again, until it lasts so long; nothing is encoded."""
    import av

    with av.open(str(path), "w") as target:
        stream, after = None, 0
        while True:
            with av.open(str(clip)) as source:
                video = source.streams.video[0]
                stream = stream or target.add_stream_from_template(video)
                assert video.time_base is not None
                end = after
                for packet in source.demux(video):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + after, packet.dts + after
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.stream = stream
                    target.mux(packet)
                after = end
                if after * video.time_base >= seconds:
                    return


def read(path: Path, rate: float | None) -> None:
    """Read every frame of a file, or only the sampled ones."""
    from kpstream.sources import VideoFile
    from kpstream.sources.sampled import SampledFile
    from kpstream.sources.spacing import Spacing

    source = VideoFile(path) if rate is None else SampledFile(path, Spacing(1 / rate))
    frames = 0
    while source.read() is not None:
        frames += 1
    print(f"{frames} frames")


def measure(name: str, command: list[str], seconds: float) -> None:
    """Run a program, and print what it took."""
    before, started_at = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    took, after = time.monotonic() - started_at, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    said = (done.stdout + done.stderr).strip().splitlines()[-1:]
    print(f"{name:28} {took:7.1f} s  {cpu:7.1f} s of CPU  {seconds / took:6.0f} x  {' '.join(said)}", flush=True)
    if done.returncode:
        sys.exit(done.stderr)


def main() -> None:
    enter()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=0.5, help="samples per second of video")
    parser.add_argument("--gop", type=int, default=60, help="frames from one key frame to the next")
    parser.add_argument("--read", nargs=2, metavar=("FILE", "RATE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        read(Path(options.read[0]), float(options.read[1]) or None)
        return
    seconds = options.minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        clip, video, into = Path(folder, "clip.mp4"), Path(folder, "hour.mp4"), Path(folder, "out")
        make_clip(clip, options.gop)
        loop(clip, video, seconds)
        print(f"{seconds / 60:g} min of {SIZE[0]}x{SIZE[1]} H.264, {video.stat().st_size / 1e6:.0f} MB")
        itself = [sys.executable, __file__, "--read", str(video)]
        endpoint = [sys.executable, str(ROOT / "scripts" / "endpoint.py"), str(CLIP), str(POSES), "--latency", "0.1"]
        with subprocess.Popen(endpoint, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = server.stdout.readline().split()[1]
            archive = [sys.executable, "-m", "kpstream", "archive", str(video), "--into", str(into), "--model", "a/1"]
            archive += ["--endpoint", url, "--api-url", url, "--rate", str(options.rate), "--sampled-only"]
            measure("archive --sampled-only", archive, seconds)
            server.terminate()
        measure("reading the samples", [*itself, str(options.rate)], seconds)
        measure("decoding every frame", [*itself, "0"], seconds)


if __name__ == "__main__":
    main()
