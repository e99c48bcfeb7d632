"""Zones and lines that are written into a file: nothing else in it may change."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.errors import UsageError
from kpstream.events import Line, Zone
from kpstream.site_file.shapes import with_shapes, write_shapes

SITE = '''\
# the site
[web]
listen = "8080"             # [[zone]] polygon = 3
edit_zones = true

[[zone]]
name = "press"              # the old one
polygon = [                 # its corners
  [0.4, 0.3], [0.7, 0.3],   # ] above
  [0.7, 0.8],
]   # and this comment stays
cameras = ["hall"]

[[run]]
command = ["say", """
[[zone]]
name = "press"
polygon = [[0, 0]]
"""]

[[line]]
to = [0.5, 0.0]
name = 'gate'
from = [0.5, 1.0]

[[ zone ]]
"name" = "door"
"polygon" = [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]

[[rule]]
name = "in the press"
kind = "custom"
call = "mine:function"      # polygon = x
'''
PRESS = Zone("press", ((0.1, 0.2), (0.3, 0.2), (0.123456, 1.0)))


def test_a_zone_is_moved_and_all_else_stays_its_comments_before_its_first_corner() -> None:
    old = "[                 # its corners\n  [0.4, 0.3], [0.7, 0.3],   # ] above\n  [0.7, 0.8],\n]"
    new = "[\n  # its corners\n  # ] above\n  [0.1, 0.2], [0.3, 0.2], [0.1235, 1.0]\n]"
    changed = with_shapes(SITE, [PRESS], [])
    assert changed == SITE.replace(old, new)
    assert with_shapes(changed, [PRESS], []) == changed


def test_a_line_is_moved_and_all_else_stays() -> None:
    changed = with_shapes(SITE, [], [Line("gate", (0.0, 0.25), (1.0, 0.75))])
    assert changed == SITE.replace("from = [0.5, 1.0]", "from = [0.0, 0.25]").replace("[0.5, 0.0]", "[1.0, 0.75]")


def test_keys_in_quotes_are_keys_too() -> None:
    changed = with_shapes(SITE, [Zone("door", PRESS.polygon)], [])
    assert changed == SITE.replace("[[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]", "[[0.1, 0.2], [0.3, 0.2], [0.1235, 1.0]]")


def test_what_is_new_is_added_at_the_end() -> None:
    changed = with_shapes(SITE, [Zone("new", PRESS.polygon, ("hall",))], [Line("way", (0.0, 0.0), (1.0, 1.0))])
    assert changed.startswith(SITE)
    before, after = tomllib.loads(SITE), tomllib.loads(changed)
    assert after["zone"][:2] == before["zone"]
    assert after["zone"][2] == {"name": "new", "polygon": [[0.1, 0.2], [0.3, 0.2], [0.1235, 1.0]], "cameras": ["hall"]}
    assert after["line"][1] == {"name": "way", "from": [0.0, 0.0], "to": [1.0, 1.0]}
    assert {key: after[key] for key in ("web", "run", "rule")} == {key: before[key] for key in ("web", "run", "rule")}


@pytest.mark.parametrize(
    "text",
    [
        'zone = [{name = "press", polygon = [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]}]\n',
        '[[zone]]\nname = "press"\n',
        '[["zone"]]\nname = "press"\npolygon = []\n[[zone]]\nname = "door"\npolygon = []\n',
        "zone = 3\n[",
    ],
)
def test_what_is_not_understood_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match="change them in the file"):
        write_shapes(path, [PRESS], [])
    assert path.read_text() == text


_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x7f", min_codepoint=32), max_size=12)


@given(st.lists(_TEXTS, min_size=3, max_size=3), st.sampled_from(["\n", "\r\n"]))
def test_whatever_comments_and_texts_there_are_they_stay(texts: list[str], end: str) -> None:
    comment, quoted, literal = texts[0], texts[1].replace("\\", "").replace('"', ""), texts[2].replace("'", "")
    head = f"# {comment}\n[web]\na = \"{quoted}\" # {comment}\nb = '{literal}'\nc = '''\n{literal}\n[[zone]]'''\n"
    body = f'[[zone]]\nname = "press"\npolygon = [[0.5, 0.5], [1, 1], # {comment}\n [0, 1]] # {comment}\n'
    text = (head + body).replace("\n", end)
    changed = with_shapes(text, [PRESS], [])
    assert changed.startswith(head.replace("\n", end))
    assert changed.endswith(
        f"polygon = [{end}  # {comment}{end}  [0.1, 0.2], [0.3, 0.2], [0.1235, 1.0]{end}] # {comment}{end}"
    )


def test_the_file_is_replaced_whole_with_its_rights_also_through_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "site.toml"
    real.write_text(SITE)
    real.chmod(0o640)
    link.symlink_to(real)
    write_shapes(link, [PRESS], [])
    assert link.is_symlink()
    assert tomllib.loads(real.read_text())["zone"][0]["polygon"][0] == [0.1, 0.2]
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["real.toml", "site.toml"]


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "site.toml"
    path.write_text(SITE)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match=r"site.toml: it cannot be written: No space left"):
        write_shapes(path, [PRESS], [])
    assert path.read_text() == SITE
    assert [each.name for each in tmp_path.iterdir()] == ["site.toml"]
