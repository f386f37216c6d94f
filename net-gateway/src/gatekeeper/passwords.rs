//! Checks passwords, which takes processor time and memory by design: off the clients' thread, one
//! at a time, and not again for a while if it was right.

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordHasher};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use shm_layout::MonotonicNs;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Passwords that are checked at a time. One takes about 20 ms and 19 MiB.
const AT_A_TIME: usize = 1;
/// Requests that may wait for that.
const WAITING_MAX: usize = 64;
/// How long a right password need not be checked again. Programs that log in with each request
/// would otherwise pay for it each time.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);
/// Most right passwords that are remembered.
const REMEMBERED_MAX: usize = 256;

/// What stands for a name and a password in memory: nothing that could be turned back.
type Digest = [u8; 32];

/// Too many passwords are waiting to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

/// Checks passwords.
pub struct Passwords {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Random, for this process alone.
    key: [u8; 32],
    remembered: Mutex<HashMap<Digest, MonotonicNs>>,
    /// What is checked for a name that does not exist, so that it takes as long.
    nobodys: Option<Arc<str>>,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Passwords(…)")
    }
}

impl Passwords {
    /// Nothing is remembered yet. `key` is random.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_A_TIME)),
            waiting: AtomicUsize::new(0),
            key,
            remembered: Mutex::default(),
            nobodys: nobodys_hash(&key),
        }
    }

    /// Whether this password of that name was right a short while ago. Takes no time.
    #[must_use]
    pub fn remembers(&self, name: &str, password: &str, now: MonotonicNs) -> bool {
        let digest = self.digest(name, password);
        let until = digest.and_then(|digest| self.remembered().get(&digest).copied());
        until.is_some_and(|until| now < until)
    }

    /// Whether the password is the one of that hash; `None` is the hash of nobody.
    ///
    /// # Errors
    ///
    /// [`Busy`]: it was not looked at.
    pub async fn check(
        &self,
        hash: Option<&str>,
        name: &str,
        password: &str,
    ) -> Result<bool, Busy> {
        let _waiting = Waiting::begin(&self.waiting).ok_or(Busy)?;
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_closed| Busy)?;
        if hash.is_some() && self.remembers(name, password, MonotonicNs::now()) {
            return Ok(true);
        }
        let asked = hash.map(Arc::from).or_else(|| self.nobodys.clone());
        let own = password.to_owned();
        let verify = move || asked.is_some_and(|hash| is_of(&own, &hash));
        let is_right = apart(place, verify).await?;
        let is_right = is_right && hash.is_some();
        if is_right && let Some(digest) = self.digest(name, password) {
            self.remember(digest, MonotonicNs::now());
        }
        Ok(is_right)
    }

    fn remember(&self, digest: Digest, now: MonotonicNs) {
        let mut remembered = self.remembered();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.retain(|_, until| now < *until);
        }
        if remembered.len() < REMEMBERED_MAX {
            let lasts_ns = u64::try_from(REMEMBERED_FOR.as_nanos()).unwrap_or(0);
            remembered.insert(digest, MonotonicNs(now.0.saturating_add(lasts_ns)));
        }
    }

    fn digest(&self, name: &str, password: &str) -> Option<Digest> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(&(name.len() as u64).to_be_bytes());
        mac.update(name.as_bytes());
        mac.update(password.as_bytes());
        Some(mac.finalize().into_bytes().into())
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<Digest, MonotonicNs>> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does it on a thread for what takes long. It keeps its place until it is done, also when whoever
/// asked for it has left meanwhile.
async fn apart<T: Send + 'static>(
    place: OwnedSemaphorePermit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Busy> {
    let work = move || {
        let _place = place;
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
}

fn is_of(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    // What it costs stands in the hash; the supervisor checked that it is not too much.
    let checked = Argon2::default().verify_password(password.as_bytes(), &hash);
    checked.is_ok()
}

/// A hash of something random at the usual cost. Made by hand, because a hash is only looked at:
/// nothing has to be computed for it.
fn nobodys_hash(key: &[u8; 32]) -> Option<Arc<str>> {
    let cheap = Params::new(Params::MIN_M_COST, Params::MIN_T_COST, 1, None).ok()?;
    let hash = Argon2::from(cheap)
        .hash_password_with_salt(key, &key[..16])
        .ok()?;
    let usual = Params::default();
    let cost = |params: (u32, u32)| format!("m={},t={}", params.0, params.1);
    let (was, wanted) = (
        cost((Params::MIN_M_COST, Params::MIN_T_COST)),
        cost((usual.m_cost(), usual.t_cost())),
    );
    Some(Arc::from(hash.to_string().replace(&was, &wanted)))
}

/// One request that waits.
struct Waiting<'c>(&'c AtomicUsize);

impl<'c> Waiting<'c> {
    fn begin(count: &'c AtomicUsize) -> Option<Self> {
        let waiting = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < WAITING_MAX).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(password: &str) -> String {
        let cheap = Params::new(Params::MIN_M_COST, 1, 1, None).unwrap();
        let hash: PasswordHash = Argon2::from(cheap)
            .hash_password(password.as_bytes())
            .unwrap();
        hash.to_string()
    }

    fn in_runtime<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(test)
    }

    #[test]
    fn right_password_is_remembered_and_a_wrong_one_is_not() {
        let passwords = Passwords::new([3; 32]);
        let hash = hash("correct horse");
        in_runtime(async {
            for (name, password, is_right) in [
                ("ann", "wrong horse", false),
                ("ann", "correct horse", true),
                ("ann", "correct horse", true),
            ] {
                let checked = passwords.check(Some(&hash), name, password).await;
                assert_eq!(checked, Ok(is_right), "{password}");
            }
            assert_eq!(
                passwords.check(None, "bob", "correct horse").await,
                Ok(false)
            );
        });
        let now = MonotonicNs::now();
        assert!(passwords.remembers("ann", "correct horse", now));
        assert!(!passwords.remembers("bob", "correct horse", now));
        assert!(!passwords.remembers("ann", "wrong horse", now));
        assert!(!passwords.remembers("annc", "orrect horse", now));
        let later = MonotonicNs(now.0 + REMEMBERED_FOR.as_nanos() as u64);
        assert!(!passwords.remembers("ann", "correct horse", later));
    }

    #[test]
    fn nobody_costs_as_much_as_somebody() {
        let nobodys = Passwords::new([3; 32]).nobodys.unwrap();
        let hash = PasswordHash::new(&nobodys).unwrap();
        let params = Params::try_from(&hash).unwrap();
        let usual = Params::default();
        assert_eq!(
            (params.m_cost(), params.t_cost()),
            (usual.m_cost(), usual.t_cost())
        );
    }

    /// Goal: who asks and leaves, again and again, does not make many checks run at once.
    /// Method: nobody waits any more for work that has begun; until it is over its place is taken.
    #[test]
    fn work_keeps_its_place_when_nobody_waits_for_it() {
        in_runtime(async {
            let places = Arc::new(Semaphore::new(1));
            let place = Arc::clone(&places).acquire_owned().await.unwrap();
            let (go_on, waits) = std::sync::mpsc::channel();
            let work = apart(place, move || waits.recv().unwrap());
            let given_up = tokio::select! {
                biased;
                _ = work => false,
                () = tokio::task::yield_now() => true,
            };
            assert!(given_up);
            assert_eq!(places.available_permits(), 0);
            go_on.send(()).unwrap();
            assert!(places.acquire().await.is_ok(), "and gives it back");
        });
    }

    #[test]
    fn only_so_many_wait() {
        let count = AtomicUsize::new(0);
        let waiting: Vec<_> = (0..WAITING_MAX)
            .map(|_| Waiting::begin(&count).unwrap())
            .collect();
        assert!(Waiting::begin(&count).is_none());
        drop(waiting);
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }
}
