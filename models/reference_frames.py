#!/usr/bin/env python3
"""What MediaPipe Tasks' GestureRecognizer (0.10.21, video mode) says of frames of the demo clip.

Writes the file that `infer-worker/tests/demo_clip.rs` compares with: for every eleventh frame the
hands with their points (pixels, z in the same unit), gesture, score and side.

  models/reference_frames.py --wheel mediapipe_model_maker-0.1.0-py3-none-any.whl \
      >infer-worker/tests/data/mediapipe_demo.json

Needs mediapipe 0.10.21 and python3-opencv; tests/bench/beside_mediapipe.py says where the wheel is.
"""

import argparse
import json
import pathlib
import sys

import mediapipe as mp
from mediapipe.tasks import python as tasks
from mediapipe.tasks.python import vision

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/bench"))
from beside_mediapipe import bundle, frames_of  # noqa: E402

CLIP = ROOT / "capture-worker/demo/demo-640x480-15fps.mjpeg"
FPS, EVERY = 15, 11


def hands(result, width, height):
    rows = zip(result.hand_landmarks, result.handedness, result.gestures)
    return [{"lm": [[round(p.x * width, 2), round(p.y * height, 2), round(p.z * width, 2)] for p in points],
             "hd": side[0].category_name, "label": gestures[0].category_name,
             "score": round(gestures[0].score, 4)} for points, side, gestures in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    options = vision.GestureRecognizerOptions(
        base_options=tasks.BaseOptions(model_asset_buffer=bundle(arguments.wheel)),
        running_mode=vision.RunningMode.VIDEO, num_hands=2)
    told = []
    with vision.GestureRecognizer.create_from_options(options) as recognizer:
        for index, frame in enumerate(frames_of(CLIP)):
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=frame)
            result = recognizer.recognize_for_video(image, index * 1000 // FPS)
            if index % EVERY == 0:
                told.append({"frame": index + 1, "hands": hands(result, frame.shape[1], frame.shape[0])})
    print("[" + ",\n ".join(json.dumps(row, separators=(",", ":")) for row in told) + "]")


if __name__ == "__main__":
    main()
