// What comes over the WebSocket is checked: net-gateway/page/message.js, decoder.js, box_clock.js.

const { readFrame, readText } = await import("/message.js");
const { BoxClock } = await import("/box_clock.js");
const { Decoder } = await import("/decoder.js");

/** A frame message with `bytes` of payload and a header that `change` may spoil. */
const message = (payload, change = () => {}) => {
  const buffer = new ArrayBuffer(32 + payload.length);
  const view = new DataView(buffer);
  view.setUint32(0, 0x57574631);
  view.setUint32(4, 32);
  view.setBigUint64(8, 41n);
  view.setBigUint64(16, 1_700_000_000_000_000n);
  view.setUint32(24, 640);
  view.setUint32(28, 480);
  new Uint8Array(buffer).set(payload, 32);
  change(view);
  return buffer;
};

{
  const { jpeg, ...rest } = readFrame(message([1, 2, 3]));
  const expected = { sequence: 41, captureTimeUs: 1.7e15, widthPx: 640, heightPx: 480 };
  equal(rest, expected, "a frame is read");
  equal([...jpeg], [1, 2, 3], "with its picture");
  const longer = message([0, 0, 0, 0, 9], (view) => view.setUint32(4, 36));
  equal([...readFrame(longer).jpeg], [9], "a longer header is skipped");
}
for (const [what, buffer] of Object.entries({
  "nothing": new ArrayBuffer(0),
  "half a header": new ArrayBuffer(31),
  "no picture": message([]),
  "another magic": message([1], (view) => view.setUint32(0, 0x57574632)),
  "a header that is too short": message([1], (view) => view.setUint32(4, 31)),
  "a header beyond the end": message([1], (view) => view.setUint32(4, 4_000_000_000)),
  "no width": message([1], (view) => view.setUint32(24, 0)),
  "a giant": message([1], (view) => view.setUint32(28, 100_000)),
  "a sequence beyond counting": message([1], (view) => view.setBigUint64(8, 2n ** 60n)),
})) {
  equal(readFrame(buffer), null, what);
}

const hand = {
  gesture: "Victory", score: 0.9, handedness: "Left", box: [0, 0, 1, 1],
  landmarks: Array(21).fill([0.5, 0.5, 0]),
};
const good = { type: "prediction", sequence: 1, capture_time_us: 5, hands: [hand] };
const steady = { gesture: "Victory", progress: 0.5, since_us: 4, landmarks: hand.landmarks };
const gesture = {
  type: "gesture", event: "gesture_start", sequence: 1, hand_id: 7, handedness: "Left",
  gesture: "Victory", score: 0.9, progress: 0.3, capture_time_us: 5, since_us: 4, held_ms: 1,
};
const status = { units: [], sources: [] };
equal(readText(JSON.stringify(good)).kind, "prediction", "a prediction is read");
equal(readText(JSON.stringify({ ...good, hands: [{ ...hand, id: 7, steady }] })).kind, "prediction", "a steady one");
const scene = { gesture: "Victory", score: 0.9 };
const held = { gesture: "Victory", progress: 0.5, since_us: 4 };
const whole = { ...good, hands: [], scene: { ...scene, steady: held } };
equal(readText(JSON.stringify(whole)).kind, "prediction", "one of the whole frame");
equal(readText(JSON.stringify({ ...whole, scene })).kind, "prediction", "one that came late");
equal(readText(JSON.stringify(gesture)), { kind: "gesture", event: gesture }, "a gesture event");
equal(readText(JSON.stringify({ type: "status", status })), { kind: "status", status }, "a status too");
for (const text of [
  "", "{", "null", "7", '"status"', "[]", "{}",
  JSON.stringify({ type: "status" }),
  JSON.stringify({ type: "status", status: { units: [] } }),
  JSON.stringify({ type: "other", sequence: 1 }),
  JSON.stringify({ ...good, sequence: "1" }),
  JSON.stringify({ ...good, hands: null }),
  JSON.stringify({ ...good, hands: [null] }),
  JSON.stringify({ ...good, hands: [{ ...hand, score: null }] }),
  JSON.stringify({ ...good, hands: [{ ...hand, steady }] }),
  JSON.stringify({ ...good, hands: [{ ...hand, id: 7, steady: null }] }),
  JSON.stringify({ ...good, hands: [{ ...hand, id: 7, steady: { ...steady, progress: null } }] }),
  JSON.stringify({ ...good, hands: [{ ...hand, id: 7, steady: { ...steady, landmarks: [] } }] }),
  JSON.stringify({ ...whole, scene: null }),
  JSON.stringify({ ...whole, scene: { ...scene, score: "0.9" } }),
  JSON.stringify({ ...whole, scene: { ...scene, steady: null } }),
  JSON.stringify({ ...whole, scene: { ...scene, steady: { ...held, since_us: null } } }),
  JSON.stringify({ ...gesture, event: "gesture" }),
  JSON.stringify({ ...gesture, hand_id: null }),
  JSON.stringify({ ...gesture, since_us: "4" }),
  JSON.stringify({ ...good, hands: [{ ...hand, box: [0, 0, 1] }] }),
  JSON.stringify({ ...good, hands: [{ ...hand, landmarks: [[0, 0, 0]] }] }),
  JSON.stringify({ ...good, hands: [{ ...hand, landmarks: Array(21).fill([0, null, 0]) }] }),
]) {
  equal(readText(text), null, text);
}

{
  const clock = new BoxClock();
  clock.note(prediction(1, 1000), 1000 + 20 + 7);
  equal(clock.toWallMs(1_000_000), 1000, "travel time is no clock difference");
  const ahead = new BoxClock();
  for (const travelMs of [9, 5, 30]) ahead.note(prediction(1, 1000), 61_000 + 20 + travelMs);
  equal(ahead.toWallMs(1_000_000), 61_005, "a clock that is a minute off is told");
}
{
  // A damaged picture is counted, and the next ones still come.
  const canvas = new OffscreenCanvas(8, 4);
  canvas.getContext("2d").fillRect(0, 0, 8, 4);
  const blob = await canvas.convertToBlob({ type: "image/jpeg" });
  const jpeg = new Uint8Array(await blob.arrayBuffer());
  const frames = [];
  const decoder = new Decoder((frame) => frames.push(frame));
  const settled = () => new Promise((resolve) => {
    const look = () => (decoder.decoding === 0 ? resolve() : setTimeout(look, 5));
    look();
  });
  decoder.put({ sequence: 1, jpeg: new Uint8Array([0xff, 0xd8, 1, 2, 3]) });
  await settled();
  equal([decoder.damaged, frames.length], [1, 0], "a damaged picture is counted");
  for (let sequence = 2; sequence <= 9; sequence += 1) decoder.put({ sequence, jpeg });
  await settled();
  // Two are decoded at the same time, so either may be done first.
  const sequences = frames.map((frame) => frame.sequence).sort();
  equal(sequences, [2, 3, 9], "a slow decoder takes the newest");
  equal([frames[0].bitmap.width, frames[0].bitmap.height], [8, 4], "pictures are decoded");
  equal(decoder.skipped, 5, "the skipped ones are counted");
  decoder.put({ sequence: 10, jpeg });
  decoder.reset();
  await settled();
  equal(frames.length, 3, "nothing comes out after a reset");
}
