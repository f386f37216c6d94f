//! Shows the history of gestures, and what is seen right now.
//!
//! Upstream: `history.js` and the prediction on the canvas. It only writes into its two lists and
//! the line for screen readers.

import { byId, keepList, make, setData, setText } from "./elements.js";
import { gestureIcon, gestureName, NO_GESTURE, shownBy } from "./gestures.js";
import { capital, duration, hand, percent, timeOfDay } from "./wording.js";

/** Shows `entries`, newest first; `toWallMs` turns the box's time into the viewer's. */
export function showHistory(entries, toWallMs) {
  byId("history-empty").hidden = entries.length > 0;
  keepList(byId("history"), entries, (entry) => entry.id.toString(), createEntry, (item, entry) => {
    const [, words, when] = item.children;
    setText(words.children[1], `${capital(hand(entry.handedness))} · ${percent(entry.score)}`);
    const bar = item.lastElementChild;
    bar.value = entry.progress;
    bar.hidden = !entry.live || entry.progress >= 1;
    setText(when.children[0], timeOfDay(toWallMs(entry.startUs)));
    const lengthMs = (entry.endUs - entry.startUs) / 1000;
    setText(when.children[1], entry.live ? `${duration(lengthMs)} so far` : duration(lengthMs));
    setData(item, "live", entry.live.toString());
  });
}

function createEntry(entry) {
  const item = make("li", "entry");
  const words = make("div", "entry-words");
  words.append(make("strong", "", gestureName(entry.gesture)), make("span", "quiet"));
  const when = make("div", "entry-when");
  when.append(make("span", "figures"), make("span", "quiet figures"));
  const bar = make("progress", "entry-hold");
  bar.max = 1;
  bar.setAttribute("aria-label", "Held");
  item.append(gestureIcon(entry.gesture), words, when, bar);
  return item;
}

/** Says to a screen reader that `entry` began. */
export function announce(entry) {
  setText(byId("announcer"), `${gestureName(entry.gesture)}, ${hand(entry.handedness)}`);
}

/** Shows the hands of the newest picture, or what it shows as a whole; `isKnown` is false while nobody recognises anything. */
export function showNow(hands, isKnown) {
  const empty = byId("now-empty");
  empty.hidden = hands.length > 0;
  setText(empty, isKnown ? "No hand in sight" : "Not known at the moment");
  const items = hands.map((item, index) => {
    const shown = shownBy(item);
    return { hand: item, shown, key: `${item.id ?? index}/${shown.gesture}` };
  });
  keepList(byId("now"), items, (item) => item.key, createNow, (element, item) => {
    const [, words, score] = element.children;
    setText(words.children[1], capital(hand(item.hand.handedness)));
    // The score of "no gesture" tells nobody anything.
    score.hidden = item.shown.gesture === NO_GESTURE || item.shown.score === null;
    setText(score.children[0], percent(item.shown.score ?? 0));
    score.children[1].value = item.shown.score ?? 0;
    setData(element, "hand", item.hand.handedness);
    setData(element, "gesture", item.shown.gesture);
  });
}

function createNow(item) {
  const element = make("li", "now-hand");
  const words = make("div", "entry-words");
  words.append(make("strong", "", gestureName(item.shown.gesture)), make("span", "quiet"));
  const score = make("div", "now-score");
  const meter = make("meter", "");
  meter.min = 0;
  meter.max = 1;
  meter.setAttribute("aria-label", "Score");
  score.append(make("span", "figures"), meter);
  element.append(gestureIcon(item.shown.gesture), words, score);
  return element;
}
