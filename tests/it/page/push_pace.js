// When the own camera's next frame is sent: net-gateway/page/push_pace.js; and what is said when it
// cannot be used: net-gateway/page/camera.js.

const { PushPace, UNANSWERED_MAX, UNSEEN_MAX } = await import("/push_pace.js");
const { cameraTrouble } = await import("/camera.js");
const { notice } = await import("/notice.js");

/** Sends a frame every `cameraMs` for 10 s; answers after `lineMs`, predictions each `inferMs`. */
const play = ({ maxFps = 30, cameraMs = 33, lineMs = 5, inferMs = 20 }) => {
  const pace = new PushPace();
  pace.reset(maxFps);
  const answers = [];
  let [busyUntil, newest, oldest, sent] = [0, null, 0, 0];
  const pending = [];
  for (let now = 0, next = 0, number = 0; now < 10_000; now += 1) {
    while (answers.length > 0 && answers[0].at <= now) {
      const answer = answers.shift();
      pace.answered(answer.number, true);
      newest = answer;
    }
    while (pending.length > 0 && pending[0].at <= now) {
      const done = pending.shift();
      pace.predicted(done.number);
      oldest = Math.max(oldest, now - done.sentAt);
    }
    // Recognition takes the newest frame when it is free.
    if (newest !== null && now >= busyUntil) {
      busyUntil = now + inferMs;
      pending.push({ ...newest, at: busyUntil + lineMs });
      newest = null;
    }
    if (now >= next) {
      next += cameraMs;
      number += 1;
      if (pace.maySend(now)) {
        pace.sent(number, now);
        answers.push({ number, at: now + lineMs, sentAt: now });
        sent += 1;
      }
    }
  }
  return { fps: sent / 10, oldestMs: oldest };
};

const fast = play({});
equal(fast.fps > 28, true, `a fast box gets every frame: ${fast.fps}`);
const slow = play({ inferMs: 200 });
equal(slow.fps < 13, true, `a slow box is not flooded: ${slow.fps}`);
equal(slow.oldestMs < 3 * 200, true, `and is never far behind: ${slow.oldestMs} ms`);
const far = play({ lineMs: 300, inferMs: 20 });
equal(far.oldestMs < 700, true, `nor is a slow line: ${far.oldestMs} ms`);
const limited = play({ maxFps: 10 });
equal(limited.fps <= 11, true, `the box's limit holds: ${limited.fps}`);

// A box that answers nothing gets no more than the window, until that is given up.
const mute = new PushPace();
mute.reset(30);
let sent = 0;
for (let now = 0; now < 4900; now += 33) if (mute.maySend(now)) mute.sent((sent += 1), now);
equal(sent, UNANSWERED_MAX, "frames on a dead line");
equal(mute.maySend(6000), true, "tried again");

// Refused frames wait for no prediction.
const refused = new PushPace();
refused.reset(1000);
for (let number = 1; number < 20; number += 1) {
  equal(refused.maySend(number * 10), true, `frame ${number}`);
  refused.sent(number, number * 10);
  refused.answered(number, false);
}
equal(UNSEEN_MAX >= 1, true, "some wait");

for (const name of ["insecure", "no-source", "lost", "NotAllowedError", "NotFoundError", "Odd"]) {
  const { title, detail } = cameraTrouble(name);
  equal(title !== "" && detail !== "", true, name);
}
const camera = { state: "trouble", words: cameraTrouble("insecure") };
equal(notice({ camera, connection: "away" }).title, "This page may not use the camera", "before all");
equal(notice({ camera: { state: "on", words: null }, connection: "open" }).tone, "none", "all well");
