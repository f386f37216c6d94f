#!/usr/bin/env python3
"""Hands that move from one pose that means nothing to another, for minutes: recordings, not pictures.

Poses are real hands as `train/extract.py` measured them (HAGRID.npz), of the pictures in FOLDER, which
no head has learnt from: `none` of it for the poses that are held, its other classes for gestures that
half of the moves pass through without a stop. A pose is held for 0.2 to 1.2 s and trembles; a move
takes 0.4 to 1 s, one through a gesture 0.6 to 1 s. Each frame goes through the
embedder and both heads (ONNX Runtime), and what they say through the rules of `infer-worker events`.

  models/negatives/morph.py --infer-worker target/release/infer-worker HAGRID.npz FOLDER OUT

Needs numpy, onnxruntime and scipy (models/train/requirements.txt).
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tomllib

import numpy as np
import onnxruntime

MODELS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(MODELS / "train"))
import poses  # noqa: E402

FPS, WIDTH, HEIGHT = 15, 640, 480
TREMBLE = 0.006
HEADS = {"canned": "canned_gesture_classifier_v2", "wigwag": "wigwag_gestures_1"}


def session(name):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(MODELS / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])


class Heads:
    def __init__(self):
        networks = tomllib.loads((MODELS / "manifest.toml").read_text())["networks"]
        self.labels = {head: networks[name]["labels"] for head, name in HEADS.items()}
        self.embedder = session("gesture_embedder_v2")
        self.heads = {head: session(name) for head, name in HEADS.items()}

    def say(self, points, world, right):
        """The likeliest label and its probability, by head."""
        inputs = {"hand": poses.normalise(points[None]), "world_hand": poses.normalise(world[None]),
                  "handedness": np.array([[right]], np.float32)}
        inputs["hand_embedding"] = self.embedder.run(None, dict(inputs))[0]
        told = {}
        for head, network in self.heads.items():
            wanted = {entry.name: inputs[entry.name] for entry in network.get_inputs()}
            chances = network.run(None, wanted)[0][0]
            told[head] = self.labels[head][int(chances.argmax())], float(chances.max())
        return told


class Hands:
    """What was measured of the pictures: the palm's own region, the picture as it is."""

    def __init__(self, measured, folder):
        rows = np.load(measured)
        # A picture can have several hands, of several classes; `four` and `three` are among HaGRID's others.
        shown = {(path.name.split(".")[0], path.parent.name) for path in folder.glob("*/*")}
        classes = np.array([c for c in rows["c"]], dtype="U20")
        names = [f"{ds}-{b}".split(".")[0] for ds, b in zip(rows["ds"], rows["b"])]
        for index, name in enumerate(names):
            if classes[index] == "none" and (name, "none") not in shown:
                classes[index] = next((c for c in ("four", "three") if (name, c) in shown), "")
        is_shown = np.array([(name, c) in shown for name, c in zip(names, classes)])
        good = (rows["v"] == 0) & (rows["q"] == 1) & (rows["pres"] > 0.5) & is_shown
        self.points, self.world, self.right = (rows[key][good] for key in ("P", "W", "hd"))
        self.classes = classes[good]

        self.none, self.meant = np.flatnonzero(self.classes == "none"), np.flatnonzero(self.classes != "none")


def moves(random, hands, frames, passing):
    """For each frame two hands and how far it is from the first to the second."""
    at = random.choice(hands.none)
    while frames > 0:
        for _ in range(int(random.uniform(0.2, 1.2) * FPS)):
            frames -= 1
            yield at, at, 0.0
        to = random.choice(hands.none)
        if random.random() < passing:
            # Slow at both ends, fastest where it passes the gesture.
            by = random.choice(hands.meant)
            steps = int(random.uniform(0.6, 1.0) * FPS)
            for step in range(1, steps + 1):
                frames -= 1
                share = 2 * ease(step / steps)
                yield (at, by, share) if share < 1 else (by, to, share - 1)
        else:
            steps = int(random.uniform(0.4, 1.0) * FPS)
            for step in range(1, steps + 1):
                frames -= 1
                yield at, to, ease(step / steps)
        at = to


def ease(share):
    return share * share * (3 - 2 * share)


def frame(random, hands, first, second, share):
    """Points in pixels around the middle of the frame, points in metres, P(right)."""
    some = slice(first, first + 1)
    world = poses.between(hands.world[some], hands.world[second:second + 1], np.array([share], np.float32))[0]
    points = poses.move(hands.points[some], hands.world[some], world)[0]
    side = (points[:, :2].max(0) - points[:, :2].min(0)).max()
    points, world = points * 150 / side, world[0]
    tremble = random.normal(0, TREMBLE, points.shape)
    points = points + tremble * 150
    world = world + tremble * 0.1
    points[:, :2] += [WIDTH / 2, HEIGHT / 2] - points[:, :2].mean(0)
    return points.astype(np.float32), world.astype(np.float32), float(hands.right[first])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("measured", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--infer-worker", help="also count what begins")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--passing", type=float, default=0.5, help="share of moves through a gesture")
    parser.add_argument("--seed", type=int, default=20261120)
    arguments = parser.parse_args()
    hands, heads = Hands(arguments.measured, arguments.folder), Heads()
    random = np.random.default_rng(arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    files = {head: (arguments.out / f"{head}.jsonl").open("w") for head in HEADS}
    for number, (first, second, share) in enumerate(moves(random, hands, arguments.minutes * 60 * FPS, arguments.passing)):
        points, world, right = frame(random, hands, first, second, share)
        flat = np.round(points[:, :2] / [WIDTH, HEIGHT] * 1e4).astype(int).tolist()
        for head, (label, score) in heads.say(points, world, right).items():
            hand = {"id": 4, "gesture": label, "score": round(score, 3), "right": round(right, 3), "points": flat}
            line = {"sequence": number + 1, "capture_time_us": 10**6 + number * 10**6 // FPS,
                    "frame": [WIDTH, HEIGHT], "hands": [hand]}
            files[head].write(json.dumps(line) + "\n")
    labels = arguments.out / "labels.json"
    labels.write_text(json.dumps({"note": "no gesture is meant", "fps": FPS, "gestures": []}))
    for head, file in files.items():
        file.close()
        if arguments.infer_worker:
            command = [arguments.infer_worker, "events", "--clip", file.name, "--labels", labels]
            print(head, subprocess.run(command, check=True, capture_output=True, text=True).stdout, sep="\n")


if __name__ == "__main__":
    main()
