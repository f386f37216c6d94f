//! Draws the hands of one prediction over a picture, or what the frame shows as a whole.
//!
//! Upstream: `stage.js` says which prediction and where the picture lies. It changes nothing but
//! the canvas. Hands of an earlier frame are dashed and dim and say how old they are, so that they
//! are never taken for the frame's own. Mirroring moves points; it never turns text around. What is
//! steady is drawn, where the box says it; a ring around the gesture's picture fills while it is held.

import { gestureName, gestureStrokes, ICON_SIDE, NO_GESTURE, shownBy } from "./gestures.js";
import { percent } from "./wording.js";

/** Lines of the hand between its 21 points. Source: MediaPipe `HAND_CONNECTIONS`. */
const BONES = [
  [0, 1, 2, 3, 4],
  [0, 5, 6, 7, 8],
  [5, 9, 10, 11, 12],
  [9, 13, 14, 15, 16],
  [13, 17, 18, 19, 20],
  [0, 17],
];
/** Colours that stay apart on skin, on dark and bright pictures, and for the colour-blind. */
const COLOURS = { Right: "#ffc14d", Left: "#5cd2ff" };
const COLOUR_OTHER = "#f2f2f2";
const OUTLINE = "rgb(10 14 20 / 0.65)";
const PILL = "rgb(14 18 24 / 0.82)";
const RING = "rgb(255 255 255 / 0.22)";
const TEXT = "#ffffff";
const OLDER_ALPHA = 0.5;
/** How much larger the label of the whole frame is. */
const WHOLE_SCALE = 1.5;

/**
 * Draws the hands, each with its label; of the whole frame a label alone, larger.
 *
 * @param {CanvasRenderingContext2D} context with one unit = one CSS pixel
 * @param {object[]} hands items of a prediction, as `itemsOf` gives them; points in fractions of the frame
 * @param {{x: number, y: number, width: number, height: number}} area where the frame lies, in CSS
 *   pixels
 * @param {{mirror: boolean, olderMs: number | null}} how `olderMs`: age against the frame that is
 *   shown, `null` for its own hands
 */
export function drawHands(context, hands, area, how) {
  const labels = [];
  for (const hand of hands) {
    const colour = COLOURS[hand.handedness] ?? COLOUR_OTHER;
    const shown = shownBy(hand);
    if (shown.landmarks === undefined) {
      const label = { ...shown, side: "", colour, scale: WHOLE_SCALE };
      drawLabel(context, label, [[area.x, area.y]], area, how, labels);
      continue;
    }
    const points = shown.landmarks.map(([x, y]) => place(x, y, area, how.mirror));
    context.save();
    clip(context, area);
    context.globalAlpha = how.olderMs === null ? 1 : OLDER_ALPHA;
    drawBones(context, points, colour, area, how.olderMs !== null);
    if (how.olderMs === null) drawJoints(context, points, colour, area);
    context.restore();
    const label = { ...shown, side: hand.handedness.toLowerCase(), colour };
    drawLabel(context, label, points, area, how, labels);
  }
}

function place(x, y, area, mirror) {
  return [area.x + (mirror ? 1 - x : x) * area.width, area.y + y * area.height];
}

function clip(context, area) {
  context.beginPath();
  context.rect(area.x, area.y, area.width, area.height);
  context.clip();
}

function drawBones(context, points, colour, area, isOlder) {
  const width = Math.min(4.5, Math.max(1.75, area.width / 240));
  context.lineCap = "round";
  context.lineJoin = "round";
  context.beginPath();
  for (const bone of BONES) {
    bone.forEach((point, index) => {
      if (index === 0) context.moveTo(...points[point]);
      else context.lineTo(...points[point]);
    });
  }
  context.setLineDash(isOlder ? [width * 2, width * 2.5] : []);
  context.strokeStyle = OUTLINE;
  context.lineWidth = width + 2;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
  context.setLineDash([]);
}

function drawJoints(context, points, colour, area) {
  const radius = Math.min(4.5, Math.max(2, area.width / 230));
  context.lineWidth = Math.max(1, radius / 2.4);
  context.strokeStyle = OUTLINE;
  context.fillStyle = "#ffffff";
  for (const [x, y] of points) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
  // The wrist is filled with the hand's colour: it tells which end of the skeleton is which.
  context.fillStyle = colour;
  context.beginPath();
  context.arc(...points[0], radius * 1.35, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
}

function drawLabel(context, label, points, area, how, labels) {
  const { gesture, side, colour } = label;
  const isGesture = gesture !== NO_GESTURE;
  const scale = label.scale ?? 1;
  const size = Math.min(22, Math.max(13, area.width / 38)) * (isGesture ? 1 : 0.85) * scale;
  const name = gestureName(gesture);
  const score = isGesture && label.score !== null ? percent(label.score) : "";
  const more = how.olderMs === null ? [score, side] : [side, `${Math.round(how.olderMs)} ms earlier`];
  const rest = more.filter((word) => word !== "").join(" · ");
  const nameFont = `${isGesture ? 600 : 400} ${size}px system-ui, sans-serif`;
  const restFont = `400 ${size * 0.86}px system-ui, sans-serif`;
  context.save();
  context.globalAlpha = how.olderMs === null ? 1 : 0.7;
  context.font = nameFont;
  const nameWidth = context.measureText(name).width;
  context.font = restFont;
  const restWidth = context.measureText(rest).width;
  const icon = size * 1.35;
  const pad = size * 0.55;
  const gap = size * 0.4;
  const pill = {
    width: pad + icon + gap + nameWidth + gap + restWidth + pad,
    height: size * 1.9,
  };
  Object.assign(pill, labelPosition(pill, points, area, labels));
  labels.push(pill);
  context.fillStyle = PILL;
  context.beginPath();
  context.roundRect(pill.x, pill.y, pill.width, pill.height, pill.height / 2);
  context.fill();
  const middle = pill.y + pill.height / 2;
  if (isGesture && how.olderMs === null) {
    drawRing(context, pill.x + pad + icon / 2, middle, icon * 0.66, label.progress, colour);
  }
  drawIcon(context, gesture, pill.x + pad, middle - icon / 2, icon, colour);
  context.textBaseline = "middle";
  context.fillStyle = TEXT;
  context.font = nameFont;
  context.fillText(name, pill.x + pad + icon + gap, middle);
  context.globalAlpha *= 0.8;
  context.font = restFont;
  context.fillText(rest, pill.x + pad + icon + gap + nameWidth + gap, middle);
  context.restore();
}

/** How much of the hold time is over, clockwise from the top. */
function drawRing(context, x, y, radius, progress, colour) {
  const top = -Math.PI / 2;
  context.lineWidth = radius / 5;
  context.strokeStyle = RING;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
  context.strokeStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, top, top + 2 * Math.PI * within(progress, 0, 1));
  context.stroke();
}

/** Above the hand, else below it where there is room; inside the frame; off other labels. */
function labelPosition(pill, points, area, labels) {
  const xs = points.map((point) => point[0]);
  const ys = points.map((point) => point[1]);
  const above = Math.min(...ys) - pill.height - 12;
  const below = Math.max(...ys) + 14;
  const wishX = (Math.min(...xs) + Math.max(...xs)) / 2 - pill.width / 2;
  const x = within(wishX, area.x + 4, area.x + area.width - pill.width - 4);
  const least = area.y + 4;
  const most = area.y + area.height - pill.height - 4;
  let y = within(above < least && below <= most ? below : above, least, most);
  for (const other of labels) {
    const isBeside = x > other.x + other.width || x + pill.width < other.x;
    const isApart = y > other.y + other.height || y + pill.height < other.y;
    if (!isBeside && !isApart) y = other.y + other.height + 4;
  }
  return { x, y };
}

function within(value, least, most) {
  return Math.max(least, Math.min(most, value));
}

function drawIcon(context, gesture, x, y, side, colour) {
  context.save();
  context.translate(x, y);
  context.scale(side / ICON_SIDE, side / ICON_SIDE);
  context.lineCap = "round";
  context.lineJoin = "round";
  context.strokeStyle = colour;
  context.fillStyle = colour;
  for (const [path, width] of gestureStrokes(gesture)) {
    const stroke = new Path2D(path);
    context.lineWidth = width;
    context.stroke(stroke);
    if (path.endsWith("Z")) context.fill(stroke);
  }
  context.restore();
}
