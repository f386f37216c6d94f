//! Turns predictions into a history of gestures: runs with a beginning and an end.
//!
//! Upstream: `main.js`. Downstream: `history_panel.js`. Pure: times come with the predictions.
//! A gesture enters once it was seen for `ENTER_MS`, and ends once it was away for `LEAVE_MS`, so a
//! single odd prediction neither makes an entry nor cuts one in two. "None" never enters.

import { NO_GESTURE } from "./gestures.js";

/** How long a gesture is seen before it enters, in ms of capture time. */
export const ENTER_MS = 200;
/** How long a gesture is away before its run ends, in ms of capture time. */
export const LEAVE_MS = 500;
/** Predictions that show the gesture before it enters, whatever the time. */
export const ENTER_PREDICTIONS = 3;
/** Entries that are kept; the oldest go first. */
export const ENTRIES_MAX = 60;

export class History {
  constructor() {
    /** Newest first: `{id, gesture, handedness, startUs, endUs, score, live}`. */
    this.entries = [];
    this.runs = new Map();
    this.lastId = 0;
  }

  /** Ends every run, as when the source changes; the entries stay. */
  endAll() {
    for (const run of this.runs.values()) {
      if (run.entry !== null) run.entry.live = false;
    }
    this.runs.clear();
  }

  /**
   * Takes in one prediction.
   *
   * @returns {object | null} the entry that began with it, if one did
   */
  observe(prediction) {
    const nowUs = prediction.capture_time_us;
    let begun = null;
    for (const hand of prediction.hands) {
      if (hand.gesture !== NO_GESTURE && hand.gesture !== "") begun = this.see(hand, nowUs) ?? begun;
    }
    this.expire(nowUs);
    return begun;
  }

  /** Ends the runs that were not seen for `LEAVE_MS` before `nowUs`. */
  expire(nowUs) {
    for (const [key, run] of this.runs) {
      if (nowUs - run.lastUs <= LEAVE_MS * 1000) continue;
      if (run.entry !== null) run.entry.live = false;
      this.runs.delete(key);
    }
  }

  see(hand, nowUs) {
    const key = `${hand.handedness}/${hand.gesture}`;
    let run = this.runs.get(key);
    // A jump in time, back or far ahead, is another run: the source was changed or restarted.
    if (run !== undefined && (nowUs < run.lastUs || nowUs - run.lastUs > LEAVE_MS * 1000)) {
      if (run.entry !== null) run.entry.live = false;
      run = undefined;
    }
    if (run === undefined) {
      run = { firstUs: nowUs, lastUs: nowUs, seen: 0, score: 0, entry: null };
      this.runs.set(key, run);
    }
    run.seen += 1;
    run.lastUs = nowUs;
    run.score = Math.max(run.score, hand.score);
    if (run.entry !== null) {
      run.entry.endUs = nowUs;
      run.entry.score = run.score;
      return null;
    }
    const isHeld = nowUs - run.firstUs >= ENTER_MS * 1000 && run.seen >= ENTER_PREDICTIONS;
    return isHeld ? this.enter(hand, run) : null;
  }

  enter(hand, run) {
    this.lastId += 1;
    run.entry = {
      id: this.lastId,
      gesture: hand.gesture,
      handedness: hand.handedness,
      startUs: run.firstUs,
      endUs: run.lastUs,
      score: run.score,
      live: true,
    };
    this.entries.unshift(run.entry);
    this.entries.length = Math.min(this.entries.length, ENTRIES_MAX);
    return run.entry;
  }
}
