//! Tokens and passwords: how they are made, what of them is kept, and whether what stands in a
//! config can be used.
//!
//! - [`verbs`]: `supervisor token` and `supervisor password`.
//! - [`edit`]: what they write into a config file, everything else in it untouched.
//!
//! A token is 32 random bytes: it cannot be guessed, so its plain SHA-256 is enough. A password can,
//! so its hash is Argon2id. Neither is ever written anywhere but to the terminal of who asked.

pub mod edit;
pub mod verbs;

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::io;

/// What every token begins with, so that one that got lost is recognised.
pub const TOKEN_PREFIX: &str = "wigwag_";

/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;

/// Fewest characters of a password. Source: NIST SP 800-63B, section 5.1.1.1.
pub const PASSWORD_CHARS_MIN: usize = 8;

/// Longest password, in bytes; a form cannot send a longer one.
pub const PASSWORD_BYTES_MAX: usize = 255;

/// What checking a password may take: memory in KiB, passes, lanes. The gateway checks two at a
/// time.
const MEMORY_KIB_MAX: u32 = 64 * 1024;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 8;

/// A new token, and the SHA-256 of its text as 64 hexadecimal digits.
///
/// # Errors
///
/// The system's, which has no random numbers.
pub fn new_token() -> io::Result<(String, String)> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let token = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
    let digest = Sha256::digest(token.as_bytes());
    let hex = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((token, hex))
}

/// The hash of a password as it stands in a config.
///
/// # Errors
///
/// The system's, which has no random numbers or no memory.
pub fn hash_password(password: &str) -> io::Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    let hash = hash.map_err(|error| io::Error::other(error.to_string()))?;
    Ok(hash.to_string())
}

/// Reads a SHA-256 written as 64 hexadecimal digits.
#[must_use]
pub fn read_sha256(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(2 * index..2 * index + 2)?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

/// Whether a password's hash can be used, and costs no more than a gateway may spend on it.
///
/// # Errors
///
/// What is wrong, to follow the key's name.
pub fn check_hash(text: &str) -> Result<(), String> {
    let none = || "is no hash of Argon2id such as \"$argon2id$v=19$m=19456,t=2,p=1$…\"".to_owned();
    let hash = PasswordHash::new(text).map_err(|_| none())?;
    let params = Params::try_from(&hash).map_err(|_| none())?;
    if hash.algorithm != Algorithm::Argon2id.ident() || hash.hash.is_none() || hash.salt.is_none() {
        return Err(none());
    }
    let (memory_kib, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    if memory_kib > MEMORY_KIB_MAX || passes > PASSES_MAX || lanes > LANES_MAX {
        return Err(format!(
            "takes {memory_kib} KiB, {passes} passes and {lanes} lanes, expected at most \
             {MEMORY_KIB_MAX} KiB, {PASSES_MAX} passes and {LANES_MAX} lanes"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_different_and_kept_as_their_hash() {
        let (token, sha256) = new_token().unwrap();
        assert!(token.starts_with("wigwag_") && token.len() == 50, "{token}");
        assert_ne!(new_token().unwrap().0, token);
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        assert_eq!(read_sha256(&sha256), Some(digest));
        assert_eq!(read_sha256(&sha256.to_uppercase()), Some(digest));
        for wrong in ["", "ab", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(read_sha256(wrong), None);
        }
    }

    #[test]
    fn own_hashes_can_be_used_and_others_are_refused() {
        let hash = hash_password("correct horse").unwrap();
        check_hash(&hash).unwrap();
        assert!(!hash.contains("horse"));
        assert_ne!(hash_password("correct horse").unwrap(), hash, "salted");
        for wrong in [
            "",
            "secret",
            "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$3AFJmIUlzTYWSaKSWZQrYwhlPBmMPHFW3bWSSpmHBpo",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ",
            "$2b$12$abcdefghijklmnopqrstuv",
        ] {
            assert!(check_hash(wrong).is_err(), "{wrong}");
        }
        let dear = hash.replace("m=19456", "m=99999");
        assert!(check_hash(&dear).unwrap_err().contains("takes 99999 KiB"));
    }
}
