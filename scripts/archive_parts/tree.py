"""A tree of forty odd files: what can be done is done, the report names the others, and again nothing is asked."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

import av
import numpy as np

from archive_parts.rig import CLIP, cut, last_line, replaying, start, words

_NAMES = [
    "plain", "with spaces", "한국어 이름", "café", "-dash", "quo'te\"s", "per%cent & more", "#hash", "[brackets]",
    "{braces}", "semi;colon", "dots.in.name", "back\\slash", "new\nline", "emoji \N{DANCER}", "*star*", "q?uery",
    "~tilde", "$HOME", "upper",
]  # fmt: skip
_CHANGES = "a file that changes.mp4"


def make_tree(folder: Path) -> dict[str, str]:
    """Make the tree.

    Returns:
        What must be said of each file that cannot be done, by its name.
    """
    for number, name in enumerate(_NAMES):
        cut(folder / "good" / f"{name}.{'MP4' if name == 'upper' else 'mp4'}", 0.5 + number / 20)
    for container in ("mkv", "ts"):
        cut(folder / "good" / f"other.{container}", 0.7)
    whole = cut(folder / "long.mp4", 3.0, title="it is the longest, so it comes first")
    shutil.copy(folder / "good" / "plain.mp4", folder / "plain under another name.mp4")
    (folder / "deep" / "er").mkdir(parents=True)
    os.link(folder / "good" / "café.mp4", folder / "deep" / "er" / "hard link.mp4")
    (folder / "deep" / "link.mp4").symlink_to(folder / "good" / "with spaces.mp4")
    (folder / "deep" / "loop").symlink_to(folder)
    shutil.copy(whole, folder / _CHANGES)
    cut(folder / _CHANGES, 4.0, title="it changes")
    data = whole.read_bytes()
    cut_short = cut(folder / "cut short.mkv", 2.0)
    cut_short.write_bytes(cut_short.read_bytes()[: cut_short.stat().st_size // 2])
    bad = folder / "bad"
    bad.mkdir()
    (bad / "without index.mp4").write_bytes(data[: len(data) // 2])
    (bad / "half a header.mp4").write_bytes(data[:20])
    (bad / "empty.mp4").write_bytes(b"")
    (bad / "text.mp4").write_text("no video at all\n" * 50)
    (bad / "noise.mp4").write_bytes(np.random.default_rng(1).bytes(50_000))
    (bad / "archive.mp4").write_bytes(b"PK\x03\x04" + bytes(2000))
    _write_sound(bad / "sound alone.mp4")
    (bad / "leads nowhere.mp4").symlink_to(bad / "nothing")
    (bad / "a.mp4").symlink_to(bad / "b.mp4")
    (bad / "b.mp4").symlink_to(bad / "a.mp4")
    os.mkfifo(bad / "without end, a pipe.mp4")
    (bad / "without end, a device.mp4").symlink_to("/dev/zero")
    (bad / "notes.txt").write_text("")
    return {
        _CHANGES: "it changed while it was worked on",
        "bad/without index.mp4": "its index (moov) is missing",
        "bad/half a header.mp4": "",
        "bad/empty.mp4": "it is empty",
        "bad/text.mp4": "not a video",
        "bad/noise.mp4": "not a video",
        "bad/archive.mp4": "not a video",
        "bad/sound alone.mp4": "no video",
        "bad/leads nowhere.mp4": "the link leads nowhere",
        "bad/a.mp4": "link",
        "bad/b.mp4": "link",
        "bad/without end, a pipe.mp4": "it is no file, but a pipe",
        "bad/without end, a device.mp4": "it is no file, but a pipe, a device",
    }


def prove(folder: Path, *, workers: int) -> bool:
    """Work through the tree, and again; whether all is as it should be."""
    expected = make_tree(folder / "tree")
    into, log = folder / "out", folder / "log.txt"
    with replaying(0.1) as endpoint:
        command = words(endpoint, folder / "tree", into, "--rate", 5, "--workers", workers)
        process = start(command, log)
        while not list((into / "journals").glob("*/*.journal")) and process.poll() is None:
            time.sleep(0.02)
        _change(folder / "tree" / _CHANGES)
        first, asked = process.wait(timeout=300), endpoint.asked
        found = json.loads((into / "report.json").read_text())
        at, before = time.monotonic(), os.times()
        second = start(command, log).wait()
        took, more = time.monotonic() - at, endpoint.asked - asked
        work = sum(os.times()[2:4]) - sum(before[2:4])
    failed = {each["name"]: each["fault"] for each in found["files"] if each["state"] == "failed"}
    page = (into / "report.html").read_text()
    wrong = [f"{name}: {failed.get(name)}" for name, cause in expected.items() if cause not in failed.get(name, "~")]
    wrong += [f"{name} failed: {failed[name]}" for name in failed.keys() - expected.keys()]
    others = [each for each in found["files"] if each["state"] != "failed"]
    wrong += [f"{each['name']} is {each['state']}" for each in others if each["state"] != "done" or not each["frames"]]
    totals = found["totals"]
    print(f"{totals['files']} files: {totals['done']} done, {totals['failed']} failed, {asked} requests, exit {first}")
    for name, fault in failed.items():
        print(f"  {name}: {fault.replace(str(folder), '')}")
    print(f"again: exit {second}, {more} requests, {took:.1f} s ({work:.1f} s of work)")
    print(last_line(log).replace(str(folder), ""))
    for line in wrong:
        print(f"WRONG {line}", file=sys.stderr)
    return (first, second, more, wrong) == (7, 7, 0, []) and "the link leads nowhere" in page and work < 3


def _change(path: Path) -> None:
    """Write a file anew while it is read, as what copies over it does."""
    data = CLIP.read_bytes()
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()


def _write_sound(path: Path) -> None:
    """A second of silence, in a file that could hold a video."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 48000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
