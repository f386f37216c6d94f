//! Remembers what the viewer chose: source, mirror, hands.
//!
//! Used by `main.js` only. Storage may be forbidden (private windows): then choices last as long as
//! the page, and nothing else changes.

const KEY = "wigwag";
const DEFAULTS = { source: null, mirror: false, hands: true };

/** Reads the choices; anything missing or of a wrong type is the default. */
export function loadSettings() {
  const settings = { ...DEFAULTS };
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    if (typeof stored.source === "string") settings.source = stored.source;
    if (typeof stored.mirror === "boolean") settings.mirror = stored.mirror;
    if (typeof stored.hands === "boolean") settings.hands = stored.hands;
  } catch {
    return settings;
  }
  return settings;
}

/** Writes the choices, where that is allowed. */
export function saveSettings(settings) {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // Nothing to do: the choice holds until the page is closed.
  }
}
