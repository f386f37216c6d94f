#!/usr/bin/python3
"""How much of a hand must be in view: the demo clip, pushed out of the picture on the left.

Each frame with a hand is moved so that the given share of the hand's width lies outside; grey fills
the other side. `infer-worker events --record` then says in how many of them a hand was found, frame
after frame as from a camera; so does MediaPipe's tracker where it is installed.

  models/edge_hands.py --infer-worker target/release/infer-worker

Needs python3-opencv; beside it, `pip install mediapipe==0.10.21`.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import cv2
import numpy as np

from small_hands import CLIP, LABELS, ROOT, frames, jpeg

SHARES = [0.0, 0.15, 0.3, 0.45, 0.6]
POINTS, GREY = 21, 40


def pushed_out(picture, label, share):
    """The picture with that share of its hand beyond the left edge, and whether it has a hand."""
    if label["landmarks"] is None or label["landmarks_in_frame"] < POINTS:
        return picture, False
    across = np.array(label["landmarks"])[:, 0]
    cut = round(across.min() + share * np.ptp(across))
    moved = np.full_like(picture, GREY)
    moved[:, : picture.shape[1] - cut] = picture[:, cut:]
    return moved, True


def found_here(arguments, pictures, folder):
    clip, told = folder / "c.mjpeg", folder / "c.jsonl"
    clip.write_bytes(b"".join(map(jpeg, pictures)))
    command = [arguments.infer_worker, "events", "--manifest", arguments.manifest, "--clip", clip]
    subprocess.run(command + ["--record", told], check=True, stdout=subprocess.DEVNULL)
    return [bool(json.loads(line)["hands"]) for line in told.read_text().splitlines()]


def found_by_mediapipe(pictures):
    try:
        import mediapipe
    except ImportError:
        return None
    tracker = mediapipe.solutions.hands.Hands(max_num_hands=2, model_complexity=1)
    colours = (cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) for picture in pictures)
    return [bool(tracker.process(picture).multi_hand_landmarks) for picture in colours]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--infer-worker", required=True)
    parser.add_argument("--manifest", default=str(ROOT / "models/manifest.toml"))
    arguments = parser.parse_args()
    labels = json.loads(LABELS.read_text())["frames"]
    whole = list(frames(CLIP))
    with tempfile.TemporaryDirectory() as folder:
        for share in SHARES:
            moved = [pushed_out(picture, label, share) for picture, label in zip(whole, labels)]
            pictures, has_hand = zip(*moved)
            counts = []
            for found in (found_here(arguments, pictures, pathlib.Path(folder)), found_by_mediapipe(pictures)):
                counts.append(sum(map(bool.__and__, found, has_hand)) if found else "not installed")
            print(f"{share:4.2f} outside  of {sum(has_hand)}: {counts[0]}  MediaPipe: {counts[1]}", flush=True)


if __name__ == "__main__":
    main()
