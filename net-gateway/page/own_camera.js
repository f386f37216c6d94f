//! "Use this camera": shows the device's own camera, sends it to the box, and gives back what the
//! box recognised in it.
//!
//! Neighbours: `camera.js` gives pictures, `push_connection.js` carries them, `push_pace.js` says
//! when. `main.js` gets every picture at once, under a number, and the predictions under the same
//! numbers; a picture that is not sent is shown all the same.

import { Camera, cameraTrouble, isCameraAllowed } from "./camera.js";
import { readText } from "./message.js";
import { PushConnection } from "./push_connection.js";
import { PushPace } from "./push_pace.js";

/** Longest side of what is sent, in pixels. */
const SENT_SIDE_PX = 640;
/** Quality of the JPEGs that are sent, 0..=1. */
const SENT_QUALITY = 0.8;
/** Pause before the box is asked again, in ms. */
const RETRY_MS = 1000;

export class OwnCamera {
  /**
   * @param {{frame: (frame: object) => void, prediction: (prediction: object, timeUs: number) =>
   *   void, gesture: (event: object) => void, changed: () => void, source: () => string | null}}
   *   handlers `source` names one that is pushed and free
   */
  constructor(handlers) {
    this.handlers = handlers;
    /** "off", "asking" (for permission), "on", "trouble". */
    this.state = "off";
    /** What is wrong, while it is "trouble"; while it is "on", what the box said last, or null. */
    this.words = null;
    this.facing = "user";
    /** Whether it is shown as in a mirror; what is sent never is. */
    this.isMirrored = true;
    /** The source that it is pushed to; null while there is none. */
    this.source = null;
    this.number = 0;
    /** Clock of the pictures minus the box's, in µs. */
    this.offsetUs = 0;
    this.sent = 0;
    this.isEncoding = false;
    this.retryTimer = 0;
    this.canvas = document.createElement("canvas");
    this.camera = new Camera();
    this.camera.onLost = () => this.fail("lost");
    this.pace = new PushPace();
    this.connection = new PushConnection({
      welcome: (welcome) => {
        this.source = welcome.source;
        this.pace.reset(welcome.limits?.max_fps ?? 30);
        this.say(null);
      },
      answered: (number, isTaken) => this.pace.answered(number, isTaken),
      predicted: (message) => this.predicted(message),
      gesture: (message) => this.gesture(message),
      ended: (why) => this.ended(why),
    });
  }

  get isOn() {
    return this.state === "on";
  }

  /** Turns it on, or over to the camera on the other side. */
  async start(facing) {
    this.release();
    this.facing = facing;
    // One looks at oneself as into a mirror.
    this.isMirrored = facing === "user";
    if (!isCameraAllowed()) return this.fail("insecure");
    if (this.handlers.source() === null) return this.fail("no-source");
    this.state = "asking";
    this.handlers.changed();
    try {
      await this.camera.start(facing);
    } catch (error) {
      return this.fail(error.name);
    }
    if (this.state !== "asking") return this.camera.stop();
    this.state = "on";
    this.connect();
    this.camera.next(() => this.picture());
    return this.handlers.changed();
  }

  stop() {
    this.release();
    this.state = "off";
    this.handlers.changed();
  }

  release() {
    clearTimeout(this.retryTimer);
    this.camera.stop();
    this.connection.close();
    this.source = null;
    this.words = null;
  }

  fail(name) {
    this.stop();
    this.state = "trouble";
    this.say(cameraTrouble(name));
  }

  say(words) {
    this.words = words;
    this.handlers.changed();
  }

  connect() {
    const source = this.handlers.source();
    if (source !== null) this.connection.open(source);
    else this.ended({ error: "Another client has every source that takes a camera.", retry: true });
  }

  ended({ error, retry }) {
    this.source = null;
    if (!retry) {
      this.stop();
      this.state = "trouble";
    } else {
      clearTimeout(this.retryTimer);
      this.retryTimer = setTimeout(() => this.isOn && this.connect(), RETRY_MS);
    }
    this.say({ title: "The box does not take this camera", detail: error });
  }

  /** One picture of the camera: shown always, sent if it is time. */
  async picture() {
    if (!this.isOn) return;
    const now = performance.now();
    const timeUs = Math.round((performance.timeOrigin + now) * 1000);
    const { video } = this.camera;
    this.number += 1;
    const number = this.number;
    if (video.videoWidth > 0) {
      if (this.connection.isOpen && !this.isEncoding && this.pace.maySend(now)) {
        this.send(number, timeUs, now);
      }
      const bitmap = await createImageBitmap(video);
      if (!this.isOn) return bitmap.close();
      this.handlers.frame({ sequence: number, captureTimeUs: timeUs, arrivedAt: now, bitmap });
    }
    this.camera.next(() => this.picture());
  }

  async send(number, timeUs, now) {
    const { canvas } = this;
    const { video } = this.camera;
    const scale = Math.min(1, SENT_SIDE_PX / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext("2d", { alpha: false }).drawImage(video, 0, 0, canvas.width, canvas.height);
    this.isEncoding = true;
    this.pace.sent(number, now);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", SENT_QUALITY));
    const jpeg = await blob?.arrayBuffer();
    this.isEncoding = false;
    if (jpeg !== undefined && this.connection.send(number, timeUs, jpeg)) this.sent += 1;
    else this.pace.answered(number, false);
  }

  predicted(message) {
    const { number, client_time_us: timeUs } = message;
    this.pace.predicted(number);
    const content = readText(JSON.stringify(message));
    if (content?.kind !== "prediction") return;
    this.offsetUs = timeUs - content.prediction.capture_time_us;
    // As if its sequence were the number that the picture has here, and its times of this clock.
    const translated = (item) =>
      item?.steady === undefined
        ? item
        : { ...item, steady: { ...item.steady, since_us: item.steady.since_us + this.offsetUs } };
    const hands = content.prediction.hands.map(translated);
    const scene = translated(content.prediction.scene);
    const own = { ...content.prediction, hands, scene, sequence: number, capture_time_us: timeUs };
    this.handlers.prediction(own, timeUs);
  }

  gesture(message) {
    const content = readText(JSON.stringify(message));
    if (content?.kind !== "gesture") return;
    const { capture_time_us: atUs, since_us: sinceUs } = content.event;
    this.handlers.gesture({
      ...content.event,
      capture_time_us: atUs + this.offsetUs,
      since_us: sinceUs + this.offsetUs,
    });
  }
}
