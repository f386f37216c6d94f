//! The logins of browsers: begun with a name and a secret, carried by a cookie, ended by their viewer,
//! by time, or for want of room.
//!
//! Upstream: [`crate::http::login`] and [`crate::http::gate`]. What must outlive this process is told
//! to the supervisor by the pump ([`crate::run`]).

use super::caller::{Caller, Login};
use super::credentials::{self, Offer};
use super::denied::Denied;
use super::sessions::Use;
use super::ticket::Ticket;
use super::{Gatekeeper, lock, now_s, random};
use axum::http::HeaderMap;
use shm_layout::control::EndedSession;
use std::net::IpAddr;
use std::sync::atomic::Ordering;

/// A browser that is logged in, or whose login goes on: the caller, and the new text of its cookie.
#[derive(Debug)]
pub struct LoggedIn {
    /// Text of the cookie.
    pub cookie: String,
    /// For how long the browser shall keep it, in seconds.
    pub max_age_s: u64,
}

impl Gatekeeper {
    /// Logs a browser in.
    ///
    /// # Errors
    ///
    /// [`Denied`]: name and secret are wrong, or too many were.
    pub async fn log_in(
        &self,
        address: IpAddr,
        name: &str,
        secret: &str,
    ) -> Result<LoggedIn, Denied> {
        let entry = match Offer::login(name, secret) {
            Offer::Token(token) => self.entry_by_token(address, &token)?,
            Offer::Login { name, secret } => self.by_password(address, &name, &secret).await?,
            Offer::Unknown => return Err(Denied::WrongPassword),
        };
        let now_s = now_s();
        let ticket = Ticket {
            id: random().map_err(|_| Denied::Busy)?,
            began_s: now_s,
            used_s: now_s,
            fingerprint: entry.fingerprint,
            name: entry.name.to_string(),
        };
        self.note(&ticket, now_s);
        self.logins.fetch_add(1, Ordering::Relaxed);
        Ok(self.logged_in(&ticket, now_s))
    }

    /// Ends a login; nobody comes with it again, neither here nor, once this returns, at a gateway
    /// after this one.
    pub async fn log_out(&self, login: Login) {
        let session = EndedSession {
            id: login.id,
            until_s: login.until_s,
        };
        let mut told = self.told.subscribe();
        lock(&self.sessions).end(session, now_s());
        lock(&self.ended).push(session);
        let is_untold = || lock(&self.ended).iter().any(|it| it.id == session.id);
        while told.changed().await.is_ok() && is_untold() {}
    }

    /// Takes in which logins were ended at other gateways.
    pub fn end_elsewhere(&self, ended: &[EndedSession]) {
        let now_s = now_s();
        let mut sessions = lock(&self.sessions);
        ended
            .iter()
            .for_each(|session| sessions.end(*session, now_s));
    }

    /// Logins that were ended here since the last call.
    #[must_use]
    pub fn take_ended(&self) -> Vec<EndedSession> {
        std::mem::take(&mut *lock(&self.ended))
    }

    /// The supervisor was told of those that were taken, but for `untold`.
    pub fn told_all_but(&self, untold: Vec<EndedSession>) {
        lock(&self.ended).extend(untold);
        self.told.send_replace(());
    }

    /// The cookie in the place of the one that a request came with, once that is worth it.
    #[must_use]
    pub fn renewed(&self, ticket: &Ticket) -> Option<LoggedIn> {
        let now_s = now_s();
        let ticket = ticket.renewed(now_s, self.lifetimes)?;
        Some(self.logged_in(&ticket, now_s))
    }

    fn logged_in(&self, ticket: &Ticket, now_s: u64) -> LoggedIn {
        LoggedIn {
            cookie: ticket.sign(&self.key),
            max_age_s: ticket.until_s(self.lifetimes).saturating_sub(now_s),
        }
    }

    /// The first cookie with a login that holds, of somebody whom the config still knows.
    pub(super) fn by_cookie(&self, headers: &HeaderMap) -> Option<(Caller, Ticket)> {
        let now_s = now_s();
        let tickets = credentials::cookies(headers, &self.cookie_name);
        let mut tickets = tickets.filter_map(|text| Ticket::read(text, &self.key));
        tickets.find_map(|ticket| {
            let entry = self.entries.by_name(&ticket.name)?;
            let is_same = entry.fingerprint == ticket.fingerprint;
            if !is_same || !ticket.holds(now_s, self.lifetimes) || !self.note(&ticket, now_s) {
                return None;
            }
            let login = Login {
                id: ticket.id,
                until_s: ticket.until_s(self.lifetimes),
            };
            Some((self.known(entry, Some(login)), ticket))
        })
    }

    /// Notes that a login is used; false if it was ended.
    fn note(&self, ticket: &Ticket, now_s: u64) -> bool {
        let noted = lock(&self.sessions).note(ticket, now_s, self.lifetimes);
        match noted {
            Use::Ended => false,
            Use::Counts(evicted) => {
                lock(&self.ended).extend(evicted);
                true
            }
        }
    }
}
