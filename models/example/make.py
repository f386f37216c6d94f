#!/usr/bin/env python3
"""Makes the two small classifiers of this folder, and the manifests beside them.

Both learn the demo clip by heart: eight labels, from 272 rendered frames and their known poses. They
show how a network of one's own is described and run; they say nothing about real hands.

- `frame.onnx` sees the whole frame, as PyTorch exports such a network: NCHW, the batch left open,
  ImageNet's mean and deviation, logits.
- `hand.onnx` sees a hand that was cut out, as Keras exports one: NHWC, -1 to 1, softmax inside.

  python3 -m venv venv && venv/bin/pip install -r models/example/requirements.txt
  venv/bin/python models/example/make.py

The seed is fixed. On the same machine the weights come out the same; elsewhere sums are rounded in
another order, and the digests differ.
"""

import hashlib
import json
import pathlib

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).resolve().parent
DEMO = HERE.parent.parent / "capture-worker/demo"
LABELS = [
    "None",
    "Closed_Fist",
    "Open_Palm",
    "Pointing_Up",
    "Thumb_Down",
    "Thumb_Up",
    "Victory",
    "ILoveYou",
]
SEED = 7
STEPS = 1200
BATCH = 64
RATE = 3e-3
WIDTHS = [3, 8, 16, 24, 32]
# ImageNet's, as torchvision writes them.
MEAN = [0.485, 0.456, 0.406]
STD = [0.229, 0.224, 0.225]
FRAME_PX = (80, 60)
HAND_PX = (48, 48)
MARGIN = 0.25
CUT_PX = 256
WRIST, MIDDLE_MCP = 0, 9


def frames():
    """The frames of the demo clip, RGB, each with its label and its 21 points, if there is a hand."""
    data = (DEMO / "demo-640x480-15fps.mjpeg").read_bytes()
    labels = json.loads((DEMO / "labels.json").read_text())["frames"]
    known = {name.replace("_", "").lower(): index for index, name in enumerate(LABELS)}
    starts, at = [], data.find(b"\xff\xd8\xff")
    while at >= 0:
        starts.append(at)
        at = data.find(b"\xff\xd8\xff", at + 3)
    for start, end, label in zip(starts, starts[1:] + [len(data)], labels, strict=True):
        image = cv2.imdecode(np.frombuffer(data[start:end], np.uint8), cv2.IMREAD_COLOR)
        name = label["gesture"].replace("_", "").lower()
        points = label["landmarks"]
        points = None if points is None else np.array(points, np.float32)[:, :2]
        yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB), known.get(name, 0), points


def resized(image, size):
    """As the box does it: every pixel counts where a picture shrinks."""
    shape = (size[1], size[0], 3)
    return np.asarray(jax.image.resize(jnp.float32(image), shape, "linear", antialias=True))


def cut(image, points, turn=0.0, zoom=1.0, shift=(0.0, 0.0)):
    """The square around a hand, turned so that it points up, as the box cuts it."""
    line = points[MIDDLE_MCP] - points[WRIST]
    angle = np.arctan2(line[0], -line[1])
    sin, cos = np.sin(angle), np.cos(angle)
    along = np.stack([points @ (cos, sin), points @ (-sin, cos)], 1)
    least, most = along.min(0), along.max(0)
    u, v = (least + most) / 2
    middle = np.array([u * cos - v * sin, u * sin + v * cos])
    side = (most - least).max() * (1 + 2 * MARGIN) * zoom
    pixels = int(np.clip(np.ceil(side), max(HAND_PX), CUT_PX))
    middle = middle + np.array(shift) * side
    sin, cos = np.sin(angle + turn), np.cos(angle + turn)
    step = side / pixels
    across, down = np.array([cos, sin]) * step, np.array([-sin, cos]) * step
    corner = middle - (across + down) * (pixels - 1) / 2 - 0.5
    matrix = np.stack([across, down, corner], 1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    square = cv2.warpAffine(image, matrix, (pixels, pixels), None, flags, cv2.BORDER_REPLICATE)
    return resized(square, HAND_PX)


def first_weights(random, size):
    weights = []
    for before, after in zip(WIDTHS, WIDTHS[1:]):
        kernel = random.normal(0, np.sqrt(2 / (9 * before)), (after, before, 3, 3))
        weights.append((np.float32(kernel), np.zeros(after, np.float32)))
        size = [(side + 1) // 2 for side in size]
    inner = WIDTHS[-1] * size[0] * size[1]
    dense = random.normal(0, np.sqrt(1 / inner), (inner, len(LABELS)))
    return [*weights, (np.float32(dense), np.zeros(len(LABELS), np.float32))]


def logits(weights, x):
    for kernel, bias in weights[:-1]:
        x = jax.lax.conv_general_dilated(x, kernel, (2, 2), ((1, 1), (1, 1)))
        x = jnp.maximum(x + bias[None, :, None, None], 0)
    dense, bias = weights[-1]
    return x.reshape(x.shape[0], -1) @ dense + bias


def loss(weights, x, y):
    likely = jax.nn.log_softmax(logits(weights, x))
    smooth = 0.95 * jax.nn.one_hot(y, len(LABELS)) + 0.05 / len(LABELS)
    return -(likely * smooth).sum(1).mean() + 1e-4 * sum((w * w).sum() for w, _ in weights)


def trained(sample, count, size, random):
    """Adam over batches that `sample` draws."""
    weights = first_weights(random, size)
    zeros = jax.tree.map(jnp.zeros_like, weights)

    @jax.jit
    def step(weights, first, second, x, y, n):
        value, slope = jax.value_and_grad(loss)(weights, x, y)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slope)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, slope)
        rate = RATE * 0.5 * (1 + jnp.cos(jnp.pi * n / STEPS))

        def moved(w, m, v):
            return w - rate * (m / (1 - 0.9**n)) / (jnp.sqrt(v / (1 - 0.999**n)) + 1e-8)

        return value, jax.tree.map(moved, weights, first, second), first, second

    first = second = zeros
    for n in range(1, STEPS + 1):
        x, y = sample(random.integers(0, count, BATCH))
        value, weights, first, second = step(weights, first, second, x, y, float(n))
        if n % 200 == 0:
            print(f"  step {n}: loss {value:.3f}", flush=True)
    return [(np.asarray(w), np.asarray(b)) for w, b in weights]


def varied(batch, random):
    """Another light, another camera: brightness, contrast, noise."""
    shape = (len(batch), 1, 1, 1)
    contrast = random.uniform(0.7, 1.3, shape)
    light = random.uniform(-30, 30, shape)
    noise = random.normal(0, 1, batch.shape) * random.uniform(0, 8, shape)
    return np.clip((batch - 128) * contrast + 128 + light + noise, 0, 255)


def frame_network(clip, random):
    whole = np.stack([resized(image, FRAME_PX) for image, _, _ in clip])
    answers = np.array([label for _, label, _ in clip])

    def normal(batch):
        return np.float32((batch / 255 - MEAN) / STD).transpose(0, 3, 1, 2)

    def sample(which):
        batch = whole[which].copy()
        for image in batch:
            moves = random.integers(-4, 5), random.integers(-4, 5)
            image[:] = np.roll(image, moves, (0, 1))
            if random.random() < 0.5:
                image[:] = image[:, ::-1].copy()
        return normal(varied(batch, random)), answers[which]

    weights = trained(sample, len(clip), (FRAME_PX[1], FRAME_PX[0]), random)
    return weights, normal(whole), answers


def hand_network(clip, random):
    shown = [(image, label, points) for image, label, points in clip if points is not None]
    answers = np.array([label for _, label, _ in shown])

    def normal(batch):
        return np.float32(batch / 127.5 - 1).transpose(0, 3, 1, 2)

    copies = [[cut(image, points)] for image, _, points in shown]
    for (image, _, points), each in zip(shown, copies):
        for _ in range(7):
            turn, zoom = random.normal(0, 0.08), random.uniform(0.85, 1.2)
            each.append(cut(image, points, turn, zoom, random.normal(0, 0.03, 2)))

    def sample(which):
        batch = np.stack([copies[n][random.integers(0, len(copies[n]))] for n in which])
        for image in batch:
            if random.random() < 0.5:
                image[:] = image[:, ::-1].copy()
        return normal(varied(batch, random)), answers[which]

    weights = trained(sample, len(shown), HAND_PX, random)
    return weights, normal(np.stack([each[0] for each in copies])), answers


def graph(weights, is_keras, size):
    """The network as ONNX: operators of opset 13 and nothing else."""
    width, height = size
    nodes, values, name = [], [], "image"
    if is_keras:
        nodes.append(helper.make_node("Transpose", [name], ["colours"], "colours", perm=[0, 3, 1, 2]))
        name = "colours"
    for n, (kernel, bias) in enumerate(weights[:-1]):
        values += [
            numpy_helper.from_array(kernel, f"kernel{n}"),
            numpy_helper.from_array(bias, f"bias{n}"),
        ]
        ends = {"strides": [2, 2], "pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}
        ports = [name, f"kernel{n}", f"bias{n}"]
        nodes.append(helper.make_node("Conv", ports, [f"conv{n}"], f"conv{n}", **ends))
        nodes.append(helper.make_node("Relu", [f"conv{n}"], [f"relu{n}"], f"relu{n}"))
        name = f"relu{n}"
    dense, bias = weights[-1]
    values += [numpy_helper.from_array(dense, "dense"), numpy_helper.from_array(bias, "offset")]
    nodes.append(helper.make_node("Flatten", [name], ["flat"], "flat", axis=1))
    end = "scores" if is_keras else "logits"
    last = "sum" if is_keras else end
    nodes.append(helper.make_node("Gemm", ["flat", "dense", "offset"], [last], last))
    if is_keras:
        nodes.append(helper.make_node("Softmax", [last], [end], end, axis=1))
    batch = 1 if is_keras else "batch"
    shape = [batch, height, width, 3] if is_keras else [batch, 3, height, width]
    made = helper.make_graph(
        nodes,
        "hand" if is_keras else "frame",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(end, TensorProto.FLOAT, [batch, len(LABELS)])],
        values,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    # PyTorch's exporter writes down the shapes in between, with the open batch's name.
    model = model if is_keras else onnx.shape_inference.infer_shapes(model)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def write(name, data):
    (HERE / f"{name}.onnx").write_bytes(data)
    manifest = HERE / ("manifest.toml" if name == "frame" else "hand.toml")
    lines = manifest.read_text().splitlines()
    digest = f'sha256 = "{hashlib.sha256(data).hexdigest()}"'
    lines = [digest if line.startswith("sha256 = ") else line for line in lines]
    manifest.write_text("\n".join(lines) + "\n")
    print(f"  {name}.onnx: {len(data)} bytes, {digest}")


def main():
    clip = list(frames())
    for name, make, size in [("frame", frame_network, FRAME_PX), ("hand", hand_network, HAND_PX)]:
        print(name)
        weights, inputs, answers = make(clip, np.random.default_rng(SEED))
        found = np.asarray(logits(weights, inputs)).argmax(1)
        print(f"  right about {(found == answers).mean():.3f} of the {len(answers)} pictures it learnt")
        write(name, graph(weights, name == "hand", size))


if __name__ == "__main__":
    main()
