"""The official `roboflow` package against the endpoint, found by the environment. Arguments: "file PATH" or "url URL".

Prints a JSON list: the answer of the trained model, and of the older model object of the version.
"""

import json
import os
import sys
import warnings

from roboflow import Roboflow  # type: ignore[import-not-found]

base = os.environ["API_URL"]
kind, value = sys.argv[1:]
hosted = kind == "url"
real_stdout, sys.stdout = sys.stdout, sys.stderr  # the package talks while it loads
version = Roboflow(api_key="anyKey").workspace().project("my-pose").version(3)
trained = version.models()[0]
assert trained.model_id == "my-pose/3", trained.model_id
new = trained.predict(value, hosted=hosted, confidence=40, overlap=30)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    old = version.model.predict(value, hosted=hosted, confidence=40)
sys.stdout = real_stdout
print(json.dumps([new.json(), old.json()]))
