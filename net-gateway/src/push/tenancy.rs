//! The rule for one pushed source: who has it, who may have it next, and how it is doing. Pure.
//!
//! The first client that asks has the source, until it is gone. One that has been silent for
//! `hold_ms` loses it to the next one that asks; while nobody asks, it keeps it. A silent client is
//! one of which no whole frame came, whatever else it sends.

use super::refusal::PushError;
use shm_layout::control::{PushLimits, SourceMode, SourceReport, SourceState};
use shm_layout::{MonotonicNs, PixelFormat};
use std::net::IpAddr;
use std::time::Duration;

/// A client of which no frame was taken for so long is said to be lost.
const LOST_AFTER: Duration = Duration::from_secs(2);

/// Tells the tenants of a source apart, over all times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantId(pub u64);

/// Who has the source.
#[derive(Debug, Clone)]
struct Tenant {
    id: TenantId,
    address: IpAddr,
    since: MonotonicNs,
    /// When the last whole frame came, taken or not; at first, when the client came.
    heard: MonotonicNs,
    /// When the last frame was published, and its sides.
    shown: Option<(MonotonicNs, [u32; 2])>,
}

/// One pushed source and its tenant.
#[derive(Debug)]
pub struct Tenancy {
    name: String,
    limits: PushLimits,
    tenant: Option<Tenant>,
    /// Who had it last, and why not any more.
    last: Option<(IpAddr, &'static str)>,
    mode: Option<SourceMode>,
}

impl Tenancy {
    /// A source that nobody has.
    #[must_use]
    pub fn new(name: &str, limits: PushLimits) -> Self {
        Self {
            name: name.to_owned(),
            limits,
            tenant: None,
            last: None,
            mode: None,
        }
    }

    /// Whether the next one that asks gets it at `now`.
    #[must_use]
    pub fn is_free(&self, now: MonotonicNs) -> bool {
        let silence = |tenant: &Tenant| now.since(tenant.heard);
        let hold = Duration::from_millis(self.limits.hold_ms);
        self.tenant.as_ref().is_none_or(|t| silence(t) >= hold)
    }

    /// Gives it to the client `id` at `address`, if it is free; gives what the one that has to go
    /// for that is told.
    ///
    /// # Errors
    ///
    /// [`PushError::Held`] by whom, and since when.
    pub fn claim(
        &mut self,
        id: TenantId,
        address: IpAddr,
        now: MonotonicNs,
    ) -> Result<Option<PushError>, PushError> {
        if !self.is_free(now)
            && let Some(tenant) = &self.tenant
        {
            return Err(PushError::Held {
                source_name: self.name.clone(),
                by: tenant.address,
                since_s: now.since(tenant.since).as_secs(),
                hold_ms: self.limits.hold_ms,
            });
        }
        let tenant = Tenant {
            id,
            address,
            since: now,
            heard: now,
            shown: None,
        };
        let before = self.tenant.replace(tenant);
        Ok(before.map(|before| PushError::TakenOver {
            by: address,
            silent_ms: now.since(before.heard).as_millis() as u64,
        }))
    }

    /// Whether the client `id` has it.
    #[must_use]
    pub fn is_of(&self, id: TenantId) -> bool {
        self.tenant.as_ref().is_some_and(|tenant| tenant.id == id)
    }

    /// The client `id` goes; false if it did not have the source any more.
    pub fn leave(&mut self, id: TenantId, why: &'static str) -> bool {
        let tenant = self.tenant.take_if(|tenant| tenant.id == id);
        if let Some(tenant) = &tenant {
            self.last = Some((tenant.address, why));
        }
        tenant.is_some()
    }

    /// A whole frame of the client `id` came.
    pub fn hear(&mut self, id: TenantId, now: MonotonicNs) {
        if let Some(tenant) = self.tenant.as_mut().filter(|tenant| tenant.id == id) {
            tenant.heard = now;
        }
    }

    /// A frame of the client `id` was published.
    pub fn show(&mut self, id: TenantId, sides: [u32; 2], now: MonotonicNs) {
        if let Some(tenant) = self.tenant.as_mut().filter(|tenant| tenant.id == id) {
            tenant.shown = Some((now, sides));
            let [width_px, height_px] = sides;
            self.mode = Some(SourceMode {
                format: PixelFormat::Mjpeg,
                width_px,
                height_px,
                fps: f64::from(self.limits.max_fps),
            });
        }
    }

    /// How the source is doing at `now`.
    #[must_use]
    pub fn report(&self, source: usize, now: MonotonicNs) -> SourceReport {
        let (state, detail) = match (&self.tenant, self.last) {
            (Some(tenant), _) => tenant.standing(now),
            (None, None) => (SourceState::Waiting, "waiting for a client".to_owned()),
            (None, Some((address, why))) => {
                let detail = format!("waiting for a client; the last one, {address}, {why}");
                (SourceState::Waiting, detail)
            }
        };
        SourceReport {
            source,
            state,
            detail,
            mode: self.mode,
        }
    }
}

impl Tenant {
    fn standing(&self, now: MonotonicNs) -> (SourceState, String) {
        let address = self.address;
        match self.shown {
            Some((at, [width_px, height_px])) if now.since(at) < LOST_AFTER => {
                let detail = format!("pushed by {address}: MJPG {width_px}x{height_px}");
                (SourceState::Live, detail)
            }
            Some(_) => {
                let detail = format!("{address} pushes it, and no good frame comes from there");
                (SourceState::Lost, detail)
            }
            None => {
                let detail = format!("{address} is to push it; no good frame came yet");
                (SourceState::Waiting, detail)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD_MS: u64 = 5_000;

    fn at(ms: u64) -> MonotonicNs {
        MonotonicNs((1_000 + ms) * 1_000_000)
    }

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn tenancy() -> Tenancy {
        let limits = PushLimits {
            max_width_px: 640,
            max_height_px: 480,
            max_fps: 30,
            max_frame_bytes: 1 << 16,
            hold_ms: HOLD_MS,
        };
        Tenancy::new("phone", limits)
    }

    #[test]
    fn the_first_has_it_until_it_goes() {
        let mut tenancy = tenancy();
        assert_eq!(tenancy.claim(TenantId(1), address(1), at(0)), Ok(None));
        tenancy.hear(TenantId(1), at(3_000));
        let held = tenancy.claim(TenantId(2), address(2), at(7_999));
        let expected = PushError::Held {
            source_name: "phone".to_owned(),
            by: address(1),
            since_s: 7,
            hold_ms: HOLD_MS,
        };
        assert_eq!(held, Err(expected));
        assert!(!tenancy.leave(TenantId(2), "left"), "it never had it");
        assert!(tenancy.leave(TenantId(1), "left"));
        assert_eq!(tenancy.claim(TenantId(3), address(3), at(8_000)), Ok(None));
    }

    #[test]
    fn a_silent_one_loses_it_to_who_asks_and_only_then() {
        let mut tenancy = tenancy();
        tenancy.claim(TenantId(1), address(1), at(0)).unwrap();
        assert!(tenancy.is_of(TenantId(1)));
        let evicted = tenancy.claim(TenantId(2), address(2), at(HOLD_MS)).unwrap();
        let told = PushError::TakenOver {
            by: address(2),
            silent_ms: HOLD_MS,
        };
        assert_eq!(evicted, Some(told));
        assert!(tenancy.is_of(TenantId(2)) && !tenancy.is_of(TenantId(1)));
        // What the first one still does has no effect.
        tenancy.hear(TenantId(1), at(9_999));
        tenancy.show(TenantId(1), [640, 480], at(9_999));
        assert!(!tenancy.leave(TenantId(1), "left"));
        assert!(tenancy.is_free(at(HOLD_MS * 2)));
        assert_eq!(tenancy.report(3, at(9_999)).state, SourceState::Waiting);
    }

    #[test]
    fn state_is_told_in_words() {
        let mut tenancy = tenancy();
        let told = |tenancy: &Tenancy, ms| {
            let report = tenancy.report(3, at(ms));
            assert_eq!(report.source, 3);
            (report.state, report.detail)
        };
        let is = |told: (SourceState, String), state, detail: &str| {
            assert_eq!(told, (state, detail.to_owned()));
        };
        is(
            told(&tenancy, 0),
            SourceState::Waiting,
            "waiting for a client",
        );
        tenancy.claim(TenantId(1), address(1), at(0)).unwrap();
        let yet = "192.0.2.1 is to push it; no good frame came yet";
        is(told(&tenancy, 9_000), SourceState::Waiting, yet);
        tenancy.show(TenantId(1), [640, 480], at(9_000));
        let live = "pushed by 192.0.2.1: MJPG 640x480";
        is(told(&tenancy, 10_999), SourceState::Live, live);
        assert_eq!(tenancy.report(3, at(10_999)).mode.unwrap().width_px, 640);
        let lost = "192.0.2.1 pushes it, and no good frame comes from there";
        is(told(&tenancy, 11_000), SourceState::Lost, lost);
        tenancy.leave(TenantId(1), "left");
        let gone = "waiting for a client; the last one, 192.0.2.1, left";
        is(told(&tenancy, 11_001), SourceState::Waiting, gone);
    }
}
