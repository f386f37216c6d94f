//! Who the viewer is to the box, and what they may: asked at the start, when a connection is refused,
//! and now and then, which also keeps a login alive while the page is open.
//!
//! Neighbours: `main.js` shows what may be done, `connection.js` asks when it was refused.

/** How often the box is asked while the page is open, in ms. */
const ASK_MS = 5 * 60 * 1000;
/** Longest time for an answer, in ms. */
const ANSWER_MS_MAX = 5000;
/** With this header the box knows that the page asks, and the browser shows no window of its own. */
export const FROM_THE_PAGE = { "X-Wigwag-Page": "1" };

/** Who the viewer is; null while the box does not answer. */
export async function askSession() {
  try {
    const answer = await fetch(new URL("api/v1/session", document.baseURI), {
      cache: "no-store",
      headers: FROM_THE_PAGE,
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    const session = answer.ok ? await answer.json() : null;
    return Array.isArray(session?.roles) ? session : null;
  } catch {
    return null;
  }
}

export function mayWatch(session) {
  return session.roles.includes("watch");
}

export function mayPush(session) {
  return session.roles.includes("push");
}

/** Leads to where one logs in, if that is what is missing. */
export async function leaveIfNotAllowed() {
  const session = await askSession();
  if (session !== null && !mayWatch(session)) location.assign(new URL("login", document.baseURI));
}

/** Tells `changed` who the viewer is, now and from time to time. */
export function watchSession(changed) {
  const ask = async () => {
    const session = await askSession();
    if (session !== null) changed(session);
  };
  ask();
  setInterval(ask, ASK_MS);
}

/** Ends the login, and leads to where one logs in. */
export async function logOut() {
  try {
    await fetch(new URL("logout", document.baseURI), {
      method: "POST",
      redirect: "manual",
      headers: FROM_THE_PAGE,
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
  } finally {
    location.assign(new URL("login", document.baseURI));
  }
}
