//! Decides what the page says over the picture when something is not as it should be.
//!
//! Pure: `main.js` gives what it knows, `viewer.js` shows the answer. One notice at a time, the one
//! that explains most. It never blames the source for a box that cannot be reached.

import { timeOfDay, wholeDuration } from "./wording.js";

/** A live source that sends nothing for this long is worth a word, in ms. */
const SILENT_MS = 2500;

/**
 * @param {object} now
 * @param {"connecting"|"open"|"away"} now.connection
 * @param {"unreachable"|"refused"|"no-source"} now.reason why it is away
 * @param {number} now.retryInMs
 * @param {number|null} now.pictureAt wall clock of the last picture, in ms
 * @param {number} now.wallMs wall clock
 * @param {object|null} now.source its state in the status
 * @param {number} now.silentMs since the last frame came, or since the connection opened
 * @param {boolean} now.isRecognitionAway
 * @param {object[]} now.units
 * @param {{state: string, words: {title: string, detail: string} | null} | undefined} now.camera
 *   the device's own camera, as `own_camera.js` has it
 * @returns {{tone: "none"|"wait"|"bad", place: "middle"|"corner", title: string, detail: string}}
 */
export function notice(now) {
  const camera = now.camera ?? { state: "off", words: null };
  if (camera.state === "trouble") return middle("bad", camera.words.title, camera.words.detail);
  if (camera.state === "asking") {
    return middle("wait", "May this page use the camera?", "The browser asks for it.");
  }
  if (now.connection === "connecting") {
    return middle("wait", "Connecting to the box …", "");
  }
  if (now.connection === "away") return awayNotice(now);
  if (camera.state === "on") {
    if (camera.words === null) return { tone: "none", place: "middle", title: "", detail: "" };
    return { tone: "wait", place: "corner", ...camera.words };
  }
  if (now.source?.state === "lost") {
    return middle("bad", `${now.source.name} is lost`, `${sentence(now.source.detail)}${since(now)}`);
  }
  if (now.source?.state === "starting") {
    return middle("wait", `${now.source.name} is starting`, sentence(now.source.detail));
  }
  if (now.source?.state === "waiting") {
    return middle("wait", `${now.source.name} waits for a client`, sentence(now.source.detail));
  }
  if (now.silentMs > SILENT_MS) {
    const detail = `For ${wholeDuration(now.silentMs)}. The box itself answers.`;
    return middle("wait", "No pictures are coming", detail);
  }
  if (now.isRecognitionAway) {
    const detail = `${recognitionDetail(now.units)} The video goes on.`;
    return { tone: "wait", place: "corner", title: "Recognition is away", detail };
  }
  return { tone: "none", place: "middle", title: "", detail: "" };
}

function awayNotice(now) {
  const again =
    now.retryInMs >= 1000 ? `Trying again in ${wholeDuration(now.retryInMs)}.` : "Trying again …";
  const picture = now.pictureAt === null ? "" : ` This picture is from ${timeOfDay(now.pictureAt)}.`;
  const titles = {
    unreachable: "The box does not answer",
    refused: "The box takes no further viewer",
    "no-source": "The box has no source",
  };
  return middle("bad", titles[now.reason], again + picture);
}

function recognitionDetail(units) {
  const infer = units.filter((unit) => unit.kind === "infer");
  if (infer.length === 0) return "The box runs no infer-worker.";
  const away = infer.find((unit) => unit.state !== "ready");
  if (away === undefined) return "No prediction has come for a while.";
  const words = {
    down: "is down",
    starting: "is starting",
    stopping: "is stopping",
    backoff: "died and is started again soon",
    failed: "has failed; the box's log says why",
  };
  return `${away.name} ${words[away.state] ?? `is ${away.state}`}.`;
}

function since(now) {
  if (!Number.isFinite(now.source.since_ms)) return "";
  const at = timeOfDay(now.wallMs - now.source.since_ms);
  return `Since ${at}, for ${wholeDuration(now.source.since_ms)}.`;
}

function sentence(detail) {
  if (typeof detail !== "string" || detail === "") return "";
  const text = detail.charAt(0).toUpperCase() + detail.slice(1);
  return `${text}${/[.!?…]$/.test(text) ? "" : "."} `;
}

function middle(tone, title, detail) {
  return { tone, place: "middle", title, detail };
}
