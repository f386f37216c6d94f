// Runs of gestures: net-gateway/page/history.js.

const { History, ENTER_MS, LEAVE_MS, ENTRIES_MAX } = await import("/history.js");
const STEP_MS = 50;

/** Plays `[gesture, milliseconds]` parts from 1000 s on, a prediction each `STEP_MS`. */
const play = (parts, history = new History(), startMs = 1_000_000) => {
  let now = startMs;
  for (const [gesture, lengthMs, handedness] of parts) {
    for (const end = now + lengthMs; now < end; now += STEP_MS) {
      history.observe(prediction(now, now, gesture, handedness));
    }
  }
  return history;
};
const told = (history) =>
  history.entries.map(({ gesture, startUs, endUs, live }) => [gesture, (endUs - startUs) / 1000, live]);

equal(told(play([["None", 5000], [null, 1000]])), [], "no gesture makes no entry");
equal(told(play([["Victory", ENTER_MS - STEP_MS]])), [], "a moment's gesture makes none");
equal(told(play([["Victory", 1000]])), [["Victory", 950, true]], "a held one does, with its length");
equal(
  told(play([["Victory", 1000], [null, LEAVE_MS + 2 * STEP_MS]])),
  [["Victory", 950, false]],
  "it ends when the gesture is away",
);
equal(
  told(play([["Victory", 1000], ["None", 100], ["Victory", 1000]])),
  [["Victory", 2050, true]],
  "a gap of a moment cuts nothing in two",
);
equal(
  told(play([["Victory", 500], ["Thumb_Up", STEP_MS], ["Victory", 500]])),
  [["Victory", 1000, true]],
  "an odd prediction in between makes no entry",
);
equal(
  told(play([["Victory", 1000], ["Thumb_Up", 1000]])),
  [["Thumb_Up", 950, true], ["Victory", 950, false]],
  "newest first",
);
{
  const history = new History();
  for (const now of [0, ENTER_MS + 50]) history.observe(prediction(now, now));
  equal(told(history), [], "two predictions are no gesture, however far apart");
  history.observe(prediction(600, 600));
  equal(told(history), [["Victory", 600, true]], "three are");
}
{
  const history = play([["Victory", 1000]]);
  play([["Victory", 1000]], history, 500_000);
  equal(told(history), [["Victory", 950, true], ["Victory", 950, false]], "time goes back: a new run");
}
{
  const history = new History();
  for (let now = 0; now < 1000; now += STEP_MS) {
    history.observe({ ...prediction(now, now), hands: [
      { gesture: "Victory", handedness: "Right", score: 0.5 + now / 2000 },
      { gesture: "Victory", handedness: "Left", score: 0.7 },
    ] });
  }
  equal(history.entries.length, 2, "each hand has its run");
  equal(history.entries.map((entry) => entry.score).sort(), [0.7, 0.975], "the best score counts");
  history.endAll();
  equal(history.entries.some((entry) => entry.live), false, "all are ended");
  equal(history.runs.size, 0, "and forgotten");
}
{
  const history = new History();
  for (let run = 0; run < ENTRIES_MAX * 2; run += 1) {
    play([["Victory", 500], [null, LEAVE_MS * 2]], history, 1_000_000 + run * 10_000);
  }
  equal(history.entries.length, ENTRIES_MAX, "the history is bounded");
  const ids = history.entries.map((entry) => entry.id);
  equal(ids[0], ENTRIES_MAX * 2, "and keeps the newest");
}
