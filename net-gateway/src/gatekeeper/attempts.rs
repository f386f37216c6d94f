//! How often an address may be wrong about who it is. Pure: addresses and times in, answers out.
//!
//! Each address has so many attempts, which come back one by one in the course of a minute. Only
//! failures cost one, so who is known is never held up.

use shm_layout::MonotonicNs;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Most addresses that are remembered; beyond that the one with the most attempts left is
/// forgotten.
const ADDRESSES_MAX: usize = 4096;

/// In which time all attempts come back.
const REFILL: Duration = Duration::from_secs(60);

/// The attempts that one address has left, as of a time.
#[derive(Debug, Clone, Copy)]
struct Left {
    attempts: f64,
    at: MonotonicNs,
}

/// The attempts of all addresses.
#[derive(Debug)]
pub struct Attempts {
    per_minute: f64,
    left: HashMap<IpAddr, Left>,
}

impl Attempts {
    /// Each address may fail `per_minute` times in a minute; at least once.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        Self {
            per_minute: f64::from(per_minute.max(1)),
            left: HashMap::new(),
        }
    }

    /// Whether the address may try.
    ///
    /// # Errors
    ///
    /// How long it has to wait until it may.
    pub fn may_try(&self, address: IpAddr, now: MonotonicNs) -> Result<(), Duration> {
        let left = self.left_at(party(address), now);
        if left >= 1.0 {
            return Ok(());
        }
        Err(REFILL.mul_f64((1.0 - left) / self.per_minute))
    }

    /// The address tried and was wrong.
    pub fn fail(&mut self, address: IpAddr, now: MonotonicNs) {
        let party = party(address);
        let attempts = (self.left_at(party, now) - 1.0).max(0.0);
        if self.left.len() >= ADDRESSES_MAX && !self.left.contains_key(&party) {
            self.make_room(now);
        }
        self.left.insert(party, Left { attempts, at: now });
    }

    /// What was counted as a failure was none.
    pub fn forgive(&mut self, address: IpAddr, now: MonotonicNs) {
        let party = party(address);
        let attempts = self.left_at(party, now) + 1.0;
        if attempts >= self.per_minute {
            self.left.remove(&party);
        } else {
            self.left.insert(party, Left { attempts, at: now });
        }
    }

    fn left_at(&self, party: IpAddr, now: MonotonicNs) -> f64 {
        let Some(left) = self.left.get(&party) else {
            return self.per_minute;
        };
        let passed = now.since(left.at).as_secs_f64() / REFILL.as_secs_f64();
        (left.attempts + passed * self.per_minute).min(self.per_minute)
    }

    fn make_room(&mut self, now: MonotonicNs) {
        let of = |(party, _): (&IpAddr, &Left)| (*party, self.left_at(*party, now));
        let most = self.left.iter().map(of).max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((party, _)) = most {
            self.left.remove(&party);
        }
    }
}

/// Whose address it is: in IPv6 everybody has a whole network of them.
fn party(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> MonotonicNs {
        MonotonicNs(ms * 1_000_000)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn who_fails_too_often_waits_and_others_do_not() {
        let mut attempts = Attempts::new(10);
        let (one, other) = (ip("10.0.0.1"), ip("10.0.0.2"));
        for _ in 0..10 {
            assert_eq!(attempts.may_try(one, at(0)), Ok(()));
            attempts.fail(one, at(0));
        }
        assert_eq!(attempts.may_try(one, at(0)), Err(Duration::from_secs(6)));
        assert_eq!(attempts.may_try(one, at(5000)), Err(Duration::from_secs(1)));
        assert_eq!(attempts.may_try(one, at(6000)), Ok(()));
        assert_eq!(attempts.may_try(other, at(0)), Ok(()));
        attempts.fail(one, at(6000));
        assert!(attempts.may_try(one, at(6001)).is_err());
        assert!(attempts.may_try(ip("::ffff:10.0.0.1"), at(6001)).is_err());
        attempts.forgive(one, at(6001));
        assert!(attempts.may_try(one, at(6001)).is_ok());
        attempts.forgive(other, at(6001));
        assert_eq!(
            attempts.left.len(),
            1,
            "who was always right is not remembered"
        );
    }

    #[test]
    fn network_of_ipv6_addresses_is_one_party() {
        let mut attempts = Attempts::new(1);
        attempts.fail(ip("2001:db8::1"), at(0));
        assert!(attempts.may_try(ip("2001:db8::ffff:1"), at(0)).is_err());
        assert!(attempts.may_try(ip("2001:db8:0:1::1"), at(0)).is_ok());
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_remembered() {
        let mut attempts = Attempts::new(2);
        let worst = ip("192.0.2.1");
        attempts.fail(worst, at(0));
        attempts.fail(worst, at(0));
        for index in 0..2 * ADDRESSES_MAX as u32 {
            attempts.fail(IpAddr::from(index.to_be_bytes()), at(1));
        }
        assert_eq!(attempts.left.len(), ADDRESSES_MAX);
        assert!(attempts.may_try(worst, at(2)).is_err());
    }

    proptest! {
        /// Whatever the times: in any stretch nobody fails more often than the limit and what
        /// came back meanwhile.
        #[test]
        fn failures_are_bounded(per_minute in 1_u32..50, gaps in prop::collection::vec(0_u64..5000, 1..300)) {
            let mut attempts = Attempts::new(per_minute);
            let address = ip("10.0.0.1");
            let (mut now_ms, mut failed) = (0, 0);
            for gap in gaps {
                now_ms += gap;
                if attempts.may_try(address, at(now_ms)).is_ok() {
                    attempts.fail(address, at(now_ms));
                    failed += 1;
                }
            }
            let back = now_ms as f64 / 60_000.0 * f64::from(per_minute);
            prop_assert!(f64::from(failed) <= f64::from(per_minute) + back + 1e-6);
        }
    }
}
