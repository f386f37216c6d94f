//! `window.wigwag`: what the page is doing, for tests and for the curious in the console.
//!
//! Read-only. All values are of the same moment when they are read in one go. Fields:
//! - `connected`: the WebSocket is open;
//! - `source`: name of the source that is watched, or `null`;
//! - `shownSequence`: sequence of the frame on the canvas, or `null`;
//! - `overlaySequence`: sequence of the prediction drawn on it as its own, or `null`;
//! - `overlayHands`: that prediction's hands, as they came, or `[]`;
//! - `overlayScene`: what it says of the whole frame, as it came, or `null`;
//! - `framesShown`: frames drawn since the page was opened;
//! - `reconnects`: times that a lost connection came back;
//! - `camera`: the own camera: its `state`, the `source` that it is pushed to or `null`, and how many
//!   pictures were `sent`.

/** Puts `window.wigwag` there; each getter is asked when it is read. */
export function exposeProbe({ connection, stage, source, own }) {
  const probe = Object.freeze({
    get connected() {
      return connection.state === "open";
    },
    get source() {
      return source();
    },
    get shownSequence() {
      return stage.drawn.sequence;
    },
    get overlaySequence() {
      return stage.drawn.overlay?.sequence ?? null;
    },
    get overlayHands() {
      return structuredClone(stage.drawn.overlay?.hands ?? []);
    },
    get overlayScene() {
      return structuredClone(stage.drawn.overlay?.scene ?? null);
    },
    get framesShown() {
      return stage.framesDrawn;
    },
    get reconnects() {
      return connection.reconnects;
    },
    get camera() {
      const { state, source: pushedTo, sent } = own;
      return { state, source: pushedTo, sent };
    },
  });
  Object.defineProperty(window, "wigwag", { value: probe, writable: false });
}
