//! What stands around the canvas: the notice over it, the source picker, the buttons, the badge.
//!
//! Upstream: `main.js`. It tells wishes through its handlers and decides nothing itself.

import { byId, keepList, make, setData, setText } from "./elements.js";

/** Keys that do what the buttons do. */
const KEYS = { m: "mirror", h: "hands", f: "fullscreen", c: "camera" };

/**
 * Connects buttons, picker and keys.
 *
 * @param {{picked: (source: string) => void, mirror: () => void, hands: () => void, camera: () =>
 *   void, flip: () => void, logOut: () => void}} handlers
 */
export function wireViewer(handlers) {
  const { mirror, hands, camera, flip } = handlers;
  const acts = { mirror, hands, camera, flip, fullscreen: toggleFullscreen };
  byId("log-out").addEventListener("click", handlers.logOut);
  for (const [name, act] of Object.entries(acts)) byId(name).addEventListener("click", act);
  byId("source").addEventListener("change", (event) => handlers.picked(event.target.value));
  byId("fullscreen").hidden = !document.fullscreenEnabled;
  document.addEventListener("fullscreenchange", () => {
    press("fullscreen", document.fullscreenElement !== null);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target instanceof HTMLSelectElement) return;
    const name = KEYS[event.key.toLowerCase()];
    if (name !== undefined && !byId(name).hidden) acts[name]();
  });
}

function toggleFullscreen() {
  const wish =
    document.fullscreenElement === null
      ? byId("viewer").requestFullscreen()
      : document.exitFullscreen();
  // A browser may refuse; the page is as it was then.
  wish.catch(() => press("fullscreen", document.fullscreenElement !== null));
}

/** Shows whether the button `name` is on. */
export function press(name, isOn) {
  byId(name).setAttribute("aria-pressed", isOn.toString());
}

/** Shows the notice that `notice.js` decided on. */
export function showNotice(notice) {
  setData(byId("stage"), "tone", notice.tone);
  setData(byId("stage"), "place", notice.place);
  byId("notice").hidden = notice.tone === "none";
  setText(byId("notice-title"), notice.title);
  setText(byId("notice-detail"), notice.detail);
}

/** Shows whether the own camera is used, and from which side. */
export function showOwnCamera(isOn, facing) {
  press("camera", isOn);
  byId("flip").hidden = !isOn;
  press("flip", facing === "environment");
}

/** Shows who the viewer is, and offers what they may do. */
export function showSession({ user, hasLogin, canPush }) {
  byId("log-out").hidden = !hasLogin;
  byId("log-out").title = `Log out${user === null ? "" : ` (${user})`}`;
  byId("camera").hidden = !canPush;
}

/** Shows how the page is connected: a word and a tone. */
export function showConnection(word, tone) {
  setText(byId("connection"), word);
  setData(byId("connection"), "tone", tone);
}

/** Shows the sources to choose from, and the links to the chosen one. */
export function showPicker(sources, watched) {
  const picker = byId("source");
  const isChoice = sources.length > 1;
  byId("source-pick").hidden = !isChoice;
  byId("source-name").hidden = isChoice;
  setText(byId("source-name"), watched ?? "");
  keepList(
    picker,
    sources,
    (source) => source.name,
    (source) => Object.assign(make("option", ""), { value: source.name }),
    (option, source) => {
      setText(option, source.state === "live" ? source.name : `${source.name} (${source.state})`);
    },
  );
  if (watched === null) return;
  if (picker.value !== watched) picker.value = watched;
  byId("link-stream").href = `stream/${encodeURIComponent(watched)}`;
  byId("link-snapshot").href = `snapshot/${encodeURIComponent(watched)}`;
}
