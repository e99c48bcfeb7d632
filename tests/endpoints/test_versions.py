"""A model's skeletons are found where they are, asked for no more than needed, and never cost an answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kpstream.endpoints.transport import Access, Transport
from kpstream.endpoints.versions import SkeletonCache, SkeletonLookup, load_skeleton_file
from kpstream.errors import UsageError
from kpstream.skeleton import COCO_NAMES, Skeleton
from kpstream.testing import ManualClock, Recorded, Reply, ScriptedServer

DATA = Path(__file__).parents[1] / "data"
KEY = "rfKey0123456789"
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def recorded(name: str) -> Any:
    return json.loads((DATA / name).read_text())


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport()
    yield transport
    transport.close()


class Home:
    """What a look-up needs, and what it told."""

    def __init__(self, transport: Transport, folder: Path, url: str) -> None:
        self.transport = transport
        self.folder = folder
        self.url = url
        self.clock = ManualClock()
        self.told: dict[str, Skeleton] = {}

    def lookup(self, model: str = "my-pose/3", *, key: str = KEY, hosted: bool = False) -> SkeletonLookup:
        access, cache = Access(key), SkeletonCache(self.folder)
        return SkeletonLookup(
            model, self.url, access, self.transport, self.tell, hosted=hosted, cache=cache, clock=self.clock
        )

    def tell(self, skeletons: Mapping[str, Skeleton]) -> None:
        self.told.update(skeletons)


def paths(server: ScriptedServer) -> list[str]:
    return [request.path for request in server.requests]


def test_the_version_is_asked_for_in_the_workspace_of_the_key(transport: Transport, tmp_path: Path) -> None:
    routes = {"/": Reply(body=recorded("workspace.json")), "/demo-ws/my-pose/3": Reply(body=recorded("version.json"))}
    with ScriptedServer(routes=routes) as server:
        home = Home(transport, tmp_path, server.url)
        lookup = home.lookup()
        lookup.look_up_if_due()
        lookup.look_up_if_due()
    assert home.told["person"].edges == ((0, 1), (2, 0))
    assert lookup.trouble == ""
    assert paths(server) == ["/", "/demo-ws/my-pose/3"]
    assert all(request.query["api_key"] == KEY for request in server.requests)


@pytest.mark.parametrize(
    "workspace", [{"workspace": {"url": "demo-ws", "name": "Demo"}}, {"workspace": {"name": "demo-ws"}}]
)
@pytest.mark.parametrize("where", ["version", "project", ""])
def test_other_forms_of_the_workspace_and_places_of_the_skeletons(
    transport: Transport, tmp_path: Path, workspace: dict[str, Any], where: str
) -> None:
    skeletons = {"skeletons": recorded("version.json")["version"]["skeletons"]}
    version = {"version": {}, "project": {}, where: skeletons} if where else {"version": {}, **skeletons}
    with ScriptedServer(routes={"/": Reply(body=workspace), "/demo-ws/my-pose/3": Reply(body=version)}) as server:
        home = Home(transport, tmp_path, server.url)
        home.lookup().look_up_if_due()
    assert "person" in home.told


def test_a_model_of_another_workspace_is_found_by_what_the_server_downloads(
    transport: Transport, tmp_path: Path
) -> None:
    routes = {"/": Reply(body=recorded("workspace.json")), "/ort/my-pose/3": Reply(body=recorded("ort.json"))}
    with ScriptedServer(routes=routes) as server:
        home = Home(transport, tmp_path, server.url)
        home.lookup().look_up_if_due()
    assert home.told["person"].names == COCO_NAMES[:11]
    assert paths(server) == ["/", "/demo-ws/my-pose/3", "/ort/my-pose/3"]


def test_a_model_named_by_a_slug_is_found_by_the_files_of_its_weights(transport: Transport, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        weights = json.loads(json.dumps(recorded("weights.json")).replace("{base}", server.url))
        server.route("/models/v1/external/weights", Reply(body=weights))
        server.route("/files/keypoints_metadata.json", Reply(body=recorded("ort.json")["ort"]["keypoints_metadata"]))
        home = Home(transport, tmp_path, server.url)
        home.lookup("demo-ws/my-model").look_up_if_due()
    assert set(home.told) == {"person", "person-2"}
    ort, weights_request, file = server.requests
    assert (ort.path, weights_request.query["modelId"]) == ("/ort/demo-ws/my-model", "demo-ws/my-model")
    assert KEY not in str(file), "the key is not for whom the files lie with"


def test_a_file_that_is_elsewhere_than_on_https_is_not_fetched(transport: Transport, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        weights = json.loads(json.dumps(recorded("weights.json")).replace("{base}", "file:///etc"))
        server.route("/models/v1/external/weights", Reply(body=weights))
        home = Home(transport, tmp_path, server.url)
        home.lookup("demo-ws/my-model").look_up_if_due()
    assert home.told == {}


def test_what_was_found_is_not_asked_for_again_by_the_next_run(transport: Transport, tmp_path: Path) -> None:
    with ScriptedServer(routes={"/ort/a/b": Reply(body=recorded("ort.json"))}) as server:
        home, again = Home(transport, tmp_path, server.url), Home(transport, tmp_path, server.url)
        home.lookup("a/b").look_up_if_due()
        asked = len(server.requests)
        again.lookup("a/b", key="", hosted=True).look_up_if_due()
        assert len(server.requests) == asked
    assert again.told == home.told
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert KEY not in file.name + file.read_text()
    assert load_skeleton_file(file) == home.told


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"[]", b'{"skeletons": {"a": 5}}', b"[" * 100_000])
def test_a_damaged_cache_is_written_anew(transport: Transport, tmp_path: Path, damage: bytes) -> None:
    with ScriptedServer(routes={"/ort/a/b": Reply(body=recorded("ort.json"))}) as server:
        home = Home(transport, tmp_path, server.url)
        home.lookup("a/b").look_up_if_due()
        (file,) = tmp_path.iterdir()
        file.write_bytes(damage)
        again = Home(transport, tmp_path, server.url)
        again.lookup("a/b").look_up_if_due()
    assert again.told == home.told
    assert load_skeleton_file(file) == home.told


def test_a_cache_that_cannot_be_written_is_no_fault(transport: Transport, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with ScriptedServer(routes={"/ort/a/b": Reply(body=recorded("ort.json"))}) as server:
        home = Home(transport, tmp_path / "file", server.url)
        home.lookup("a/b").look_up_if_due()
    assert "person" in home.told


def test_a_refusal_is_final(transport: Transport, tmp_path: Path) -> None:
    with ScriptedServer(routes={"/": Reply(401, {"error": "This API key does not exist."})}) as server:
        home = Home(transport, tmp_path, server.url)
        lookup = home.lookup()
        lookup.look_up_if_due()
        asked = len(server.requests)
        home.clock.advance(1e6)
        lookup.look_up_if_due()
        assert len(server.requests) == asked
    assert "does not exist" in lookup.trouble
    assert list(tmp_path.iterdir()) == []


def test_a_failure_that_may_pass_is_tried_again_later_and_ever_more_rarely(
    transport: Transport, tmp_path: Path
) -> None:
    healthy = threading.Event()

    def route(_: Recorded) -> Reply:
        return Reply(body=recorded("ort.json")) if healthy.is_set() else Reply(503, {"message": "later"})

    with ScriptedServer(routes={"/ort/a/b": route}) as server:
        home = Home(transport, tmp_path, server.url)
        lookup = home.lookup("a/b")
        asked_at = []
        for second in range(0, 241, 10):
            before = len(server.requests)
            lookup.look_up_if_due()
            asked_at += [second] * (len(server.requests) - before)
            home.clock.advance(10)
        assert asked_at == [0, 30, 90, 210]
        assert "later" in lookup.trouble
        healthy.set()
        home.clock.advance(1000)
        lookup.look_up_if_due()
    assert lookup.trouble == ""
    assert "person" in home.told


def test_nobody_waits_for_the_thread_that_asks(transport: Transport, tmp_path: Path) -> None:
    go = threading.Event()
    with ScriptedServer(routes={"/ort/a/b": Reply(body=recorded("ort.json"), hold=go)}) as server:
        home = Home(transport, tmp_path, server.url)
        lookup = home.lookup("a/b")
        first = threading.Thread(target=lookup.look_up_if_due)
        first.start()
        server.wait_for(1)
        lookup.look_up_if_due()  # returns though the first has no answer yet
        assert home.told == {}
        go.set()
        first.join()
    assert "person" in home.told


def test_the_hosted_api_is_not_asked_without_a_key(transport: Transport, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        home = Home(transport, tmp_path, server.url)
        lookup = home.lookup(key="", hosted=True)
        lookup.look_up_if_due()
        assert server.requests == []
        assert "no API key" in lookup.trouble
        home.lookup(key="").look_up_if_due()  # an API of one's own may want none
        assert len(server.requests) > 0


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=40
)
@given(st.lists(anything | st.binary(max_size=20), min_size=4, max_size=4))
def test_whatever_the_api_says_nothing_is_raised(tmp_path: Path, answers: list[Any]) -> None:
    transport = Transport()
    replies = [Reply(body=a if isinstance(a, bytes) else json.dumps(a)) for a in answers]
    names = ("/", "/demo-ws/my-pose/3", "/ort/my-pose/3", "/models/v1/external/weights")
    with ScriptedServer(routes=dict(zip(names, replies, strict=True))) as server:
        home = Home(transport, tmp_path, server.url)
        lookup = home.lookup()
        lookup.look_up_if_due()
        transport.close()
    assert home.told or lookup.trouble


@pytest.mark.parametrize("form", ["skeletons", "wrapped", "version", "ort", "metadata"])
def test_a_file_may_hold_any_of_the_published_forms(tmp_path: Path, form: str) -> None:
    version, ort = recorded("version.json"), recorded("ort.json")
    skeletons = version["version"]["skeletons"]
    content = {
        "skeletons": skeletons,
        "wrapped": {"skeletons": skeletons},
        "version": version,
        "ort": ort,
        "metadata": ort["ort"]["keypoints_metadata"],
    }[form]
    file = tmp_path / "skeleton.json"
    file.write_text(json.dumps(content))
    assert load_skeleton_file(file)["person"].names[:3] == COCO_NAMES[:3]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", "5", '{"person": {}}', '{"person": {"vertices": 5}}', '{"skeletons": 5}', "[" * 100_000],
)
def test_a_file_of_another_form_is_a_usage_error_in_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "skeleton.json"
    file.write_text(content)
    with pytest.raises(UsageError, match=r"skeleton\.json") as caught:
        load_skeleton_file(file)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_skeleton_file("/nowhere/skeleton.json")
