"""Fits the head `wigwag` and writes it as ONNX, with what is needed to judge it.

    python train.py MEASURED.npz OUT [--other SLDD.npz] [--epochs N]

MEASURED comes from `extract.py`. OUT gets `wigwag_gestures_1.onnx`, `report.json` (every figure of the
model card that comes from here) and `reliability.png`. With the landmarks of sign-language digits
(`--other`: X [n, 126] the two lists of points, Y digit, hd whether a hand was found) the head is also
measured on people, cameras and a country that it never saw; nothing of that is learnt from.

One thread, about 2 minutes; the same inputs and library versions give the same file.

Beside it: `sets.py` (what is learnt from), `poses.py` (features, variations), `network.py` (the
arithmetic), `export.py` (the graph), `report.py` (the figures).
"""
import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from scipy.optimize import minimize_scalar

import export
import network
import poses
import report
import sets
from hands import DEPTH_UNIT
from sets import INDEX, LABELS, SEED, Hands

MODELS = Path(__file__).resolve().parent.parent
# What each network of the ensemble takes: embedding, geometry, both.
MEMBERS = "egbb"
HIDDEN = [160, 80]
PER_EPOCH, BATCH, RATE = 32768, 256, 1.5e-3
# Buckets of 20 by picture: 3 to measure on, 1 to calibrate on, 16 to learn from. Of the crops whose
# rare class HaGRID itself names, half are measured on.
HELD, CALIBRATION, HELD_NAMED = range(0, 3), 19, range(0, 10)
NAMED_RARE = ["four", "three", "three2", "two_up"]
# How often hands of a label are drawn, by where they come from, in order: measured, joined,
# transitions, turned away, half closed, from aside.
NONE_SHARES = [4.0, 1.2, 1.2, 0.5, 1.0, 0.0]
SHARES = [0.75, 0.0, 0.0, 0.0, 0.0, 0.25]
JOINED_SHARES = [0.5, 0.25, 0.0, 0.0, 0.0, 0.25]
# `mute` differs from `one` by a mouth that the head does not see; it must be sure to say so.
RARER = {"mute": 0.35}
# How strongly hands are varied; 1 is what `poses.vary` describes.
STRENGTH = 0.7


class Features:
    def __init__(self):
        self.embed = poses.Embedder(str(MODELS / "gesture_embedder_v2.onnx"))

    def __call__(self, hand, world, right):
        """From normalised picture points: features by the name of what a member takes."""
        embedding = self.embed(hand)
        shape = poses.geometry(hand, poses.normalise(world), right.astype(np.float32))
        return {"e": embedding, "g": shape, "b": np.concatenate([embedding, shape], 1)}

    def of(self, hands):
        return self(poses.normalise(hands.points), hands.world, hands.right)


def split(rows):
    """Which rows are measured on, calibrated on, learnt from."""
    named = (rows["ds"] == "si") & np.isin(rows["c"], NAMED_RARE) & np.isin(rows["bucket"], HELD_NAMED)
    held = np.isin(rows["bucket"], HELD) | named
    calibration = ~held & (rows["bucket"] == CALIBRATION)
    learn = ~held & ~calibration
    # Some named crops are in the set of thirteen classes too, from where they are learnt.
    picture = np.array([name[:36] for name in rows["b"]])
    return held & ~np.isin(picture, picture[learn]), calibration, learn


def material(rng, labels, hands):
    """All hands to learn from and how often each is drawn."""
    right = sets.as_right(hands)
    joined = sets.joined(rng, labels, right)
    everyone = np.concatenate([labels, joined.targets.argmax(1)])
    aside = sets.from_aside(rng, everyone, Hands.join([right, joined]), 900)
    parts = [hands, joined, sets.transitions(rng, labels, right, 12000),
             sets.turned(rng, labels, right, 400), sets.half_closed(rng, labels, right, 6000), aside]
    origin = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    everything = Hands.join(parts)
    label = everything.targets.argmax(1)
    weight = np.zeros(len(label))
    for number, name in enumerate(LABELS):
        real = (labels == number).any()
        shares = (NONE_SHARES if name == "None" else JOINED_SHARES if name in ("four", "three", "rock")
                  else SHARES if real else [0.0, 0.75, 0.0, 0.0, 0.0, 0.25])
        for part, share in enumerate(shares):
            some = (label == number) & (origin == part)
            weight[some] = share * RARER.get(name, 1.0) / max(1, some.sum())
    return everything, weight / weight.sum(), [len(part) for part in parts]


def fit(rng, features, everything, weight, epochs):
    def draw(count):
        pick = rng.choice(len(weight), count, p=weight)
        some = everything.take(pick)
        return features(*poses.vary(rng, some.points, some.world, some.right, STRENGTH)), some.targets

    first, _ = draw(20000)
    nets = [network.Dense(np.random.default_rng(SEED + i), [first[kind].shape[1], *HIDDEN, len(LABELS)],
                          first[kind].mean(0), first[kind].std(0) + 0.05) for i, kind in enumerate(MEMBERS)]
    for epoch in range(epochs):
        drawn, targets = draw(PER_EPOCH)
        targets = targets * 0.98 + 0.02 / len(LABELS)
        rate = RATE * 0.5 * (1 + np.cos(np.pi * epoch / epochs)) + 2e-5
        losses = [np.mean([net.step(drawn[kind][i:i + BATCH], targets[i:i + BATCH], rate)
                           for i in range(0, PER_EPOCH, BATCH)]) for kind, net in zip(MEMBERS, nets)]
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {np.round(losses, 4)}", flush=True)
    return list(zip(MEMBERS, nets))


def logits(members, features):
    return sum(net.logits(features[kind]) for kind, net in members) / len(members)


def temperature(values, labels):
    """The factor on the logits under which the labels are likeliest."""
    loss = lambda factor: -np.log(network.softmax(values * factor)[np.arange(len(labels)), labels] + 1e-12).mean()
    return float(minimize_scalar(loss, bounds=(0.3, 4), method="bounded").x)


def nearest(hands, labels, held, learn):
    """Distances, in the hand's size a point, from each hand measured on to the most similar one of its
    class that is learnt from: pictures that are nearly the same would show as about 0.005."""
    flat, found = poses.normalise(hands.points)[..., :2].reshape(len(hands), -1), []
    for label in np.unique(labels[held]):
        a, b = flat[held & (labels == label)], flat[learn & (labels == label)]
        if len(b):
            squares = (a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T
            found.append(np.sqrt(np.maximum(squares.min(1), 0) / 21))
    return np.percentile(np.concatenate(found), [0, 1, 50]).tolist()


def same_as_onnx(path, features, hands, expected):
    """The largest difference between the file and the arithmetic here, over some hands."""
    run, worst = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]), 0.0
    hand, world = poses.normalise(hands.points), poses.normalise(hands.world)
    for i in range(0, len(hands), max(1, len(hands) // 200)):
        found = run.run(None, {"hand_embedding": features["e"][i:i + 1], "hand": hand[i:i + 1],
                               "handedness": hands.right[i:i + 1, None], "world_hand": world[i:i + 1]})[0][0]
        worst = max(worst, float(np.abs(found - expected[i]).max()))
    return worst


def digits(path):
    """Sign-language digits as `Hands` of right hands, and the digit of each."""
    file = np.load(path)
    found = file["hd"]
    points = file["X"][found].reshape(-1, 2, 21, 3)
    # Kept as the network gives it.
    points[:, 0, :, 2] /= DEPTH_UNIT
    count = len(points)
    return Hands(points[:, 0], points[:, 1], np.full(count, 0.98), np.zeros((count, len(LABELS)))), file["Y"][found]


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("measured")
    parse.add_argument("out", type=Path)
    parse.add_argument("--other")
    parse.add_argument("--epochs", type=int, default=60)
    options = parse.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    features, rng = Features(), np.random.default_rng(SEED)
    labels, rows, hands = sets.load([options.measured], features.embed)
    held, calibration, learn = split(rows)
    learn &= sets.plausible(labels, hands)
    everything, weight, made = material(rng, labels[learn], hands.take(learn))
    members = fit(rng, features, everything, weight, options.epochs)

    # As they are (not changed), from the palm and as a tracker sees them.
    plain = (rows["v"] == 0) & (rows["q"] <= 2)
    some = features.of(hands.take(calibration & plain))
    factor = temperature(logits(members, some), labels[calibration & plain])
    path = options.out / "wigwag_gestures_1.onnx"
    onnx.save(export.build(members, factor, LABELS), path)

    judge = lambda hands_: network.softmax(logits(members, features.of(hands_)) * factor)
    named = np.isin(rows["c"], NAMED_RARE) & (rows["ds"] == "si")
    found = {"labels": LABELS, "seed": SEED, "epochs": options.epochs, "factor": factor, "made": made,
             "learnt_from": int(learn.sum()), "pictures": int(len(np.unique(rows["b"][learn]))), "sets": {}}
    for name, which in (("held", held & plain), ("held_named", held & plain & named),
                        ("held_changed", held & (rows["v"] == 1))):
        found["sets"][name] = report.figures(judge(hands.take(which)), labels[which], LABELS)
    tracked = (rows["v"] == 0) & (rows["q"] == 2)
    found["nearest_learnt"] = nearest(hands, labels, held & tracked, learn & tracked)
    test = hands.take(held & plain)
    found["onnx_differs_by"] = same_as_onnx(path, features.of(test), test, judge(test))
    curves = {"held-out crops": found["sets"]["held"]["reliability"]}
    if options.other:
        other, digit = digits(options.other)
        found["digits"] = report.digits(judge(other), digit, LABELS)
        other.points[..., 0] *= -1
        other.world[..., 0] *= -1
        other.right = 1 - other.right
        found["digits_mirrored"] = report.digits(judge(other), digit, LABELS)
        curves["sign-language digits"] = found["digits"]["reliability"]
    report.write(found, curves, options.out)


if __name__ == "__main__":
    main()
