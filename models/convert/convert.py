"""Turns MediaPipe's TFLite networks into the ONNX files beside this folder.

    python -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python convert.py hand_landmark_full.tflite ../hand_landmark_full.onnx

Three steps, each of which keeps the results (worst error TFLite -> ONNX 1.7e-6):

1. `tf2onnx` translates the graph (opset 13). It needs TensorFlow, so this runs once, never in CI.
   An input that is already ONNX skips this step.
2. `rewrite_for_tract` replaces two node kinds for which tract 0.23 has no vectorised code.
3. `store_as_half` keeps large weights as 16-bit floats, which is how the TFLite files store them;
   the runtime widens them while it loads. This halves the files.

The result is never read by the product without its sha256 being checked against manifest.toml.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
# Below this many values a tensor is a bias, a slope or a shape: not worth a Cast node.
HALF_MIN_VALUES = 65


def from_tflite(path: pathlib.Path) -> onnx.ModelProto:
    """Translates a TFLite file with tf2onnx, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "plain.onnx"
        command = [sys.executable, "-m", "tf2onnx.convert", "--opset", str(OPSET)]
        subprocess.run([*command, "--tflite", str(path), "--output", str(out)], check=True)
        return onnx.load(out)


def is_stride_two_depthwise(node: onnx.NodeProto, weights: dict) -> bool:
    """True for a depthwise convolution with stride 2 (one input channel per filter)."""
    attributes = {a.name: a for a in node.attribute}
    if node.op_type != "Conv" or "group" not in attributes or node.input[1] not in weights:
        return False
    one_channel = weights[node.input[1]].dims[1] == 1
    strides = list(attributes["strides"].ints) if "strides" in attributes else [1, 1]
    return attributes["group"].i > 1 and one_channel and strides == [2, 2]


def split_stride(node: onnx.NodeProto, number: int) -> list:
    """A depthwise convolution at stride 1, then every second value of its result.

    tract computes stride 2 value by value, but stride 1 with SIMD.
    """
    target = node.output[0]
    next(a for a in node.attribute if a.name == "strides").ints[:] = [1, 1]
    node.output[0] = f"{target}_s1"
    pick = helper.make_node(
        "MaxPool",
        [node.output[0]],
        [target],
        kernel_shape=[1, 1],
        strides=[2, 2],
        name=f"stride2_{number}",
    )
    return [node, pick]


def spell_out_prelu(node: onnx.NodeProto, number: int) -> list:
    """PRelu(x) = max(x, 0) + slope * (x - max(x, 0)), which tract fuses and vectorises."""
    source, slope = node.input
    target = node.output[0]
    positive, negative, scaled = (f"{target}_{part}" for part in "pnm")
    return [
        helper.make_node("Max", [source, "zero_f"], [positive], name=f"pr{number}_p"),
        helper.make_node("Sub", [source, positive], [negative], name=f"pr{number}_n"),
        helper.make_node("Mul", [negative, slope], [scaled], name=f"pr{number}_m"),
        helper.make_node("Add", [positive, scaled], [target], name=f"pr{number}_a"),
    ]


def rewrite_for_tract(model: onnx.ModelProto) -> None:
    """Replaces, in place, the nodes that tract 0.23 runs slowly."""
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes, strided, prelus = [], 0, 0
    for node in graph.node:
        if is_stride_two_depthwise(node, weights):
            strided += 1
            nodes += split_stride(node, strided)
        elif node.op_type == "PRelu":
            prelus += 1
            nodes += spell_out_prelu(node, prelus)
        else:
            nodes.append(node)
    if prelus:
        graph.initializer.append(numpy_helper.from_array(np.zeros((), np.float32), "zero_f"))
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
    print(f"  {strided} strided depthwise convolutions, {prelus} PRelu rewritten")


def store_as_half(model: onnx.ModelProto) -> None:
    """Stores, in place, large weights as 16-bit floats, each followed by a Cast."""
    graph = model.graph
    kept, casts, worst = [], [], 0.0
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < HALF_MIN_VALUES:
            kept.append(tensor)
            continue
        half = values.astype(np.float16)
        worst = max(worst, float(np.abs(half.astype(np.float32) - values).max()))
        kept.append(numpy_helper.from_array(half, f"{tensor.name}_h"))
        casts.append(
            helper.make_node(
                "Cast",
                [f"{tensor.name}_h"],
                [tensor.name],
                to=TensorProto.FLOAT,
                name=f"cast_{tensor.name}",
            )
        )
    nodes = casts + list(graph.node)
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
    print(f"  {len(casts)} tensors stored as half, largest change of a weight {worst:.2g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=pathlib.Path, help="a .tflite file, or a plain .onnx file")
    parser.add_argument("target", type=pathlib.Path, help="the .onnx file to write")
    parser.add_argument("--full-precision", action="store_true", help="keep 32-bit weights")
    options = parser.parse_args()

    print(options.source)
    plain = options.source.suffix == ".onnx"
    model = onnx.load(options.source) if plain else from_tflite(options.source)
    rewrite_for_tract(model)
    if not options.full_precision:
        store_as_half(model)
    onnx.checker.check_model(model)
    onnx.save(model, options.target)


if __name__ == "__main__":
    main()
