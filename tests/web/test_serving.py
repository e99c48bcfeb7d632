"""The running page: its port, its certificate, its link."""

from __future__ import annotations

import socket
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.sync.client import connect

from kpstream.errors import UsageError
from kpstream.web import Certificate, Feed, Page
from kpstream.web.tls import self_signed
from tests.support.web_page import Camera, served


def trusting(pem: bytes) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=pem[pem.index(b"-----BEGIN CERTIFICATE") :].decode())
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def test_it_serves_from_start_to_close() -> None:
    page = Page([Feed("one")], port=0)
    assert "not serving" in repr(page)
    page.start()
    port = httpx.URL(page.url).port
    assert httpx.get(f"{page.url}/healthz", trust_env=False).status_code == 200
    page.close()
    page.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port or 0), 1)


def test_two_cameras_of_one_name_are_told_apart_by_an_error() -> None:
    with pytest.raises(UsageError, match="called front-door"):
        Page([Feed("Front door"), Feed("front  door")])


def test_a_taken_port_and_a_foreign_address_are_told_in_one_line() -> None:
    with served() as page:
        with pytest.raises(UsageError, match="is taken: choose another one with `web`"):
            Page(port=httpx.URL(page.url).port or 0).start()
        with pytest.raises(UsageError, match="no such address"):
            Page(host="no.such.host.invalid", port=0).start()
        with pytest.raises(UsageError, match="no address of this machine"):
            Page(host="192.0.2.7", port=0).start()


def test_a_certificate_is_made_on_the_spot_and_nothing_of_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # its variable is read once alone
    camera = Camera()
    camera.show()
    with served(camera, tls=Certificate(), names=["a" * 64]) as page:
        assert page.url.startswith("https://")
        assert list(tmp_path.iterdir()) == []
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        answer = httpx.get(f"{page.url}/api/cameras", verify=context, trust_env=False)
        assert answer.status_code == 200
        with connect(page.url.replace("https", "wss") + "/ws/cameras/front-door", ssl=context, proxy=None) as viewer:
            viewer.send("more")
            while isinstance(viewer.recv(10), str):
                pass
        origin = {"origin": page.url}
        body = {"rate": 3}
        url = f"{page.url}/api/cameras/front-door"
        assert httpx.patch(url, json=body, headers=origin, verify=context, trust_env=False).status_code == 200


def test_where_no_certificate_can_be_made_it_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(UsageError, match=r"^`tls` self needs a place for temporary files: .*gone.*: No such file"):
        Certificate().context([])


def test_a_certificate_of_ones_own_is_used(tmp_path: Path) -> None:
    pem = self_signed(["page.example"])
    (tmp_path / "both.pem").write_bytes(pem)
    at = pem.index(b"-----BEGIN CERTIFICATE")
    (tmp_path / "key.pem").write_bytes(pem[:at])
    (tmp_path / "cert.pem").write_bytes(pem[at:])
    for certificate in (
        Certificate(tmp_path / "both.pem"),
        Certificate(tmp_path / "cert.pem", tmp_path / "key.pem"),
    ):
        with served(tls=certificate) as page:
            assert httpx.get(f"{page.url}/healthz", verify=trusting(pem), trust_env=False).status_code == 200


def test_a_renewed_certificate_is_used_from_the_next_connection_on(tmp_path: Path) -> None:
    path, first, second = tmp_path / "page.pem", self_signed(["first.example"]), self_signed(["second.example"])
    path.write_bytes(first)
    with served(tls=Certificate(path)) as page, httpx.Client(verify=trusting(first), trust_env=False) as open_before:
        address = f"{page.url}/healthz"

        def status(pem: bytes, host: str) -> int:
            return httpx.get(address, verify=trusting(pem), trust_env=False, headers={"host": host}).status_code

        assert open_before.get(address).status_code == 200
        assert [status(first, name) for name in ("first.example", "second.example")] == [200, 421]
        path.write_bytes(second[:-40])
        with pytest.raises(UsageError, match="not PEM"):
            page.renew_certificate()
        assert status(first, "first.example") == 200
        path.write_bytes(second)
        page.renew_certificate()
        assert [status(second, name) for name in ("first.example", "second.example")] == [421, 200]
        assert open_before.get(address).status_code == 200  # what is connected goes on


def test_an_old_certificate_has_the_name_of_its_subject(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Cams.example.org")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    (tmp_path / "old.pem").write_bytes(certificate)
    assert Certificate(tmp_path / "old.pem").names() == {"cams.example.org"}
    assert Certificate(tmp_path / "missing.pem").names() == frozenset()
    assert Certificate().names() == frozenset()


def test_a_certificate_that_cannot_be_used_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("nothing")
    (tmp_path / "other.pem").write_bytes(self_signed([]))
    pem = self_signed([])
    (tmp_path / "whole.pem").write_bytes(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
    for certificate, reason in (
        (Certificate(tmp_path / "missing.pem"), "cannot be read"),
        (Certificate(tmp_path / "cert.pem"), "not PEM"),
        (Certificate(tmp_path / "whole.pem", tmp_path / "other.pem"), "do not fit"),
    ):
        with pytest.raises(UsageError, match=reason):
            Page(port=0, tls=certificate).start()


def test_the_key_is_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    whole = Path.write_bytes

    def noting(path: Path, data: bytes) -> int:
        written = whole(path, data)
        modes.append((path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777))
        return written

    monkeypatch.setattr(Path, "write_bytes", noting)
    Certificate().context(["localhost"])
    assert modes == [(0o600, 0o700)]


def test_the_link_is_shown_as_a_qr_code() -> None:
    with served(Camera(), host="0.0.0.0") as page:
        lines = page.qr_code().split("\n")
        assert len({len(line) for line in lines}) == 1
        assert len(lines) < 30
        assert set("".join(lines)) <= set(" █▀▄")
