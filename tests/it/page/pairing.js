// Which frame is shown when, and with which hands: net-gateway/page/pairing.js.

const { Pairing, WAIT_MS, WAIT_MS_MIN, FRAMES_MAX, OLDER_HANDS_MS, AWAY_MS } =
  await import("/pairing.js");

/** A pairing with frames `first..=last`, 33 ms apart from time 0, and the list of dropped ones. */
const start = (first = 1, last = 0) => {
  const dropped = [];
  const pairing = new Pairing((frame) => dropped.push(frame.sequence));
  const frame = (sequence, arrivedAt) =>
    pairing.putFrame({ sequence, arrivedAt, captureTimeUs: sequence * 33_000 });
  for (let sequence = first; sequence <= last; sequence += 1) frame(sequence, sequence * 33);
  return { pairing, dropped, frame };
};
const told = ({ frame, own, older }) => [
  frame?.sequence ?? null,
  own?.sequence ?? null,
  older?.sequence ?? null,
];

{
  const { pairing, frame } = start();
  frame(5, 100);
  equal(told(pairing.step(110)), [null, null, null], "a frame waits for its prediction");
  pairing.putPrediction(prediction(5, 165), 120);
  equal(told(pairing.step(120)), [5, 5, null], "and is shown with it");
  equal(told(pairing.step(130)), [null, 5, null], "and keeps it");
}
{
  const { pairing, frame } = start();
  pairing.putPrediction(prediction(5, 165), 90);
  frame(5, 100);
  equal(told(pairing.step(100)), [5, 5, null], "a prediction may come before its frame");
}
{
  const { pairing, dropped } = start(1, 4);
  pairing.putPrediction(prediction(3, 99), 140);
  equal(told(pairing.step(140)), [3, 3, null], "the newest due frame is shown");
  equal(dropped, [1, 2], "the ones before it are dropped");
  pairing.putPrediction(prediction(2, 66), 145);
  equal(told(pairing.step(145)), [null, 3, null], "never back");
  pairing.putPrediction(prediction(6, 198), 150);
  equal(told(pairing.step(150)), [4, null, 3], "a newer prediction says that no own one will come");
}
{
  const { pairing, frame } = start();
  frame(5, 100);
  equal(pairing.step(100).waitMs, WAIT_MS, "how long to wait is said");
  equal(told(pairing.step(100 + WAIT_MS - 1)), [null, null, null], "no shorter than the wait");
  equal(told(pairing.step(100 + WAIT_MS)), [5, null, null], "no longer than the wait");
  pairing.putPrediction(prediction(5, 165), 300);
  equal(told(pairing.step(300)), [null, 5, null], "a late prediction still goes on its frame");
}
{
  const { pairing, frame } = start();
  for (let sequence = 1; sequence <= 20; sequence += 1) {
    frame(sequence, sequence * 33);
    pairing.putPrediction(prediction(sequence, sequence * 33), sequence * 33 + 10);
    pairing.step(sequence * 33 + 10);
  }
  frame(21, 693);
  equal(told(pairing.step(693 + WAIT_MS_MIN - 1)), [null, 20, null], "fast predictions: a shorter wait");
  equal(told(pairing.step(693 + WAIT_MS_MIN)), [21, null, 20], "the older hands are told as older");
}
{
  const { pairing, frame } = start();
  frame(1, 33);
  pairing.putPrediction(prediction(1, 33), 40);
  pairing.step(40);
  const far = Math.ceil(OLDER_HANDS_MS / 33) + 1;
  frame(far, far * 33);
  equal(told(pairing.step(far * 33 + WAIT_MS)), [far, null, null], "too old hands are not shown");
}
{
  const { pairing, frame } = start();
  frame(1, 0);
  pairing.step(WAIT_MS);
  equal(pairing.isRecognitionAway(AWAY_MS), false, "not away yet");
  frame(2, AWAY_MS + 1);
  equal(pairing.isRecognitionAway(AWAY_MS + 1), true, "away");
  equal(told(pairing.step(AWAY_MS + 1)), [2, null, null], "without recognition no frame waits");
  pairing.putPrediction(prediction(2, 66), AWAY_MS + 2);
  equal(pairing.isRecognitionAway(AWAY_MS + 2), false, "back");
}
{
  const { pairing, dropped } = start(1, FRAMES_MAX + 1);
  equal(told(pairing.step((FRAMES_MAX + 1) * 33 - 200)), [1, null, null], "a full room shows the oldest");
  equal(dropped, [], "without dropping any");
  pairing.reset();
  equal(dropped.length, FRAMES_MAX, "a reset drops what waits, once each");
}
{
  // Any order of arrival: each frame is shown or dropped once, sequences only rise, an own
  // prediction is the frame's own, and nothing grows.
  const next = random(2463534242);
  for (let round = 0; round < 200; round += 1) {
    const { pairing, dropped, frame } = start();
    const shown = [];
    let put = 0;
    let now = 0;
    for (let sequence = 1; sequence <= 100; sequence += 1) {
      now += next(70);
      if (next(5) > 0) {
        frame(Math.max(1, sequence - next(3)), now);
        put += 1;
      }
      if (next(3) > 0) pairing.putPrediction(prediction(Math.max(1, sequence - next(9)), now), now);
      const step = pairing.step(now);
      if (step.frame !== null) shown.push(step.frame.sequence);
      const current = shown.at(-1);
      if (step.own !== null) equal(step.own.sequence, current, "an own prediction is the own one");
      if (step.older !== null) equal(step.older.sequence < current, true, "an older one is older");
      equal(pairing.frames.size <= FRAMES_MAX, true, "frames are bounded");
      equal(pairing.predictions.size <= 32, true, "predictions are bounded");
    }
    equal(shown, [...new Set(shown)].sort((a, b) => a - b), "shown in order, once");
    pairing.reset();
    equal(shown.length + dropped.length, put, "each frame is shown or dropped");
  }
}
