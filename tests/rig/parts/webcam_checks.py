"""What holds for a webcam, checked beside a real ``/dev/video0``; `tests/rig/test_webcam.py` runs it in its machine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import av
import pytest

from kpstream.cli import run
from kpstream.entities import Frame
from kpstream.errors import SourceOpenError, SourceReadError
from kpstream.interfaces import Source
from kpstream.sources import Webcam, open_source
from kpstream.testing import ScriptedServer
from kpstream.testing.scripted_server import canned_answer
from tests.support.source_contract import SourceContract, opened_again

DRIVER = Path("/sys/bus/platform/drivers/vivid")
NOBODY = 65534


def frames_of(source: Source, count: int) -> list[Frame]:
    frames = [source.read() for _ in range(count)]
    return [frame for frame in frames if frame is not None]


def unplug() -> None:
    (DRIVER / "unbind").write_text("vivid.0")


def plug_in() -> None:
    (DRIVER / "bind").write_text("vivid.0")


@pytest.fixture(autouse=True)
def _back_at_number_0() -> Iterator[None]:
    yield
    if not Path("/dev/video0").exists():
        unplug()
        plug_in()


@contextmanager
def without_rights() -> Iterator[None]:
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


class TestContract(SourceContract):
    @pytest.fixture
    def make(self) -> Callable[[], Source]:
        return lambda: open_source(0)


@pytest.mark.parametrize("reference", [0, "0", "/dev/video0"])
def test_it_opens_by_number_and_by_path(reference: int | str) -> None:
    source = open_source(reference)
    assert isinstance(source, Webcam)
    assert source.name == str(reference)
    assert len(frames_of(source, 2)) == 2
    source.close()


def test_pictures_come_at_the_drivers_time() -> None:
    source = open_source(0)
    frames_of(source, 10)
    for _ in range(20):  # the machine is emulated, and its processors are others' now and then
        frames = frames_of(source, 30)
        gaps = [after.pts - before.pts for before, after in pairwise(frames)]
        rate = 1 / median(gaps)
        if rate == pytest.approx(25, rel=0.15):
            break
    source.close()
    assert source.frame_rate == 25
    assert {frame.size for frame in frames} == {(640, 480)}
    print(f"{rate:.1f} frames/s by pts, {29 / (frames[-1].captured_at - frames[0].captured_at):.1f} by arrival")
    assert rate == pytest.approx(25, rel=0.15)
    assert min(gaps) > 0


def test_size_and_rate_are_asked_for() -> None:
    source = open_source(0, size=(1280, 720), frame_rate=10)
    assert {frame.size for frame in frames_of(source, 3)} == {(1280, 720)}
    assert source.frame_rate == 10
    source.close()


def test_an_unplugged_camera_is_lost_until_it_is_back() -> None:
    source = open_source(0)
    frames_of(source, 20)
    unplug()
    try:
        with pytest.raises(SourceReadError, match=r"camera 0 gives no picture; was it unplugged\?"):
            frames_of(source, 20)
        with pytest.raises(SourceOpenError, match=r"there is no such camera \(found: none\)"):
            opened_again(source)
    finally:
        plug_in()
    again = opened_again(source)
    after = frames_of(again, 20)
    again.close()
    assert [frame.index for frame in after] == list(range(20))


def test_it_is_found_under_another_number() -> None:
    source = open_source(0)
    before = frames_of(source, 10)[-1]
    unplug()
    plug_in()  # its old number is still held
    with pytest.raises(SourceReadError):
        frames_of(source, 20)
    assert not Path("/dev/video0").exists()
    again = opened_again(source)
    after = frames_of(again, 1)[0]
    again.close()
    assert after.size == before.size


def test_a_camera_in_use_is_told() -> None:
    source = open_source(0)
    frames_of(source, 2)
    with pytest.raises(SourceOpenError, match="another program uses it"):
        open_source(0)
    assert len(frames_of(source, 2)) == 2
    source.close()


def test_a_camera_that_may_not_be_used_is_told() -> None:
    with without_rights(), pytest.raises(SourceOpenError, match="usermod -aG video"):
        open_source(0)


def test_a_wrong_number_is_told_with_the_right_one() -> None:
    with pytest.raises(SourceOpenError, match=r"there is no such camera \(found: 0 \(vivid"):
        open_source(3)


def test_the_program_shows_and_records_it_in_true_time_also_when_unplugged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    video, jsonl = tmp_path / "out.mp4", tmp_path / "out.jsonl"

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in jsonl.read_text().splitlines()] if jsonl.exists() else []

    def unplug_and_end() -> None:
        while len(lines()) < 60:
            time.sleep(0.1)
        unplug()
        plug_in()
        give_up_at = time.monotonic() + 60
        while time.monotonic() < give_up_at and not (len(shown := lines()) > 160 and keep_true_time(shown)):
            time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)

    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)  # a new machine begins without
    thread = threading.Thread(target=unplug_and_end)
    with ScriptedServer(answer=lambda _: {**canned_answer(), "predictions": []}) as server:
        thread.start()
        at = ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", server.url]
        assert run(["live", "0", "--no-window", "--record", str(video), "--jsonl", str(jsonl), *at]) == 0
        thread.join()
    shown = lines()
    indices = [line["frame_index"] for line in shown]
    print(f"{len(indices)} of {indices[-1] + 1} frames shown, of the last {indices[-1] - indices[-81]} 80")
    assert indices == sorted(set(indices))
    with av.open(str(video)) as container:
        times = [float(frame.time or 0) for frame in container.decode(video=0)]
    output = capfd.readouterr()
    print(output.out, output.err)
    lacking = re.search(
        r"the recording: (\d+) frames are missing", output.err
    )  # it is told where the machine is too slow
    assert len(times) == len(shown) - int(lacking[1] if lacking else 0), "a frame that was shown was not recorded"
    shown_at = [line["pts"] - shown[0]["pts"] for line in shown]
    assert all(min(abs(each - at) for at in shown_at) < 0.002 for each in times)
    assert keep_true_time(shown)


def keep_true_time(shown: list[dict[str, Any]]) -> bool:
    """Whether the last pictures came as long after their time as the first.

    A picture that the machine held up says nothing, and an emulated machine holds up many.
    """
    delays = [line["captured_at"] - line["pts"] for line in shown]
    return bool(abs(min(delays[-60:]) - min(delays[:60])) < 0.5)
