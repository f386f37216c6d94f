"""What the head learns from and is measured on: measured hands by label, and made ones.

Beside it: `extract.py` writes the files that `load` reads; `poses.py` has the rules by which hands
are turned, joined and varied.
"""
import hashlib

import numpy as np

import poses
import relabel

SEED = 20261120
LABELS = ["None", "call", "dislike", "fist", "four", "i_love_you", "like", "mute", "ok", "one",
          "palm", "peace", "rock", "stop", "stop_inverted", "three"]
INDEX = {label: i for i, label in enumerate(LABELS)}
# Classes of HaGRID that are one of our labels under another name: three fingers are `three` with or
# without the thumb; two fingers held together are not `peace`, and mean nothing here.
NAMES = {"none": "None", "three2": "three", "two_up": "None"}


class Hands:
    """`points`, `world` [n, 21, 3], `right` [n], `targets` [n, labels]: distributions."""

    def __init__(self, points, world, right, targets):
        self.points, self.world = points.astype(np.float32), world.astype(np.float32)
        self.right, self.targets = right.astype(np.float32), targets.astype(np.float32)

    def __len__(self):
        return len(self.right)

    def take(self, which):
        return Hands(self.points[which], self.world[which], self.right[which], self.targets[which])

    @staticmethod
    def join(parts):
        return Hands(*(np.concatenate([getattr(p, k) for p in parts])
                       for k in ("points", "world", "right", "targets")))


def one_hot(labels):
    return np.eye(len(LABELS), dtype=np.float32)[labels]


def bucket(name, count):
    """The same bucket for all crops of a picture: they carry its name."""
    return int(hashlib.md5(name[:36].encode()).hexdigest(), 16) % count


def load(paths, embed):
    """Rows of `extract.py` with a hand and a name: label indices, the rows by column, `Hands`."""
    files = [np.load(path) for path in paths]
    rows = {k: np.concatenate([f[k] for f in files]) for k in files[0].files}
    found = rows["pres"] > 0.5
    rows = {k: v[found] for k, v in rows.items()}
    hands = Hands(rows["P"], rows["W"], rows["hd"], np.zeros((found.sum(), len(LABELS))))
    rows["c"] = relabel.names(np.random.default_rng(SEED), embed, rows, hands)
    names = np.array([NAMES.get(c, c) for c in rows["c"]])
    keep = np.isin(names, LABELS)
    rows = {k: v[keep] for k, v in rows.items()}
    labels = np.array([INDEX[c] for c in names[keep]])
    rows["bucket"] = np.array([bucket(b, 20) for b in rows["b"]])
    hands = hands.take(keep)
    hands.targets = one_hot(labels)
    return labels, rows, hands


def as_right(hands):
    """Every left hand mirrored, so that fingers of any two hands can be joined."""
    sign = np.where(hands.right < 0.5, -1, 1).astype(np.float32)[:, None]
    points, world = hands.points.copy(), hands.world.copy()
    points[..., 0] *= sign
    world[..., 0] *= sign
    return Hands(points, world, np.maximum(hands.right, 1 - hands.right), hands.targets)


# Which classes lend a finger that is stretched, and one that is folded.
STRETCHED = {"thumb": ["like", "call", "palm"], "index": ["one", "peace", "rock", "palm"],
             "middle": ["peace", "palm", "stop"], "ring": ["palm", "stop"], "pinky": ["rock", "call", "palm"]}
FOLDED = {"thumb": ["fist", "peace", "one", "rock"], "index": ["fist", "like", "call"],
          "middle": ["one", "rock", "fist", "call"], "ring": ["one", "peace", "fist", "rock"],
          "pinky": ["one", "peace", "fist"]}
BASES = ["one", "peace", "palm", "rock", "stop", "ok"]
# Fingers from thumb to little finger, 1 for stretched; label; how many. Poses that mean nothing
# here are as many as those that do. Left out: what a real class has in plenty, and 00111 and 10111,
# which differ from `ok` only by a touch.
FINGERS = [("11001", "i_love_you", 7000), ("01111", "four", 2500), ("01110", "three", 1500),
           ("11100", "three", 1500), ("01001", "rock", 800)] + [
    (f, "None", 450) for f in ("00100", "00010", "00001", "11000", "10100", "01010", "00110", "01011",
                               "01101", "11010", "11011", "11101", "10010", "00011", "10011")]


def joined(rng, labels, hands):
    """Hands put together from the fingers of several people."""
    parts, of = [], {c: np.flatnonzero(labels == INDEX[c]) for c in LABELS}
    for fingers, label, count in FINGERS:
        draw = lambda classes: rng.permutation(np.concatenate([rng.choice(of[c], count) for c in classes]))[:count]
        base = hands.take(draw(BASES))
        world = base.world
        for finger, state in zip(poses.CHAINS, fingers):
            donors = (STRETCHED if state == "1" else FOLDED)[finger]
            world = poses.transplant(world, hands.world[draw(donors)], finger)
        points = poses.move(base.points, base.world, world)
        parts.append(Hands(points, world, base.right, one_hot(np.full(count, INDEX[label]))))
    return Hands.join(parts)


# Poses between two of a group look like one of them, not like nothing.
ALIKE = [{"palm", "stop", "four", "stop_inverted"}, {"one", "mute"}, {"three", "four"}]


def transitions(rng, labels, hands, count):
    """Hands on their way from one gesture to another, or from none to one: mostly `None`."""
    pick = lambda: rng.choice(len(LABELS), count * 2)
    of = [np.flatnonzero(labels == i) for i in range(len(LABELS))]
    first, second = pick(), pick()
    alike = np.array([[a == b or any({a, b} <= g for g in ALIKE) for b in LABELS] for a in LABELS])
    good = np.array([len(of[a]) > 0 and len(of[b]) > 0 for a, b in zip(first, second)]) & ~alike[first, second]
    first, second = first[good][:count], second[good][:count]
    a = hands.take(np.array([rng.choice(of[i]) for i in first]))
    b = hands.take(np.array([rng.choice(of[i]) for i in second]))
    share = rng.uniform(0.38, 0.62, len(first)).astype(np.float32)
    world, aligned = poses.between(a.world, b.world, share)
    apart = poses.lengths(aligned - a.world).mean(1) / poses.palm_frame(a.world)[1]
    left = 0.12
    targets = (1 - 2 * left) * one_hot(np.zeros(len(first), int)) + left * (one_hot(first) + one_hot(second))
    far = apart > 0.25
    return Hands(poses.move(a.points, a.world, world), world, a.right, targets).take(far)


# Turned so far in the picture (degrees, either way) that the gesture is not meant: a thumb to the
# side, a finger that points at something, a hand that hangs.
TURNED = [("like", 65, 115), ("dislike", 65, 115), ("one", 75, 180), ("palm", 115, 180),
          ("stop", 115, 180), ("peace", 120, 180), ("four", 115, 180), ("three", 115, 180)]


def turned(rng, labels, hands, count):
    parts = []
    for label, low, high in TURNED:
        some = hands.take(rng.choice(np.flatnonzero(labels == INDEX[label]), count))
        angle = np.radians(rng.uniform(low, high, count) * rng.choice([-1, 1], count))
        zero, one = np.zeros(count), np.ones(count)
        turn = np.stack([np.cos(angle), -np.sin(angle), zero, np.sin(angle), np.cos(angle), zero,
                         zero, zero, one], 1).reshape(count, 3, 3).astype(np.float32).transpose(0, 2, 1)
        parts.append(Hands((some.points - some.points[:, :1]) @ turn, some.world @ turn, some.right,
                           one_hot(np.zeros(count, int))))
    return Hands.join(parts)


def half_closed(rng, labels, hands, count):
    """Open hands with all fingers bent part of the way, as when one relaxes, reaches for something
    or holds it, from more sides than a gesture is shown from."""
    base = hands.take(rng.choice(np.flatnonzero(np.isin(labels, [INDEX["palm"], INDEX["stop"]])), count))
    common = rng.uniform(20, 65, (count, 1))
    world = base.world
    for finger in ("index", "middle", "ring", "pinky"):
        bend = np.clip(common + rng.normal(0, 10, (count, 1)), 10, 75)
        bends = bend * np.array([1.0, 1.2, 0.6]) * np.exp(rng.normal(0, 0.2, (count, 3)))
        world = poses.curl(world, finger, np.radians(bends).astype(np.float32))
    thumb = hands.world[rng.choice(np.flatnonzero(np.isin(labels, [INDEX[c] for c in ("ok", "peace", "palm", "fist")])), count)]
    world = poses.transplant(world, thumb, "thumb")
    moved = world @ poses.rotations(rng, count, 15, 25).transpose(0, 2, 1)
    points = poses.move(base.points, base.world, moved)
    return Hands(points, moved, base.right, one_hot(np.zeros(count, int)))


# What stays itself when the camera looks at it from the side.
SIDEWAYS = ["fist", "fist", "one", "peace", "four", "three", "rock", "like", "dislike", "ok", "call",
            "i_love_you"]


def from_aside(rng, labels, hands, count):
    """Gestures as a camera sees them that stands to the side, or above or below the hand."""
    parts = []
    for label in SIDEWAYS:
        some = hands.take(rng.choice(np.flatnonzero(labels == INDEX[label]), count))
        yaw = np.radians(rng.uniform(20, 65, count) * rng.choice([-1, 1], count))
        pitch = np.radians(rng.normal(0, 15, count))
        zero, one = np.zeros(count), np.ones(count)
        y = np.stack([np.cos(yaw), zero, np.sin(yaw), zero, one, zero, -np.sin(yaw), zero, np.cos(yaw)], 1)
        x = np.stack([one, zero, zero, zero, np.cos(pitch), -np.sin(pitch), zero, np.sin(pitch), np.cos(pitch)], 1)
        turn = (x.reshape(-1, 3, 3) @ y.reshape(-1, 3, 3)).astype(np.float32)
        middle = some.world.mean(1, keepdims=True)
        world = (some.world - middle) @ turn.transpose(0, 2, 1) + middle
        parts.append(Hands(poses.move(some.points, some.world, world), world, some.right, some.targets))
    return Hands.join(parts)


def stretch(world, finger):
    """How straight a finger is: the distance of its ends by the length of its bones."""
    chain = poses.CHAINS[finger]
    bones = sum(np.linalg.norm(world[:, b] - world[:, a], axis=1) for a, b in zip(chain, chain[1:]))
    return np.linalg.norm(world[:, chain[-1]] - world[:, chain[0]], axis=1) / (bones + 1e-9)


def plausible(labels, hands):
    """Not a `mute` or `one` whose index finger is not straight: there the landmarks are wrong, and
    the class would learn to mean "landmarks are wrong"."""
    pointing = np.isin(labels, [INDEX["mute"], INDEX["one"]])
    return ~pointing | (stretch(hands.world, "index") > 0.85)
