//! The gestures' names and pictures.
//!
//! Used by `overlay.js` (on the canvas) and the panels (as SVG). The pictures are drawn here, so no
//! emoji font is needed. A label that is not in the table, of a model trained by the user, gets its
//! own name and a plain picture.

/** Side of the square that the pictures are drawn in. */
export const ICON_SIDE = 24;
/** The label of a hand that makes no gesture. */
export const NO_GESTURE = "None";

const SVG = "http://www.w3.org/2000/svg";
/** Each stroke is `[path, width]`; a closed path is filled too. */
const PALM = ["M8 14.7H17V16.2Q17 19.2 14 19.2H11Q8 19.2 8 16.2Z", 2];

const TABLE = {
  Open_Palm: {
    name: "Open palm",
    strokes: [
      ["M8.8 13H16.2V17Q16.2 20 13.2 20H11.8Q8.8 20 8.8 17Z", 2],
      ["M8.8 12.5V6.4M11.4 11.5V4M14 11.5V4.6M16.5 13V7.8", 2],
      ["M8.8 17.6L4.6 13.2", 2.2],
    ],
  },
  Closed_Fist: {
    name: "Closed fist",
    strokes: [PALM, ["M8 8.8V11M11 8V11M14 8V11M17 8.8V11", 2.3]],
  },
  Pointing_Up: {
    name: "Pointing up",
    strokes: [PALM, ["M8 3.4V11M11 8.8V11M14 8.8V11M17 9.4V11", 2.3]],
  },
  Victory: {
    name: "Victory",
    strokes: [PALM, ["M8.5 11L6 3.8M11.4 11L13.6 3.4M14.6 9.6V11M17.3 9.6V11", 2.3]],
  },
  ILoveYou: {
    name: "I love you",
    strokes: [PALM, ["M8 3.8V11M11 9V11M14 9V11M17 4.8V11M6.8 18L3 13.4", 2.3]],
  },
  Thumb_Up: {
    name: "Thumb up",
    strokes: [
      ["M6 12.4H8.6V18.8H8Q6 18.8 6 16.8Z", 2],
      ["M8.8 11.2L11.2 4.6", 2.8],
      ["M12.4 10.4H18M12.4 13.3H18.8M12.4 16.2H18.4M12.4 19.1H17.2", 2.2],
    ],
  },
  Thumb_Down: {
    name: "Thumb down",
    strokes: [
      ["M6 11.6H8.6V5.2H8Q6 5.2 6 7.2Z", 2],
      ["M8.8 12.8L11.2 19.4", 2.8],
      ["M12.4 13.6H18M12.4 10.7H18.8M12.4 7.8H18.4M12.4 4.9H17.2", 2.2],
    ],
  },
  None: { name: "No gesture", strokes: [["M9 12H15", 2]] },
};
const UNKNOWN_STROKES = [["M12 7.4A4.6 4.6 0 1 1 11.99 7.4Z", 2]];

/** The strokes of a label: `[path, width]` each, in a square of `ICON_SIDE`. */
export function gestureStrokes(label) {
  return Object.hasOwn(TABLE, label) ? TABLE[label].strokes : UNKNOWN_STROKES;
}

/** Stands for a side where there is no hand: the frame as a whole shows something. */
export const WHOLE_FRAME = "None";

/**
 * What a prediction is about: its hands, or the frame as a whole, as an item like a hand, with the
 * number 0 and without landmarks.
 */
export function itemsOf(prediction) {
  if (prediction.scene === undefined) return prediction.hands;
  return [...prediction.hands, { id: 0, handedness: WHOLE_FRAME, ...prediction.scene }];
}

/**
 * What a hand, or the whole frame, shows: what is steady, where the box says it.
 *
 * @returns {{gesture: string, score: number | null, progress: number, landmarks?: number[][]}} `score`
 *   is `null` while the newest prediction shows something else
 */
export function shownBy(hand) {
  const { steady } = hand;
  if (steady === undefined) {
    return { gesture: hand.gesture, score: hand.score, progress: 1, landmarks: hand.landmarks };
  }
  const { gesture, progress, landmarks } = steady;
  return { gesture, score: hand.gesture === gesture ? hand.score : null, progress, landmarks };
}

/** The label in words. */
export function gestureName(label) {
  return Object.hasOwn(TABLE, label) ? TABLE[label].name : label.replaceAll("_", " ");
}

/** The label as an SVG element, hidden from screen readers: the name always stands beside it. */
export function gestureIcon(label) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${ICON_SIDE} ${ICON_SIDE}`);
  svg.setAttribute("class", "gesture-icon");
  svg.setAttribute("aria-hidden", "true");
  for (const [path, width] of gestureStrokes(label)) {
    const stroke = document.createElementNS(SVG, "path");
    stroke.setAttribute("d", path);
    stroke.setAttribute("stroke-width", width.toString());
    if (path.endsWith("Z")) stroke.setAttribute("fill", "currentColor");
    svg.append(stroke);
  }
  return svg;
}
