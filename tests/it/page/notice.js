// What the page says when something is away: net-gateway/page/notice.js, wording.js, rates.js.

const { notice } = await import("/notice.js");
const { duration, number, wholeDuration } = await import("/wording.js");
const { Rate, Percentiles } = await import("/rates.js");

const well = {
  connection: "open", reason: "unreachable", retryInMs: 0, pictureAt: 0, wallMs: 100_000,
  source: { name: "cam0", state: "live", detail: "", since_ms: 5000 },
  silentMs: 10, isRecognitionAway: false, units: [{ name: "infer/0", kind: "infer", state: "ready" }],
};
const told = (change) => {
  const { tone, title, detail } = notice({ ...well, ...change });
  return [tone, title, detail];
};

equal(told({})[0], "none", "nothing to say while all is well");
equal(told({ connection: "connecting" })[0], "wait", "the first connection");
const [tone, title, detail] = told({ connection: "away", retryInMs: 3200, isRecognitionAway: true });
equal([tone, title], ["bad", "The box does not answer"], "away");
equal(detail.startsWith("Trying again in 3 s. This picture is from "), true, detail);
equal(told({ connection: "away", reason: "refused" })[1], "The box takes no further viewer", "refused");
const lost = { ...well.source, state: "lost", detail: "the camera was unplugged" };
equal(told({ source: lost, silentMs: 9000 }).slice(0, 2), ["bad", "cam0 is lost"], "lost");
equal(
  /^The camera was unplugged\. Since \d\d:\d\d:\d\d, for 5 s\.$/.test(told({ source: lost })[2]),
  true,
  told({ source: lost })[2],
);
const waiting = { ...well.source, state: "waiting", detail: "waiting for a client" };
equal(
  told({ source: waiting, silentMs: 9000 }),
  ["wait", "cam0 waits for a client", "Waiting for a client. "],
  "waiting",
);
equal(told({ silentMs: 9000 })[1], "No pictures are coming", "silent");
const died = [{ name: "infer/0", kind: "infer", state: "backoff" }];
equal(
  told({ isRecognitionAway: true, units: died }),
  ["wait", "Recognition is away", "infer/0 died and is started again soon. The video goes on."],
  "recognition away",
);
equal(notice({ ...well, isRecognitionAway: true }).place, "corner", "the video stays in sight");

equal([0, 840, 41_000, 180_000].map(duration), ["0.0 s", "0.8 s", "41 s", "3 min"], "durations");
equal([90_061_000, 7_500_000].map(wholeDuration), ["25 h 1 min", "2 h 5 min"], "long durations");
equal([14.94, 312.2, null, NaN].map(number), ["14.9", "312", "–", "–"], "numbers");
{
  const rate = new Rate();
  equal(rate.perSecond(0), null, "no rate without events");
  for (let now = 0; now <= 3000; now += 100) rate.note(now);
  equal(Math.round(rate.perSecond(3000)), 10, "ten a second");
  equal(rate.perSecond(4000) < 10, true, "it sinks when nothing comes");
  equal(rate.perSecond(9000), null, "down to none");
  const percentiles = new Percentiles();
  for (let value = 1; value <= 101; value += 1) percentiles.note(value, 0);
  percentiles.note(NaN, 0);
  equal(percentiles.at(0.5, 0), 51, "the median");
  equal(percentiles.at(0.5, 9000), null, "of the last seconds only");
}
