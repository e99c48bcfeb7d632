"""Both published forms of a skeleton become one, and nothing else becomes any."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.skeleton import COCO, COCO_NAMES, Skeleton, known_by_names, label
from kpstream.wire.skeletons import from_metadata, from_version, to_version

DATA = Path(__file__).parent / "data"
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
vertex = st.fixed_dictionaries({"id": anything, "name": anything}, optional={"color": anything})
edge = st.fixed_dictionaries({"from": anything, "to": anything}, optional={"color": anything})


def recorded(name: str) -> Any:
    return json.loads((DATA / name).read_text())


def test_edges_of_a_version_name_vertex_ids_and_become_indices() -> None:
    skeleton = from_version(recorded("version.json")["version"]["skeletons"])["person"]
    assert skeleton.names == ("nose", "left_eye", "right_eye")
    assert skeleton.edges == ((0, 1), (2, 0))
    assert skeleton.vertex_colors == ("#FF8000", "#FF00FF", "#00FFCE")
    assert skeleton.edge_colors == ("#00FFCE", "#8622FF")
    assert skeleton.symmetries == ((1, 2),)
    assert skeleton.index("right_eye") == 2
    assert skeleton.index("tail") is None


def test_metadata_is_sorted_by_number_not_by_text() -> None:
    found = from_metadata(recorded("ort.json")["ort"]["keypoints_metadata"])
    assert found["person"].names == COCO_NAMES[:11]
    assert found["person"].edges == ((0, 2), (8, 10))
    assert found["person-2"] == Skeleton(("shoulder-right", "shoulder-left", "neck"), ((0, 2),))


def test_a_model_with_coco_s_names_and_no_edges_of_its_own_gets_coco_s_as_far_as_its_keypoints_go() -> None:
    item = {"object_class": "face", "keypoints": {"0": "nose", "1": "left_eye", "2": "right_eye"}}
    assert from_metadata([item])["face"].edges == ((0, 1), (0, 2))


def test_names_that_are_coco_s_as_far_as_they_are_known_are_coco() -> None:
    assert known_by_names(["nose", "", "right_eye"]) is COCO
    assert known_by_names(["nose", "tail"]) == Skeleton(("nose", "tail"))
    assert known_by_names(["", ""]).edges == ()


def test_a_colour_that_is_none_counts_as_not_given() -> None:
    item = {"vertices": [{"id": 0, "name": "a", "color": "red"}], "edges": [{"from": 0, "to": 0, "color": "#12345"}]}
    skeleton = from_version({"x": item})["x"]
    assert skeleton.vertex_colors == ()
    assert skeleton.edge_colors == ()


@pytest.mark.parametrize(
    "damaged",
    [
        {"person": {"vertices": [{"id": 0, "name": "a"}], "edges": [{"from": 0, "to": 1}]}},
        {"person": {"vertices": [{"name": "a"}]}},
        {"person": {"vertices": None}},
        {"person": []},
        ["person"],
    ],
)
def test_a_damaged_version_is_said_to_be_one(damaged: Any) -> None:
    with pytest.raises(ValueError, match="skeleton"):
        from_version(damaged)


@pytest.mark.parametrize(
    "damaged",
    [
        [{"object_class": "a", "keypoints": {"999999999": "x"}}],
        [{"object_class": "a", "keypoints": {"-1": "x"}}],
        [{"object_class": "a", "keypoints": {"x": "x"}}],
        [{"object_class": "a", "keypoints": {"0": "x"}, "edges": [{"from": 0, "to": 1}]}],
        [{"object_class": "a", "keypoints": {"0": "x"}, "edges": [{"from": float("inf"), "to": 0}]}],
        [{"keypoints": {}}],
        {"object_class": "a"},
    ],
)
def test_damaged_metadata_is_said_to_be_so(damaged: Any) -> None:
    with pytest.raises(ValueError, match="keypoints_metadata"):
        from_metadata(damaged)


@settings(max_examples=50)
@given(
    anything
    | st.dictionaries(
        st.text(max_size=5), st.fixed_dictionaries({"vertices": st.lists(vertex), "edges": st.lists(edge)})
    )
)
def test_any_json_is_a_version_or_a_value_error(document: Any) -> None:
    try:
        found = from_version(document)
    except ValueError:
        return
    for skeleton in found.values():
        assert all(0 <= end < len(skeleton.names) for pair in skeleton.edges for end in pair)


@settings(max_examples=50)
@given(
    anything
    | st.lists(
        st.fixed_dictionaries(
            {
                "object_class": anything,
                "keypoints": st.dictionaries(st.text("0123456789", max_size=12), st.text()),
                "edges": st.lists(edge),
            }
        )
    )
)
def test_any_json_is_metadata_or_a_value_error(document: Any) -> None:
    try:
        found = from_metadata(document)
    except ValueError:
        return
    for skeleton in found.values():
        assert all(0 <= end < len(skeleton.names) for pair in skeleton.edges for end in pair)


@pytest.mark.parametrize(
    "skeletons", [{"person": COCO}, from_version(recorded("version.json")["version"]["skeletons"])]
)
def test_a_skeleton_survives_being_written_as_a_version(skeletons: dict[str, Skeleton]) -> None:
    assert from_version(json.loads(json.dumps(to_version(skeletons)))) == skeletons


@given(st.text(alphabet=st.characters(), max_size=300))
def test_a_label_can_be_written_anywhere(text: str) -> None:
    written = label(text)
    assert written.isprintable()
    assert len(written) <= 100
    written.encode("utf-8")
