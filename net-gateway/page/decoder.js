//! Turns JPEGs into pictures that a canvas can draw, newest first.
//!
//! Upstream: `message.js`. Downstream: `pairing.js`. It never queues: while `DECODING_MAX` pictures
//! are being decoded, only the newest further one is kept, so that a slow device skips frames
//! instead of falling behind. It never lets a picture out after `reset`.

/** Pictures that are decoded at the same time. */
const DECODING_MAX = 2;

export class Decoder {
  /** @param {(frame: object) => void} deliver gets each frame with its `bitmap` (ImageBitmap) */
  constructor(deliver) {
    this.deliver = deliver;
    this.decoding = 0;
    this.next = null;
    this.epoch = 0;
    /** Frames skipped because the device decodes more slowly than they come. */
    this.skipped = 0;
    /** Frames whose JPEG was damaged. */
    this.damaged = 0;
  }

  /** Forgets what waits; what is being decoded is closed when it is done. */
  reset() {
    this.epoch += 1;
    this.next = null;
  }

  /** Takes one frame with its `jpeg` bytes. */
  put(frame) {
    if (this.decoding >= DECODING_MAX) {
      if (this.next !== null) this.skipped += 1;
      this.next = frame;
      return;
    }
    this.decode(frame, this.epoch);
  }

  async decode(frame, epoch) {
    this.decoding += 1;
    try {
      const { jpeg, ...rest } = frame;
      const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
      if (epoch === this.epoch) this.deliver({ ...rest, bitmap });
      else bitmap.close();
    } catch {
      this.damaged += 1;
    }
    this.decoding -= 1;
    const next = this.next;
    this.next = null;
    if (next !== null) this.put(next);
  }
}
