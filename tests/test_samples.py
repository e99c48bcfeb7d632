"""The example programs run as they are shipped, on a piece of the sample clip."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
START, END = 4.5, 6.5
"""Seconds of the clip in which somebody waves."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("samples") / "piece.mp4"
    with av.open(str(SAMPLES / "walkers.mp4")) as source, av.open(str(path), "w") as target:
        video = source.streams.video[0]
        stream = target.add_stream("libx264", rate=video.average_rate, options={"preset": "veryfast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        for frame in source.decode(video):
            if START <= (frame.time or 0) < END:
                picture = frame.reformat(format="yuv420p")
                picture.pts = None
                target.mux(stream.encode(picture))
        target.mux(stream.encode(None))
    return path


def run(name: str, *words: str | Path) -> str:
    command = [sys.executable, str(SAMPLES / name), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=110)
    assert done.returncode == 0, done.stderr
    return done.stdout


def frames_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.mark.quiet
def test_a_callback_sees_the_hand_go_up(clip: Path) -> None:
    # Played as by a camera: a machine that has other work just then does not see it.
    assert any("raises a hand" in run("live_callback.py", clip) for _ in range(5))


def test_a_clip_is_annotated_at_a_third_of_the_requests(clip: Path, tmp_path: Path) -> None:
    assert "60 frames, 21 requests" in run("annotate_clip.py", clip, tmp_path / "out.mp4")
    assert frames_in(tmp_path / "out.mp4") == 60


def test_a_rule_of_ones_own_is_told_beside_those_of_a_file() -> None:
    said = run("own_rule.py", SAMPLES / "events.mp4")
    assert "opened   somebody fell" in said
    assert "opened   crouches" in said


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*.py")))
def test_without_arguments_a_line_says_how_to_call_it(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(SAMPLES / name)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"usage: python samples/{name} ")
    assert done.stderr.count("\n") == 1


def test_several_sinks_are_written_at_once(clip: Path, tmp_path: Path) -> None:
    assert "in view" in run("several_sinks.py", clip, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "annotated.mp4",
        "poses.jsonl",
        "poses.csv",
        "coco.json",
    }


def test_supervision_draws_what_kpstream_found(clip: Path, tmp_path: Path) -> None:
    run("supervision_interop.py", clip, tmp_path / "trace.jpg")
    assert (tmp_path / "trace.jpg").stat().st_size > 10_000


@pytest.mark.skipif(sys.platform != "linux", reason="where job arrays run")
def test_a_task_of_a_job_array_ends_whole_before_its_time_is_over(tmp_path: Path) -> None:
    program = tmp_path / "kpstream"
    program.write_text(
        f"#!{sys.executable}\nimport pathlib, signal, sys\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
        "pathlib.Path('words').write_text(' '.join(sys.argv[1:]))\nprint('ready', flush=True)\n"
        "signal.sigwait([signal.SIGTERM])\npathlib.Path('whole').touch()\n"
    )
    program.chmod(0o755)
    command = ["bash", str(SAMPLES / "deploy" / "archive.slurm"), "videos", "poses"]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as task:
        assert task.stdout is not None
        task.stdout.readline()
        task.terminate()
        assert task.wait() == 128 + signal.SIGTERM
    assert (tmp_path / "whole").exists()
    assert (tmp_path / "words").read_text().startswith("archive videos --into poses --shard auto ")
