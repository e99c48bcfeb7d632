"""The official `inference-sdk` against the endpoint. Arguments: base URL, "v0" or "v1", path of a picture.

Prints a JSON object of what each of its calls gave.
"""

import json
import sys

import cv2
from inference_sdk import ApiKeyTransport, InferenceConfiguration, InferenceHTTPClient  # type: ignore[import-not-found]

base, mode, path = sys.argv[1:]
client = InferenceHTTPClient(api_url=base, api_key="any")
image = cv2.imread(path)
out = {}
if mode == "v0":
    client.select_api_v0()
else:
    out["info"] = client.get_server_info().to_dict()
out["array"] = client.infer(image, model_id="my-pose/3")
out["path"] = client.infer(path, model_id="my-pose/3")
out["list"] = client.infer([image, image], model_id="my-pose/3")
with client.use_configuration(InferenceConfiguration(confidence_threshold=0.6, keypoint_confidence_threshold=0.5)):
    out["sure"] = client.infer(image, model_id="my-pose/3")
with client.use_configuration(InferenceConfiguration(max_batch_size=4)):
    out["batch"] = client.infer([image] * 3, model_id="my-pose/3")
with client.use_configuration(InferenceConfiguration(visualize_predictions=True, format="image_and_json")):
    out["drawn"] = bool(client.infer(image, model_id="my-pose/3").get("visualization"))
with client.use_configuration(InferenceConfiguration(api_key_transport=ApiKeyTransport.HEADER)):
    out["header"] = client.infer(image, model_id="my-pose/3")
if mode == "v1":
    out["registry"] = [model.model_id for model in client.list_loaded_models().models]
    out["unloaded"] = [model.model_id for model in client.unload_model("my-pose/3").models]
    out["cleared"] = [model.model_id for model in client.unload_all_models().models]
print(json.dumps(out))
