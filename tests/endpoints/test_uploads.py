"""A picture is sent in the forms of body that the service takes."""

from __future__ import annotations

import base64

from kpstream.endpoints.uploads import Body


def test_base64_is_the_documented_body() -> None:
    body = Body("base64")
    assert body.content_type == "application/x-www-form-urlencoded"
    assert base64.b64decode(body.wrap(b"\x00\xffpicture"), validate=True) == b"\x00\xffpicture"


def test_multipart_carries_the_bytes_in_the_part_that_the_service_wants() -> None:
    body = Body("multipart")
    boundary = body.content_type.partition("boundary=")[2].encode()
    empty, part, end = body.wrap(b"\x00\xffpicture").split(b"--" + boundary)
    assert (empty, end) == (b"", b"--\r\n")
    assert b'name="file"' in part
    assert part.endswith(b"\r\n\r\n\x00\xffpicture\r\n")
