"""Writes what the head says of a few hands of the demo clip, for the worker's test.

    python check.py CLIP.mjpeg OUT.json

ONNX Runtime runs embedder and head here, tract runs them in the worker; `infer-worker/tests/own_head.rs`
compares. The hands come from a rendered clip, so that no measured person's hand is in the project.
"""
import json
import sys
from pathlib import Path

import cv2
import numpy as np

import poses
from hands import Hands, session

FRAMES = [40, 70, 98, 125, 152, 182, 212, 240]


def main(clip, out):
    data, hands = Path(clip).read_bytes(), Hands()
    frames = [b"\xff\xd8\xff" + part for part in data.split(b"\xff\xd8\xff")[1:]]
    embedder, head = session("gesture_embedder_v2"), session("wigwag_gestures_1")
    rows = []
    for number in FRAMES:
        picture = cv2.cvtColor(cv2.imdecode(np.frombuffer(frames[number], np.uint8), 1), cv2.COLOR_BGR2RGB)
        points, world, _, right = hands.measure(picture, hands.detect(picture)[1])
        inputs = {"hand": poses.normalise(points[None]), "handedness": np.array([[right]], np.float32),
                  "world_hand": poses.normalise(world[None])}
        embedding = embedder.run(None, inputs)[0]
        found = head.run(None, {"hand_embedding": embedding, **inputs})[0][0]
        rounded = lambda values: [round(float(v), 6) for v in np.ravel(values)]
        rows.append({"frame": number, "hand": rounded(inputs["hand"]), "right": round(right, 6),
                     "world": rounded(inputs["world_hand"]), "probabilities": rounded(found)})
    Path(out).write_text(json.dumps(rows) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
