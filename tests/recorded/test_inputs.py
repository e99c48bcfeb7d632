"""Files, addresses, pipes and sequences as inputs of recorded work."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from kpstream.dispatch.sampling import FixedRate
from kpstream.entities import Answer
from kpstream.errors import SourceOpenError
from kpstream.recorded.inputs import identity_of, is_read_once, name_of, open_input, parse_input
from kpstream.recorded.job import RecordedJob, RequestSettings
from kpstream.recorded.plan import Encoding, Outputs, plan_jobs
from kpstream.testing import FakeEndpoint
from tests.support.source_clips import number_in, picture, write_video
from tests.support.source_servers import files_served

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("clips/a.mp4", "clips/a.mp4"),
        ("HTTPS://host/b/c%20d.mp4?X-Signature=abc", "c d.mp4"),
        ("https://host/a/..%2F..%2Fetc%2Fc.mp4", "c.mp4"),
        ("https://host/a/..", "host"),
        ("http://host/", "host"),
        ("-", "stdin"),
    ],
)
def test_every_input_has_a_name_for_its_outputs(text: str, name: str) -> None:
    assert name_of(parse_input(text)) == Path(name)


def test_an_address_keeps_both_slashes_and_its_signature_is_no_identity() -> None:
    given = parse_input("http://host/a.mp4?X-Signature=abc")
    assert given == "http://host/a.mp4?X-Signature=abc"
    assert identity_of(given) == identity_of(parse_input("http://host/a.mp4?X-Signature=def"))
    assert identity_of(given) != identity_of(parse_input("http://host/b.mp4"))


def test_a_sequence_that_changes_is_another_one(tmp_path: Path) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"s{number}.png"), picture(number))
    before = identity_of(tmp_path)
    assert before == identity_of(tmp_path)
    assert before != identity_of(tmp_path / "s%d.png")
    (tmp_path / "s2.png").unlink()
    assert before != identity_of(tmp_path)


@pytest.mark.parametrize("name", [".", "s%d.png"])
def test_what_is_written_beside_the_pictures_of_a_sequence_does_not_make_it_another_one(
    name: str, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "s0.png"), picture(0))
    before = identity_of(tmp_path / name)
    (tmp_path / "out.mp4").write_bytes(b"so far")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert before == identity_of(tmp_path / name)


def written_to(pipe: Path, data: bytes) -> threading.Thread:
    thread = threading.Thread(target=lambda: pipe.write_bytes(data))
    thread.start()
    return thread


@needs_pipes
@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
@pytest.mark.parametrize("start", [0.0, 0.6])
def test_a_pipe_is_read_from_its_beginning(suffix: str, start: float, tmp_path: Path) -> None:
    clip = write_video(tmp_path / f"clip{suffix}", [40 * number for number in range(25)])
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert is_read_once(pipe)
    writer = written_to(pipe, clip.read_bytes())
    source, numbers = open_input(pipe, start), []
    while (frame := source.read()) is not None:
        numbers.append((frame.index, number_in(frame.image)))
    source.close()
    writer.join()
    first = round(start * 25)
    assert numbers == [(number, number) for number in range(first, 25)]


@needs_pipes
def test_an_mp4_whose_index_is_last_is_told_what_helps_on_a_pipe(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (10, 240, 320, 3), np.uint8)  # more than fits a buffer
    clip = write_video(
        tmp_path / "clip.mp4", [40 * number for number in range(10)], size=(320, 240), images=list(noise)
    )
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = written_to(pipe, clip.read_bytes())
    with pytest.raises(SourceOpenError, match="faststart"):
        open_input(pipe)
    writer.join()


@needs_pipes
def test_work_on_a_pipe_keeps_no_journal_and_opens_it_once(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", [40 * number for number in range(10)])
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (job,) = plan_jobs([pipe], Outputs(jsonl=tmp_path / "out.jsonl"), Encoding(), overwrite=False)
    assert job.journal is None
    writer = written_to(pipe, clip.read_bytes())
    work = RecordedJob(job, FakeEndpoint(lambda _: Answer(())), RequestSettings(FixedRate(5.0)), made_of={})
    work.open()
    work.run()
    writer.join()
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 10


def test_work_on_an_address_has_its_outputs_and_a_journal(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", [40 * number for number in range(10)])
    (tmp_path / "out").mkdir()
    with files_served(tmp_path) as address:
        given = parse_input(f"{address}/clip.mp4?token=a-secret")
        (job,) = plan_jobs([given], Outputs(jsonl=tmp_path / "out"), Encoding(), overwrite=False)
        assert job.journal == tmp_path / "out" / "clip.jsonl.journal"
        work = RecordedJob(job, FakeEndpoint(lambda _: Answer(())), RequestSettings(FixedRate(5.0)), made_of={})
        work.open()
        work.run()
    lines = (tmp_path / "out" / "clip.jsonl").read_text()
    assert len(lines.splitlines()) == 10
    assert "a-secret" not in lines + job.journal.read_text()
