//! Shows what the box says of itself: its processes, its sources, its model.
//!
//! Upstream: the status message (the same as `/api/v1/status`). Each state is said by a word and
//! repeated by a colour, never by the colour alone. It only writes into its own elements.

import { byId, keepList, make, setData, setText } from "./elements.js";
import { capital, duration, number, wholeDuration } from "./wording.js";

/** What each state means for the viewer; unknown ones are shown as "wait". */
const TONES = {
  ready: "good",
  live: "good",
  starting: "wait",
  stopping: "wait",
  backoff: "wait",
  degraded: "wait",
  down: "bad",
  failed: "bad",
  lost: "bad",
};
const UNIT_COLUMNS = ["Process", "State", "pid", "Generation", "Up", "Restarts", "Last death"];
const HEX_SHOWN = 12;

/** Shows a whole status; `watched` is the source on the canvas. */
export function showStatus(status, watched) {
  setText(byId("instance"), typeof status.instance === "string" ? status.instance : "");
  keepList(byId("units"), status.units, (unit) => unit.name, createUnit, updateUnit);
  keepList(byId("sources"), status.sources, (source) => source.name, createSource, (item, source) => {
    updateSource(item, source);
    setData(item, "watched", (source.name === watched).toString());
  });
  setText(byId("model"), modelText(status.model));
  setText(byId("version"), `Wigwag ${status.version ?? ""}, up ${wholeDuration(status.uptime_ms ?? 0)}`);
}

/** Says that the status is an old one, or not. */
export function markStatusOld(isOld, text) {
  setData(byId("status"), "old", isOld.toString());
  setText(byId("status-old"), isOld ? text : "");
}

function createUnit() {
  const row = make("tr", "");
  row.setAttribute("role", "row");
  for (const column of UNIT_COLUMNS) {
    const cell = make(column === "Process" ? "th" : "td", column === "Process" ? "" : "figures");
    if (column === "Process") cell.scope = "row";
    cell.setAttribute("role", column === "Process" ? "rowheader" : "cell");
    cell.dataset.column = column;
    row.append(cell);
  }
  row.children[1].append(make("span", "state"));
  return row;
}

function updateUnit(row, unit) {
  const [name, state, pid, generation, up, restarts, death] = row.children;
  setText(name, unit.name);
  setState(state.firstElementChild, unit.state, retryText(unit));
  setText(pid, Number.isFinite(unit.pid) && unit.pid > 0 ? unit.pid.toString() : "–");
  setText(generation, whole(unit.generation));
  setText(up, unit.up_ms > 0 && unit.state !== "backoff" ? wholeDuration(unit.up_ms) : "–");
  setText(restarts, whole(unit.restarts));
  setText(death, deathText(unit));
}

function retryText(unit) {
  if (!Number.isFinite(unit.retry_in_ms)) return unit.state;
  return `${unit.state}, again in ${duration(unit.retry_in_ms)}`;
}

function deathText(unit) {
  if (typeof unit.last_death !== "string" || unit.last_death === "") return "never";
  const ago = unit.last_death_ago_ms;
  return Number.isFinite(ago) ? `${unit.last_death}, ${wholeDuration(ago)} ago` : unit.last_death;
}

function createSource() {
  const item = make("li", "source");
  const head = make("div", "source-head");
  head.append(make("strong", ""), make("span", "quiet"), make("span", "state"));
  item.append(head, make("p", "source-detail"), make("p", "quiet figures"));
  return item;
}

function updateSource(item, source) {
  const [head, detail, mode] = item.children;
  setText(head.children[0], source.name);
  setText(head.children[1], kindText(source.kind));
  setState(head.children[2], source.state, source.state);
  const since = Number.isFinite(source.since_ms) ? ` for ${wholeDuration(source.since_ms)}` : "";
  const words = typeof source.detail === "string" ? source.detail : "";
  setText(detail, words === "" ? "" : capital(words));
  detail.hidden = words === "";
  setText(mode, `${modeText(source)}${capital(`${source.state}${since}`)}`);
}

function kindText(kind) {
  return { v4l2: "camera", clip: "clip", pattern: "test picture" }[kind] ?? kind ?? "";
}

function modeText(source) {
  if (!(source.width_px > 0) || !(source.height_px > 0)) return "";
  const size = `${source.format} ${source.width_px} × ${source.height_px}`;
  const nominal = source.fps > 0 ? ` of ${number(source.fps).replace(".0", "")}` : "";
  return `${size} · ${number(source.measured_fps)}${nominal} fps · `;
}

function modelText(model) {
  if (model === null || model === undefined) return "No model is loaded.";
  const hash = typeof model.sha256 === "string" ? model.sha256.slice(0, HEX_SHOWN) : "";
  return `Model ${model.name}, profile ${model.profile}, sha256 ${hash} …`;
}

function setState(element, state, text) {
  setData(element, "tone", TONES[state] ?? "wait");
  setText(element, text);
}

function whole(value) {
  return Number.isFinite(value) ? value.toString() : "–";
}
