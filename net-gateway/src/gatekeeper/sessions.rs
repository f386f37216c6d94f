//! Which logins there are and which were ended. Pure: tickets and times in, answers out.
//!
//! A ticket holds by itself; here is only what it cannot know: that its login was ended, and how
//! many others there are. A new gateway begins with those that were ended, and learns of the rest as
//! they are used.

use super::ticket::{Lifetimes, SessionId, Ticket};
use shm_layout::control::EndedSession;
use std::collections::HashMap;

/// Most ended logins that are remembered; as in the supervisor.
const ENDED_MAX: usize = 4096;

#[derive(Debug, Clone)]
struct Known {
    name: String,
    used_s: u64,
    until_s: u64,
}

/// The logins at this gateway.
#[derive(Debug)]
pub struct Sessions {
    max: usize,
    known: HashMap<SessionId, Known>,
    ended: HashMap<SessionId, u64>,
}

/// What using a ticket gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Use {
    /// The login was ended: it counts no more.
    Ended,
    /// It counts. Another one had to go for it if there were too many: the one of the same name that
    /// was not used for longest, else the one of all.
    Counts(Option<EndedSession>),
}

impl Sessions {
    /// None yet, at most `max` at a time.
    #[must_use]
    pub fn new(max: usize, ended: &[EndedSession]) -> Self {
        let ended = ended.iter().map(|session| (session.id, session.until_s));
        Self {
            max: max.max(1),
            known: HashMap::new(),
            ended: ended.collect(),
        }
    }

    /// Notes that the login of a ticket, which holds, is used.
    pub fn note(&mut self, ticket: &Ticket, now_s: u64, lifetimes: Lifetimes) -> Use {
        if self.ended.contains_key(&ticket.id) {
            return Use::Ended;
        }
        let is_new = !self.known.contains_key(&ticket.id);
        if is_new {
            self.known.retain(|_, known| {
                known.until_s > now_s && now_s.saturating_sub(known.used_s) < lifetimes.idle_s
            });
        }
        let too_many = is_new && self.known.len() >= self.max;
        let evicted = too_many.then(|| self.least_used(&ticket.name)).flatten();
        if let Some(evicted) = evicted {
            self.end(evicted, now_s);
        }
        let until_s = ticket.until_s(lifetimes);
        let known = Known {
            name: ticket.name.clone(),
            used_s: now_s,
            until_s,
        };
        self.known.insert(ticket.id, known);
        Use::Counts(evicted)
    }

    /// One of the same name, if there is any: who logs in again and again throws nobody else out.
    fn least_used(&self, name: &str) -> Option<EndedSession> {
        let known = self.known.iter();
        let order = |(id, known): &(&SessionId, &Known)| (known.name != name, known.used_s, **id);
        let (id, known) = known.min_by_key(order)?;
        Some(EndedSession {
            id: *id,
            until_s: known.until_s,
        })
    }

    /// Ends a login.
    pub fn end(&mut self, session: EndedSession, now_s: u64) {
        self.known.remove(&session.id);
        if self.ended.len() >= ENDED_MAX {
            self.ended.retain(|_, until_s| *until_s > now_s);
        }
        if self.ended.len() >= ENDED_MAX {
            let first = self.ended.iter().min_by_key(|(_, until_s)| **until_s);
            if let Some(first) = first.map(|(id, _)| *id) {
                self.ended.remove(&first);
            }
        }
        self.ended.insert(session.id, session.until_s);
    }

    /// How many are known.
    #[must_use]
    pub fn count(&self) -> usize {
        self.known.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIMES: Lifetimes = Lifetimes {
        idle_s: 100,
        max_s: 1000,
    };

    fn ticket(number: u8) -> Ticket {
        ticket_of("ann", number)
    }

    fn ticket_of(name: &str, number: u8) -> Ticket {
        Ticket {
            id: [number; 32],
            began_s: 10,
            used_s: 10,
            fingerprint: [0; 16],
            name: name.to_owned(),
        }
    }

    fn ended(number: u8) -> EndedSession {
        EndedSession {
            id: [number; 32],
            until_s: 1010,
        }
    }

    #[test]
    fn ended_login_never_counts_again() {
        let mut sessions = Sessions::new(9, &[ended(1)]);
        assert_eq!(sessions.note(&ticket(1), 20, LIFETIMES), Use::Ended);
        assert_eq!(sessions.note(&ticket(2), 20, LIFETIMES), Use::Counts(None));
        assert_eq!(sessions.count(), 1);
        sessions.end(ended(2), 21);
        assert_eq!(sessions.note(&ticket(2), 22, LIFETIMES), Use::Ended);
        assert_eq!(sessions.count(), 0);
    }

    #[test]
    fn longest_unused_login_goes_when_there_are_too_many() {
        let mut sessions = Sessions::new(2, &[]);
        sessions.note(&ticket(1), 20, LIFETIMES);
        sessions.note(&ticket(2), 21, LIFETIMES);
        sessions.note(&ticket(1), 22, LIFETIMES);
        let third = sessions.note(&ticket(3), 23, LIFETIMES);
        assert_eq!(third, Use::Counts(Some(ended(2))));
        assert_eq!(sessions.note(&ticket(2), 24, LIFETIMES), Use::Ended);
        assert_eq!(sessions.note(&ticket(1), 24, LIFETIMES), Use::Counts(None));
        // One that is idle for too long needs nobody to go.
        assert_eq!(sessions.note(&ticket(4), 123, LIFETIMES), Use::Counts(None));
    }

    #[test]
    fn who_logs_in_again_and_again_throws_nobody_else_out() {
        let mut sessions = Sessions::new(3, &[]);
        sessions.note(&ticket_of("bob", 1), 20, LIFETIMES);
        for number in 2..50 {
            sessions.note(&ticket(number), 20 + u64::from(number), LIFETIMES);
        }
        let bobs = sessions.note(&ticket_of("bob", 1), 80, LIFETIMES);
        assert_eq!(bobs, Use::Counts(None));
        assert_eq!(sessions.count(), 3);
        let cleo = sessions.note(&ticket_of("cleo", 60), 81, LIFETIMES);
        assert_eq!(cleo, Use::Counts(Some(ended(48))), "the oldest of all");
    }

    #[test]
    fn memory_of_ended_logins_is_bounded() {
        let mut sessions = Sessions::new(2, &[]);
        for number in 0..2 * ENDED_MAX as u32 {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&number.to_be_bytes());
            let until_s = 1000 + u64::from(number);
            sessions.end(EndedSession { id, until_s }, 20);
        }
        assert_eq!(sessions.ended.len(), ENDED_MAX);
    }
}
