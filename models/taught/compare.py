"""By which numbers a taught gesture is told best: the gesture embedder's, or the points themselves.

    python compare.py DIGITS.npz

DIGITS holds sign-language digits of about 220 people (X [n, 126] the two lists of points, Y digit, S
person, hd whether a hand was found), as `../train/train.py --other` takes them. Digits 6, 7 and 8
touch the thumb with the little, ring and middle finger: poses that neither the embedder nor the
bundled hands know, and that differ little. Each is taught from 1 and from 20 people, five times, and
judged on the hands of all others. The arithmetic is that of `infer-worker/src/taught`.

Beside it: `hands.bin`, which `examples.py` writes. Seeds are fixed.
"""
import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "train"))
import poses  # noqa: E402
from hands import DEPTH_UNIT  # noqa: E402

SEED, TRIES = 20261122, 5
PENALTY, EVEN, SCALE_MIN, WEIGHT_IT, WEIGHT_OTHER = 5.0, 0.1, 0.01, 60.0, 1000.0
PAIRS = [(4, 8), (4, 12), (4, 16), (4, 20), (8, 12), (12, 16), (16, 20), (8, 16), (8, 20), (12, 20),
         (0, 4), (0, 8), (0, 12), (0, 16), (0, 20), (2, 4), (5, 8), (9, 12), (13, 16), (17, 20), (3, 5),
         (4, 5), (4, 9), (4, 13), (4, 17), (4, 6), (4, 10), (4, 14), (4, 18), (6, 10), (10, 14), (14, 18)]
TURNS = np.radians([[0, 0, 0], [10, 0, 0], [-10, 0, 0], [0, 10, 0], [0, -10, 0], [0, 0, 8], [0, 0, -8]])
MIRROR = np.array([-1, 1, 1], np.float32)


def bundled():
    head, body = (HERE / "hands.bin").read_bytes().split(b"\n", 1)
    classes = json.loads(head)["classes"]
    hands = np.frombuffer(body, "<i2").reshape(-1, 21, 3).astype(np.float32) * 1e-4
    return hands, np.repeat([c["name"] for c in classes], [c["hands"] for c in classes])


def of_points(hands):
    apart = lambda pairs: np.stack([np.linalg.norm(hands[:, a] - hands[:, b], axis=1) for a, b in pairs], 1)
    palm = apart([(0, 5), (0, 9), (0, 17), (5, 17)]).mean(1, keepdims=True)
    return np.concatenate([hands[:, 1:].reshape(len(hands), -1), apart(PAIRS) / np.maximum(palm, 1e-3)], 1)


def varied(hands):
    """Each hand mirrored and turned, as `lesson.rs` does."""
    parts = []
    for side in (hands, hands * MIRROR):
        for a, b, c in TURNS:
            x = [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]
            y = [[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]]
            z = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
            parts.append(side @ (np.array(z) @ np.array(y) @ np.array(x)).T)
    return poses.normalise(np.concatenate(parts))


class Space:
    def __init__(self, others, names):
        self.mean, self.scale = others.mean(0), others.std(0) + SCALE_MIN
        known = [others[names == n] for n in dict.fromkeys(names) if n != "none"]
        rest = np.concatenate([(k - k.mean(0)) / self.scale for k in known])
        within = rest.T @ rest / len(rest)
        even = np.eye(len(within)) * np.trace(within) / len(within)
        self.penalty = PENALTY * ((1 - EVEN) * within + EVEN * even)
        self.others = self.of(others)

    def of(self, rows):
        return np.concatenate([(rows - self.mean) / self.scale, np.ones((len(rows), 1))], 1)

    def fit(self, it):
        rows = np.concatenate([self.of(it), self.others])
        is_it = np.arange(len(rows)) < len(it)
        weight = np.where(is_it, WEIGHT_IT / len(it), WEIGHT_OTHER / len(self.others))
        penalty = np.zeros((rows.shape[1], rows.shape[1]))
        penalty[:-1, :-1], penalty[-1, -1] = self.penalty, 1e-7
        at = np.zeros(rows.shape[1])
        for _ in range(40):
            p = 1 / (1 + np.exp(-np.clip(rows @ at, -40, 40)))
            slope = rows.T @ (weight * (p - is_it)) + penalty @ at
            step = np.linalg.solve((rows * (weight * p * (1 - p))[:, None]).T @ rows + penalty, slope)
            at -= step
            if np.abs(step).max() < 1e-7:
                break
        return at


def main(path):
    embed = poses.Embedder(str(HERE.parent / "gesture_embedder_v2.onnx"))
    file = np.load(path)
    found = file["hd"]
    hands = poses.normalise(file["X"][found].reshape(-1, 2, 21, 3)[:, 0])
    # Kept as the network gives it.
    hands[..., 2] /= DEPTH_UNIT
    digit, person = file["Y"][found], file["S"][found]
    others, names = bundled()
    names = np.concatenate([names, names])
    others = np.concatenate([others, others * MIRROR])
    kinds = {"embedding (128)": embed, "points (92)": of_points,
             "both (220)": lambda h: np.concatenate([embed(h), of_points(h)], 1)}
    print("| numbers | people | digit | known again | taken of the other digits, mean · most |")
    print("|---|---|---|---|---|")
    for kind, numbers in kinds.items():
        space, judged = Space(numbers(others), names), numbers(hands)
        for people in (1, 20):
            for taught in (6, 7, 8):
                results = []
                for attempt in range(TRIES):
                    rng = np.random.default_rng([SEED, taught, people, attempt])
                    chosen = rng.permutation(np.unique(person[digit == taught]))[:people]
                    own = np.isin(person, chosen)
                    at = space.fit(numbers(varied(hands[own & (digit == taught)])))
                    taken = space.of(judged) @ at >= 0
                    share = [taken[~own & (digit == d)].mean() for d in range(10)]
                    results.append((share.pop(taught), np.mean(share), np.max(share)))
                known, mean, most = np.mean(results, 0) * 100
                print(f"| {kind} | {people} | {taught} | {known:.1f} % | {mean:.1f} % · {most:.1f} % |")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
