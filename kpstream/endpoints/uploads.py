"""What is sent of a picture, in one of the body forms that the service takes."""

from __future__ import annotations

import base64
from secrets import token_hex
from typing import Literal

Form = Literal["multipart", "base64"]


class Body:
    """Wraps an encoded picture in a body.

    Args:
        form: ``multipart``, which carries the bytes as they are, or ``base64``, the documented form, a third longer.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        boundary = f"kpstream-{token_hex(16)}"
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="picture.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.content_type = {
            "multipart": f"multipart/form-data; boundary={boundary}",
            "base64": "application/x-www-form-urlencoded",
        }[form]

    def wrap(self, picture: bytes) -> bytes:
        """The body that carries ``picture``, an encoded image file."""
        if self.form == "base64":
            return base64.b64encode(picture)
        return b"".join((self._head, picture, self._tail))
