//! Says numbers and times in the words that people use.
//!
//! Pure; used by every panel. It never touches the document.

import { WHOLE_FRAME } from "./gestures.js";

/** A number with one decimal below 100, or a dash when there is none. */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return value < 99.95 ? value.toFixed(1) : Math.round(value).toString();
}

/** A duration like "0.8 s", "41 s", "3 min", "2 h 5 min", "4 d 3 h". */
export function duration(ms) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return wholeDuration(ms);
}

/** Like `duration`, in whole seconds, for what is only followed from second to second. */
export function wholeDuration(ms) {
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (seconds < 120) return `${seconds} s`;
  if (minutes < 120) return `${minutes} min`;
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A time of day like "14:03:11", in the viewer's own zone. */
export function timeOfDay(wallMs) {
  const date = new Date(wallMs);
  const two = (part) => part.toString().padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** A share from 0 to 1 as "93 %". */
export function percent(share) {
  return `${Math.round(Math.min(1, Math.max(0, share)) * 100)} %`;
}

/** "right hand", "left hand", "whole picture", or the word as it came. */
export function hand(handedness) {
  if (handedness === "Right" || handedness === "Left") return `${handedness.toLowerCase()} hand`;
  return handedness === WHOLE_FRAME ? "whole picture" : handedness;
}

/** The same with a capital letter. */
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
