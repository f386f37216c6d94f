// Stands before each script of this folder; see parts.rs.

const equal = (actual, expected, what) => {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (left !== right) throw new Error(`${what}: found ${left}, expected ${right}`);
};

/** A prediction of the frame `sequence`, captured at `captureMs`, with one hand. */
const prediction = (sequence, captureMs, gesture = "Victory", handedness = "Right") => ({
  sequence,
  capture_time_us: captureMs * 1000,
  age_ms: 20,
  hands: gesture === null ? [] : [{ gesture, handedness, score: 0.9 }],
});

/** A small generator of random numbers, below `bound`; the same each time (xorshift32). */
const random = (seed) => (bound) => {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return (seed >>> 0) % bound;
};
