#!/usr/bin/env python3
"""How often MediaPipe Tasks itself is right about the pictures that `supervisor eval` judged.

Both get the same pictures, one folder for each class, with the same margin; MediaPipe (0.10.21, image
mode: palms are looked for in every picture) is built from the same networks. The hand that counts is
the largest, and the labels that are right for a class are those of the evaluation.

  supervisor eval --json --margin 1 FOLDER >ours.json
  models/accuracy_beside_mediapipe.py --wheel mediapipe_model_maker-0.1.0-py3-none-any.whl \
      --margin 1 --ours ours.json FOLDER

Needs mediapipe 0.10.21 and python3-opencv; tests/bench/beside_mediapipe.py says where the wheel is.
"""

import argparse
import json
import pathlib
import sys

import cv2
import mediapipe as mp
from mediapipe.tasks import python as tasks
from mediapipe.tasks.python import vision

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/bench"))
from beside_mediapipe import bundle  # noqa: E402

PICTURES = {".jpg", ".jpeg", ".png"}


def with_margin(picture, margin):
    added = round(max(picture.shape[:2]) * margin)
    return cv2.copyMakeBorder(picture, added, added, added, added, cv2.BORDER_REPLICATE)


def answer(recognizer, picture):
    """The gesture of the largest hand; None without a hand."""
    rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    result = recognizer.recognize(mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb))
    best, largest = None, -1.0
    for points, gestures in zip(result.hand_landmarks, result.gestures):
        x, y = [point.x for point in points], [point.y for point in points]
        area = (max(x) - min(x)) * (max(y) - min(y))
        if area > largest:
            best, largest = gestures[0].category_name, area
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--wheel", type=pathlib.Path, required=True)
    parser.add_argument("--ours", type=pathlib.Path, required=True, help="what eval --json wrote")
    parser.add_argument("--margin", type=float, default=0.0)
    arguments = parser.parse_args()
    ours = json.loads(arguments.ours.read_text())
    options = vision.GestureRecognizerOptions(
        base_options=tasks.BaseOptions(model_asset_buffer=bundle(arguments.wheel)),
        running_mode=vision.RunningMode.IMAGE, num_hands=2)
    print(f"{'class':14} {'pictures':>8}  {'found':>15}  {'right, hand found':>19}  {'right in all':>15}")
    sums = [0] * 3
    with vision.GestureRecognizer.create_from_options(options) as recognizer:
        for row in ours["classes"]:
            files = (arguments.folder / row["class"]).iterdir()
            files = sorted(path for path in files if path.suffix.lower() in PICTURES)
            said = [answer(recognizer, with_margin(cv2.imread(str(path)), arguments.margin))
                    for path in files]
            found = sum(label is not None for label in said)
            right = sum(label in row["labels"] for label in said)
            for index, value in enumerate([len(said), found, right]):
                sums[index] += value
            show(row["class"], row, len(said), found, right)
    show("all", ours["total"], *sums)


def show(name, ours, pictures, found, right):
    def both(mine, theirs, width):
        return f"{100 * mine:6.1f} {100 * theirs:6.1f} %".rjust(width)
    print(f"{name:14} {pictures:8}  {both(ours['found'], found / max(1, pictures), 15)}  "
          f"{both(ours['recall'], right / max(1, found), 19)}  "
          f"{both(ours['recall_in_all'], right / max(1, pictures), 15)}", flush=True)


if __name__ == "__main__":
    main()
