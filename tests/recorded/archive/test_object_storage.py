"""Storages that cannot be asked, or refuse what is asked: one line says why. Whole archives are in tests/rig."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kpstream.errors import KpstreamError, SourceOpenError, SourceRejected, SourceUnavailable, UsageError
from kpstream.recorded.archive.inputs import FoundInputs, find_inputs
from kpstream.recorded.archive.object_storage import ObjectStorage
from kpstream.testing import Reply, ScriptedServer

SECRET = "c2VjcmV0IG9mIG5vYm9keQ=="


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing in the environment, and no file, says who asks."""
    for name in os.environ:
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("bucket", "variables", "said"),
    [
        ("s3://b", {"AWS_ENDPOINT_URL": "server:9000"}, "AWS_ENDPOINT_URL is no address of a server"),
        ("s3://b", {"AWS_ENDPOINT_URL_S3": ""}, "AWS_ENDPOINT_URL_S3 is no address of a server"),
        ("gs://b", {"GOOGLE_BASE_URL": "http://:80"}, "GOOGLE_BASE_URL is no address of a server"),
        ("az://b", {"AZURE_STORAGE_ENDPOINT": "//server"}, "AZURE_STORAGE_ENDPOINT is no address of a server"),
        ("az://b", {"AZURE_STORAGE_ACCOUNT_KEY": SECRET}, "AZURE_STORAGE_ACCOUNT_NAME is not set"),
        (
            "gs://b",
            {"GOOGLE_APPLICATION_CREDENTIALS": "none.json"},
            "the file that GOOGLE_APPLICATION_CRED",
        ),
    ],
)
def test_settings_that_cannot_be_used_are_named(
    bucket: str, variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as caught:
        ObjectStorage(bucket)
    assert str(caught.value).startswith(f"{bucket}: {said}")
    assert SECRET not in str(caught.value)


def test_a_server_that_the_profile_names_is_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[default]\nendpoint_url = server:9000\n")
    with pytest.raises(UsageError, match="s3://b: endpoint_url is no address of a server"):
        ObjectStorage("s3://b")


@pytest.mark.parametrize("file", ['{"type": "external_account"}', "no JSON"])
def test_a_key_file_of_another_kind_is_told(file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(file)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    with pytest.raises(UsageError, match="the key file of Google's is neither a service account's nor a user's"):
        ObjectStorage("gs://b")


def fault_of_listing(bucket: str) -> KpstreamError:
    with pytest.raises(KpstreamError) as caught:
        list(ObjectStorage(bucket).find(""))
    return caught.value


@pytest.mark.parametrize("bucket", ["s3://b", "gs://b", "az://b"])
def test_a_machine_that_has_no_key_is_no_storage_that_is_away(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer() as machine:
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", machine.url)
        monkeypatch.setenv("GCE_METADATA_HOST", machine.url.removeprefix("http://"))
        monkeypatch.setenv("GCE_METADATA_IP", machine.url.removeprefix("http://"))
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "nobody")
        monkeypatch.setenv("AZURE_MSI_ENDPOINT", f"{machine.url}/metadata/identity/oauth2/token")
        fault = fault_of_listing(bucket)
    assert isinstance(fault, SourceUnavailable)
    assert str(fault) == f"{bucket}: no key was found, in the environment, in a file or on this machine"


def test_a_password_that_microsofts_login_refuses_is_a_key_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(Reply(400, {"error": "invalid_client"})) as login:
        for name, value in {
            "AZURE_STORAGE_ACCOUNT_NAME": "nobody",
            "AZURE_AUTHORITY_HOST": login.url,
            "AZURE_TENANT_ID": "tenant",
            "AZURE_CLIENT_ID": "client",
            "AZURE_CLIENT_SECRET": SECRET,
        }.items():
            monkeypatch.setenv(name, value)
        fault = fault_of_listing("az://b")
    assert isinstance(fault, SourceRejected)
    assert str(fault) == "az://b: the storage refuses the key (invalid_client)"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """What S3 answers, by path."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with ScriptedServer() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        yield server


def listing(*objects: tuple[str, int]) -> Reply:
    parts = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>{size}</Size></Contents>"
        for key, size in objects
    )
    return Reply(body=f"<ListBucketResult>{parts}</ListBucketResult>")


def test_an_object_in_an_archive_tier_says_so(s3: ScriptedServer) -> None:
    s3.route("/b/old.mp4", Reply(403, "<Error><Code>InvalidObjectState</Code></Error>"))
    with pytest.raises(SourceOpenError, match=r"^s3://b/old\.mp4: it lies in the storage's archive"):
        ObjectStorage("s3://b").look_at("old.mp4")


def test_a_name_that_cannot_be_used_is_no_storage_that_is_away(s3: ScriptedServer) -> None:
    s3.route("/b", listing(("a//b.mp4", 1)))
    fault = fault_of_listing("s3://b")
    assert isinstance(fault, SourceOpenError)
    assert "s3://b: it holds a name with `//`" in str(fault)


def names(found: FoundInputs) -> list[str]:
    return [each.name for each in found.inputs]


def test_what_stands_for_a_folder_is_no_input(s3: ScriptedServer) -> None:
    s3.route("/folders", listing(("season/", 0), ("season/a.mp4", 5), ("season/day/", 0), ("season/empty.mp4", 0)))
    for pattern in ("", "/*", "/**"):
        assert names(find_inputs([f"s3://folders/season{pattern}"])) == ["a.mp4", "empty.mp4"]


def test_outputs_may_lie_beside_the_inputs(s3: ScriptedServer) -> None:
    s3.route("/beside", listing(("season/a.mp4", 5), ("season/a.mp4.jsonl", 5), ("season/out/a.mp4", 5)))
    assert names(find_inputs(["s3://beside/season"], ["s3://beside/season"])) == ["a.mp4", "out/a.mp4"]
    assert names(find_inputs(["s3://beside/season"], ["s3://beside/season/out"])) == ["a.mp4"]
