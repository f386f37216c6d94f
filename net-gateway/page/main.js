//! The page: connects its parts. Start reading here.
//!
//! A frame goes `connection.js` → `message.js` → `decoder.js` → `pairing.js` → `stage.js`; a
//! prediction goes `connection.js` → `message.js` → `pairing.js`, and on to `history.js`, as the
//! gesture events do. While the
//! device's own camera is used, both come from `own_camera.js` instead. What is
//! said in words is refreshed a few times a second by `refresh`. Nothing here decides what is shown
//! when: that is `pairing.js` for pictures and `notice.js` for words.

import { BoxClock } from "./box_clock.js";
import { Connection } from "./connection.js";
import { Decoder } from "./decoder.js";
import { byId } from "./elements.js";
import { itemsOf } from "./gestures.js";
import { History } from "./history.js";
import { announce, showHistory, showNow } from "./history_panel.js";
import { isStatus, readFrame, readText } from "./message.js";
import { notice } from "./notice.js";
import { showNumbers } from "./numbers_panel.js";
import { OwnCamera } from "./own_camera.js";
import { Pairing } from "./pairing.js";
import { exposeProbe } from "./probe.js";
import { Percentiles, Rate } from "./rates.js";
import { logOut, mayPush, watchSession } from "./session.js";
import { loadSettings, saveSettings } from "./settings.js";
import { Stage } from "./stage.js";
import { markStatusOld, showStatus } from "./status_panel.js";
import {
  press,
  showConnection,
  showNotice,
  showOwnCamera,
  showPicker,
  showSession,
  wireViewer,
} from "./viewer.js";
import { timeOfDay } from "./wording.js";

/** How often words and numbers are refreshed, in ms. */
const REFRESH_MS = 250;
/** A page hidden for this long gives up the video until it is seen again, in ms. */
const HIDDEN_MS = 2000;

const settings = loadSettings();
const clock = new BoxClock();
const history = new History();
const rates = { video: new Rate(), predictions: new Rate() };
const latencies = { toPrediction: new Percentiles(), toScreen: new Percentiles() };
const state = {
  source: null,
  shownSource: null,
  /** What is shown comes from the own camera. */
  isOwn: false,
  status: null,
  statusAt: null,
  frameAt: 0,
  pictureAt: null,
  stepTimer: 0,
  hiddenTimer: 0,
};

const stage = new Stage(byId("canvas"), byId("main"), (frame) => {
  const now = performance.now();
  state.pictureAt = Date.now();
  rates.video.note(now);
  latencies.toScreen.note(state.pictureAt - clock.toWallMs(frame.captureTimeUs), now);
});
const pairing = new Pairing((frame) => frame.bitmap.close());
const decoder = new Decoder((frame) => {
  pairing.putFrame(frame);
  step();
});
const connection = new Connection({ choose, opened, binary, text, changed: refresh });
const own = new OwnCamera({
  frame: (frame) => {
    state.frameAt = performance.now();
    pairing.putFrame(frame);
    step();
  },
  prediction: takeOwnPrediction,
  gesture: noteGesture,
  changed: ownCameraChanged,
  source: freeSource,
});

/** Names the source to watch: the chosen one if it exists, else a live one, else the first. */
function choose(status) {
  if (!isStatus(status)) return null;
  takeStatus(status);
  const names = status.sources.map((source) => source.name);
  if (names.includes(settings.source)) return settings.source;
  const live = status.sources.find((source) => source.state === "live");
  return live?.name ?? names[0] ?? null;
}

function opened(source) {
  state.source = own.source ?? source;
  // The own camera's pictures do not come from there.
  if (state.isOwn) return;
  startOver();
  if (source !== state.shownSource) stage.clear();
  state.shownSource = source;
  state.frameAt = performance.now();
}

/** Forgets what was seen: other pictures come from now on. */
function startOver() {
  pairing.reset();
  decoder.reset();
  clock.reset();
  history.endAll();
  for (const window of [...Object.values(rates), ...Object.values(latencies)]) window.reset();
}

function binary(buffer) {
  const frame = readFrame(buffer);
  if (frame === null || state.isOwn) return;
  const now = performance.now();
  state.frameAt = now;
  decoder.put({ ...frame, arrivedAt: now });
}

function text(message) {
  const content = readText(message);
  if (content?.kind === "status") takeStatus(content.status);
  if (content?.kind === "prediction") takePrediction(content.prediction);
  if (content?.kind === "gesture") takeGesture(content.event);
}

function takeStatus(status) {
  state.status = status;
  state.statusAt = Date.now();
}

function takePrediction(prediction) {
  if (prediction.source !== state.source || state.isOwn) return;
  const now = performance.now();
  clock.note(prediction, Date.now());
  rates.predictions.note(now);
  const timing = prediction.timing_us ?? {};
  const spent = timing.capture_to_publish + timing.publish_to_take + timing.infer;
  latencies.toPrediction.note(spent / 1000, now);
  history.observe(prediction);
  pairing.putPrediction(prediction, now);
  step();
}

function takeGesture(event) {
  if (event.source !== state.source || state.isOwn) return;
  noteGesture(event);
}

/** A gesture began, is held, or ended. */
function noteGesture(event) {
  const begun = history.take(event);
  if (begun !== null) announce(begun);
}

/** A prediction of one of the own camera's pictures, which was caught at `timeUs` here. */
function takeOwnPrediction(prediction, timeUs) {
  const now = performance.now();
  rates.predictions.note(now);
  latencies.toPrediction.note(performance.timeOrigin + now - timeUs / 1000, now);
  history.observe(prediction);
  pairing.putPrediction(prediction, now);
  step();
}

/** Names a source that the own camera can be pushed to: the watched one if it is free, or another. */
function freeSource() {
  const pushed = state.status?.sources.filter((source) => source.kind === "push") ?? [];
  const free = pushed.filter((source) => source.state === "waiting");
  const watched = free.find((source) => source.name === state.source);
  return (watched ?? free[0] ?? pushed[0])?.name ?? null;
}

/** The own camera was turned on or off, or says something else. */
function ownCameraChanged() {
  if (own.source !== null) state.source = own.source;
  // While it is asked for, everything stays as it is: also from one side to the other.
  const isOwn = own.state === "asking" ? state.isOwn : own.isOn;
  if (isOwn !== state.isOwn) {
    state.isOwn = isOwn;
    startOver();
    stage.clear();
    connection.wantsVideo = !isOwn;
    connection.open();
  }
  const isMirrored = own.isOn ? own.isMirrored : settings.mirror;
  stage.setMirrored(isMirrored);
  press("mirror", isMirrored);
  showOwnCamera(own.isOn, own.facing);
  refresh();
}

function useCamera() {
  if (own.state === "off" || own.state === "trouble") own.start("user");
  else own.stop();
}

function mirror() {
  if (!own.isOn) return toggle("mirror", (isOn) => stage.setMirrored(isOn));
  own.isMirrored = !own.isMirrored;
  return ownCameraChanged();
}

function flipCamera() {
  own.start(own.facing === "user" ? "environment" : "user");
}

/** Shows what is due, and asks again when a waiting frame's time is over. */
function step() {
  clearTimeout(state.stepTimer);
  const { frame, own, older, waitMs } = pairing.step(performance.now());
  if (frame !== null) stage.setFrame(frame);
  stage.setHands(own, older);
  if (waitMs !== null) state.stepTimer = setTimeout(step, waitMs);
}

function refresh() {
  const now = performance.now();
  const { status } = state;
  const isOpen = connection.state === "open";
  const isAway = isOpen && !own.isOn && pairing.isRecognitionAway(now);
  const source = status?.sources.find((item) => item.name === state.source) ?? null;
  showNotice(
    notice({
      connection: connection.state,
      reason: connection.reason,
      retryInMs: connection.retryAt - now,
      pictureAt: state.pictureAt,
      wallMs: Date.now(),
      source,
      silentMs: connection.wantsVideo ? now - state.frameAt : 0,
      isRecognitionAway: isAway,
      units: status?.units ?? [],
      camera: own,
    }),
  );
  showConnectionState(source);
  const isKnown = isOpen && !isAway && pairing.newestPrediction !== null;
  const shown = isKnown ? (stage.own ?? stage.older) : null;
  showNow(shown === null ? [] : itemsOf(shown), isKnown);
  if (!isOpen || isAway) history.endAll();
  showHistory(history.entries, (us) => clock.toWallMs(us));
  showNumbers({
    videoFps: rates.video.perSecond(now),
    predictionsPerS: rates.predictions.perSecond(now),
    toPredictionMs: latencies.toPrediction.at(0.5, now),
    toScreenMs: latencies.toScreen.at(0.5, now),
    traffic: isOpen ? (status?.traffic ?? null) : null,
  });
  if (status !== null) {
    showStatus(status, state.source);
    showPicker(status.sources, state.source);
    markStatusOld(!isOpen, `As it was at ${timeOfDay(state.statusAt)}`);
  }
}

function showConnectionState(source) {
  if (own.source !== null) showConnection("your camera", "good");
  else if (connection.state === "connecting") showConnection("connecting", "wait");
  else if (connection.state === "away") showConnection("away", "bad");
  else if (source?.state === "lost") showConnection("lost", "bad");
  else if (source?.state === "starting") showConnection("starting", "wait");
  else if (source?.state === "waiting") showConnection("waiting", "wait");
  else showConnection("live", "good");
}

function picked(source) {
  if (own.isOn) own.stop();
  settings.source = source;
  saveSettings(settings);
  connection.open();
}

function toggle(name, apply) {
  settings[name] = !settings[name];
  saveSettings(settings);
  press(name, settings[name]);
  apply(settings[name]);
}

function visibilityChanged() {
  clearTimeout(state.hiddenTimer);
  if (document.hidden) {
    state.hiddenTimer = setTimeout(() => {
      connection.wantsVideo = false;
      connection.open();
    }, HIDDEN_MS);
  } else if (!connection.wantsVideo || connection.state !== "open") {
    connection.wantsVideo = !state.isOwn;
    connection.open();
  }
}

stage.setMirrored(settings.mirror);
stage.setHandsShown(settings.hands);
press("mirror", settings.mirror);
press("hands", settings.hands);
wireViewer({
  picked,
  mirror,
  hands: () => toggle("hands", (isOn) => stage.setHandsShown(isOn)),
  camera: useCamera,
  flip: flipCamera,
  logOut,
});
watchSession((session) => {
  // Who may no longer push is told so by the box; here only the wish is not offered.
  showSession({ user: session.user, hasLogin: session.login, canPush: mayPush(session) });
});
exposeProbe({ connection, stage, source: () => state.source, own });
document.addEventListener("visibilitychange", visibilityChanged);
window.addEventListener("online", () => connection.state !== "open" && connection.open());
setInterval(refresh, REFRESH_MS);
connection.open();
refresh();
