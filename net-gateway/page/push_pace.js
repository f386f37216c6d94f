//! Decides when the next frame of the own camera is sent, so that what comes back is never far
//! behind.
//!
//! Pure: it reads no clock and sends nothing. The rule: at most `UNANSWERED_MAX` frames are on the
//! line, which keeps a slow network from filling up, and at most `UNSEEN_MAX` wait for recognition,
//! which makes the rate follow the box's own. A frame that recognition passed over gets no
//! prediction; it is given up when a later one comes back, or after `UNSEEN_MS`.

/** Frames that the box has not answered yet. */
export const UNANSWERED_MAX = 2;
/** Frames that were taken and wait for their prediction. */
export const UNSEEN_MAX = 2;
/** How long a frame's prediction is waited for, in ms. */
export const UNSEEN_MS = 400;
/** A frame that is not answered for so long counts as lost, in ms. */
export const UNANSWERED_MS = 5000;

export class PushPace {
  constructor() {
    this.reset(30);
  }

  /** Starts over, as after a new connection to a box that takes `maxFps`. */
  reset(maxFps) {
    this.intervalMs = 1000 / maxFps;
    this.lastSentAt = -Infinity;
    this.unanswered = new Map();
    this.unseen = new Map();
  }

  /** Whether a frame that was caught at `now` is to be sent, in ms. */
  maySend(now) {
    for (const [number, at] of this.unanswered) {
      if (now - at > UNANSWERED_MS) this.unanswered.delete(number);
    }
    for (const [number, at] of this.unseen) {
      if (now - at > UNSEEN_MS) this.unseen.delete(number);
    }
    // Cameras and screens do not keep time to the ms.
    if (now - this.lastSentAt < this.intervalMs * 0.9) return false;
    return this.unanswered.size < UNANSWERED_MAX && this.unseen.size < UNSEEN_MAX;
  }

  sent(number, now) {
    this.lastSentAt = now;
    this.unanswered.set(number, now);
  }

  /** The box answered: it took the frame, or refused it. */
  answered(number, isTaken) {
    const at = this.unanswered.get(number);
    if (at === undefined) return;
    this.unanswered.delete(number);
    if (isTaken) this.unseen.set(number, at);
  }

  /** A prediction came back. */
  predicted(number) {
    for (const older of [...this.unseen.keys()]) if (older <= number) this.unseen.delete(older);
  }
}
