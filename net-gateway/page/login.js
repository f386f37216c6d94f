//! The page to log in: leads on to the box's page whoever may see it already.
//!
//! A link on another site leads here although somebody is logged in, because the browser keeps the
//! login to itself on the way; once here it tells.

import { askSession, mayWatch } from "./session.js";

const session = await askSession();
if (session !== null && mayWatch(session)) location.replace("./");
