"""Writes `hands.bin`: hands of other people that `infer-worker` learns a taught gesture against.

    python examples.py MEASURED.npz

MEASURED is what `../train/extract.py` writes from crops of HaGRID. Of each class that a box may know
and of hands that mean nothing some are taken, none of a picture that `../train/train.py` holds out;
beside them made hands that mean nothing: on the way from one gesture to another, half closed, turned
away. The file is one line of JSON, which names classes in order and how many hands each has, then
21 points x (x, y, z) of each hand as 16-bit numbers in ten-thousandths of the longer side of its
bounds, relative to the wrist: what the gesture embedder takes as `hand`.

Beside it: `../train/sets.py` names the crops and makes hands. Seeds are fixed; two runs give the same
file to the byte.
"""
import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "train"))
import poses  # noqa: E402
import sets  # noqa: E402
import train  # noqa: E402

SEED = 20261121
# What the classifiers of `../manifest.toml` call each class of HaGRID.
LABELS = {"call": ["call"], "dislike": ["dislike", "Thumb_Down"], "fist": ["fist", "Closed_Fist"],
          "four": ["four"], "like": ["like", "Thumb_Up"], "mute": ["mute"], "ok": ["ok"],
          "one": ["one", "Pointing_Up"], "palm": ["palm", "Open_Palm"], "peace": ["peace", "Victory"],
          "rock": ["rock"], "stop": ["stop", "Open_Palm"],
          "stop_inverted": ["stop_inverted", "Open_Palm"], "three": ["three"],
          "three2": ["three"], "two_up": []}
OF_EACH, OF_NONE, MADE = 70, 600, 400
UNIT = 1e4


def main(measured):
    embed = poses.Embedder(str(HERE.parent / "gesture_embedder_v2.onnx"))
    rng = np.random.default_rng(SEED)
    labels, rows, hands = sets.load([measured], embed)
    learn = train.split(rows)[2]
    usable = learn & (rows["v"] == 0) & (rows["q"] == 2) & sets.plausible(labels, hands)
    classes, chosen = [], []

    def add(name, known_as, points):
        classes.append({"name": name, "labels": known_as, "hands": len(points)})
        chosen.append(poses.normalise(points))

    for name, known_as in LABELS.items():
        of = np.flatnonzero(usable & (rows["c"] == name))
        add(name, known_as, hands.points[np.sort(rng.permutation(of)[:OF_EACH])])
    of = np.flatnonzero(usable & (rows["c"] == "none"))
    real = hands.points[np.sort(rng.permutation(of)[:OF_NONE])]
    some, known = hands.take(usable), labels[usable]
    made = [sets.transitions(rng, known, some, MADE * 2).points[:MADE],
            sets.half_closed(rng, known, some, MADE // 4).points,
            sets.turned(rng, known, some, MADE // 40).points]
    add("none", ["None"], np.concatenate([real, *made]))
    head = json.dumps({"format": 1, "unit": 1 / UNIT, "classes": classes}, separators=(",", ":"))
    numbers = np.round(np.concatenate(chosen) * UNIT).clip(-32767, 32767).astype("<i2")
    (HERE / "hands.bin").write_bytes(head.encode() + b"\n" + numbers.tobytes())
    print({c["name"]: c["hands"] for c in classes}, len(numbers))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
