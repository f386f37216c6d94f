"""Small dense networks in numpy: Adam, dropout, label smoothing; nothing else is needed here."""
import numpy as np


def softmax(logits):
    logits = np.exp(logits - logits.max(1, keepdims=True))
    return logits / logits.sum(1, keepdims=True)


class Dense:
    """features -> standardised -> layers with ReLU -> logits."""

    def __init__(self, rng, sizes, mean, spread, dropout=0.2, decay=2e-4):
        self.rng, self.dropout, self.decay = rng, dropout, decay
        self.mean, self.spread = mean.astype(np.float32), spread.astype(np.float32)
        self.weights = [rng.normal(0, np.sqrt(2 / a), (a, b)).astype(np.float32)
                        for a, b in zip(sizes, sizes[1:])]
        self.biases = [np.zeros(b, np.float32) for b in sizes[1:]]
        self.values = self.weights + self.biases
        self.first = [np.zeros_like(v) for v in self.values]
        self.second = [np.zeros_like(v) for v in self.values]
        self.average = None
        self.steps = 0

    def logits(self, features, averaged=True):
        values = self.average if averaged and self.average is not None else self.values
        half = len(self.weights)
        x = (features - self.mean) / self.spread
        for layer in range(half):
            x = x @ values[layer] + values[half + layer]
            if layer < half - 1:
                x = np.maximum(x, 0)
        return x

    def step(self, features, targets, rate):
        """One step of Adam on a batch; `targets` are distributions. Returns the loss."""
        half, kept = len(self.weights), []
        x = (features - self.mean) / self.spread
        for layer in range(half):
            mask = None
            if self.dropout and layer:
                mask = (self.rng.random(x.shape, dtype=np.float32) >= self.dropout) / (1 - self.dropout)
                x = x * mask.astype(np.float32)
            kept.append((x, mask))
            x = x @ self.weights[layer] + self.biases[layer]
            if layer < half - 1:
                x = np.maximum(x, 0)
        found = softmax(x)
        back, gradients = (found - targets) / len(x), [None] * len(self.values)
        for layer in reversed(range(half)):
            inputs, mask = kept[layer]
            gradients[layer] = inputs.T @ back + self.decay * self.weights[layer]
            gradients[half + layer] = back.sum(0)
            if layer:
                # An input of 0 was cut by ReLU or by dropout; either way nothing flows back.
                back = (back @ self.weights[layer].T) * (inputs > 0)
                if mask is not None:
                    back = back * mask.astype(np.float32)
        self.steps += 1
        for i, gradient in enumerate(gradients):
            self.first[i] = 0.9 * self.first[i] + 0.1 * gradient
            self.second[i] = 0.999 * self.second[i] + 0.001 * gradient * gradient
            a = self.first[i] / (1 - 0.9 ** self.steps)
            b = self.second[i] / (1 - 0.999 ** self.steps)
            self.values[i] -= (rate * a / (np.sqrt(b) + 1e-8)).astype(np.float32)
        if self.average is None:
            self.average = [v.copy() for v in self.values]
        for mean, value in zip(self.average, self.values):
            mean += (value - mean) * 0.002
        return float(-(targets * np.log(found + 1e-9)).sum(1).mean())
