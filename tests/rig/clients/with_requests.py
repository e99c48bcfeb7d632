"""One picture to the endpoint with requests. Arguments: base URL, then "file PATH" or "url URL". Prints the answer."""

import base64
import sys
from pathlib import Path

import requests

base, kind, value = sys.argv[1:]
query = {"api_key": "any"} | ({"image": value} if kind == "url" else {})
body = base64.b64encode(Path(value).read_bytes()) if kind == "file" else None
answer = requests.post(
    f"{base}/my-pose/3",
    params=query,
    data=body,
    headers={"Content-Type": "application/x-www-form-urlencoded"},
    timeout=30,
)
answer.raise_for_status()
print(answer.text)
