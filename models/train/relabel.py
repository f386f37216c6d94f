"""Names for the crops that the set of thirteen classes calls `none`.

That folder holds every class of HaGRID outside the thirteen: hands that mean nothing, but also
four, three, two fingers together, ... A small network learns from the crops that have a name (the
set of sixteen classes has 100 of each) and from poses joined of several people's fingers, and says
which of the others are which; where it is not sure, a crop is left out. It does so in rounds: what
it is sure of joins what it learns from.

Beside it: `sets.py` uses the names when it loads; nobody looked at the crops one by one.
"""
import numpy as np

import network
import poses

KINDS = ["None", "four", "three", "three2", "two_up", "other"]
ROUNDS, STEPS, BATCH = 3, 900, 256
# From which share on a crop counts as what it looks like. A hand that means nothing looks like many
# things, so that less is asked of it.
SURE, SURE_OF_NONE = 0.9, 0.6


def names(rng, embed, rows, hands):
    """For every row of `rows` (of `extract.py`, with `hands` beside it) its class, or "" to leave it
    out. Only `none` of the thirteen classes changes."""
    kind = np.array([KINDS.index(c) if c in KINDS else (0 if c == "none" else 5) for c in rows["c"]])
    unnamed = (rows["c"] == "none") & (rows["ds"] == "th")
    known = np.where(unnamed, -1, kind)
    hand, world, right = poses.normalise(hands.points), hands.world, hands.right
    features = lambda h, w, r: np.concatenate([embed(h), poses.geometry(h, w, r)], 1)
    plain = features(hand, world, right)
    # A hand that points down or to the side is none of the five upright poses: a start for `None`.
    down = unnamed & (hand[:, 9, 1] > -0.1)
    known[down] = 0
    for _ in range(ROUNDS):
        pools = [np.flatnonzero(known == k) for k in range(len(KINDS))]
        net = network.Dense(rng, [plain.shape[1], 96, len(KINDS)], plain.mean(0), plain.std(0) + 0.05)
        for step in range(STEPS):
            pick = np.concatenate([rng.choice(p, BATCH // len(KINDS)) for p in pools])
            varied = features(*poses.vary(rng, hands.points[pick], world[pick], right[pick], 0.6))
            net.step(varied, np.eye(len(KINDS), dtype=np.float32)[known[pick]], 1e-3)
        found = network.softmax(net.logits(plain))
        # All measurements of a crop speak together.
        crops, of = np.unique(rows["b"], return_inverse=True)
        summed = np.zeros((len(crops), len(KINDS)))
        np.add.at(summed, of[unnamed], found[unnamed])
        share = summed / np.maximum(summed.sum(1, keepdims=True), 1e-9)
        sure = share.max(1) > np.where(share.argmax(1) == 0, SURE_OF_NONE, SURE)
        known = np.where(unnamed, np.where(sure, share.argmax(1), -1)[of], known)
    named = np.array([KINDS[k] if k >= 0 else "" for k in known])
    named[named == "None"] = "none"
    # One of the thirteen in a folder that should hold none of them: not ours to decide.
    named[named == "other"] = ""
    return np.where(unnamed, named, rows["c"])
