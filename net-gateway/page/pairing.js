//! Decides which frame is shown when, and which prediction is drawn on it.
//!
//! Upstream: `main.js` puts in decoded frames and predictions as they come. Downstream: `stage.js`
//! draws what `step` returns. A pure state machine: it reads no clock and draws nothing, so that a
//! test can play any order of arrival. It never keeps more than the limits below, and it never
//! returns a prediction as the own one of a frame with another sequence.
//!
//! The rule: newest wins. A frame is due when its own prediction is here, when a newer frame's
//! prediction is here (then its own will hardly come), when it has waited longer than predictions
//! have taken lately, when nobody recognises anything at the moment, or when there is no room. The newest due frame is shown;
//! every older one is dropped. A prediction that comes after its frame was shown still goes on it.

/** Longest time that a frame waits for its own prediction, in ms. */
export const WAIT_MS = 150;
/** Shortest such time, however fast predictions were lately, in ms. */
export const WAIT_MS_MIN = 40;
/** Predictions whose delay is remembered; the slowest of them sets how long frames wait. */
export const DELAYS_MAX = 32;
/** Frames whose arrival is remembered for that. */
const ARRIVALS_MAX = 64;
/** Decoded frames that wait at the same time; one more makes the oldest due. */
export const FRAMES_MAX = 8;
/** Predictions that are kept while their frame is not decoded yet. */
export const PREDICTIONS_MAX = 32;
/** Oldest prediction that may be drawn on a frame that it does not belong to, in ms of capture. */
export const OLDER_HANDS_MS = 300;
/** Recognition counts as away when frames come but no prediction did for this long, in ms. */
export const AWAY_MS = 1500;

export class Pairing {
  /** @param {(frame: object) => void} drop called once for each frame that will not be shown */
  constructor(drop) {
    this.drop = drop;
    this.frames = new Map();
    this.reset();
  }

  /** Forgets everything, as after a new connection; sequences may start anywhere again. */
  reset() {
    for (const frame of this.frames.values()) this.drop(frame);
    this.frames.clear();
    this.predictions = new Map();
    this.arrivals = new Map();
    this.delays = [];
    this.shown = null;
    this.newestPrediction = null;
    this.predictionAt = -Infinity;
    this.startedAt = null;
  }

  /**
   * Takes in a decoded frame.
   *
   * @param {{sequence: number, captureTimeUs: number, arrivedAt: number}} frame `arrivedAt` in ms
   *   on the clock that `step` is called with
   */
  putFrame(frame) {
    this.startedAt ??= frame.arrivedAt;
    this.arrivals.set(frame.sequence, frame.arrivedAt);
    if (this.arrivals.size > ARRIVALS_MAX) this.arrivals.delete(this.arrivals.keys().next().value);
    if (this.shown !== null && frame.sequence <= this.shown.sequence) {
      this.drop(frame);
      return;
    }
    const before = this.frames.get(frame.sequence);
    if (before !== undefined) this.drop(before);
    this.frames.set(frame.sequence, frame);
  }

  /** Takes in a prediction at the time `now`, in ms. */
  putPrediction(prediction, now) {
    this.predictionAt = now;
    this.noteDelay(prediction.sequence, now);
    this.predictions.set(prediction.sequence, prediction);
    if (this.newestPrediction === null || prediction.sequence > this.newestPrediction.sequence) {
      this.newestPrediction = prediction;
    }
    while (this.predictions.size > PREDICTIONS_MAX) {
      this.predictions.delete(Math.min(...this.predictions.keys()));
    }
  }

  /** Tells whether frames are waiting for nobody: no prediction came for `AWAY_MS`. */
  isRecognitionAway(now) {
    return this.startedAt !== null && now - Math.max(this.predictionAt, this.startedAt) > AWAY_MS;
  }

  /**
   * Says what to draw at the time `now`, in ms.
   *
   * @returns {{frame: object | null, own: object | null, older: object | null, waitMs: number | null}}
   *   `frame`: a frame that becomes the shown one, or `null` if the shown one stays; `own`: the
   *   prediction of the shown frame; `older`: one of an earlier frame that may be drawn, marked;
   *   `waitMs`: when to ask again if nothing arrives before
   */
  step(now) {
    const next = this.newestDue(now);
    if (next !== null) {
      for (const [sequence, frame] of this.frames) {
        if (sequence > next.sequence) continue;
        this.frames.delete(sequence);
        if (frame !== next) this.drop(frame);
      }
      this.shown = next;
    }
    return { frame: next, ...this.hands(), waitMs: this.waitMs(now) };
  }

  noteDelay(sequence, now) {
    const arrivedAt = this.arrivals.get(sequence);
    if (arrivedAt === undefined) return;
    this.delays.push(now - arrivedAt);
    if (this.delays.length > DELAYS_MAX) this.delays.shift();
  }

  /** How long a frame waits for its own prediction: somewhat longer than the slowest took lately. */
  patienceMs() {
    if (this.delays.length < DELAYS_MAX / 4) return WAIT_MS;
    return Math.min(WAIT_MS, Math.max(WAIT_MS_MIN, 1.25 * Math.max(...this.delays)));
  }

  newestDue(now) {
    let due = null;
    for (const frame of this.frames.values()) {
      if ((due === null || frame.sequence > due.sequence) && this.isDue(frame, now)) due = frame;
    }
    return due;
  }

  isDue(frame, now) {
    if (this.predictions.has(frame.sequence)) return true;
    if (this.newestPrediction !== null && this.newestPrediction.sequence > frame.sequence) return true;
    if (now - frame.arrivedAt >= this.patienceMs()) return true;
    if (this.isRecognitionAway(now)) return true;
    return this.frames.size > FRAMES_MAX && frame.sequence === Math.min(...this.frames.keys());
  }

  hands() {
    if (this.shown === null) return { own: null, older: null };
    const own = this.predictions.get(this.shown.sequence) ?? null;
    return { own, older: own === null ? this.olderPrediction() : null };
  }

  olderPrediction() {
    let older = null;
    for (const prediction of this.predictions.values()) {
      if (prediction.sequence >= this.shown.sequence) continue;
      if (older === null || prediction.sequence > older.sequence) older = prediction;
    }
    if (older === null) return null;
    const ageMs = (this.shown.captureTimeUs - older.capture_time_us) / 1000;
    return ageMs >= 0 && ageMs < OLDER_HANDS_MS ? older : null;
  }

  waitMs(now) {
    let wait = null;
    for (const frame of this.frames.values()) {
      const left = Math.max(0, this.patienceMs() - (now - frame.arrivedAt));
      if (wait === null || left < wait) wait = left;
    }
    return wait;
  }
}
