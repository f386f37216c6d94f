//! Translates the box's wall clock into the browser's.
//!
//! Upstream: predictions, which carry their capture time and their age when they were sent.
//! Downstream: `main.js`, for the time from capture to screen and for the times in the history.
//! Without this, a tablet whose clock is a minute off would show a latency of a minute.

/** Predictions whose clock difference is looked at; the smallest one had the least way to travel. */
const SAMPLES_MAX = 64;
/** A difference below this is taken for travel time, and the clocks for equal, in ms. */
const SAME_CLOCK_MS = 250;

export class BoxClock {
  constructor() {
    this.samples = [];
  }

  /** Notes a prediction that arrived when the browser's wall clock said `wallMs`. */
  note(prediction, wallMs) {
    const sentMs = prediction.capture_time_us / 1000 + prediction.age_ms;
    if (!Number.isFinite(sentMs)) return;
    this.samples.push(wallMs - sentMs);
    if (this.samples.length > SAMPLES_MAX) this.samples.shift();
  }

  /** Browser clock minus box clock in ms; 0 while they look equal. */
  offsetMs() {
    if (this.samples.length === 0) return 0;
    const least = Math.min(...this.samples);
    return Math.abs(least) < SAME_CLOCK_MS ? 0 : least;
  }

  /** The browser's wall clock, in ms, at the box's time `us`. */
  toWallMs(us) {
    return us / 1000 + this.offsetMs();
  }

  reset() {
    this.samples = [];
  }
}
