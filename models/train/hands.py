"""Finds a hand in a picture and measures it, by the worker's rules, with the networks of this
folder's parent run by ONNX Runtime.

Beside it: `extract.py` runs it over folders of pictures. The rules are those of MediaPipe's hand
tracker as `infer-worker/src/hand` has them; depth is in pixels of the picture, as the worker
publishes it.
"""
import math
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

MODELS = Path(__file__).resolve().parent.parent
DETECTED_MIN, PRESENT_MIN = 0.5, 0.5
# The network's depth is in 0.4 of the unit of x and y.
DEPTH_UNIT = 0.4
# The points whose bounds make the next region, and those that say where the hand points.
BOUNDS = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]


def anchors():
    cells = [(24, 2), (12, 6)]
    return np.array([((x + 0.5) / n, (y + 0.5) / n) for n, copies in cells for y in range(n)
                     for x in range(n) for _ in range(copies)], np.float32)


def session(name):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(MODELS / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])


def turn_of(start, end):
    """The angle that makes the line from `start` to `end` point up."""
    angle = math.pi / 2 - math.atan2(-(end[1] - start[1]), end[0] - start[0])
    return angle - 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))


class Hands:
    """A region is (centre x, centre y, side, turn) in pixels and radians."""

    def __init__(self):
        self.palm, self.landmark = session("palm_detection_full"), session("hand_landmark_full")
        self.anchors = anchors()

    def detect(self, picture):
        """Score and region of the likeliest palm in an RGB picture, or `None`."""
        height, width = picture.shape[:2]
        scale = 192 / max(height, width)
        w, h = round(width * scale), round(height * scale)
        left, top = (192 - w) // 2, (192 - h) // 2
        boxed = np.zeros((192, 192, 3), np.uint8)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        boxed[top:top + h, left:left + w] = cv2.resize(picture, (w, h), interpolation=how)
        found, logits = self.palm.run(None, {"input_1": (boxed.astype(np.float32) / 255)[None]})
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0], -100, 100)))
        keep = np.flatnonzero(scores >= DETECTED_MIN)
        if not len(keep):
            return None
        values, scores, at = found[0][keep] / 192, scores[keep], self.anchors[keep]
        centre, size = values[:, :2] + at, values[:, 2:4]
        boxes = np.concatenate([centre - size / 2, centre + size / 2], 1)
        keys = values[:, 4:].reshape(-1, 7, 2) + at[:, None]
        best = scores.argmax()
        inside = (np.minimum(boxes[best, 2:], boxes[:, 2:]) - np.maximum(boxes[best, :2], boxes[:, :2])).clip(0).prod(1)
        area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        same = inside / (area + area[best] - inside + 1e-9) > 0.3
        same[best] = True
        weight = scores[same] / scores[same].sum()
        shift, stretch = np.array([left, top]) / 192, np.array([192 / w * width, 192 / h * height])
        box = (((boxes[same] * weight[:, None]).sum(0).reshape(2, 2) - shift) * stretch)
        key = ((keys[same] * weight[:, None, None]).sum(0) - shift) * stretch
        turn, (w, h) = turn_of(key[0], key[2]), box[1] - box[0]
        x, y = box.mean(0)
        region = (x + 0.5 * h * math.sin(turn), y - 0.5 * h * math.cos(turn), max(w, h) * 2.6, turn)
        return float(scores[best]), region

    def measure(self, picture, region):
        """Points in pixels [21, 3], points in metres [21, 3], presence, probability of a right hand."""
        x, y, side, turn = region
        c, s = math.cos(turn), math.sin(turn)
        a, b = c * side / 224, s * side / 224
        matrix = np.array([[a, -b, x - a * 112 + b * 112], [b, a, y - b * 112 - a * 112]], np.float32)
        crop = cv2.warpAffine(picture, matrix, (224, 224), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                              borderMode=cv2.BORDER_REPLICATE)
        names = ["Identity", "Identity_1", "Identity_2", "Identity_3"]
        found, presence, right, metres = self.landmark.run(names, {"input_1": (crop.astype(np.float32) / 255)[None]})
        found, metres = found.reshape(21, 3) / 224, metres.reshape(21, 3)
        spin = np.array([[c, s], [-s, c]])
        flat = (found[:, :2] - 0.5) * side @ spin + [x, y]
        points = np.concatenate([flat, found[:, 2:] * side / DEPTH_UNIT], 1)
        world = np.concatenate([metres[:, :2] @ spin, metres[:, 2:]], 1)
        return points, world, float(presence[0, 0]), float(right[0, 0])

    @staticmethod
    def follow(points):
        """The region of the next frame."""
        flat = points[:, :2]
        turn = turn_of(flat[0], ((flat[5] + flat[13]) / 2 + flat[9]) / 2)
        some = flat[BOUNDS]
        middle = (some.max(0) + some.min(0)) / 2
        c, s = math.cos(-turn), math.sin(-turn)
        turned = (some - middle) @ np.array([[c, s], [-s, c]])
        high, low = turned.max(0), turned.min(0)
        (px, py), (w, h) = (high + low) / 2, high - low
        c, s = math.cos(turn), math.sin(turn)
        x, y = px * c - py * s + middle[0], px * s + py * c + middle[1]
        return x + 0.1 * h * s, y - 0.1 * h * c, max(w, h) * 2.0, turn
