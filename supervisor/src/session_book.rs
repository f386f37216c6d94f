//! What of the logins at the page outlives a gateway: the key that they are signed with, and those
//! that were ended before their time.
//!
//! Upstream: gateways report each logout. Downstream: each new gateway gets all of it, so a viewer
//! whose gateway was restarted notices nothing, and one who logged out stays logged out. It is kept
//! in memory only: after a restart of the box everybody logs in again.

use shm_layout::MonotonicNs;
use shm_layout::control::{EndedSession, SessionKey, SessionSeed};
use std::collections::VecDeque;
use std::io;

/// Most ended logins that are remembered; they are forgotten when they would have ended anyway.
/// Only who can log in can end one.
const ENDED_MAX: usize = 4096;

/// The book of one box.
#[derive(Debug)]
pub struct SessionBook {
    key: SessionKey,
    ended: VecDeque<EndedSession>,
}

impl SessionBook {
    /// An empty one with a new key.
    ///
    /// # Errors
    ///
    /// The system's, which has no random numbers.
    pub fn new() -> io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        Ok(Self {
            key: SessionKey(key),
            ended: VecDeque::new(),
        })
    }

    /// Notes a login that was ended.
    pub fn end(&mut self, session: EndedSession, now: MonotonicNs) {
        let now_s = now.0 / 1_000_000_000;
        self.ended
            .retain(|old| old.until_s > now_s && old.id != session.id);
        if self.ended.len() >= ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(session);
    }

    /// Those that were ended.
    #[must_use]
    pub fn ended(&self) -> Vec<EndedSession> {
        self.ended.iter().copied().collect()
    }

    /// What a new gateway gets.
    #[must_use]
    pub fn seed(&self) -> SessionSeed {
        SessionSeed {
            key: self.key.clone(),
            ended: self.ended(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u32, until_s: u64) -> EndedSession {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&number.to_be_bytes());
        EndedSession { id, until_s }
    }

    #[test]
    fn ended_logins_are_kept_until_they_would_have_ended() {
        let mut book = SessionBook::new().unwrap();
        assert_ne!(book.key, SessionBook::new().unwrap().key);
        let at = |s: u64| MonotonicNs(s * 1_000_000_000);
        book.end(session(1, 100), at(10));
        book.end(session(1, 100), at(10));
        book.end(session(2, 200), at(20));
        assert_eq!(book.seed().ended, [session(1, 100), session(2, 200)]);
        book.end(session(3, 300), at(150));
        assert_eq!(book.ended(), [session(2, 200), session(3, 300)]);
    }

    #[test]
    fn book_never_grows_beyond_its_limit() {
        let mut book = SessionBook::new().unwrap();
        let many = ENDED_MAX as u32 + 5;
        for number in 0..many {
            book.end(session(number, 100), MonotonicNs(0));
        }
        assert_eq!(book.ended().len(), ENDED_MAX);
        assert_eq!(book.ended().last(), Some(&session(many - 1, 100)));
    }
}
