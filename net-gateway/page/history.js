//! Turns gesture events into a history: gestures with a beginning and an end.
//!
//! Upstream: `main.js`. Downstream: `history_panel.js`. Pure: times come with the events. The box
//! decides when a gesture begins and ends; what is not told, because the page came later or missed
//! it, is made up for from the steady gestures of the predictions.

import { itemsOf, NO_GESTURE } from "./gestures.js";

/** A gesture of which nothing was heard for so long has ended, in ms of capture time. */
export const SILENCE_MS = 3000;
/** Beginnings that lie so near are one, in ms: clocks are translated. */
const SAME_MS = 200;
/** Entries that are kept; the oldest go first. */
export const ENTRIES_MAX = 60;

export class History {
  constructor() {
    /** Newest first: `{id, handId, gesture, handedness, startUs, endUs, score, progress, live}`. */
    this.entries = [];
    this.lastId = 0;
  }

  /** Ends everything, as when the source changes; the entries stay. */
  endAll() {
    for (const entry of this.entries) entry.live = false;
  }

  /**
   * Takes in one gesture event.
   *
   * @returns {object | null} the entry that began with it, if one did
   */
  take(event) {
    const known = this.liveOf(event.hand_id);
    if (event.event === "gesture_end") {
      if (known?.gesture === event.gesture) {
        known.endUs = Math.max(known.startUs, event.since_us + event.held_ms * 1000);
        known.live = false;
      }
      return null;
    }
    if (known !== undefined && known.gesture === event.gesture && event.event !== "gesture_start") {
      goOn(known, event.capture_time_us, event.progress, event.score);
      return null;
    }
    return this.enter(event.hand_id, event, event.capture_time_us);
  }

  /** Takes in one prediction: what is held goes on, and what nobody told of enters or ends. */
  observe(prediction) {
    const nowUs = prediction.capture_time_us;
    for (const hand of itemsOf(prediction)) {
      if (hand.steady === undefined) continue;
      const { gesture, progress, since_us: sinceUs } = hand.steady;
      const known = this.liveOf(hand.id);
      if (known?.gesture === gesture) {
        goOn(known, nowUs, progress, hand.gesture === gesture ? hand.score : 0);
      } else if (gesture !== NO_GESTURE) {
        const { handedness, score } = hand;
        this.enter(hand.id, { gesture, handedness, score, progress, since_us: sinceUs }, nowUs);
      } else if (known !== undefined) {
        known.live = false;
      }
    }
    for (const entry of this.entries) {
      // A jump in time, back or far ahead, ends it too: the source was changed or restarted.
      if (entry.live && Math.abs(nowUs - entry.endUs) > SILENCE_MS * 1000) entry.live = false;
    }
  }

  liveOf(handId) {
    return this.entries.find((entry) => entry.live && entry.handId === handId);
  }

  enter(handId, told, nowUs) {
    const before = this.liveOf(handId);
    if (before !== undefined) before.live = false;
    const again = this.entries.find((entry) => isSame(entry, handId, told));
    if (again !== undefined) {
      again.live = true;
      goOn(again, nowUs, told.progress, told.score);
      return null;
    }
    this.lastId += 1;
    const entry = {
      id: this.lastId,
      handId,
      gesture: told.gesture,
      handedness: told.handedness,
      startUs: told.since_us,
      endUs: nowUs,
      score: told.score,
      progress: told.progress,
      live: true,
    };
    this.entries.unshift(entry);
    this.entries.length = Math.min(this.entries.length, ENTRIES_MAX);
    return entry;
  }
}

/** Whether it is the same gesture, of which nothing was heard for a moment. */
function isSame(entry, handId, told) {
  const apartUs = Math.abs(entry.startUs - told.since_us);
  return entry.handId === handId && entry.gesture === told.gesture && apartUs < SAME_MS * 1000;
}

function goOn(entry, nowUs, progress, score) {
  entry.endUs = Math.max(entry.endUs, nowUs);
  entry.progress = Math.max(entry.progress, progress);
  entry.score = Math.max(entry.score, score);
}
