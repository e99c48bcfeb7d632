"""The commands as their users meet them: options in, files, lines and exit codes out."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from kpstream import cli
from kpstream.entities import Scene
from kpstream.sinks.video import VideoSink
from kpstream.testing import Reply, ScriptedServer, SyntheticSource, wait_until
from kpstream.testing.scripted_server import Recorded, canned_answer
from tests.support.drawn_people import drawn_person

FRAMES = 12


def run(*words: str | Path) -> int:
    return cli.run([str(word) for word in words])


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    source, sink = SyntheticSource(FRAMES, frame_rate=25.0), VideoSink(tmp_path / "clip.mp4", frame_rate=25.0)
    while (frame := source.read()) is not None:
        sink.write(Scene(frame, ()), frame.image)
    sink.close()
    return tmp_path / "clip.mp4"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def at(server: ScriptedServer) -> list[str]:
    return ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", server.url]


def frames_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_annotate_writes_every_frame_and_every_export(
    clip: Path, at: list[str], server: ScriptedServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names = [tmp_path / name for name in ("out.mp4", "out.jsonl", "out.json", "out.csv")]
    video, jsonl, coco, csv = names
    pictures = tmp_path / "pictures"
    exports: list[str | Path] = ["--jsonl", jsonl, "--coco", coco, "--csv", csv, "--frames", pictures]
    assert run("annotate", clip, "-o", video, *exports, *at) == 0
    assert frames_of(video) == pytest.approx(frames_of(clip), abs=0.002)
    lines = lines_of(jsonl)
    assert [line["frame_index"] for line in lines] == list(range(FRAMES))
    assert {pose["origin"] for line in lines for pose in line["poses"]} == {"measured"}
    named = [Path(image["file_name"]).name for image in json.loads(coco.read_text())["images"]]
    assert len(named) == FRAMES
    assert sorted(path.name for path in pictures.iterdir()) == named
    assert len(csv.read_text().splitlines()) == 1 + 2 * FRAMES
    assert sum(request.method == "POST" for request in server.requests) == FRAMES
    assert re.search(r"12 frames, 12 requests", capfd.readouterr().err)


def test_every_nth_frame_is_asked_and_the_others_interpolated(
    clip: Path, at: list[str], server: ScriptedServer, tmp_path: Path
) -> None:
    assert run("annotate", clip, "--jsonl", tmp_path / "out.jsonl", "--every", "4", *at) == 0
    origins = [line["poses"][0]["origin"] for line in lines_of(tmp_path / "out.jsonl")]
    assert origins == [*2 * ["measured", *3 * ["interpolated"]], "measured", *2 * ["interpolated"], "measured"]
    assert sum(request.method == "POST" for request in server.requests) == 4  # the last frame, too


def test_poses_are_drawn_again_without_one_request(
    clip: Path, at: list[str], server: ScriptedServer, tmp_path: Path
) -> None:
    assert run("annotate", clip, "--jsonl", tmp_path / "poses.jsonl", *at) == 0
    asked = len(server.requests)
    again = tmp_path / "again.mp4"
    assert run("annotate", clip, "-o", again, "--jsonl", tmp_path / "b.jsonl", "--from", tmp_path / "poses.jsonl") == 0
    assert len(frames_of(again)) == FRAMES
    assert [line["poses"] for line in lines_of(tmp_path / "b.jsonl")] == [
        line["poses"] for line in lines_of(tmp_path / "poses.jsonl")
    ]
    assert len(server.requests) == asked


def test_frames_that_no_poses_were_written_for_are_told(
    clip: Path, at: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    poses = tmp_path / "poses.jsonl"
    assert run("annotate", clip, "--jsonl", poses, "--end", "0.19", *at) == 0
    capfd.readouterr()
    assert run("annotate", clip, "-o", tmp_path / "again.mp4", "--from", poses) == 0
    said = capfd.readouterr().err
    assert f"again.mp4: poses for 5 of {FRAMES} frames, no requests" in said
    assert re.search(r"warning: .*poses\.jsonl says nothing about 7 of the frames", said)
    assert run("annotate", clip, "-o", tmp_path / "part.mp4", "--from", poses, "--end", "0.19") == 0
    said = capfd.readouterr().err
    assert "part.mp4: 5 frames, no requests" in said
    assert "warning" not in said


def test_poses_of_another_video_are_told(
    clip: Path, at: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    poses = tmp_path / "poses.jsonl"
    assert run("annotate", clip, "--jsonl", poses, *at) == 0
    (tmp_path / "moved").mkdir()
    moved, other = tmp_path / "moved" / clip.name, tmp_path / "other.mp4"
    for copy in (moved, other):
        copy.write_bytes(clip.read_bytes())
    assert run("annotate", moved, "-o", tmp_path / "a.mp4", "--from", poses) == 0
    assert "warning" not in capfd.readouterr().err
    assert run("annotate", other, "-o", tmp_path / "b.mp4", "--from", poses) == 0
    assert re.search(r"warning: .*clip\.mp4, and are drawn on .*other\.mp4", capfd.readouterr().err)


@pytest.mark.parametrize(("budget", "sent"), [(1, "1 request was"), (3, "3 requests were")])
def test_a_budget_that_a_dead_endpoint_used_up_is_the_endpoints_fault(
    budget: int, sent: str, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    at = ["--model", "my-pose/3", "--endpoint", "http://127.0.0.1:1", "--max-requests", str(budget)]
    assert run("annotate", clip, "-o", tmp_path / "out.mp4", *at) == 4
    said = capfd.readouterr().err
    assert re.search(rf"error: nothing listens at 127\.0\.0\.1:1.*; {sent} sent, none was answered", said)
    assert f"clip.mp4: 0 frames, {sent.rpartition(' ')[0]}, {budget} lost" in said
    assert "out.mp4: " not in said


def test_a_budget_that_was_spent_partly_on_failures_says_so(
    clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = [Reply()] * 2 + [Reply(503, {"message": "busy"}, headers={"Retry-After": "0"})] * 2
    with ScriptedServer(*script) as server:
        at = ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", server.url]
        more = ["--max-in-flight", "1", "--max-requests", "4"]
        assert run("annotate", clip, "-o", tmp_path / "out.mp4", *at, *more) == 6
    said = capfd.readouterr().err
    assert re.search(r"error: all 4 requests .*503.*busy.* the same command goes on", said)
    assert re.search(r"out\.mp4: 2 frames, 4 requests.*, 2 lost", said)


def test_a_part_of_the_video_keeps_its_numbers(clip: Path, at: list[str], tmp_path: Path) -> None:
    assert run("annotate", clip, "--jsonl", tmp_path / "o.jsonl", "--start", "0.1", "--end", "0.2", *at) == 0
    lines = lines_of(tmp_path / "o.jsonl")
    assert [line["frame_index"] for line in lines] == [
        index for index, pts in enumerate(frames_of(clip)) if 0.1 <= pts < 0.2
    ]


def test_live_plays_a_file_as_a_camera_and_records_it(
    clip: Path, at: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    video, jsonl = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    assert run("live", clip, "--no-window", "--record", video, "--jsonl", jsonl, *at) == 0
    lines = lines_of(jsonl)
    assert lines[-1]["frame_index"] == FRAMES - 1
    assert len(frames_of(video)) == len(lines)
    assert all(line["rendered_at"] >= line["captured_at"] for line in lines)
    assert "frames" in capfd.readouterr().err


def test_json_lines_on_stdout_are_all_that_is_there(
    clip: Path, at: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("live", clip, "--no-window", "--jsonl", "-", *at) == 0
    assert all(json.loads(line)["source"] for line in capfd.readouterr().out.splitlines())


def test_live_without_a_screen_says_so_and_goes_on(
    clip: Path, at: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert run("live", clip, "--duration", "0.2", *at) == 0
    assert re.search("no window: .*; --web 8080 shows it in a browser", capfd.readouterr().err)


def warnings_in(text: str) -> list[str]:
    """What was warned of, but for a machine that has other work."""
    lines = [line for line in text.splitlines() if "warning:" in line and "machine is full" not in line]
    return [line.removeprefix("kpstream: warning: ") for line in lines]


def test_a_live_view_says_once_why_its_requests_are_lost_and_goes_on(
    clip: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    at = ["--model", "my-pose/3", "--endpoint", "http://127.0.0.1:9", "--api-url", "http://127.0.0.1:9"]
    assert run("live", clip, "--no-window", *at) == 0
    err = capfd.readouterr().err
    (warning,) = warnings_in(err)
    assert "nothing listens at 127.0.0.1:9" in warning
    assert re.search(r"(\d+) requests, \1 lost", err)


def test_a_live_view_says_once_that_its_requests_are_spent(
    clip: Path, at: list[str], server: ScriptedServer, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--duration", "3", "--max-requests", "2", "--sampling", "steady"]
    assert run("live", clip, "--loop", "--no-window", *words, *at) == 0
    assert warnings_in(capfd.readouterr().err) == ["all 2 requests are spent: no new answers"]
    assert len(server.predictions) == 2


def test_an_aligned_picture_may_wait_for_as_long_as_is_said(clip: Path, at: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert run("live", clip, "--no-window", "--sync", "aligned", "--delay", "0.3", "--jsonl", out, *at) == 0
    assert all(line["rendered_at"] >= line["captured_at"] for line in lines_of(out))


SITE = """
[endpoint]
model = "my-pose/3"
endpoint = "{url}"
api_url = "{url}"

[[camera]]
name = "door"
source = "{clip}"
sampling = "steady"

[[camera]]
name = "gate"
source = "{clip}"
sampling = "steady"
rotate = 90
"""


def test_a_site_ends_with_the_figures_of_each_camera(
    clip: Path, server: ScriptedServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "site.toml").write_text(SITE.format(url=server.url, clip=clip))

    def are_both_asked() -> bool:
        pictures = [cv2.imdecode(np.frombuffer(each.picture, np.uint8), 1) for each in server.predictions]
        return len({picture.shape for picture in pictures if picture is not None}) == 2

    def terminate() -> None:
        wait_until(are_both_asked, within=60)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=terminate)
    thread.start()
    assert run("run", tmp_path / "site.toml") == 0
    thread.join()
    lines = [line for line in capfd.readouterr().err.splitlines() if " request" in line]
    found = [re.match(r"kpstream: (door|gate): \d+ frames?.*, (\d+) requests?", line) for line in lines]
    assert [match[1] for match in found if match] == ["door", "gate"]
    assert sum(int(match[2]) for match in found if match) >= len(server.predictions) >= 2


def test_the_embedded_model_answers_when_none_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "person.png"
    cv2.imwrite(str(picture), drawn_person())
    assert run("image", picture, "--save", tmp_path / "drawn.jpg") == 0
    out, err = capfd.readouterr()
    (person,) = json.loads(out)["predictions"]
    assert {point["class"] for point in person["keypoints"]} >= {"nose", "left_hip"}
    assert "embedded" in err
    drawn = cv2.imread(str(tmp_path / "drawn.jpg"))
    assert drawn is not None
    assert drawn.shape == drawn_person().shape


def test_image_asks_for_the_endpoints_own_drawing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "grey.png"
    cv2.imwrite(str(picture), np.full((40, 60), 128, np.uint8))
    drawing = b"\xff\xd8 the endpoint's own jpeg"
    with ScriptedServer(Reply(body=drawing, headers={"Content-Type": "image/jpeg"})) as server:
        at = ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", server.url]
        assert (
            run("image", picture, "--format", "image", "--stroke", "4", "--labels", "--save", tmp_path / "o.jpg", *at)
            == 0
        )
        query = server.requests[0].query
    assert (tmp_path / "o.jpg").read_bytes() == drawing
    assert (query["format"], query["stroke"], query["labels"]) == ("image", "4", "true")
    assert capfd.readouterr().out == ""


def test_several_pictures_give_a_line_each(at: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((36, 64, 3), np.uint8))
    assert run("image", tmp_path / "a.png", tmp_path / "b.png", *at) == 0
    answers = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [answer["image"] for answer in answers] == 2 * [{"width": 64, "height": 36}]
    assert [answer["source"] for answer in answers] == [str(tmp_path / "a.png"), str(tmp_path / "b.png")]


def test_a_broken_picture_keeps_no_other_from_its_line(
    at: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((36, 64, 3), np.uint8))
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:30])
    names = ("cut.png", "a.png", "missing.png", "b.png")
    assert run("image", *(tmp_path / name for name in names), *at) == 3
    out, err = capfd.readouterr()
    assert [json.loads(line)["source"] for line in out.splitlines()] == [str(tmp_path / n) for n in ("a.png", "b.png")]
    errors = [line for line in err.splitlines() if "error:" in line]
    assert len(errors) == 2
    assert "cut.png" in errors[0]
    assert "missing.png" in errors[1]


def test_an_endpoint_that_refuses_the_first_picture_is_not_asked_about_the_others(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((36, 64, 3), np.uint8))
    with ScriptedServer(lambda _: Reply(401, b"{}")) as server:
        at = ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", server.url]
        assert run("image", tmp_path / "a.png", tmp_path / "b.png", *at) == 4
        assert sum(request.method == "POST" for request in server.requests) == 1
    assert capfd.readouterr().out == ""


def test_a_url_is_handed_to_the_endpoint(
    at: list[str], server: ScriptedServer, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("image", "https://pictures.test/a.jpg?x=1", *at) == 0
    assert server.requests[0].query["image"] == "https://pictures.test/a.jpg?x=1"
    assert json.loads(capfd.readouterr().out)["predictions"]


@pytest.mark.parametrize(
    ("status", "words", "code"),
    [(401, "key", 4), (402, "credits", 4), (403, "key", 4), (404, "my-pose/3", 4), (413, "--upload-size", 4)],
)
def test_a_refusal_is_one_line_and_exit_4(
    status: int, words: str, code: int, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: Recorded) -> Reply:
        return Reply(status, {"message": "no"})

    with ScriptedServer(*[refuse] * 50) as server:
        at = ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", server.url]
        assert run("annotate", clip, "-o", tmp_path / "out.mp4", *at) == code
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith("kpstream: error:")]
    assert len(errors) == 1
    assert words in errors[0]
    assert not (tmp_path / "out.mp4").exists()


def test_a_refusal_in_the_middle_leaves_a_whole_video(clip: Path, tmp_path: Path) -> None:
    script = [Reply()] * 5 + [Reply(402, {"message": "no credits"})] * 50
    with ScriptedServer(*script) as server:
        at = ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", server.url, "--max-in-flight", "1"]
        assert run("annotate", clip, "-o", tmp_path / "out.mp4", "--jsonl", tmp_path / "out.jsonl", *at) == 4
    assert len(frames_of(tmp_path / "out.mp4")) == len(lines_of(tmp_path / "out.jsonl")) == 5


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["annotate", "missing.mp4", "-o", "x.mp4"], 3, "no such file"),
        (["annotate", "{text}", "-o", "x.mp4"], 3, "not a video"),
        (["annotate", "{clip}", "-o", "nowhere/x.mp4"], 5, "does not exist"),
        (["annotate", "{clip}", "-o", "x.avi"], 2, "mp4"),
        (["annotate", "{clip}"], 2, "-o OUT.mp4"),
        (["annotate", "{clip}", "-o", "x.mp4", "--every", "2", "--rate", "3"], 2, "one of them"),
        (["annotate", "{clip}", "-o", "x.mp4", "--confidence", "140"], 2, "--confidence"),
        (["annotate", "{clip}", "-o", "x.mp4", "--model", "noslash"], 2, "PROJECT/VERSION"),
        (["annotate", "{clip}", "-o", "x.mp4", "--model", "a/1"], 4, "--api-key-file"),
        (["annotate", "{clip}", "-o", "x.mp4", "--endpoint", "http://127.0.0.1:1"], 2, "--model"),
        (["annotate", "{clip}", "-o", "x.mp4", "--skeleton", "{text}", "--model", "a/1"], 2, "skeleton"),
        (["annotate", "{clip}", "-o", "x.mp4", "--api-key-file", "missing", "--model", "a/1"], 2, "--api-key-file"),
        (["annotate", "{clip}", "-o", "x.mp4", "--draw", "hats"], 2, "hats"),
        (["annotate", "{clip}", "-o", "x.mp4", "--preset", "warp"], 2, "preset"),
        (["annotate", "{clip}", "-o", "x.mp4", "--start", "9", "--endpoint", "embedded"], 2, "it lasts 0.48 s"),
        (["annotate", "{clip}", "-o", "x.mp4", "--csv", "x.csv", "--coco", "x.json", "--start", "9"], 2, "--start 9"),
        (["annotate", "{clip}", "-o", "x.mp4", "--start", "5", "--end", "2"], 2, "--end 2"),
        (["annotate", "{clip}", "-o", "x.mp4", "--start", "0.2", "--end", "0.2"], 2, "nothing lies between"),
        (["annotate", "{clip}", "-o", "x.mp4", "--start", "inf"], 2, "--start"),
        (["annotate", "{clip}", "-o", "x.mp4", "--timeout", "1e308"], 2, "--timeout"),
        (["annotate", "{clip}", "-o", ""], 2, "--output is empty: name a file"),
        (["archive", "{clip}", "--into", ""], 2, "--into is needed"),
        (["live", "9" * 20], 3, "cannot open camera 99999999999999999999"),
        (["live", "missing.mp4"], 3, "no such file"),
        (["live", ""], 2, "an input is empty"),
        (["annotate", "{clip}", " ", "-o", "."], 2, "an input is empty"),
        (["image", ""], 2, "an input is empty"),
        (["archive", "", "--into", "out"], 2, "an input is empty"),
        (["doctor", ""], 2, "an input is empty"),
        (["live", "97"], 3, "camera"),
        (["live", "0", "--size", "wide"], 2, "1280x720"),
        (["live", "{clip}", "--delay", "1.5"], 2, "add --sync aligned"),
        (["image", "{text}"], 3, "no picture"),
        (["image", "https://a.test/b.jpg"], 2, "--endpoint"),
        (["image", "{text}", "--format", "image"], 2, "--save"),
        (["image", "{text}", "--save", "x.txt"], 2, "--save"),
        (["serve", "--host", "0.0.0.0"], 2, "--api-key-file"),
        (["dance"], 2, "dance"),
        (["live"], 2, "SOURCE"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else None,
)
def test_bad_input_is_one_clear_line(
    words: list[str],
    code: int,
    says: str,
    clip: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("this is no video, no picture and no JSON")
    before = sorted(path.name for path in tmp_path.iterdir())
    given = [word.format(clip=clip, text=tmp_path / "text.mp4") for word in words]
    assert run(*given) == code
    out, err = capfd.readouterr()
    errors = [line for line in err.splitlines() if line.startswith("kpstream: error:")]
    assert len(errors) == 1, err
    assert says in errors[0]
    assert out == ""
    assert "0 frames" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == before, "something was left behind"


def test_the_key_is_nowhere_in_what_is_said(
    clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOFLOW_API_KEY", "marked-secret-key")
    with ScriptedServer(*[Reply(403, {"message": "key marked-secret-key is not good"})] * 50) as server:
        at = ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", server.url]
        assert run("--debug", "annotate", clip, "-o", tmp_path / "out.mp4", *at) == 4
        assert server.requests[0].query["api_key"] == "marked-secret-key"
    out, err = capfd.readouterr()
    assert "marked-secret-key" not in out + err
    assert "Traceback" in err


def test_a_traceback_is_only_for_those_who_ask(clip: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("annotate", clip) == 2
    assert "Traceback" not in capfd.readouterr().err


def test_ctrl_c_while_the_program_is_loaded_shows_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", "kpstream", "doctor"], env=environment, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (130, b"")


def test_no_file_is_taken_for_a_stream_that_the_shell_closed(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text(
        "import os\nfiles = [open(name, 'w') for name in 'abc']\nos.write(2, b'of a library')\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(cli.__file__).parents[2]}"}
    command = f"exec {sys.executable} -P -m kpstream doctor 0<&- 1>&- 2>&-"
    subprocess.run(["sh", "-c", command], env=environment, cwd=tmp_path, check=False)
    assert [(tmp_path / name).read_bytes() for name in "abc"] == [b""] * 3


def test_interrupted_work_is_whole_and_exit_130(clip: Path, tmp_path: Path) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def hold(_: Recorded) -> Reply:
        reached.set()
        return Reply(hold=go_on)

    def interrupt() -> None:
        assert reached.wait(20)
        os.kill(os.getpid(), signal.SIGINT)
        go_on.set()

    with ScriptedServer(Reply(), Reply(), Reply(), hold) as server:
        at = ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", server.url, "--max-in-flight", "1"]
        thread = threading.Thread(target=interrupt)
        thread.start()
        code = run("annotate", clip, "-o", tmp_path / "out.mp4", "--jsonl", tmp_path / "out.jsonl", *at)
        thread.join()
    assert code == 130
    written = len(lines_of(tmp_path / "out.jsonl"))
    assert len(frames_of(tmp_path / "out.mp4")) == written
    assert 4 <= written < FRAMES


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_sigterm_and_a_terminal_that_hangs_up_are_a_clean_end_of_a_live_view(
    name: str, clip: Path, at: list[str], server: ScriptedServer, tmp_path: Path
) -> None:
    def terminate(request: Recorded) -> dict[str, Any]:
        os.kill(os.getpid(), signal.Signals[name])
        return canned_answer()

    server.answer = terminate
    before = signal.signal(signal.Signals[name], signal.SIG_DFL)  # the tests themselves may run under nohup
    try:
        assert run("live", clip, "--loop", "--no-window", "--record", tmp_path / "out.mp4", *at) == 0
    finally:
        signal.signal(signal.Signals[name], before)
    assert frames_of(tmp_path / "out.mp4")


def test_under_nohup_a_terminal_that_hangs_up_ends_nothing(
    clip: Path, at: list[str], server: ScriptedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def hang_up(request: Recorded) -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGHUP)
        return canned_answer()

    server.answer = hang_up
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run("live", clip, "--no-window", "--record", tmp_path / "out.mp4", *at) == 0
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    dropped = re.search(r"(\d+) dropped", capsys.readouterr().err)
    assert len(frames_of(tmp_path / "out.mp4")) == FRAMES - int(dropped[1] if dropped else 0)


def test_doctor_tells_what_works(clip: Path, at: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", clip, *at) == 0
    out = capfd.readouterr().out
    assert re.search(r"works\s+source", out)
    assert re.search(r"works\s+embedded model", out)
    assert re.search(r"works\s+endpoint", out)


@pytest.mark.parametrize("key", ["", "K1234567"])
def test_doctor_fails_nothing_for_want_of_a_skeleton(
    key: str, server: ScriptedServer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOFLOW_API_KEY", key)
    at = ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", "http://127.0.0.1:1"]
    assert run("doctor", *at) == 0
    out = capfd.readouterr().out
    assert re.search(r"-\s+model\s+nothing listens at .*--api-url URL, or --skeleton FILE\.json", out)
    assert "fails" not in out


def test_doctor_tells_what_does_not(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", "missing.mp4") == 3
    assert re.search(r"fails\s+source\s+.*no such file", capfd.readouterr().out)


def test_doctor_tells_what_the_embedded_model_lacks(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert run("doctor") == 1
    assert re.search(r"fails\s+embedded model\s+onnxruntime cannot be loaded .* run: python -m", capfd.readouterr().out)


@pytest.mark.parametrize(
    "command",
    ["live", "annotate", "image", "serve", "doctor", "run", "archive", "archive status", "events check", "events list",
     "events export"],
)  # fmt: skip
def test_help_teaches_by_examples_that_are_taken(
    command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(*command.split(), "--help") == 0
    examples = re.findall(r"^ *kpstream (.+?)(?: {3}#.*)?$", capfd.readouterr().out.split("Examples:")[1], re.MULTILINE)
    assert any(example.startswith(command) for example in examples)
    for example in examples:
        # An option that is none is refused before the help is shown.
        assert run(*shlex.split(example.split(">")[0]), "--help") == 0, example


def test_help_is_printed_where_stdout_takes_ascii_alone() -> None:
    taken = io.BytesIO()
    with io.TextIOWrapper(taken, encoding="ascii") as stdout, redirect_stdout(stdout):
        assert run("annotate", "--help") == 0
        assert b"--coco-frames" in taken.getvalue()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_help_that_cannot_be_printed_is_the_outputs_fault(capfd: pytest.CaptureFixture[str]) -> None:
    for word, buffering in (("--help", 1), ("--version", -1)):
        with Path("/dev/full").open("w", buffering) as full, redirect_stdout(full):
            full.reconfigure(write_through=True)  # as PYTHONUNBUFFERED has it
            assert run(word) == 5
        assert capfd.readouterr().err == "kpstream: error: standard output: the disk is full: free some space\n"


def test_the_version_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert re.fullmatch(r"kpstream \d+\.\d+\.\d+\n", capfd.readouterr().out)
