//! Counts per second and percentiles over the last seconds.
//!
//! Upstream: `main.js` notes what happens. Downstream: `numbers_panel.js`. Pure: the caller gives
//! the time. Both windows are bounded in time and in number.

/** Length of each window, in ms. */
const WINDOW_MS = 3000;
/** Most entries of one window; the oldest go first. */
const ENTRIES_MAX = 512;

export class Rate {
  constructor() {
    this.times = [];
  }

  /** Notes one event at `now`, in ms. */
  note(now) {
    this.times.push(now);
    if (this.times.length > ENTRIES_MAX) this.times.shift();
  }

  /** Events per second until `now`, or `null` before there were two in the window. */
  perSecond(now) {
    while (this.times.length > 0 && now - this.times[0] > WINDOW_MS) this.times.shift();
    if (this.times.length < 2) return null;
    // The gap up to `now` counts once it is longer than the mean one, so that a source that has
    // stopped sinks to nothing instead of keeping its last rate.
    const last = this.times[this.times.length - 1];
    const span = last - this.times[0];
    const mean = span / (this.times.length - 1);
    const idle = now - last > 2 * mean ? now - last : 0;
    return span + idle === 0 ? null : ((this.times.length - 1) * 1000) / (span + idle);
  }

  reset() {
    this.times = [];
  }
}

export class Percentiles {
  constructor() {
    this.entries = [];
  }

  /** Notes `value` at `now`, in ms. */
  note(value, now) {
    if (!Number.isFinite(value)) return;
    this.entries.push({ value, now });
    if (this.entries.length > ENTRIES_MAX) this.entries.shift();
  }

  /** The value that a `share` (0 to 1) of the window does not exceed, or `null` without values. */
  at(share, now) {
    while (this.entries.length > 0 && now - this.entries[0].now > WINDOW_MS) this.entries.shift();
    if (this.entries.length === 0) return null;
    const sorted = this.entries.map((entry) => entry.value).sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  }

  reset() {
    this.entries = [];
  }
}
