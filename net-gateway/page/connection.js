//! Keeps one WebSocket to the gateway open, for as long as the page is.
//!
//! Upstream: the gateway's `/api/v1/status` and `/ws`. Downstream: `main.js`, through the handlers.
//! It first asks for the status, so that it can choose a source that exists, and tells a box that
//! is away from one that refuses a further viewer, or a viewer who has to log in first. It tries again for ever, with a growing pause of
//! at most `RETRY_MS_MAX`. It never has two sockets, and no message of an old one gets through.

import { FROM_THE_PAGE, leaveIfNotAllowed } from "./session.js";

/** First pause after a loss, in ms; doubled after each failed try. */
const RETRY_MS_MIN = 250;
/** Longest pause, in ms. */
const RETRY_MS_MAX = 4000;
/** A box that has not answered a try by then counts as away, in ms. */
const ANSWER_MS_MAX = 4000;
/** The box says something each second; silence of this length is a dead link, in ms. */
const SILENCE_MS_MAX = 5000;

export class Connection {
  /**
   * @param {{choose: (status: object) => string | null, opened: (source: string) => void,
   *   binary: (buffer: ArrayBuffer) => void, text: (text: string) => void,
   *   changed: () => void}} handlers `choose` names the source to watch; `changed` says that
   *   `state`, `retryAt` or `reason` did
   */
  constructor(handlers) {
    this.handlers = handlers;
    /** "connecting" (the first time), "open", "away". */
    this.state = "connecting";
    /** Why it is away: "unreachable", "refused", "no-source". */
    this.reason = "unreachable";
    /** When the next try is, on `performance.now()`; 0 while one is under way. */
    this.retryAt = 0;
    /** Times that a lost connection came back. */
    this.reconnects = 0;
    this.wantsVideo = true;
    this.wasOpen = false;
    this.failures = 0;
    this.attempt = 0;
    this.socket = null;
    this.retryTimer = 0;
    this.silenceTimer = 0;
  }

  /** Opens, or opens anew at once: after a change of source or of `wantsVideo`, or on a wish. */
  open() {
    this.close();
    this.retryAt = 0;
    this.connect(this.attempt).catch(() => this.lost("unreachable"));
  }

  close() {
    this.attempt += 1;
    clearTimeout(this.retryTimer);
    clearTimeout(this.silenceTimer);
    const socket = this.socket;
    this.socket = null;
    if (socket !== null) socket.close();
  }

  async connect(attempt) {
    const status = await this.askStatus();
    if (attempt !== this.attempt) return;
    const source = status === null ? null : this.handlers.choose(status);
    if (source === null) {
      this.lost(status === null ? "unreachable" : "no-source");
      return;
    }
    const url = new URL("ws", document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("source", source);
    if (this.wantsVideo) url.searchParams.set("video", "1");
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.watchSilence(attempt);
    socket.onopen = () => attempt === this.attempt && this.arrived(source);
    socket.onmessage = (event) => attempt === this.attempt && this.received(event, attempt);
    socket.onclose = () => {
      if (attempt === this.attempt) this.lost(this.state === "open" ? "unreachable" : "refused");
    };
  }

  async askStatus() {
    try {
      const answer = await fetch(new URL("api/v1/status", document.baseURI), {
        cache: "no-store",
        headers: FROM_THE_PAGE,
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
      if (answer.status === 401 || answer.status === 403) leaveIfNotAllowed();
      return answer.ok ? await answer.json() : null;
    } catch {
      return null;
    }
  }

  arrived(source) {
    if (this.wasOpen && this.state === "away") this.reconnects += 1;
    this.wasOpen = true;
    this.state = "open";
    this.handlers.opened(source);
    this.handlers.changed();
  }

  received(event, attempt) {
    this.watchSilence(attempt);
    // Only now: a box that lets viewers in and throws them out at once is not asked in a hurry.
    this.failures = 0;
    if (typeof event.data === "string") this.handlers.text(event.data);
    else this.handlers.binary(event.data);
  }

  watchSilence(attempt) {
    clearTimeout(this.silenceTimer);
    this.silenceTimer = setTimeout(() => {
      if (attempt === this.attempt) this.lost("unreachable");
    }, SILENCE_MS_MAX);
  }

  lost(reason) {
    this.close();
    this.state = this.wasOpen || this.failures > 0 ? "away" : "connecting";
    this.reason = reason;
    const pause = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.failures);
    this.failures = Math.min(this.failures + 1, 16);
    // Up to a quarter less, so that the viewers of a restarted box do not all come at once.
    const waitMs = pause * (1 - Math.random() / 4);
    this.retryAt = performance.now() + waitMs;
    this.retryTimer = setTimeout(() => this.open(), waitMs);
    this.handlers.changed();
  }
}
