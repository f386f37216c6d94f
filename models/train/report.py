"""The figures of the model card, and the picture that shows how far a score can be believed.

Beside it: `train.py` calls it with probabilities and true labels.
"""
import json

import numpy as np

BINS = [0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 1.0001]
# Which of our labels a digit of Turkish sign language is; digits without one are no gesture of ours.
# 5 is an open hand; 3 is thumb, index and middle finger; 6 index, middle and ring finger.
DIGITS = {0: ["None"], 1: ["one"], 2: ["peace"], 3: ["three"], 4: ["four"], 5: ["palm", "stop"],
          6: ["three"], 7: ["None"], 8: ["None"], 9: ["ok"]}


def reliability(score, right):
    """Per bin of the score: its mean, the share of right answers, how many; and the expected
    calibration error over 15 equal bins."""
    rows = [(float(score[m].mean()), float(right[m].mean()), int(m.sum())) for low, high in zip(BINS, BINS[1:])
            if (m := (score >= low) & (score < high)).any()]
    of = np.minimum((score * 15).astype(int), 14)
    error = sum(abs(score[of == b].mean() - right[of == b].mean()) * (of == b).mean() for b in np.unique(of))
    return {"bins": rows, "ece": float(error)}


def figures(probabilities, labels, names):
    """Per class precision, recall and F1, their mean over the classes that occur, and confusions."""
    answer, count = probabilities.argmax(1), len(names)
    matrix = np.zeros((count, count), int)
    np.add.at(matrix, (labels, answer), 1)
    classes = {}
    for i, name in enumerate(names):
        if matrix[i].sum() == 0:
            continue
        hit = matrix[i, i]
        recall, precision = hit / matrix[i].sum(), hit / max(1, matrix[:, i].sum())
        f1 = 2 * hit / max(1, matrix[i].sum() + matrix[:, i].sum())
        classes[name] = {"hands": int(matrix[i].sum()), "precision": float(precision), "recall": float(recall),
                         "f1": float(f1)}
    none = labels == 0
    return {"hands": len(labels), "accuracy": float((answer == labels).mean()),
            "macro_f1": float(np.mean([c["f1"] for c in classes.values()])), "classes": classes,
            "fires_without_gesture": float((answer[none] != 0).mean()) if none.any() else None,
            "reliability": reliability(probabilities.max(1), answer == labels), "confusion": matrix.tolist()}


def digits(probabilities, digit, names):
    answer = np.array(names)[probabilities.argmax(1)]
    right = np.array([a in DIGITS[d] for a, d in zip(answer, digit)])
    rows = {}
    for d in DIGITS:
        said, count = np.unique(answer[digit == d], return_counts=True)
        rows[d] = {"as": DIGITS[d], "hands": int((digit == d).sum()), "right": float(right[digit == d].mean()),
                   "said": {str(s): int(c) for s, c in sorted(zip(said, count), key=lambda x: -x[1])}}
    return {"digits": rows, "accuracy": float(right.mean()),
            "reliability": reliability(probabilities.max(1), right)}


def write(found, curves, folder):
    with open(folder / "report.json", "w") as file:
        json.dump(found, file, indent=1)
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    fig, axes = plt.subplots(figsize=(5, 5), dpi=110)
    axes.plot([0, 1], [0, 1], color="0.75", linewidth=1, label="a score that is right as often as it says")
    for name, curve in curves.items():
        stated, actual, count = np.array(curve["bins"]).T
        axes.plot(stated, actual, marker="o", markersize=4, label=f"{name} (ECE {curve['ece']:.3f})")
    axes.set_xlabel("score")
    axes.set_ylabel("share of right answers")
    axes.set_xlim(0.2, 1)
    axes.set_ylim(0.0, 1.01)
    axes.legend(loc="lower right", fontsize=8)
    fig.tight_layout()
    fig.savefig(folder / "reliability.png", metadata={"Software": None})
    held = found["sets"]["held"]
    print(f"held-out: macro-F1 {held['macro_f1']:.4f}, ECE {held['reliability']['ece']:.4f}")
    if "digits" in found:
        print(f"digits: {found['digits']['accuracy']:.4f}, mirrored {found['digits_mirrored']['accuracy']:.4f}")
