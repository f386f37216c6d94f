//! Who may do what: each request is asked here who it is from, before anything else of it is done.
//!
//! - [`caller`]: who a request is from, and what they may; [`denied`]: why not.
//! - [`credentials`]: what a request shows; [`entries`]: whom the config knows by that.
//! - [`passwords`]: passwords, off the clients' thread; [`attempts`]: how often one may be wrong.
//! - [`logins`], with [`ticket`] and [`sessions`]: the logins of browsers.
//! - [`host`], [`site`]: whether a foreign page only uses a viewer's browser.
//!
//! Upstream: the config, and the supervisor's memory of logins. Downstream: [`crate::http::gate`]
//! and [`crate::wire::client`] ask. Whoever comes from this machine may do everything, without a
//! name; who shows a name counts as that everywhere. A token or password is never logged, kept or
//! given back.

pub mod attempts;
pub mod caller;
pub mod credentials;
pub mod denied;
pub mod entries;
pub mod host;
pub mod logins;
pub mod passwords;
pub mod sessions;
pub mod site;
pub mod ticket;

use crate::access::Access;
use crate::client_record::Peer;
use attempts::Attempts;
use axum::http::{HeaderMap, Method, header};
use caller::{Caller, Login};
use credentials::Offer;
use denied::{DenialCounters, Denied};
use entries::{Entries, Entry};
use host::HostNames;
use passwords::Passwords;
use sessions::Sessions;
use shm_layout::MonotonicNs;
use shm_layout::control::{
    AccessRules, EndedSession, Permission, Permissions, SessionKey, SessionSeed,
};
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use ticket::{Lifetimes, Ticket};
use tokio::sync::watch;

/// A request, as far as it says who it is from.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'r> {
    /// The far end of its connection; behind a trusted proxy, the client itself.
    pub peer: &'r Peer,
    /// Its method.
    pub method: &'r Method,
    /// Its headers, with the host that the client asked for.
    pub headers: &'r HeaderMap,
    /// Its query; empty without one.
    pub query: &'r str,
}

/// Decides who may do what.
#[derive(Debug)]
pub struct Gatekeeper {
    entries: Entries,
    anonymous: Permissions,
    hosts: HostNames,
    lifetimes: Lifetimes,
    key: SessionKey,
    cookie_name: String,
    attempts: Mutex<Attempts>,
    sessions: Mutex<Sessions>,
    passwords: Passwords,
    /// Ended here, and not yet told to the supervisor.
    ended: Mutex<Vec<EndedSession>>,
    /// Changes when the supervisor was told.
    told: watch::Sender<()>,
    denials: DenialCounters,
    logins: AtomicU64,
}

impl Gatekeeper {
    /// By the rules of the config, for the box of that instance on the machine of that name. `seed`
    /// is what outlived the gateways before; without one every login ends with this process.
    ///
    /// # Errors
    ///
    /// The system's, which has no random numbers.
    pub fn new(
        rules: &AccessRules,
        instance: &str,
        machine: Option<&str>,
        seed: Option<&SessionSeed>,
    ) -> io::Result<Self> {
        let (own_key, ended) = (SessionKey(random()?), Vec::new());
        let key = seed.map_or(own_key, |seed| seed.key.clone());
        let ended = seed.map_or(ended, |seed| seed.ended.clone());
        Ok(Self {
            entries: Entries::new(&rules.entries),
            anonymous: rules.anonymous,
            hosts: HostNames::new(&rules.hosts, machine),
            lifetimes: Lifetimes {
                idle_s: rules.session_idle_s,
                max_s: rules.session_max_s,
            },
            key,
            // Browsers keep cookies by host, not by port: two boxes of a machine must not mix theirs up.
            cookie_name: format!("wigwag-{instance}"),
            attempts: Mutex::new(Attempts::new(rules.failed_attempts_per_minute)),
            sessions: Mutex::new(Sessions::new(rules.max_sessions, &ended)),
            passwords: Passwords::new(random()?),
            ended: Mutex::default(),
            told: watch::Sender::default(),
            denials: DenialCounters::default(),
            logins: AtomicU64::new(0),
        })
    }

    /// Who an HTTP request is from, and the ticket of the login that it came with.
    ///
    /// # Errors
    ///
    /// [`Denied`]: it shows something that is wrong, or a foreign page made a browser send it. That
    /// somebody shows nothing is no error: then they are a stranger.
    pub async fn identify(
        &self,
        asked: Asked<'_>,
        access: &Access,
    ) -> Result<(Caller, Option<Ticket>), Denied> {
        if let Some(name) = credentials::secret_in_query(asked.query) {
            return Err(Denied::SecretInQuery(name));
        }
        let offer = credentials::offered(asked.headers);
        // A page cannot make a browser send a token, so whose page it is does not matter then.
        let is_bearer = credentials::is_bearer(asked.headers);
        if !is_bearer && !site::is_welcome(asked.method, asked.headers, access) {
            return Err(Denied::OtherSite);
        }
        match offer {
            Some(Offer::Unknown) => return Err(Denied::Scheme),
            Some(Offer::Token(token)) => {
                let caller = self.by_token(asked.peer.address, &token)?;
                return Ok((caller, None));
            }
            Some(Offer::Login { name, secret }) => {
                let entry = self.by_password(asked.peer.address, &name, &secret).await?;
                return Ok((self.known(entry, None), None));
            }
            None => {}
        }
        if let Some((caller, ticket)) = self.by_cookie(asked.headers) {
            return Ok((caller, Some(ticket)));
        }
        Ok((self.unnamed(asked), None))
    }

    /// Who a client of the wire protocol is, by its token or by where it comes from.
    ///
    /// # Errors
    ///
    /// [`Denied`]: the token is wrong, or too many were.
    pub fn identify_wire(&self, peer: &Peer, token: Option<&str>) -> Result<Caller, Denied> {
        match token {
            Some(token) => self.counted(self.by_token(peer.address, token)),
            None if peer.is_local => Ok(Caller::local()),
            None => Ok(Caller::stranger(self.anonymous, Denied::Missing)),
        }
    }

    /// Whether the caller may; counted if not.
    ///
    /// # Errors
    ///
    /// [`Denied`] says what they lack.
    pub fn check(&self, caller: &Caller, permission: Permission) -> Result<(), Denied> {
        self.counted(caller.may(permission))
    }

    /// Counts what was denied.
    pub fn counted<T>(&self, decided: Result<T, Denied>) -> Result<T, Denied> {
        if let Err(denied) = &decided {
            self.denials.count(denied);
        }
        decided
    }

    /// Name of the cookie that keeps a login.
    #[must_use]
    pub fn cookie_name(&self) -> &str {
        &self.cookie_name
    }

    /// Whether there is anybody who could log in.
    #[must_use]
    pub fn knows_anybody(&self) -> bool {
        self.entries.count() > 0
    }

    /// Why somebody was not let in, and how often.
    #[must_use]
    pub fn denials(&self) -> &DenialCounters {
        &self.denials
    }

    /// Browsers that logged in since the start, and logins that are known now.
    #[must_use]
    pub fn logins(&self) -> (u64, usize) {
        let known = lock(&self.sessions).count();
        (self.logins.load(Ordering::Relaxed), known)
    }

    fn by_token(&self, address: IpAddr, token: &str) -> Result<Caller, Denied> {
        let entry = self.entry_by_token(address, token)?;
        Ok(self.known(entry, None))
    }

    /// A right token is never held up: it cannot be guessed, so nobody gains by being let try.
    fn entry_by_token(&self, address: IpAddr, token: &str) -> Result<&Entry, Denied> {
        if let Some(entry) = self.entries.by_token(token) {
            return Ok(entry);
        }
        self.may_try(address)?;
        self.fail(address);
        Err(Denied::UnknownToken)
    }

    async fn by_password(
        &self,
        address: IpAddr,
        name: &str,
        password: &str,
    ) -> Result<&Entry, Denied> {
        let entry = self.entries.by_name(name);
        if let Some(entry) = entry
            && self.passwords.remembers(name, password, MonotonicNs::now())
        {
            return Ok(entry);
        }
        self.may_try(address)?;
        // Taken before it is known whether it is wrong: many at once are many.
        self.fail(address);
        let hash = entry.and_then(|entry| entry.password_argon2.as_deref());
        let checked = self.passwords.check(hash, name, password).await;
        match (checked, entry) {
            (Ok(true), Some(entry)) => {
                lock(&self.attempts).forgive(address, MonotonicNs::now());
                Ok(entry)
            }
            (Ok(_), _) => Err(Denied::WrongPassword),
            (Err(passwords::Busy), _) => {
                lock(&self.attempts).forgive(address, MonotonicNs::now());
                Err(Denied::Busy)
            }
        }
    }

    fn may_try(&self, address: IpAddr) -> Result<(), Denied> {
        let may = lock(&self.attempts).may_try(address, MonotonicNs::now());
        may.map_err(|wait| Denied::Attempts {
            retry_after_s: wait.as_secs() + 1,
        })
    }

    fn fail(&self, address: IpAddr) {
        lock(&self.attempts).fail(address, MonotonicNs::now());
    }

    fn known(&self, entry: &Entry, login: Option<Login>) -> Caller {
        // What everybody may, they may too.
        let permissions = entry.permissions.and(self.anonymous);
        Caller::known(entry.name.clone(), permissions, login)
    }

    /// Somebody who shows nothing: what is open to them by where they come from.
    fn unnamed(&self, asked: Asked<'_>) -> Caller {
        let permissions = if asked.peer.is_local {
            Permissions::all()
        } else {
            self.anonymous
        };
        let host = asked.headers.get(header::HOST).map(|host| host.as_bytes());
        let host = host.map(String::from_utf8_lossy);
        let foreign = host.filter(|host| !self.hosts.know(host));
        match foreign {
            Some(host) if !permissions.are_none() => {
                let host = host.chars().filter(|c| !c.is_control()).take(100).collect();
                Caller::stranger(Permissions::NONE, Denied::Host(host))
            }
            _ if asked.peer.is_behind_silent_proxy => {
                Caller::stranger(permissions, Denied::SilentProxy)
            }
            _ => Caller::stranger(permissions, Denied::Missing),
        }
    }
}

impl Default for Gatekeeper {
    /// Nobody is known: only who comes from this machine is let in.
    fn default() -> Self {
        let rules = AccessRules::default();
        Self {
            entries: Entries::new(&rules.entries),
            anonymous: rules.anonymous,
            hosts: HostNames::default(),
            lifetimes: Lifetimes {
                idle_s: 0,
                max_s: 0,
            },
            key: SessionKey([0; 32]),
            cookie_name: String::new(),
            attempts: Mutex::new(Attempts::new(0)),
            sessions: Mutex::new(Sessions::new(0, &[])),
            passwords: Passwords::new([0; 32]),
            ended: Mutex::default(),
            told: watch::Sender::default(),
            denials: DenialCounters::default(),
            logins: AtomicU64::new(0),
        }
    }
}

fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// Seconds of the monotonic clock, which all gateways of a box share and nobody can set.
pub(crate) fn now_s() -> u64 {
    MonotonicNs::now().0 / 1_000_000_000
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
