"""The bodies in which clients send pictures, and the kinds of pictures in them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import requests

from tests.support.local_endpoint import (
    BASE64,
    HEIGHT,
    JPEG,
    WIDTH,
    KnownFinder,
    encoded,
    message,
    people,
    picture,
    post,
    serving,
    with_orientation,
)

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def finder() -> KnownFinder:
    return KnownFinder()


@pytest.fixture(scope="module")
def url(finder: KnownFinder) -> Iterator[str]:
    with serving(finder) as address:
        yield address


@pytest.mark.parametrize("kind", [None, FORM, "text/plain", "application/json", "application/octet-stream"])
def test_flat_base64_is_read_under_any_content_type_and_none(url: str, kind: str | None) -> None:
    assert len(people(post(url, kind=kind))) == 2


@pytest.mark.parametrize(
    "body",
    [
        base64.encodebytes(JPEG),
        base64.encodebytes(JPEG).replace(b"\n", b"\r\n"),
        base64.encodebytes(JPEG).replace(b"\n", b" "),
        f"  {BASE64}\n".encode(),
        f'"{BASE64}"'.encode(),
        f'"data:image/jpeg;base64,{BASE64}"'.encode(),
        json.dumps(BASE64).replace("/", "\\/").encode(),
        f"data:image/jpeg;base64,{BASE64}".encode(),
        f"data:image/png;base64,{BASE64}".encode(),
    ],
    ids=["lines", "CRLF lines", "lines made spaces", "padded", "quoted", "quoted data URL", "escaped", "data", "wrong"],
)
def test_base64_is_read_in_every_dress(url: str, body: bytes) -> None:
    assert len(people(post(url, body, kind=FORM))) == 2


def test_multipart_part_named_file_is_read(url: str) -> None:
    answer = requests.post(
        f"{url}/my-pose/3", files={"file": ("x.jpg", JPEG, "image/jpeg")}, data={"a": "b"}, timeout=20
    )

    assert len(people(answer)) == 2


def test_multipart_of_many_megabytes_arrives_whole(url: str, finder: KnownFinder) -> None:
    large = np.random.default_rng(1).integers(0, 256, (1600, 2400, 3), dtype=np.uint8)
    png = encoded(large, ".png")
    assert 10_000_000 < len(png) < 20_000_000

    requests.post(f"{url}/my-pose/3", files={"file": png}, timeout=20).raise_for_status()

    assert np.array_equal(finder.images[-1], large)


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (JPEG, "image/jpeg", "contains raw bytes instead of a base64-encoded string"),
        (BASE64.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"), FORM, "Malformed base64 input image."),
        (base64.urlsafe_b64encode(JPEG), FORM, "Malformed base64 input image."),
        (b"", FORM, "Empty image payload."),
        (b"", None, "Empty image payload."),
        (b'""', "application/json", "Empty image payload."),
        (base64.b64encode(JPEG[:-200]), FORM, "Malformed base64 input image."),
        (base64.b64encode(b"no picture at all"), FORM, "Malformed base64 input image."),
        (BASE64[:-5], FORM, "Malformed base64 input image."),
        ("hello, world", "text/plain", "Malformed base64 input image."),
        (f"data:image/svg+xml;base64,{BASE64}", FORM, "Malformed base64 input image."),
        (f"data:image/jpeg;charset=utf-8;base64,{BASE64}", FORM, "Malformed base64 input image."),
        (f'"{BASE64}', "application/json", "Malformed base64 input image."),
        ("é", FORM, "Malformed base64 input image."),
    ],
)
def test_what_is_no_picture_is_refused_with_the_documented_reason(
    url: str, body: bytes | str, kind: str | None, reason: str
) -> None:
    assert {"+", "/"} <= set(BASE64)

    text = message(post(url, body, kind=kind), 400)

    assert text.startswith("Could not load input image. Cause: ")
    assert reason in text


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"image": JPEG}, "Expected image to be send in part named 'file'"),
        ({"file": b"no picture"}, "Could not decode bytes into image."),
        ({"file": b""}, "Empty image payload."),
    ],
)
def test_multipart_without_a_picture_is_refused(url: str, files: dict[str, bytes], reason: str) -> None:
    assert reason in message(requests.post(f"{url}/my-pose/3", files=files, timeout=20), 400)


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", "Multipart/Form-Data; boundary=x"]
)
def test_broken_multipart_is_refused(url: str, kind: str) -> None:
    assert message(post(url, b"--y\r\n\r\n", kind=kind), 400)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("numpy", "NumPy image type is not supported"), ("file", "Loading images from local filesystem is disabled.")],
)
def test_image_types_of_other_servers_are_refused(url: str, kind: str, reason: str) -> None:
    assert reason in message(post(url, image_type=kind), 400)


def test_exif_orientation_is_applied_before_the_size_is_told(url: str) -> None:
    turned = base64.b64encode(with_orientation(JPEG, 6))

    assert post(url, turned).json()["image"] == {"width": HEIGHT, "height": WIDTH}
    as_stored = post(url, turned, disable_preproc_auto_orient="true")
    assert as_stored.json()["image"] == {"width": WIDTH, "height": HEIGHT}


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".bmp", ".gif", ".tiff"])
def test_usual_picture_files_are_read(url: str, finder: KnownFinder, extension: str) -> None:
    body = base64.b64encode(encoded(picture(70, 50), extension))

    assert post(url, body).json()["image"] == {"width": 70, "height": 50}
    assert np.abs(finder.images[-1].astype(int) - picture(70, 50)).mean() < 20


@pytest.mark.parametrize(
    "image",
    [
        np.full((50, 70), 200, np.uint8),
        np.full((50, 70, 4), 200, np.uint8),
        np.full((50, 70, 3), 200 * 257, np.uint16),
        np.full((50, 70), 200 * 257, np.uint16),
    ],
    ids=["grey", "alpha", "16 bits", "grey of 16 bits"],
)
def test_pictures_of_any_depth_are_given_as_bgr_of_8_bits(url: str, finder: KnownFinder, image: Any) -> None:
    people(post(url, base64.b64encode(encoded(image, ".png"))))

    assert finder.images[-1].shape == (50, 70, 3)
    assert finder.images[-1].dtype == np.uint8
    assert set(np.unique(finder.images[-1])) == {200}


CMYK = (
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAbEhQXFBEbFxYXHhwbIChCKyglJShROj0wQmBVZWRfVV1baniZgWpxkHNbXYW1hpCeo6utq2eAvMm6"
    "pseZqKuk/8AAFAgACAAQBEMRAE0RAFkRAEsRAP/EABcAAQEBAQAAAAAAAAAAAAAAAAAGAgX/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oADgRD"
    "AE0AWQBLAAA/AKNp3VIAP//Z"
)


def test_cmyk_pictures_are_read(url: str, finder: KnownFinder) -> None:
    assert post(url, CMYK).json()["image"] == {"width": 16, "height": 8}
    assert finder.images[-1].shape == (8, 16, 3)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 300), (7680, 4320)])
def test_tiny_and_large_pictures_are_read(url: str, width: int, height: int) -> None:
    blank = encoded(np.full((height, width, 3), 90, np.uint8))

    assert post(url, base64.b64encode(blank)).json()["image"] == {"width": width, "height": height}
