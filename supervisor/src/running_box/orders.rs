//! What clients of the gateway that may do so ask of a running box, and the end of their logins.
//!
//! The gateway asked who they are; here it counts as if `supervisor restart` or `supervisor reload`
//! had been called, except that nobody waits for the end: the status tells it. And the answer to who
//! names a unit that there is not.

use super::RunningBox;
use crate::control_socket::{Reply, Request};
use shm_layout::MonotonicNs;
use shm_layout::control::{BoxOrder, EndedSession};

impl RunningBox<'_> {
    pub(super) fn on_order(&mut self, order: BoxOrder) {
        let request = match order {
            BoxOrder::Restart { unit } => Request::Restart { unit },
            BoxOrder::Reload => Request::Reload,
        };
        if let Reply::Error { error, .. } = self.on_request(request.clone()) {
            tracing::warn!("a client of the gateway asked for {request:?}: {error}");
        }
        self.changed = true;
    }

    pub(super) fn on_logout(&mut self, session: EndedSession) {
        let sessions = self.units.launcher_mut().sessions_mut();
        sessions.end(session, MonotonicNs::now());
        self.units.tell_ended_sessions();
    }

    pub(super) fn no_such_unit(&self, name: &str) -> Reply {
        let known: Vec<&str> = self.units.names().collect();
        let hint = match crate::config::nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? there are: {}", known.join(", ")),
            None => format!("there are: {}", known.join(", ")),
        };
        Reply::Error {
            error: format!("there is no unit `{name}`"),
            hint: Some(hint),
        }
    }
}
