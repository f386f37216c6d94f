// Gestures in the history: net-gateway/page/history.js.

const { History, SILENCE_MS, ENTRIES_MAX } = await import("/history.js");

const event = (name, atMs, sinceMs, more = {}) => ({
  event: `gesture_${name}`, source: "cam0", sequence: 1, hand_id: 7, handedness: "Right",
  gesture: "Victory", score: 0.9, progress: 0.3, capture_time_us: atMs * 1000,
  since_us: sinceMs * 1000, held_ms: atMs - sinceMs, ...more,
});
/** A prediction whose hand 7 shows `gesture` steadily since `sinceMs`. */
const steady = (atMs, gesture, sinceMs = 0, raw = gesture) => {
  const seen = prediction(atMs, atMs, raw);
  const shown = { gesture, progress: 0.5, since_us: sinceMs * 1000, landmarks: [] };
  return { ...seen, hands: [{ ...seen.hands[0], id: 7, steady: shown }] };
};
const told = (history) =>
  history.entries.map(({ gesture, startUs, endUs, live }) => [gesture, startUs / 1000, endUs / 1000, live]);

{
  const history = new History();
  for (let now = 0; now < 1000; now += 50) history.observe(steady(now, "None", 0, "Victory"));
  equal(told(history), [], "what the box does not call a gesture makes no entry");
  const begun = history.take(event("start", 1300, 1000));
  equal(told(history), [["Victory", 1000, 1300, true]], "its start does");
  equal(begun.handedness, "Right", "and is told");
  equal(history.take(event("hold", 1400, 1000, { progress: 0.4, score: 0.95 })), null, "a hold is none");
  equal([history.entries[0].progress, history.entries[0].score], [0.4, 0.95], "but goes on");
  history.observe(steady(1800, "Victory", 1000, "None"));
  equal(told(history), [["Victory", 1000, 1800, true]], "as long as it is held");
  history.take(event("end", 2500, 1000, { held_ms: 1200 }));
  equal(told(history), [["Victory", 1000, 2200, false]], "to its end");
  history.take(event("end", 2500, 1000));
  equal(history.entries.length, 1, "an end without a beginning is none");
}
{
  const history = new History();
  history.observe(steady(5000, "Victory", 2000));
  equal(told(history), [["Victory", 2000, 5000, true]], "held when the page came");
  history.observe(steady(5100, "Thumb_Up", 5050));
  equal(
    told(history),
    [["Thumb_Up", 5050, 5100, true], ["Victory", 2000, 5000, false]],
    "what was missed is made up for, newest first",
  );
  history.observe(steady(5200, "None", 5200));
  equal(history.entries[0].live, false, "an end that was missed too");
}
{
  const history = new History();
  history.take(event("start", 1000, 800));
  history.take(event("start", 1000, 800, { hand_id: 9, handedness: "Left" }));
  equal(history.entries.length, 2, "each hand has its own");
  history.take(event("end", 1500, 800, { hand_id: 9 }));
  equal(history.entries.map((entry) => entry.live), [false, true], "and ends alone");
  history.observe(prediction(9, 1000 + SILENCE_MS + 1, null));
  equal(history.entries[1].live, false, "silence ends it");
}
{
  const history = new History();
  history.take(event("start", 1300, 1000));
  history.endAll();
  history.observe(steady(5000, "Victory", 1010));
  equal(told(history), [["Victory", 1000, 5000, true]], "what was held all the time is one entry");
}
for (const jumpMs of [-100_000, 100_000]) {
  const history = new History();
  history.take(event("start", 200_000, 199_800));
  history.observe(prediction(9, 200_000 + jumpMs, null));
  equal(history.entries[0].live, false, "a jump in time ends it");
}
{
  const history = new History();
  for (let run = 0; run < ENTRIES_MAX * 2; run += 1) {
    history.take(event("start", run * 1000 + 300, run * 1000));
  }
  equal(history.entries.length, ENTRIES_MAX, "the history is bounded");
  equal(history.entries[0].id, ENTRIES_MAX * 2, "and keeps the newest");
  equal(history.entries.filter((entry) => entry.live).length, 1, "a hand holds one gesture");
  history.endAll();
  equal(history.entries.some((entry) => entry.live), false, "all are ended");
}
