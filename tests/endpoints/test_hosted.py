"""The hosted service has a rate and a price, whichever of its hosts answers; any other server has neither."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kpstream.endpoints.hosted import credits_for, is_hosted
from kpstream.endpoints.roboflow import RoboflowEndpoint
from kpstream.entities import Answer
from kpstream.pipeline import Pipeline
from kpstream.testing import Reply, ScriptedServer, SyntheticSource

BLACK = np.zeros((48, 64, 3), np.uint8)
HOSTED = (
    "https://serverless.roboflow.com",
    "https://detect.roboflow.com/",
    "https://roboflow.com",
    "https://serverless.roboflow.eu",
    "https://roboflow.eu.",
    "https://MINE.roboflow.Cloud:8443/x",
    "https://roboflow.cloud",
)
FOREIGN = (
    "http://127.0.0.1:9001",
    "http://roboflow.local:9001",
    "https://notroboflow.com",
    "https://roboflow.com.example",
    "https://me.roboflow.com@host.example",
)


@pytest.mark.parametrize("url", HOSTED)
def test_every_host_of_the_service_is_limited_and_priced_alike(url: str) -> None:
    assert is_hosted(url)
    endpoint = RoboflowEndpoint("my-pose/3", endpoint_url=url, api_key="rfKey0123456789")
    assert endpoint.max_rate == 20
    assert endpoint.credits_per_request == pytest.approx(0.1 / 500)
    endpoint.close()


@pytest.mark.parametrize("url", FOREIGN)
def test_no_other_host_is_limited_or_priced(url: str) -> None:
    assert not is_hosted(url)
    endpoint = RoboflowEndpoint("my-pose/3", endpoint_url=url, api_key="rfKey0123456789")
    assert endpoint.max_rate == inf
    assert endpoint.credits_per_request == 0
    endpoint.close()


def test_credits_follow_the_published_formula() -> None:
    assert 5000 * credits_for() == pytest.approx(1.0)
    assert credits_for(0.03) == pytest.approx(0.0002)
    assert credits_for(5.0) == pytest.approx(0.01)


@pytest.fixture
def answer_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Reply], Answer]:
    """Asks a host of any name, which is served from this machine, with a certificate of that name."""
    look_up = socket.getaddrinfo

    def ask(host: str, reply: Reply) -> Answer:
        certificate, tls = tmp_path / f"{host}.pem", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        write_certificate(certificate, host)
        tls.load_cert_chain(certificate)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        monkeypatch.setattr(socket, "getaddrinfo", lambda _, *rest, **more: look_up("127.0.0.1", *rest, **more))
        with ScriptedServer(reply, tls=tls) as server:
            url = server.url.replace("127.0.0.1", host)
            endpoint = RoboflowEndpoint(
                "my-pose/3", endpoint_url=url, api_url=url, api_key="rfKey0123456789", cache_folder=tmp_path
            )
            answer = endpoint.infer(BLACK)
            endpoint.close()
            return answer

    return ask


def write_certificate(path: Path, host: str) -> None:
    """Write a certificate for a host and its key, signed by nobody else, into one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    key_bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(key_bytes + certificate.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(
    ("header", "billed", "price"),
    [("0.125", 0.125, 0.00025), ("", 0, 0.0002), ("nan", 0, 0.0002), ("-1", 0, 0.0002), ("x", 0, 0.0002)],
)
def test_an_answer_of_the_service_costs_what_it_says_or_the_minimum(
    answer_of: Callable[[str, Reply], Answer], header: str, billed: float, price: float
) -> None:
    answer = answer_of("mine.roboflow.cloud", Reply(headers={"X-Processing-Time": header}))
    assert answer.billed == billed
    assert answer.credits == pytest.approx(price)


def test_another_server_costs_nothing_whatever_it_says(answer_of: Callable[[str, Reply], Answer]) -> None:
    answer = answer_of("poses.example", Reply(headers={"X-Processing-Time": "0.125"}))
    assert (answer.billed, answer.credits) == (0, 0)


def test_a_run_on_a_server_of_one_s_own_has_no_bill() -> None:
    def reply(_: Any) -> Reply:
        return Reply(headers={"X-Processing-Time": "0.125"})

    with ScriptedServer(*[reply] * 3) as server:
        endpoint = RoboflowEndpoint("my-pose/3", endpoint_url=server.url, api_url=server.url, api_key="")
        with Pipeline(SyntheticSource(3), endpoint) as pipeline:
            stats = pipeline.run()
    assert stats.answered == 3
    assert (stats.billed, stats.credits) == (0, 0)
