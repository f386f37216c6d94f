//! Reads what the gateway sends over the WebSocket: binary frames, and JSON text.
//!
//! Upstream: `connection.js`. Downstream: `main.js` hands frames to `decoder.js` and predictions to
//! `pairing.js`. Everything read here is input: it is checked, and a wrong message gives `null`,
//! never an exception and never a half-filled object.

/** "WWF1", the first four bytes of each binary message. */
const FRAME_MAGIC = 0x57574631;
/** Bytes of the header of version 1; a longer header is allowed, a shorter one is not. */
const HEADER_LEN_BYTES = 32;
/** Largest side of a frame that this page draws, in pixels. */
const SIDE_PX_MAX = 8192;
/** What can happen to a gesture. */
const EVENTS = ["gesture_start", "gesture_hold", "gesture_end"];
/** Points of one hand. */
export const LANDMARKS = 21;

/**
 * Reads one binary message.
 *
 * @param {ArrayBuffer} buffer header (big-endian) and JPEG
 * @returns {{sequence: number, captureTimeUs: number, widthPx: number, heightPx: number,
 *   jpeg: Uint8Array} | null} `null` if it is no frame that this page understands
 */
export function readFrame(buffer) {
  if (buffer.byteLength < HEADER_LEN_BYTES) return null;
  const view = new DataView(buffer);
  const headerLenBytes = view.getUint32(4);
  if (view.getUint32(0) !== FRAME_MAGIC) return null;
  if (headerLenBytes < HEADER_LEN_BYTES || headerLenBytes >= buffer.byteLength) return null;
  const sequence = Number(view.getBigUint64(8));
  const captureTimeUs = Number(view.getBigUint64(16));
  const widthPx = view.getUint32(24);
  const heightPx = view.getUint32(28);
  if (!Number.isSafeInteger(sequence) || !Number.isSafeInteger(captureTimeUs)) return null;
  if (!isSide(widthPx) || !isSide(heightPx)) return null;
  return { sequence, captureTimeUs, widthPx, heightPx, jpeg: new Uint8Array(buffer, headerLenBytes) };
}

/**
 * Reads one text message.
 *
 * @param {string} text
 * @returns {{kind: "prediction", prediction: object} | {kind: "gesture", event: object} |
 *   {kind: "status", status: object} | null}
 */
export function readText(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  if (message === null || typeof message !== "object") return null;
  if (message.type === "prediction") {
    return isPrediction(message) ? { kind: "prediction", prediction: message } : null;
  }
  if (message.type === "gesture") {
    return isGesture(message) ? { kind: "gesture", event: message } : null;
  }
  if (message.type === "status" && isStatus(message.status)) {
    return { kind: "status", status: message.status };
  }
  return null;
}

/** Tells whether `status` has the two lists that the page cannot do without. */
export function isStatus(status) {
  return (
    status !== null &&
    typeof status === "object" &&
    Array.isArray(status.units) &&
    Array.isArray(status.sources)
  );
}

function isPrediction(message) {
  return (
    Number.isSafeInteger(message.sequence) &&
    Number.isFinite(message.capture_time_us) &&
    Array.isArray(message.hands) &&
    message.hands.every(isHand) &&
    (message.scene === undefined || isScene(message.scene))
  );
}

function isScene(scene) {
  return (
    scene !== null &&
    typeof scene === "object" &&
    typeof scene.gesture === "string" &&
    Number.isFinite(scene.score) &&
    (scene.steady === undefined || isHeld(scene.steady))
  );
}

function isHand(hand) {
  return (
    hand !== null &&
    typeof hand === "object" &&
    typeof hand.gesture === "string" &&
    Number.isFinite(hand.score) &&
    typeof hand.handedness === "string" &&
    isNumbers(hand.box, 4) &&
    isLandmarks(hand.landmarks) &&
    (hand.steady === undefined || (Number.isSafeInteger(hand.id) && isSteady(hand.steady)))
  );
}

function isSteady(steady) {
  return isHeld(steady) && isLandmarks(steady.landmarks);
}

function isHeld(steady) {
  return (
    steady !== null &&
    typeof steady === "object" &&
    typeof steady.gesture === "string" &&
    Number.isFinite(steady.progress) &&
    Number.isFinite(steady.since_us)
  );
}

function isLandmarks(points) {
  return (
    Array.isArray(points) &&
    points.length === LANDMARKS &&
    points.every((point) => isNumbers(point, 3))
  );
}

function isGesture(message) {
  return (
    EVENTS.includes(message.event) &&
    Number.isSafeInteger(message.hand_id) &&
    typeof message.gesture === "string" &&
    typeof message.handedness === "string" &&
    [message.score, message.progress].every(Number.isFinite) &&
    [message.capture_time_us, message.since_us, message.held_ms].every(Number.isFinite)
  );
}

function isNumbers(list, length) {
  return Array.isArray(list) && list.length === length && list.every(Number.isFinite);
}

function isSide(px) {
  return px > 0 && px <= SIDE_PX_MAX;
}
