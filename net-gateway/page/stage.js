//! The canvas: shows one frame, and over it the hands that belong to it.
//!
//! Upstream: `main.js` gives frame and predictions as `pairing.js` decided. Downstream:
//! `overlay.js`. It owns the shown picture and closes it when the next one comes. It draws once per
//! screen refresh at most, and only when something changed. `drawn` always tells of what is on the
//! canvas, never of what is going to be.

import { itemsOf } from "./gestures.js";
import { drawHands } from "./overlay.js";

/** Most canvas pixels per side; a larger screen is drawn more coarsely. */
const CANVAS_SIDE_PX_MAX = 4096;
/** Strips beside the picture that come from rounding only are narrower than this. */
const ROUNDING_PX = 2;

export class Stage {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLElement} layout the element that hands `--ratio`, width by height, to the style
   * @param {(frame: object) => void} onDrawn called when a new frame has been drawn
   */
  constructor(canvas, layout, onDrawn) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.layout = layout;
    this.onDrawn = onDrawn;
    this.frame = null;
    this.own = null;
    this.older = null;
    this.isMirrored = false;
    this.hasHands = true;
    this.framesDrawn = 0;
    this.drawnFrame = null;
    this.scale = 0;
    /** What is on the canvas now; `overlay` is the frame's own prediction, if drawn. */
    this.drawn = { sequence: null, overlay: null };
    this.request = 0;
    // Drawn at once: waiting for the next refresh with an empty canvas would flicker.
    new ResizeObserver(() => this.fit() && this.draw()).observe(canvas);
  }

  /** Makes `frame` the shown one; its bitmap now belongs to the stage. */
  setFrame(frame) {
    this.frame?.bitmap.close();
    this.frame = frame;
    this.layout.style.setProperty("--ratio", (frame.bitmap.width / frame.bitmap.height).toString());
    this.ask();
  }

  /** Sets the shown frame's own prediction, or one of an earlier frame, or neither. */
  setHands(own, older) {
    if (own === this.own && older === this.older) return;
    this.own = own;
    this.older = older;
    this.ask();
  }

  setMirrored(isMirrored) {
    this.isMirrored = isMirrored;
    this.ask();
  }

  setHandsShown(hasHands) {
    this.hasHands = hasHands;
    this.ask();
  }

  /** Shows nothing, as after a change of source. */
  clear() {
    this.frame?.bitmap.close();
    this.frame = null;
    this.own = null;
    this.older = null;
    this.ask();
  }

  /** Gives the canvas as many pixels as the screen has there; tells whether that emptied it. */
  fit() {
    this.scale = window.devicePixelRatio || 1;
    const width = Math.min(CANVAS_SIDE_PX_MAX, Math.round(this.canvas.clientWidth * this.scale));
    const height = Math.min(CANVAS_SIDE_PX_MAX, Math.round(this.canvas.clientHeight * this.scale));
    if (width === 0 || height === 0) return false;
    if (width === this.canvas.width && height === this.canvas.height) return false;
    this.canvas.width = width;
    this.canvas.height = height;
    return true;
  }

  ask() {
    if (this.request === 0) this.request = requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.request);
    this.request = 0;
    // A window that moved to another screen has other pixels in the same size.
    if (this.scale !== window.devicePixelRatio) this.fit();
    const { canvas, context, frame } = this;
    const scale = canvas.clientWidth > 0 ? canvas.width / canvas.clientWidth : 1;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const width = canvas.width / scale;
    const height = canvas.height / scale;
    context.fillStyle = "#000";
    context.fillRect(0, 0, width, height);
    if (frame === null) {
      this.drawn = { sequence: null, overlay: null };
      this.drawnFrame = null;
      return;
    }
    const area = contain(frame.bitmap, width, height);
    this.drawPicture(area, width);
    const overlay = this.drawOverlay(area);
    this.drawn = { sequence: frame.sequence, overlay };
    if (this.drawnFrame !== frame) {
      this.drawnFrame = frame;
      this.framesDrawn += 1;
      this.onDrawn(frame);
    }
  }

  drawPicture(area, width) {
    const { context } = this;
    context.save();
    context.imageSmoothingQuality = "high";
    if (this.isMirrored) {
      context.translate(width, 0);
      context.scale(-1, 1);
    }
    context.drawImage(this.frame.bitmap, area.x, area.y, area.width, area.height);
    context.restore();
  }

  drawOverlay(area) {
    if (!this.hasHands) return null;
    if (this.own !== null && this.own.sequence === this.frame.sequence) {
      drawHands(this.context, itemsOf(this.own), area, { mirror: this.isMirrored, olderMs: null });
      return this.own;
    }
    if (this.older !== null) {
      const olderMs = (this.frame.captureTimeUs - this.older.capture_time_us) / 1000;
      drawHands(this.context, itemsOf(this.older), area, { mirror: this.isMirrored, olderMs });
    }
    return null;
  }
}

/**
 * The largest area of the picture's proportions inside `width` by `height`, centred. A strip of
 * less than a pixel or so, which is left by rounding the canvas, is filled.
 */
function contain(bitmap, width, height) {
  const scale = Math.min(width / bitmap.width, height / bitmap.height);
  const fill = (side, whole) => (whole - side < ROUNDING_PX ? whole : side);
  const area = {
    width: fill(bitmap.width * scale, width),
    height: fill(bitmap.height * scale, height),
  };
  return { ...area, x: (width - area.width) / 2, y: (height - area.height) / 2 };
}
