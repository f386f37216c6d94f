//! What a browser that logged in keeps as its cookie: who it is, since when, and a signature that
//! only this box can make. Pure.
//!
//! Every gateway of a box has the same key, so a login outlives each of them; nobody else can make
//! or change a ticket. It is bound to the entry of the config as it was: with another password or
//! token of that name it is worth nothing.

use super::credentials::{decode, encode};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use shm_layout::control::{ACCESS_NAME_LEN_MAX, SessionKey};

/// Random number of a login.
pub type SessionId = [u8; 32];

/// What the signature is for; a signature for anything else must not pass for one of these.
const PURPOSE: &[u8] = b"wigwag session 1\0";
/// Bytes of the signature.
const MAC_BYTES: usize = 32;
/// Bytes in front of the name: number, two times, fingerprint.
const FIXED_BYTES: usize = 32 + 8 + 8 + 16;
/// Longest text of a ticket that is looked at.
const TEXT_LEN_MAX: usize = (FIXED_BYTES + ACCESS_NAME_LEN_MAX + MAC_BYTES) * 4 / 3 + 4;

/// A login as its browser shows it. Times are seconds of the monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Random number of the login.
    pub id: SessionId,
    /// When it began.
    pub began_s: u64,
    /// When it was last seen in use, at least; the ticket is renewed as it is used.
    pub used_s: u64,
    /// Of the entry of the config, see `Entry::fingerprint`.
    pub fingerprint: [u8; 16],
    /// Name of that entry.
    pub name: String,
}

/// How long logins last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Without use.
    pub idle_s: u64,
    /// In any case.
    pub max_s: u64,
}

impl Ticket {
    /// The signed text of the cookie.
    #[must_use]
    pub fn sign(&self, key: &SessionKey) -> String {
        let mut bytes = Vec::with_capacity(FIXED_BYTES + self.name.len() + MAC_BYTES);
        bytes.extend(self.id);
        bytes.extend(self.began_s.to_be_bytes());
        bytes.extend(self.used_s.to_be_bytes());
        bytes.extend(self.fingerprint);
        bytes.extend(self.name.as_bytes());
        if let Some(mac) = mac(key, &bytes) {
            bytes.extend(mac.finalize().into_bytes());
        }
        encode(&bytes)
    }

    /// Reads a cookie; `None` unless a box with this key has signed it.
    #[must_use]
    pub fn read(text: &str, key: &SessionKey) -> Option<Self> {
        if text.len() > TEXT_LEN_MAX {
            return None;
        }
        let bytes = decode(text)?;
        let (signed, signature) = bytes.split_last_chunk::<MAC_BYTES>()?;
        mac(key, signed)?.verify_slice(signature).ok()?;
        let (id, rest) = signed.split_first_chunk::<32>()?;
        let (began_s, rest) = rest.split_first_chunk::<8>()?;
        let (used_s, rest) = rest.split_first_chunk::<8>()?;
        let (fingerprint, name) = rest.split_first_chunk::<16>()?;
        Some(Self {
            id: *id,
            began_s: u64::from_be_bytes(*began_s),
            used_s: u64::from_be_bytes(*used_s),
            fingerprint: *fingerprint,
            name: String::from_utf8(name.to_vec()).ok()?,
        })
    }

    /// Whether it still holds.
    #[must_use]
    pub fn holds(&self, now_s: u64, lifetimes: Lifetimes) -> bool {
        let is_from_the_past = self.began_s <= now_s && self.used_s <= now_s;
        is_from_the_past
            && now_s < self.until_s(lifetimes)
            && now_s - self.used_s < lifetimes.idle_s
    }

    /// When it ends in any case.
    #[must_use]
    pub fn until_s(&self, lifetimes: Lifetimes) -> u64 {
        self.began_s.saturating_add(lifetimes.max_s)
    }

    /// The ticket that takes its place because it is used, once that is worth a header.
    #[must_use]
    pub fn renewed(&self, now_s: u64, lifetimes: Lifetimes) -> Option<Self> {
        let is_due = now_s.saturating_sub(self.used_s) >= (lifetimes.idle_s / 10).min(60);
        is_due.then(|| Self {
            used_s: now_s,
            ..self.clone()
        })
    }
}

/// Keyed by the box; a key of any length will do, so there is always one.
fn mac(key: &SessionKey, signed: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).ok()?;
    mac.update(PURPOSE);
    mac.update(signed);
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: SessionKey = SessionKey([7; 32]);
    const DAYS: Lifetimes = Lifetimes {
        idle_s: 600,
        max_s: 10_000,
    };

    fn ticket() -> Ticket {
        Ticket {
            id: [1; 32],
            began_s: 1000,
            used_s: 1500,
            fingerprint: [2; 16],
            name: "ann".to_owned(),
        }
    }

    #[test]
    fn own_ticket_is_read_and_a_foreign_one_is_not() {
        let text = ticket().sign(&KEY);
        assert_eq!(Ticket::read(&text, &KEY), Some(ticket()));
        assert_eq!(Ticket::read(&text, &SessionKey([8; 32])), None);
        for wrong in ["", "a", &text[1..], &"A".repeat(TEXT_LEN_MAX + 1)] {
            assert_eq!(Ticket::read(wrong, &KEY), None, "{wrong}");
        }
        let longest = Ticket {
            name: "n".repeat(ACCESS_NAME_LEN_MAX),
            ..ticket()
        };
        assert_eq!(Ticket::read(&longest.sign(&KEY), &KEY), Some(longest));
    }

    #[test]
    fn ticket_ends_without_use_and_in_any_case() {
        for (now_s, holds) in [(1499, false), (1500, true), (2099, true), (2100, false)] {
            assert_eq!(ticket().holds(now_s, DAYS), holds, "{now_s}");
        }
        let used = Ticket {
            used_s: 10_900,
            ..ticket()
        };
        assert!(used.holds(10_999, DAYS) && !used.holds(11_000, DAYS));
        assert_eq!(ticket().renewed(1559, DAYS), None);
        let renewed = ticket().renewed(1560, DAYS).unwrap();
        assert_eq!((renewed.used_s, renewed.began_s), (1560, 1000));
    }

    proptest! {
        /// Nothing of a ticket can be changed by who has it.
        #[test]
        fn every_bit_is_signed(place in 0_usize..1000, bit in 0_u8..8) {
            let mut bytes = decode(&ticket().sign(&KEY)).unwrap();
            let place = place % bytes.len();
            bytes[place] ^= 1 << bit;
            prop_assert_eq!(Ticket::read(&encode(&bytes), &KEY), None);
        }

        #[test]
        fn any_text_has_an_answer(text in "\\PC{0,300}") {
            prop_assert_eq!(Ticket::read(&text, &KEY), None);
        }
    }
}
