"""Hands as 21 points: what the networks take, what does not change with the view, and new poses
made from measured ones.

Beside it: `extract.py` measures hands in pictures, `train.py` fits the head. Everything here works
on whole sets at once: `points` and `world` are [n, 21, 3], `right` is [n], the probability of a
right hand as the landmark network gives it. Nothing here reads the clock or the global generator.
"""
import numpy as np
import onnx
from onnx import numpy_helper

CHAINS = {"thumb": [1, 2, 3, 4], "index": [5, 6, 7, 8], "middle": [9, 10, 11, 12],
          "ring": [13, 14, 15, 16], "pinky": [17, 18, 19, 20]}
# Points whose mutual distances describe the shape of a hand: the ends and two joints of the
# fingers, and the wrist.
SHAPE = [0, 2, 3, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18, 20]
# Bones whose directions say how the hand is held: palm and fingers.
BONES = [(0, 9), (5, 17), (2, 4), (5, 8), (9, 12), (13, 16), (17, 20)]
# The size of a palm: the mean of these distances.
PALM = [(0, 5), (0, 9), (0, 17), (5, 17)]
EPS = 1e-6
# The sense in which `curl` bends a finger of a right hand into the palm.
INTO_PALM = -1


def normalise(points):
    """Relative to the wrist, the longer side of the bounds in the picture 1: the worker's rule."""
    moved = points - points[:, :1]
    side = (moved[..., :2].max(1) - moved[..., :2].min(1)).max(-1)
    return (moved / (side + 1e-5)[:, None, None]).astype(np.float32)


def difference(pairs):
    """[len(pairs), 21]: times points gives the vector from the first to the second of each pair."""
    matrix = np.zeros((len(pairs), 21), np.float32)
    for row, (start, end) in enumerate(pairs):
        matrix[row, start] -= 1
        matrix[row, end] += 1
    return matrix


SHAPE_PAIRS = [(a, b) for i, a in enumerate(SHAPE) for b in SHAPE[i + 1:]]
DISTANCES, DIRECTIONS, PALM_SIDES = map(difference, (SHAPE_PAIRS, BONES, PALM))


def lengths(vectors):
    return np.sqrt((vectors * vectors).sum(-1) + EPS)


def geometry(hand, world, right):
    """[n, 150]: distances in palm sizes (they know neither view nor side), directions of the bones
    in the picture, and which way the palm faces. The graph of `export.py` does the same."""
    palm = lengths(PALM_SIDES @ world).mean(-1, keepdims=True)
    shape = lengths(DISTANCES @ world) / palm
    bones = DIRECTIONS @ hand
    bones = bones / lengths(bones)[..., None]
    along, across = bones[:, 0], bones[:, 1]
    normal = (along[:, [1, 2, 0]] * across[:, [2, 0, 1]] - along[:, [2, 0, 1]] * across[:, [1, 2, 0]])
    side = (2 * right - 1)[:, None].astype(np.float32)
    return np.concatenate([shape, bones.reshape(len(hand), -1), normal, normal * side], 1)


class Embedder:
    """The gesture embedder, read from its ONNX file and run on whole sets: a chain of dense layers
    on the 63 values of `hand`; it looks neither at the side nor at the points in metres."""

    def __init__(self, path):
        graph = onnx.load(path).graph
        self.values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        self.nodes = list(graph.node)
        self.output = graph.output[0].name

    def __call__(self, hand, block=8192):
        return np.concatenate([self._run(hand[i:i + block]) for i in range(0, len(hand), block)])

    def _run(self, hand):
        first = next(n for n in self.nodes if n.op_type == "Gemm")
        palm = self.values[self.nodes[0].input[1]]
        moved = hand - hand[:, palm].mean(1, keepdims=True)
        side = (moved[..., :2].max(1) - moved[..., :2].min(1)).max(-1)
        add = next(n for n in self.nodes if n.op_type == "Add")
        moved = moved / (side + float(self.values[add.input[1]]))[:, None, None]
        known = {first.input[0]: moved.reshape(len(hand), 63)}
        get = lambda name: known[name] if name in known else self.values[name]
        for node in self.nodes[self.nodes.index(first):]:
            a = [get(name) for name in node.input]
            known[node.output[0]] = {
                "Gemm": lambda: a[0] @ a[1] + a[2], "Relu": lambda: np.maximum(a[0], 0),
                "Add": lambda: a[0] + a[1], "Mul": lambda: a[0] * a[1]}[node.op_type]()
        return known[self.output].astype(np.float32)


def rotations(rng, count, roll, tilt):
    """[count, 3, 3]: about the camera's axis by about `roll`, about the other two by about `tilt`
    (standard deviations in degrees, cut at 2.5 of them)."""
    a, b, c = np.radians(np.clip(rng.normal(size=(3, count)), -2.5, 2.5)
                         * np.array([[tilt], [tilt], [roll]]))
    one, zero = np.ones(count), np.zeros(count)
    stack = lambda *v: np.stack(v, 1).reshape(count, 3, 3)
    x = stack(one, zero, zero, zero, np.cos(a), -np.sin(a), zero, np.sin(a), np.cos(a))
    y = stack(np.cos(b), zero, np.sin(b), zero, one, zero, -np.sin(b), zero, np.cos(b))
    z = stack(np.cos(c), -np.sin(c), zero, np.sin(c), np.cos(c), zero, zero, zero, one)
    return (x @ y @ z).astype(np.float32)


def depth_ratio(points, world):
    """How much flatter the network's picture points are than its points in metres (about 1)."""
    flat = lambda v: v - v.mean(1, keepdims=True)
    p, w = flat(points), flat(world)
    scale = (p[..., :2] * w[..., :2]).sum((1, 2)) / ((w[..., :2] ** 2).sum((1, 2)) + 1e-9)
    return scale, (p[..., 2] * w[..., 2]).sum(1) / ((w[..., 2] ** 2).sum(1) * np.maximum(scale, 1e-6) + 1e-9)


def move(points, world, moved):
    """The picture points after the points in metres moved from `world` to `moved`."""
    scale, ratio = depth_ratio(points, world)
    shift = (moved - world) * scale[:, None, None]
    shift[..., 2] *= np.clip(ratio, 0.25, 2.5)[:, None]
    return points + shift


def palm_frame(world):
    """Rows of the unit axes of the palm: across (index to little finger), along (wrist to middle
    finger), out of it; and the palm's size."""
    along = world[:, 9] - world[:, 0]
    along = along / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
    across = world[:, 17] - world[:, 5]
    across = across - (across * along).sum(1, keepdims=True) * along
    across = across / (np.linalg.norm(across, axis=1, keepdims=True) + 1e-9)
    out = np.cross(across, along)
    return np.stack([across, along, out], 1), lengths(PALM_SIDES @ world).mean(-1)


def transplant(world, donor, finger):
    """The hands of `world` with that finger as the hands of `donor` hold it, seen from the palm."""
    frame, size = palm_frame(world)
    other, other_size = palm_frame(donor)
    chain = CHAINS[finger]
    local = (donor[:, chain] - donor[:, chain[:1]]) @ other.transpose(0, 2, 1)
    local = local * (size / other_size)[:, None, None]
    result = world.copy()
    result[:, chain] = world[:, chain[:1]] + local @ frame
    return result


def between(world, other, share):
    """Poses on the way from `world` to `other`, as seen where `world` is: the second hand is turned
    and scaled onto the palm of the first, then each point goes its share of the way."""
    frame, size = palm_frame(world)
    target, target_size = palm_frame(other)
    local = (other - other[:, :1]) @ target.transpose(0, 2, 1) * (size / target_size)[:, None, None]
    aligned = world[:, :1] + local @ frame
    return world + share[:, None, None] * (aligned - world), aligned


def vary(rng, points, world, right, strength=1.0):
    """Other people, cameras and moments: mirrored at random, turned, fingers longer or shorter,
    noise as a tracker makes it, depth more or less flat, the side sometimes misread."""
    count = len(points)
    points, world, right = points.astype(np.float32), world.astype(np.float32), right.astype(np.float32)
    flip = rng.random(count) < 0.5
    mirror = np.where(flip, -1, 1).astype(np.float32)
    points, world = points.copy(), world.copy()
    points[..., 0] *= mirror[:, None]
    world[..., 0] *= mirror[:, None]
    right = np.where(flip, 1 - right, right)
    points = points - points[:, :1]
    scale, _ = depth_ratio(points, world)
    points = points / np.maximum(scale, 1e-3)[:, None, None]  # in the units of `world` from here
    moved = world.copy()
    for chain in CHAINS.values():
        longer = np.exp(rng.normal(0, 0.06 * strength, (count, 1, 1))).astype(np.float32)
        moved[:, chain] = moved[:, chain[:1]] + (moved[:, chain] - moved[:, chain[:1]]) * longer
    middle = moved.mean(1, keepdims=True)
    moved = (moved - middle) @ rotations(rng, count, 10 * strength, 11 * strength).transpose(0, 2, 1) + middle
    points = move(points, world, moved)
    size = lengths(PALM_SIDES @ moved).mean(-1)[:, None, None]
    amount = strength * np.abs(rng.normal(0, 0.035, (count, 1, 1)))
    noise = rng.normal(size=(count, 21, 3)) * amount * size
    for chain in CHAINS.values():
        noise[:, chain] += rng.normal(size=(count, 1, 3)) * amount * size
    points = points + noise * np.array([1, 1, 1.25])
    moved = moved + noise + rng.normal(size=noise.shape) * amount * size
    points[..., 2] *= np.exp(rng.normal(0, 0.25, (count, 1)))
    moved[..., 2] *= np.exp(rng.normal(0, 0.1, (count, 1)))
    misread = rng.random(count) < 0.05
    right = np.where(misread, rng.random(count), right)
    return normalise(points), moved.astype(np.float32), right.astype(np.float32)


def curl(world, finger, angles):
    """Right hands with that finger bent into the palm by `angles` [n, 3] (radians) more at its
    three joints."""
    frame, _ = palm_frame(world)
    axis = frame[:, 0]
    chain = CHAINS[finger]
    result = world.copy()
    for joint in range(3):
        theta = INTO_PALM * angles[:, joint, None]
        pivot = result[:, chain[joint]]
        for point in chain[joint + 1:]:
            arm = result[:, point] - pivot
            along = (arm * axis).sum(1, keepdims=True) * axis
            result[:, point] = (pivot + along + np.cos(theta) * (arm - along)
                                + np.sin(theta) * np.cross(axis, arm))
    return result
