"""`kpstream archive` as its users meet it: a tree of odd files, and whatever comes between."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import pytest

from kpstream import cli
from kpstream.pipeline import Pipeline
from kpstream.recorded.archive.ledger import Ledger
from kpstream.sources import VideoFile
from kpstream.testing import Recorded, Reply, ScriptedServer, canned_answer
from tests.support.source_clips import write_video

FRAMES = 10


def run(*words: object) -> int:
    return cli.run([str(word) for word in words])


@pytest.fixture
def server() -> Any:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def at(server: ScriptedServer) -> list[str]:
    return ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", server.url]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    videos = tmp_path / "videos"
    (videos / "한국 어").mkdir(parents=True)
    write_video(videos / "a.mp4", range(0, 40 * FRAMES, 40))
    write_video(videos / "한국 어" / "b c.mp4", range(0, 30 * FRAMES, 30), sound=True)
    shutil.copy(videos / "a.mp4", videos / "한국 어" / "copy of a.mp4")
    (videos / "broken.mp4").write_bytes((videos / "a.mp4").read_bytes()[:200])
    (videos / "empty.mp4").write_bytes(b"")
    (videos / "text.mp4").write_text("no video at all")
    (videos / "gone.mp4").symlink_to(videos / "nowhere.mp4")
    (videos / "circle.mp4").symlink_to(videos / "circle.mp4")
    os.mkfifo(videos / "pipe.mp4")
    Path(os.fsdecode(os.fsencode(videos) + b"/no\xff\nutf8.mp4")).write_text("no video at all")
    (videos / "notes.txt").write_text("")
    (videos / "한국 어" / "loop").symlink_to(videos)
    return videos


def asked(server: ScriptedServer) -> int:
    return sum(request.method == "POST" for request in server.requests)


def status(folder: Path, capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capfd.readouterr()
    assert run("archive", "status", folder, "--json") == 0
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    return found


def test_a_tree_of_odd_files_is_done_and_what_is_not_is_told(
    tree: Path, at: list[str], server: ScriptedServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run("archive", tree, "--into", out, "--write", "jsonl,csv,coco,mp4", *at) == 7
    assert asked(server) == 2 * FRAMES
    found = status(out, capfd)
    assert found["totals"]["done"] == 3
    assert {
        each["name"]: each["fault"].rpartition(": ")[2] for each in found["files"] if each["state"] == "failed"
    } == {
        "broken.mp4": "its index (moov) is missing, as while it is written, or when a camera loses power; untrunc can "
        "mend it by another video of the same camera",
        "circle.mp4": "the link leads nowhere",
        "empty.mp4": "it is empty",
        "gone.mp4": "the link leads nowhere",
        "pipe.mp4": "it is no file, but a pipe, a device or a folder",
        "no\\xff\\nutf8.mp4": "not a video that can be read",
        "text.mp4": "not a video that can be read",
    }
    for name in ("a.mp4", "한국 어/b c.mp4", "한국 어/copy of a.mp4"):
        assert len((out / f"{name}.jsonl").read_text().splitlines()) == FRAMES
        assert all((out / f"{name}{suffix}").stat().st_size for suffix in (".csv", ".coco.json", ".annotated.mp4"))
    assert not list((out / "journals").iterdir())
    report = (out / "report.html").read_text()
    assert all(text in report for text in ("copy of a.mp4", "the link leads nowhere", "same as a.mp4"))
    assert json.loads((out / "report.json").read_text())["totals"]["requests"] == 2 * FRAMES
    assert f'files{{archive="{out}",shard="1/1",state="done"}} 3\n' in (out / "metrics.prom").read_text()
    assert run("archive", tree, "--into", out, "--write", "jsonl,csv,coco,mp4", *at) == 7
    assert asked(server) == 2 * FRAMES
    assert "archive status" in capfd.readouterr().err
    assert run("archive", "status", out, "--failed") == 0
    assert "it is empty; copy the file again" in capfd.readouterr().out


def test_without_a_failure_to_spare_the_first_one_leaves_the_rest_waiting(
    tree: Path, at: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["archive", tree / "a.mp4", "--into", tmp_path / "out", "--max-failures", "0", *at]
    assert run(*words) == 0
    assert run(*words, tree / "한국 어" / "b c.mp4", tree / "text.mp4") == 7
    assert "1 of 3 files failed, with which --max-failures left 1 waiting: " in capfd.readouterr().err


def test_as_many_workers_as_fit_are_no_more_than_there_are_files(
    at: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(tmp_path / "a.mp4", range(0, 40, 10))
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run("archive", tmp_path / "a.mp4", "--into", tmp_path / "out", "--workers", "auto", *at) == 0


@pytest.mark.parametrize(("asked", "named"), [("--workers 2", "--workers"), ("--on 127.0.0.1:6379", "--on")])
def test_what_wants_ray_leaves_nothing_behind_without_it(
    asked: str,
    named: str,
    tree: Path,
    at: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    out, ledger = tmp_path / "out", tmp_path / "ledger"
    assert run("archive", tree, "--into", out, "--ledger", ledger, *asked.split(), *at) == 2
    assert f"{named} " in (error := capfd.readouterr().err)
    assert "needs Ray: pip install 'kpstream[archive]'" in error
    assert not out.exists()
    assert not ledger.exists()


def test_a_plan_asks_and_writes_nothing(
    tree: Path, at: list[str], server: ScriptedServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run("archive", tree, "--into", out, "--plan", "--every", "5", "--requests-per-second", "1", *at) == 0
    told = capfd.readouterr().out
    assert "to do     2 files" in told
    assert "requests  about 6\n" in told  # of each file the first, the sixth and the last frame
    assert "time      at least 0:00:06 at 1 request a second" in told
    assert "the same  1 file has the content of another: it is given its outputs" in told
    assert "no video  1 other file in" in told
    assert "skipped   empty.mp4: cannot open" in told
    assert (server.requests, out.exists()) == ([], False)


def test_a_budget_holds_over_all_files_and_all_runs(
    tree: Path, at: list[str], server: ScriptedServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    inputs = [tree / "a.mp4", tree / "한국 어" / "b c.mp4"]
    words = ["archive", *inputs, "--into", tmp_path / "out", *at, "--max-requests"]
    for budget, code in ((7, 6), (7, 6), (13, 6), (2 * FRAMES, 0)):
        assert run(*words, budget) == code
        assert asked(server) == budget
    assert "the same command with more --max-requests goes on" in capfd.readouterr().err
    assert status(tmp_path / "out", capfd)["totals"]["requests_left"] == 0


def test_skeletons_that_nobody_knows_are_looked_up_once_for_all_files(
    tree: Path, at: list[str], server: ScriptedServer, tmp_path: Path
) -> None:
    def looked_up() -> int:
        return sum(request.method == "GET" for request in server.requests)

    videos = tree / "a.mp4", tree / "한국 어" / "b c.mp4"
    assert run("archive", videos[0], "--into", tmp_path / "one", *at) == 0
    once = looked_up()
    assert run("archive", *videos, "--into", tmp_path / "both", *at) == 0
    assert looked_up() == 2 * once > 0


def test_other_settings_are_refused_with_both_named_and_again_makes_all_anew(
    tree: Path, at: list[str], server: ScriptedServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["archive", tree / "a.mp4", "--into", tmp_path / "out", *at]
    assert run(*words) == 0
    assert run(*words, "--confidence", "60") == 2
    assert "(confidence: 0.4, now 0.6)" in capfd.readouterr().err
    assert run(*words, "--confidence", "60", "--again") == 0
    assert asked(server) == 2 * FRAMES


def test_a_key_that_is_refused_ends_all_at_once(tree: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer(*[Reply(401, {"message": "Unauthorized"})] * 50) as server:
        words = ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", server.url]
        assert run("archive", tree / "a.mp4", tree / "한국 어" / "b c.mp4", "--into", tmp_path / "out", *words) == 4
    found = status(tmp_path / "out", capfd)
    assert (found["totals"]["waiting"], found["totals"]["failed"]) == (2, 0)


def test_what_another_has_written_is_not_written_over(tree: Path, at: list[str], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.mp4.jsonl").write_text("mine")
    assert run("archive", tree / "a.mp4", "--into", tmp_path / "out", *at) == 2
    assert (tmp_path / "out" / "a.mp4.jsonl").read_text() == "mine"


def test_a_second_driver_is_refused(
    tree: Path, at: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    with Ledger(tmp_path / "out" / "archive.db"):
        assert run("archive", tree / "a.mp4", "--into", tmp_path / "out", *at) == 2
    assert "another kpstream archive is at work" in capfd.readouterr().err


def test_a_file_that_came_since_is_done_and_one_that_was_renamed_is_not_done_again(
    tree: Path, at: list[str], server: ScriptedServer, tmp_path: Path
) -> None:
    folder, out = tree / "한국 어", tmp_path / "out"
    assert run("archive", folder, "--into", out, *at) == 0
    before = asked(server)
    (folder / "b c.mp4").rename(folder / "renamed.mp4")
    assert run("archive", folder, "--into", out, *at) == 0
    assert asked(server) == before
    assert (out / "renamed.mp4.jsonl").read_bytes() == (out / "b c.mp4.jsonl").read_bytes()


def test_a_file_that_changes_meanwhile_fails_alone_until_it_is_to_be_tried_again(
    tree: Path, at: list[str], server: ScriptedServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file, twin, out = tree / "a.mp4", tree / "한국 어" / "copy of a.mp4", tmp_path / "out"
    whole = file.read_bytes()

    def change(request: Recorded) -> Mapping[str, Any]:
        file.write_bytes(whole + b"more")
        server.answer = lambda _: canned_answer()
        return canned_answer()

    server.answer = change
    assert run("archive", file, twin, "--into", out, *at) == 7
    [failed] = [each for each in status(out, capfd)["files"] if each["state"] == "failed"]
    assert (failed["name"], failed["fault"]) == ("a.mp4", "it changed while it was worked on")
    assert (out / "copy of a.mp4.jsonl").exists()
    before = asked(server)
    assert run("archive", file, twin, "--into", out, *at) == 7
    assert asked(server) == before
    assert run("archive", file, twin, "--into", out, "--retry-failed", *at) == 0
    assert asked(server) == before + FRAMES


def test_shards_do_each_their_part_and_status_reads_them_together(
    tree: Path, at: list[str], server: ScriptedServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, out = tree / "한국 어", tmp_path / "out"
    for shard in ("1/2", "2/2"):
        assert run("archive", folder, "--into", out, "--shard", shard, "--max-requests", 30, *at) == 0
    assert asked(server) == 2 * FRAMES
    found = status(out, capfd)
    assert found["ledgers"] == ["archive-1-of-2.db", "archive-2-of-2.db"]
    assert (found["totals"]["done"], found["totals"]["requests_left"]) == (2, 10)
    assert (out / "report-1-of-2.html").exists()
    write_video(folder / "a.mp4", range(0, 50 * FRAMES, 50))  # which moves the others to the next shard
    for shard in ("1/2", "2/2"):
        assert run("archive", folder, "--into", out, "--shard", shard, "--max-requests", 60, *at) == 0
    found = status(out, capfd)
    assert asked(server) == found["totals"]["requests"] == 3 * FRAMES
    assert (found["totals"]["files"], found["totals"]["done"], found["totals"]["requests_left"]) == (3, 3, 30)
    assert run("archive", folder, "--into", out, "--shard", "1/3", *at) == 2
    assert "was begun in 2 parts, not in 3 parts: give the same --shard" in capfd.readouterr().err


@pytest.mark.parametrize("more", [[], ["--rate", "5", "--sampled-only"]], ids=["every frame", "sampled only"])
def test_a_damaged_file_is_done_and_what_it_lost_is_told(
    tree: Path, at: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str], more: list[str]
) -> None:
    path = write_video(tree / "damaged.mov", range(0, 4000, 40), options={"g": "5"})
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pos][40:70]
    data = bytearray(path.read_bytes())
    for packet in packets:
        place = packet.pos or 0
        data[place : place + packet.size] = bytes(packet.size)
    path.write_bytes(data)
    out = tmp_path / "out"
    assert run("archive", path, tree / "a.mp4", "--into", out, *at, *more) == 0
    found = status(out, capfd)
    assert (found["totals"]["done"], found["totals"]["damaged"]) == (2, 1)
    assert found["damages"] == {"frames could not be read": 1}
    damaged = next(each for each in found["files"] if each["name"] == "damaged.mov")
    frames = len((out / "damaged.mov.jsonl").read_text().splitlines())
    assert (damaged["frames"], damaged["frames"] + damaged["missing"]) == (frames, 20 if more else 100)
    assert frames < damaged["frames"] + damaged["missing"]
    told = f"{frames} of {frames + damaged['missing']} frames could be read"
    assert told in (out / "report.html").read_text()
    assert run("archive", "status", out) == 0
    shown = capfd.readouterr().out
    assert "2 of 2 files done, 0 running, 0 waiting, 0 failed; 1 of those done is damaged" in shown
    assert f"damaged   damaged.mov: {told}" in shown


def test_rules_run_over_every_file_and_their_events_are_in_the_report(
    tree: Path, at: list[str], tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nname = "somebody"\nkind = "count"\nmin = 1\nfor = "0.05s"\n')
    out = tmp_path / "out"
    assert run("archive", tree / "a.mp4", "--into", out, "--rules", rules, *at) == 0
    events = json.loads((out / "report.json").read_text())["events"]
    assert {event["rule"] for event in events} == {"somebody"}
    assert (out / "a.mp4.events.jsonl").read_text()


def test_that_the_rules_are_others_is_said_in_words(
    tree: Path, at: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "rules.toml"
    words = ["archive", tree / "a.mp4", "--into", tmp_path / "out", *at]
    rules.write_text('[[rule]]\nname = "somebody"\nkind = "count"\nmin = 1\n')
    assert run(*words, "--rules", rules) == 0
    assert run(*words) == 2
    assert "was made with other settings (rules: some, now none): " in capfd.readouterr().err
    rules.write_text('[[rule]]\nname = "a crowd"\nkind = "count"\nmin = 9\n')
    assert run(*words, "--rules", rules) == 2
    assert "was made with other settings (other rules): " in capfd.readouterr().err


def test_the_pictures_of_a_file_are_let_go_before_the_next(tree: Path, at: list[str], tmp_path: Path) -> None:
    gc.collect()
    gc.disable()
    try:
        assert run("archive", tree / "a.mp4", tree / "한국 어" / "b c.mp4", "--into", tmp_path / "out", *at) == 0
        assert not [each for each in gc.get_objects() if isinstance(each, Pipeline)]
    finally:
        gc.enable()


def test_sampled_only_writes_the_frames_that_were_asked_with_their_own_times(
    tree: Path, at: list[str], server: ScriptedServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, words = tmp_path / "out", ["--rate", "10", "--sampled-only", "--write", "jsonl,csv,coco", *at]
    assert run("archive", tree / "a.mp4", "--into", out, "--plan", *words) == 0
    assert "4 frames\nrequests  about 4\n" in capfd.readouterr().out
    assert run("archive", tree / "a.mp4", "--into", out, *words) == 0
    lines = [json.loads(line) for line in (out / "a.mp4.jsonl").read_text().splitlines()]
    assert [(line["frame_index"], line["pts"]) for line in lines] == [(0, 0.0), (3, 0.12), (5, 0.2), (7, 0.28)]
    assert all(pose["origin"] == "measured" for line in lines for pose in line["poses"])
    assert asked(server) == 4
    assert len(json.loads((out / "a.mp4.coco.json").read_text())["images"]) == 4
    assert run("archive", tree / "a.mp4", "--into", out, "--rate", "10", *at) == 2
    assert "frames: sampled only, now none" in capfd.readouterr().err


def test_video_is_written_as_options_say(tree: Path, at: list[str], tmp_path: Path) -> None:
    made = {}
    for name, words in {"best": ["--crf", "1", "--preset", "medium"], "silent": ["--crf", "50", "--no-audio"]}.items():
        assert run("archive", tree / "한국 어", "--into", tmp_path / name, "--write", "mp4", *words, *at) == 0
        made[name] = tmp_path / name / "b c.mp4.annotated.mp4"
    assert made["best"].stat().st_size > made["silent"].stat().st_size
    assert VideoFile(made["best"]).has_audio
    assert not VideoFile(made["silent"]).has_audio


def test_a_cluster_that_does_not_answer_or_is_something_else_is_one_line(
    tree: Path, at: list[str], server: ScriptedServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for address in ("127.0.0.1:1", server.url.removeprefix("http://")):
        assert run("archive", tree / "a.mp4", "--into", tmp_path / "out", *at, "--on", address) == 2
        assert capfd.readouterr().err.splitlines() == [
            f"kpstream: error: --on no Ray answers at {address}: start its head (`ray start --head`), or name the "
            "address of one that runs"
        ]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--write", "mp4", "--preset", "warp"], "'warp' is no preset of x264"),
        (["--sampled-only"], "--sampled-only leaves out the frames that are not asked about: give --rate"),
        (["--sampled-only", "--rate", "1", "--write", "jsonl,mp4"], "--sampled-only leaves no video to show"),
        (["--sampled-only", "--rate", "1", "--rules", "rules.toml"], "--rules need every frame"),
        (["--sampled-only", "--rate", "1", "--sampling", "adaptive"], "--sampling adaptive has to see every frame"),
        (["--write", "xml"], "--write does not know xml"),
        (["--shard", "0/2"], "give I/N"),
        (["--every", "2", "--rate", "1"], "say the same thing in two ways"),
        (["--max-failures", "101%"], "is no number of files"),
        (["--workers", "none"], "is no number of workers"),
        (["ftp://user:hidden@127.0.0.1/a.mp4?token=hidden"], "ftp://127.0.0.1/a.mp4: such addresses are not known"),
        (["s3://key:hidden@bucket/a"], "s3://bucket/a: no key belongs into the address"),
        (["--into", "s3://bucket/poses"], "--ledger is needed where --into is an address"),
        (
            ["--into", "https://127.0.0.1/poses"],
            "--into names https://127.0.0.1/poses: give a folder",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    words: list[str], fault: str, tree: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("archive", tree, "--into", tmp_path / "out", *words) == 2
    told = capfd.readouterr().err
    assert fault in told
    assert "hidden" not in told
    assert not (tmp_path / "out").exists()
