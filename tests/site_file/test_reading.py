"""A site's file: what it says, and one clear line for everything that is wrong with it."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.camera.spec import Recording
from kpstream.dispatch.dealer import Limits
from kpstream.errors import UsageError
from kpstream.options import ModelOptions
from kpstream.redact import redact
from kpstream.site_file import PagePlan, SitePlan, load

SAMPLE = Path(__file__).parents[2] / "samples" / "site.toml"
Write = Callable[[str], Path]
CAMERA = '[[camera]]\nname = "door"\nsource = 0\n'


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "site.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def told(write: Write) -> Callable[[str], list[str]]:
    """Loads a faulty file; gives its lines without the file's name."""

    def told(text: str) -> list[str]:
        path = write(text)
        with pytest.raises(UsageError) as caught:
            load(path)
        lines = str(caught.value).split("\n")
        assert all(line.startswith(f"{path}: ") for line in lines)
        return [line.removeprefix(f"{path}: ") for line in lines]

    return told


def test_a_camera_and_its_source_are_enough(write: Write) -> None:
    plan = load(write(CAMERA))
    (camera,) = plan.site.cameras
    assert (camera.name, camera.reference, camera.requests.rate, camera.view.max_delay) == ("door", "0", 5.0, None)
    assert camera.service is None, "it runs the embedded model"
    assert camera.recording is None
    assert plan.site.limits == Limits()
    assert plan.web is None


def test_the_sample_is_right_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = load(SAMPLE)
    assert plan.site.cameras[0].reference == str(SAMPLE.parent / "walkers.mp4")
    assert plan.site.limits == Limits(rate=10)
    assert plan.site.cameras[0].recording == Recording(
        SAMPLE.parent / "recordings", "walkers", 600, 7 * 86400, 50 * 10**9
    )


def test_the_sample_is_right_with_all_that_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DOOR_PASSWORD", "YARD_URL", "KPSTREAM_TOKEN", "ROBOFLOW_API_KEY", "MQTT_USER", "MQTT_PASSWORD"):
        monkeypatch.setenv(name, f"marked-{name.lower()}")
    monkeypatch.setenv("WEBHOOK_SECRET", "whsec_bWFya2VkLXNlY3JldC1vZi13ZWJob29r")
    monkeypatch.setenv("NOTIFY_URL", "ntfys://marked-topic")
    lines = SAMPLE.read_text().splitlines()[4:]
    shown = [line.removeprefix("# ") if "=" in line or "# [" in line[:3] else line for line in lines]
    path = tmp_path / "site.toml"
    path.write_text("\n".join(line for line in shown if "tls =" not in line))
    plan = load(path)
    assert [camera.name for camera in plan.site.cameras] == ["walkers", "door", "yard", "desk"]
    walkers, door, yard, desk = plan.site.cameras
    assert walkers.model.model == door.model.model == "my-pose/3"
    assert (yard.model.model, yard.model.confidence, yard.model.upload_size) == ("my-vehicle-pose/2", 60, None)
    assert door.recording is None
    assert door.view.max_delay == 1.5
    assert yard.recording is not None
    assert yard.recording.keep == 86400
    assert desk.source.picture_size == (1280, 720)
    assert plan.site.limits == Limits(10, 100000, 8)
    assert [rule.name for rule in walkers.rules.rules] == ["on the stairs"]
    assert door.rules.rules == ()
    assert plan.delivery.events.folder == tmp_path / "events"
    assert plan.delivery.mqtt is not None
    assert plan.delivery.mqtt.broker.user == "marked-mqtt_user"
    assert [len(each) for each in (plan.delivery.webhooks, plan.delivery.notify, plan.delivery.programs)] == [1, 1, 1]
    assert "marked" not in repr(plan.delivery)
    assert plan.web == PagePlan(
        "127.0.0.1",
        8080,
        "marked-kpstream_token",
        names=("cams.example.org",),
        embed=("https://dashboard.example.org",),
        proxies=(ip_network("127.0.0.1"),),
        recordings=tmp_path / "recordings",
        edit_zones=True,
    )


def test_every_option_of_the_model_is_a_key_of_the_endpoint(told: Callable[[str], list[str]]) -> None:
    (line,) = told(f"[endpoint]\nnothing_like_it = 1\n{CAMERA}")
    known = line.partition("known are ")[2].split(", ")
    assert set(known) == {field.name for field in fields(ModelOptions)} | {"api_key_env"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[limits]\nmax_request = 3", "[limits] max_request: there is no such key; did you mean max_requests?"),
        ("[webb]\nlisten = 1", "webb: there is no such key; did you mean web?"),
        ('[endpoint]\nconfidence = "high"', "[endpoint] confidence: it must be a number (Poses below it are not used"),
        ("[endpoint]\ntimeout = 0.01", "[endpoint] timeout: it must be greater than or equal to 0.1 (For one request"),
        ('[endpoint]\nbody = "xml"', "[endpoint] body: it must be 'multipart' or 'base64' (Form of the upload"),
        ('[endpoint]\nmodel = "none"', "[endpoint]: 'none' is no model id: give PROJECT/VERSION"),
        ('[endpoint]\nmodel = "my-pose/3"', "[endpoint]: no API key: put it in ROBOFLOW_API_KEY"),
        ("[endpoint]\nconfidence = 400", "[endpoint]: confidence 400: give 0 to 100"),
        ('[endpoint]\nskeleton = "gone.json"', "[endpoint]: the embedded model is the only one of its kind"),
        ("[limits]\nrate = 0", "[limits] rate: it must be greater than 0 (the most requests a second"),
        ("[limits]\nrate = nan", "[limits] rate: it must be a finite number (the most requests a second"),
        ("[limits]\nmax_requests = 1.5", "[limits] max_requests: it must be a whole number (the budget"),
        ('[record]\nsegment = "10x"', "[record] segment: 10x is no duration: give one like 90s, 10m, 2h or 7d ("),
        ("[record]\nkeep_size = 0", "[record] keep_size: 0 is no size: give one like 500M or 50G (how much room"),
        ('[record]\nkeep = "7d"', "[record] folder: say where the recordings go"),
        ('[record]\nfolder = "site.toml"', "[record] folder: "),
        ('[record]\nfolder = "site.toml/in/it"', "[record] folder: "),
        ('[web]\nlisten = "x:y"', "[web] listen: x:y is no [HOST:]PORT"),
        ('[web]\ntls_cert = "a.pem"', "[web] tls: give tls_cert and tls_key"),
        ('[web]\ntoken_env = "NOT_THERE"', "[web] token_env: the environment variable NOT_THERE is not set"),
        ('[web]\ntoken_env = "SHORT"', "[web]: the page's token needs 12 plain characters"),
        ('[web]\nnames = "x.org"', "[web] names: it must be a list"),
        ('[web]\nnames = ["x.org", "https://x.org"]', "[web] names[1]: https://x.org is no host name"),
        ("[web]\nembed = [5]", "[web] embed[0]: it must be a text in quotes"),
        ('[web]\nproxy = ["nginx"]', "[web] proxy[0]: nginx is no IP address or network"),
        ("[web]\nlisten = true", "[web] listen: it must be a text in quotes"),
        ("web = 3", "web: it must be a section (the page)"),
    ],
)
def test_each_fault_of_a_section_is_a_line(
    text: str, line: str, told: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT", "abc")
    (said,) = told(f"{text}\n{CAMERA}")
    assert said.startswith(line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("rat = 3", "camera door, rat: there is no such key; did you mean rate?"),
        ('draw = "boxes,hats"', "camera door, draw: draw does not know hats: it takes boxes, keypoints"),
        (
            "masks = [[[0, 0], [0, 2], [1, 1]]]",
            "camera door, masks[0][1][1]: it must be less than or equal to 1 (zones",
        ),
        ("masks = [[[0, 0], [1, 1]]]", "camera door, masks[0]: there is something missing in it (zones"),
        ("masks = [[[0, 0], [1], [1, 1]]]", "camera door, masks[0][1]: there is something missing in it (zones"),
        ('size = "big"', "camera door, size: it has another form (picture size"),
        ('source_env = "X"', "camera door, source: give this or source_env, one of them"),
        ("delay = 2", "camera door, delay: delay is about pictures that wait for their answers: add sync aligned"),
        ('jsonl = "site.toml/poses.jsonl"', "camera door, jsonl: "),
        ("rotate = 45", "camera door, rotate: 45: give 90, 180 or 270 (by how many degrees"),
        ('source_header = ["X-Key"]', "camera door, source_header[0]: give a header and the name of the variable"),
        ('source_header = ["X=NOT_THERE"]', "camera door, source_header: X: the environment variable NOT_THERE is not"),
        ('sync = "later"', "camera door, sync: it must be 'live' or 'aligned' (live shows"),
        ("[camera.endpoint]\njpeg_quality = 101", "camera door, endpoint.jpeg_quality: it must be less than or equal"),
        ("[camera.endpoint]\nconfidence = 101", "camera door, endpoint: confidence 101: give 0 to 100"),
        ('[camera.record]\nkeep = "1d"', "camera door, record.folder: say where the recordings go"),
        ('[[camera]]\nname = "Door"\nsource = 1', "camera door, name: two cameras have it"),
        ('[[camera]]\nname = "a/b"\nsource = 1', "camera a/b, name: it has another form (what it is called"),
        ("[[camera]]\nsource = 1", "camera 2, name: it is required (what it is called"),
        ('[[camera]]\nname = "gate"', "camera gate, source: give this or source_env, one of them"),
        ('[[camera]]\nname = "gate"\nsource = " "', "camera gate, source: it is empty"),
    ],
)
def test_each_fault_of_a_camera_is_a_line(text: str, line: str, told: Callable[[str], list[str]]) -> None:
    (said,) = told(CAMERA + text)
    assert said.startswith(line)


def test_a_fault_that_all_cameras_inherit_is_told_once(told: Callable[[str], list[str]]) -> None:
    second = CAMERA.replace("door", "gate")
    (said,) = told(f'[endpoint]\nmodel = "my-pose/3"\napi_key_env = "NOT_THERE"\n{CAMERA}{second}')
    assert said == "[endpoint] api_key_env: the environment variable NOT_THERE is not set"


def test_json_lines_are_not_written_over_what_a_camera_shows(told: Callable[[str], list[str]], tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").touch()
    (tmp_path / "link.jsonl").symlink_to("clip.mp4")
    found = told(f'{CAMERA}jsonl = "link.jsonl"\n[[camera]]\nname = "film"\nsource = "clip.mp4"')
    assert found == [f"camera, jsonl: {tmp_path}/link.jsonl is read, too: write to another name"]


def test_all_faults_are_told_at_once(told: Callable[[str], list[str]]) -> None:
    assert len(told(f"[limits]\nrate = 0\nfoo = 1\n{CAMERA}rat = 3\nrate = -1\n")) == 4


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "camera: it is required (one [[camera]] for each camera)"),
        ("camera = []", "camera: there is something missing in it (one [[camera]] for each camera)"),
        ("camera = [3]", "camera 1: it must be a section"),
        ("[[camera]\n", "this is not TOML: "),
        ('a = 1\na = "b"', "this is not TOML: Cannot overwrite a value"),
    ],
)
def test_what_is_no_site_is_told_as_well(text: str, line: str, told: Callable[[str], list[str]]) -> None:
    (said,) = told(text)
    assert said.startswith(line)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.toml: No such file"):
        load(tmp_path / "gone.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"binary\.toml: it is not text"):
        load(tmp_path / "binary.toml")


class TestSecrets:
    def test_a_password_in_the_file_is_refused_and_not_repeated(self, told: Callable[[str], list[str]]) -> None:
        for address in ("rtsp://admin:marked-secret@10.0.0.1/cam", "http://10.0.0.1/cam?user=a&password=marked-secret"):
            (said,) = told(f'[[camera]]\nname = "door"\nsource = "{address}"')
            assert said.startswith("camera door, source: a password never stands in the file: write ${NAME}")
            assert "marked-secret" not in said

    def test_a_key_in_the_file_is_refused_and_not_repeated(self, told: Callable[[str], list[str]]) -> None:
        (said,) = told(f'[endpoint]\napi_key = "marked-secret"\n{CAMERA}')
        assert "api_key: there is no such key; did you mean api_key_env?" in said
        assert "marked-secret" not in said

    def test_a_variable_is_put_into_an_address_quoted(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOOR_PASSWORD", "p@ss/w:rd?")
        source = "rtsp://admin:${DOOR_PASSWORD}@10.0.0.1/cam"
        (camera,) = load(write(f'[[camera]]\nname = "door"\nsource = "{source}"')).site.cameras
        assert camera.reference == "rtsp://admin:p%40ss%2Fw%3Ard%3F@10.0.0.1/cam"
        assert "p@ss" not in repr(camera)
        assert "p@ss" not in redact("it said p@ss/w:rd? again")
        assert "p%40ss" not in redact(camera.reference)

    def test_whatever_comes_from_a_variable_is_shown_nowhere(
        self, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH_OF_DOOR", "marked-secret")
        (camera,) = load(
            write('[[camera]]\nname = "door"\nsource = "http://10.0.0.1/${PATH_OF_DOOR}/cam"')
        ).site.cameras
        assert redact(camera.reference) == "http://10.0.0.1/***/cam"

    def test_a_variable_may_hold_the_whole_address(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOOR_URL", "rtsp://admin:marked-secret@10.0.0.1/cam")
        (camera,) = load(write('[[camera]]\nname = "door"\nsource_env = "DOOR_URL"')).site.cameras
        assert camera.reference == "rtsp://admin:marked-secret@10.0.0.1/cam"
        assert "marked-secret" not in repr(camera) + redact("it said marked-secret again")

    def test_a_variable_that_is_not_set_is_told(self, told: Callable[[str], list[str]]) -> None:
        text = '[[camera]]\nname = "door"\nsource = "rtsp://${USER_OF_DOOR}:${NOT_THERE}@10.0.0.1/cam"'
        assert told(text) == [
            "camera door, source: the environment variable USER_OF_DOOR is not set",
            "camera door, source: the environment variable NOT_THERE is not set",
        ]

    def test_each_camera_may_have_a_key_of_its_own(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KEY_OF_ALL", "marked-key-of-all")
        gate = CAMERA.replace("door", "gate") + '[camera.endpoint]\napi_key_file = "key.txt"\n'
        path = write(f'[endpoint]\nmodel = "my-pose/3"\napi_key_env = "KEY_OF_ALL"\n{CAMERA}{gate}')
        (path.parent / "key.txt").write_text("marked-key-of-gate\n")
        plan = load(path)
        assert [camera.api_key for camera in plan.site.cameras] == ["marked-key-of-all", "marked-key-of-gate"]
        assert "marked-key" not in repr(plan) + redact("it said marked-key-of-all and marked-key-of-gate")

    def test_a_new_key_in_the_key_file_is_a_change(self, write: Write) -> None:
        path = write(f'[endpoint]\nmodel = "my-pose/3"\napi_key_file = "key.txt"\n{CAMERA}')
        (path.parent / "key.txt").write_text("first-key")
        before = load(path)
        assert load(path) == before
        (path.parent / "key.txt").write_text("second-key")
        assert load(path) != before


def test_the_embedded_model_may_be_one_cameras_alone(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOFLOW_API_KEY", "marked-key")
    gate = CAMERA.replace("door", "gate") + '[camera.endpoint]\nendpoint = "embedded"\n'
    door, other = load(write(f'[endpoint]\nmodel = "my-pose/3"\n{CAMERA}{gate}')).site.cameras
    assert (door.service, other.service) == ("https://serverless.roboflow.com", None)
    assert other.model.model is None


def test_paths_count_from_the_file(write: Write, tmp_path: Path) -> None:
    text = '[record]\nfolder = "out/rec"\n[[camera]]\nname = "a"\nsource = "clips/a.mp4"\n[[camera]]\nname = "b"\n'
    a, b = load(write(text + 'source = "/dev/video9"\nrecorded = false')).site.cameras
    assert a.reference == str(tmp_path / "clips" / "a.mp4")
    assert b.reference == "/dev/video9"
    assert a.recording == Recording(tmp_path / "out" / "rec", "a", 600.0)
    assert b.recording is None


def test_a_camera_has_its_zones_as_they_are(write: Write) -> None:
    masks = "[[[0, 0], [0.5, 0], [0.5, 1]]]"
    text = f'[[camera]]\nname = "a"\nsource = "{SAMPLE.parent / "walkers.mp4"}"\nmasks = {masks}'
    (camera,) = load(write(text)).site.cameras
    assert camera.source.masks == (((0, 0), (0.5, 0), (0.5, 1)),)


def test_a_camera_may_have_a_budget_requests_at_once_and_json_lines_of_its_own(write: Write, tmp_path: Path) -> None:
    (camera,) = load(write(CAMERA + 'max_requests = 9\nmax_in_flight = 2\njsonl = "poses.jsonl"')).site.cameras
    assert (camera.requests.max_requests, camera.requests.max_in_flight) == (9, 2)
    assert camera.jsonl == tmp_path / "poses.jsonl"


def test_a_camera_says_how_it_hangs_and_how_it_is_asked(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR_KEY", "marked-door-key")
    keys = 'rotate = 180\nmirror = true\nstall_timeout = 12\nsource_header = ["X-Key=DOOR_KEY"]\nsource_verify = true'
    (camera,) = load(write(CAMERA + keys)).site.cameras
    source = camera.source
    assert (source.rotate, source.mirror, source.stall_timeout, source.source_verify) == (180, True, 12, True)
    assert source.headers == {"X-Key": "marked-door-key"}
    assert "marked" not in repr(camera) + redact("it said marked-door-key")


def test_listening_is_host_and_port_or_a_port_alone(write: Write) -> None:
    def web_of(listen: str) -> PagePlan | None:
        return load(write(f"[web]\nlisten = {listen}\n{CAMERA}")).web

    assert web_of("9000") == PagePlan("127.0.0.1", 9000)
    assert web_of('"0.0.0.0:80"') == PagePlan("0.0.0.0", 80)
    assert web_of('"[::1]:8080"') == PagePlan("::1", 8080)


def test_the_page_has_names_sites_and_proxies(write: Write) -> None:
    text = """
        [web]
        names = ["Cams.example.org"]
        embed = ["https://dashboard.example.org/"]
        proxy = ["127.0.0.1", "10.0.0.0/24"]
    """
    web = load(write(text + CAMERA)).web
    assert web is not None
    assert (web.names, web.embed) == (("cams.example.org",), ("https://dashboard.example.org",))
    assert [str(network) for network in web.proxies] == ["127.0.0.1/32", "10.0.0.0/24"]


def test_the_page_may_write_zones_only_where_the_file_says_so(write: Write) -> None:
    for line, allowed in (("", False), ("edit_zones = false", False), ("edit_zones = true", True)):
        web = load(write(f"[web]\n{line}\n{CAMERA}")).web
        assert web is not None
        assert web.edit_zones is allowed


words = st.text(string.ascii_lowercase + "_", min_size=1, max_size=12)
values: st.SearchStrategy[str] = st.one_of(
    st.integers(-5, 500).map(str),
    st.floats(-2, 2).map(str),
    st.booleans().map(lambda value: str(value).lower()),
    st.text(string.printable.replace("'", ""), max_size=9).map(lambda t: "'" + t.replace("\n", " ").strip() + "'"),
    st.sampled_from(["[]", "{}", "[[[0,0],[1,0],[1,1]]]", "'7d'", "'50G'", "'a,b'", "['a']", "nan", "1979-05-27"]),
)
keys = st.sampled_from(
    [
        *(field.name for field in fields(ModelOptions)),
        "api_key_env",
        "rate",
        "folder",
        "segment",
        "keep",
        "listen",
        "tls",
        "masks",
    ]
)


@settings(deadline=None, max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from(["endpoint", "limits", "record", "web", "camera", "other"]),
        st.dictionaries(keys | words, values, max_size=4),
        max_size=4,
    )
)
def test_whatever_is_written_loads_or_is_told_in_lines(
    tmp_path_factory: pytest.TempPathFactory, sections: dict[str, dict[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("site") / "site.toml"
    tables = [f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in table.items()) for name, table in sections.items()]
    path.write_text(CAMERA + "".join(tables).replace("[camera]", "[camera.endpoint]"), encoding="utf-8")
    try:
        assert isinstance(load(path), SitePlan)
    except UsageError as error:
        assert all(line.startswith(f"{path}: ") for line in str(error).split("\n"))  # noqa: PT017
