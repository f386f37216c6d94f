//! What is asked of a running box: over the control socket, and by clients of the gateway that may.
//!
//! The gateway asked who they are; from here on it counts as if `supervisor restart` or `supervisor
//! reload` had been called, except that nobody waits for the end: the status tells it.

use super::RunningBox;
use crate::control_socket::{Reply, Request};
use crate::teach;
use shm_layout::MonotonicNs;
use shm_layout::control::{BoxOrder, EndedSession};

impl RunningBox<'_> {
    pub(super) fn on_request(&mut self, request: Request) -> Reply {
        match request {
            Request::Status => Reply::Status(Box::new(self.status())),
            Request::Models => {
                let reloader = &self.reloader;
                let infer = &reloader.setup().config.infer;
                Reply::Models(teach::told(infer, reloader.instance()))
            }
            Request::Stop => {
                self.begin_drain();
                Reply::Stopping {
                    pid: std::process::id(),
                }
            }
            Request::Restart { .. } | Request::Reload if self.drain.is_some() => Reply::Error {
                error: "the box is stopping".to_owned(),
                hint: None,
            },
            Request::Reload => match self.reload() {
                Ok(number) => Reply::Reloading { number },
                Err(error) => Reply::Error {
                    error,
                    hint: Some("`supervisor status` shows how far it is".to_owned()),
                },
            },
            Request::Restart { unit } => {
                let replaced = self.units.restart(&unit);
                if replaced.is_empty() {
                    self.no_such_unit(&unit)
                } else {
                    Reply::Restarting(replaced)
                }
            }
            Request::Outcome { unit, generation } => match self.units.outcome(&unit, generation) {
                Some(outcome) => Reply::Outcome(outcome),
                None => self.no_such_unit(&unit),
            },
        }
    }

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

    fn no_such_unit(&self, name: &str) -> Reply {
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
