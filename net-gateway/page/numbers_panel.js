//! Shows the rates and latencies.
//!
//! Upstream: `main.js` measures, the box's status counts viewers. It only writes text.

import { byId, setText } from "./elements.js";
import { number } from "./wording.js";

/**
 * @param {{videoFps: number|null, predictionsPerS: number|null, toPredictionMs: number|null,
 *   toScreenMs: number|null, traffic: object|null}} numbers medians and rates of the last seconds
 */
export function showNumbers(numbers) {
  setText(byId("video-fps"), number(numbers.videoFps));
  setText(byId("predictions-rate"), number(numbers.predictionsPerS));
  setText(byId("to-prediction"), number(numbers.toPredictionMs));
  setText(byId("to-screen"), number(numbers.toScreenMs));
  const clients = numbers.traffic?.clients;
  setText(byId("clients"), Number.isFinite(clients) ? clients.toString() : "–");
}
