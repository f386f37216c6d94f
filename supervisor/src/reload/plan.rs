//! What the difference between two configurations concerns. Pure.
//!
//! Every key has one line in [`changes`]; the structs are taken apart without `..`, so a key that
//! is new does not compile until it has one too.

use crate::config::{
    BlackBox, Config, Gateway, Infer, Log, Restart, RtpOutput, Segment, SourceConfig, Tls, Watchdog,
};
use shm_layout::control::{
    AccessEntry, GestureRules, Role, SourceKind, SteadySettings, TaughtGesture,
};
use std::collections::BTreeSet;

/// What a key is for, and so what it takes to change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// The capture-worker of that source, which is replaced.
    Capture(usize),
    /// The type of that source: its capture-worker, and the gateway, which names it.
    SourceType(usize),
    /// What clients may push to that source; the gateway is replaced.
    Pushed(usize),
    /// What the infer-workers find; they are replaced one after another.
    Infer,
    /// How the gateway serves; it is replaced.
    Gateway,
    /// Where the gateway listens; it is replaced, with new listeners.
    Listeners,
    /// The supervisor, and workers while they run; nothing is replaced.
    InPlace,
    /// The size of the segment, which is fixed for a box's life: it may have the room, or not.
    Room,
    /// Which units and rings there are, which is fixed for a box's life.
    Fixed,
}

/// One key that has another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its name, e.g. `gateway.jpeg_quality` or `sources.cam0`.
    pub key: String,
    /// What it concerns.
    pub concern: Concern,
}

/// What stands for a key when other gestures were taught than those in force.
pub const TAUGHT: &str = "taught gestures";

/// The change when other gestures were taught, or some forgotten.
#[must_use]
pub fn taught(old: &[TaughtGesture], new: &[TaughtGesture]) -> Option<Change> {
    let key = TAUGHT.to_owned();
    let concern = Concern::Infer;
    (old != new).then_some(Change { key, concern })
}

/// Every key that differs. The sources are those that run, also where no key names any;
/// `infer.workers` is the number that it means on this machine.
#[must_use]
pub fn changes(old: &Config, new: &Config) -> Vec<Change> {
    let Config {
        sources,
        infer,
        steady,
        gateway,
        rtp,
        restart,
        watchdog,
        segment,
        log,
        black_box,
        tls,
        access,
    } = new;
    let mut differ = Differ(Vec::new());
    differ.sources(&old.sources, sources);
    differ.infer(&old.infer, infer);
    differ.steady(&old.steady, steady);
    differ.gateway(&old.gateway, gateway);
    differ.rtp(&old.rtp, rtp);
    differ.restart(&old.restart, restart);
    differ.watchdog(&old.watchdog, watchdog);
    differ.segment(&old.segment, segment);
    let Log { level } = log;
    differ.note("log.level", level != &old.log.level, Concern::InPlace);
    differ.black_box(&old.black_box, black_box);
    differ.tls(&old.tls, tls);
    differ.access(&old.access, access);
    differ.0
}

struct Differ(Vec<Change>);

impl Differ {
    fn note(&mut self, key: &str, differs: bool, concern: Concern) {
        if differs {
            let key = key.to_owned();
            self.0.push(Change { key, concern });
        }
    }

    fn sources(&mut self, old: &[SourceConfig], new: &[SourceConfig]) {
        let is_in = |source: &SourceConfig, all: &[SourceConfig]| {
            all.iter().any(|other| other.name == source.name)
        };
        for source in old.iter().filter(|source| !is_in(source, new)) {
            self.note(&format!("sources.{}", source.name), true, Concern::Fixed);
        }
        for (index, source) in new.iter().enumerate() {
            let SourceConfig { name, kind } = source;
            let key = format!("sources.{name}");
            match old.get(index) {
                Some(was) if was.name == *name => {
                    let is_pushed = |kind: &SourceKind| matches!(kind, SourceKind::Push(_));
                    let concern = match (is_pushed(&was.kind), is_pushed(kind)) {
                        (true, true) => Concern::Pushed(index),
                        // It has a capture-worker, or it has none.
                        (true, false) | (false, true) => Concern::Fixed,
                        _ if was.kind.name() == kind.name() => Concern::Capture(index),
                        _ => Concern::SourceType(index),
                    };
                    self.note(&key, was.kind != *kind, concern);
                }
                // One that is new, or at another ring than before.
                _ => self.note(&key, true, Concern::Fixed),
            }
        }
    }

    fn infer(&mut self, old: &Infer, new: &Infer) {
        let Infer {
            workers,
            profile,
            gestures,
            manifest,
            taught,
            max_hands,
            idle_fps,
        } = new;
        self.note("infer.workers", *workers != old.workers, Concern::Fixed);
        self.note("infer.profile", *profile != old.profile, Concern::Infer);
        let differs = *gestures != old.gestures;
        self.note("infer.gestures", differs, Concern::Infer);
        self.note("infer.manifest", *manifest != old.manifest, Concern::Infer);
        // Workers get what is kept there, which is compared as such; see `TAUGHT`.
        self.note("infer.taught", *taught != old.taught, Concern::InPlace);
        let differs = *max_hands != old.max_hands;
        self.note("infer.max_hands", differs, Concern::Infer);
        self.note("infer.idle_fps", *idle_fps != old.idle_fps, Concern::Infer);
    }

    fn steady(&mut self, old: &SteadySettings, new: &SteadySettings) {
        let SteadySettings {
            min_cutoff_hz,
            beta,
            speed_cutoff_hz,
            lost_ms,
            gap_ms,
            wait_ms,
            gestures,
            named,
        } = new;
        for (key, differs) in [
            ("steady.min_cutoff_hz", *min_cutoff_hz != old.min_cutoff_hz),
            ("steady.beta", *beta != old.beta),
            (
                "steady.speed_cutoff_hz",
                *speed_cutoff_hz != old.speed_cutoff_hz,
            ),
            ("steady.lost_ms", *lost_ms != old.lost_ms),
            ("steady.gap_ms", *gap_ms != old.gap_ms),
            ("steady.wait_ms", *wait_ms != old.wait_ms),
        ] {
            self.note(key, differs, Concern::Gateway);
        }
        self.rules("gestures", &old.gestures, gestures);
        let own = |settings: &SteadySettings, name: &str| {
            let found = settings.named.iter().find(|(known, _)| known == name);
            found.map(|(_, rules)| *rules)
        };
        let gone = old
            .named
            .iter()
            .filter(|(name, _)| own(new, name).is_none());
        for (name, _) in named.iter().chain(gone) {
            let key = format!("gestures.{name}");
            match (own(old, name), own(new, name)) {
                (Some(was), Some(is)) => self.rules(&key, &was, &is),
                _ => self.note(&key, true, Concern::Gateway),
            }
        }
    }

    fn rules(&mut self, table: &str, old: &GestureRules, new: &GestureRules) {
        let GestureRules {
            enabled,
            enter_score,
            release_score,
            votes,
            window,
            min_hold_ms,
            hold_ms,
            release_ms,
            cooldown_ms,
        } = new;
        for (key, differs) in [
            ("enabled", *enabled != old.enabled),
            ("enter_score", *enter_score != old.enter_score),
            ("release_score", *release_score != old.release_score),
            ("votes", *votes != old.votes),
            ("window", *window != old.window),
            ("min_hold_ms", *min_hold_ms != old.min_hold_ms),
            ("hold_ms", *hold_ms != old.hold_ms),
            ("release_ms", *release_ms != old.release_ms),
            ("cooldown_ms", *cooldown_ms != old.cooldown_ms),
        ] {
            self.note(&format!("{table}.{key}"), differs, Concern::Gateway);
        }
    }

    fn gateway(&mut self, old: &Gateway, new: &Gateway) {
        let Gateway {
            http,
            wire,
            http_unix,
            http_unix_mode,
            jpeg_quality,
            max_clients,
            max_clients_per_address,
            write_timeout_ms,
            notice_after_ms,
            max_renditions,
            staleness_ms,
            cors_origins,
            trusted_proxies,
            anonymous_sources,
            allow_anonymous,
            hosts,
            max_failed_logins_per_minute,
            max_sessions,
            session_idle_s,
            session_max_s,
        } = new;
        self.note("gateway.http", *http != old.http, Concern::Listeners);
        self.note("gateway.wire", *wire != old.wire, Concern::Listeners);
        let differs = *http_unix != old.http_unix;
        self.note("gateway.http_unix", differs, Concern::Listeners);
        let differs = *http_unix_mode != old.http_unix_mode;
        self.note("gateway.http_unix_mode", differs, Concern::InPlace);
        let differs = *anonymous_sources != old.anonymous_sources;
        self.note("gateway.anonymous_sources", differs, Concern::Fixed);
        for (key, differs) in [
            ("gateway.jpeg_quality", *jpeg_quality != old.jpeg_quality),
            ("gateway.max_clients", *max_clients != old.max_clients),
            (
                "gateway.max_clients_per_address",
                *max_clients_per_address != old.max_clients_per_address,
            ),
            (
                "gateway.write_timeout_ms",
                *write_timeout_ms != old.write_timeout_ms,
            ),
            (
                "gateway.notice_after_ms",
                *notice_after_ms != old.notice_after_ms,
            ),
            (
                "gateway.max_renditions",
                *max_renditions != old.max_renditions,
            ),
            ("gateway.staleness_ms", *staleness_ms != old.staleness_ms),
            ("gateway.cors_origins", *cors_origins != old.cors_origins),
            (
                "gateway.trusted_proxies",
                *trusted_proxies != old.trusted_proxies,
            ),
            (
                "gateway.allow_anonymous",
                *allow_anonymous != old.allow_anonymous,
            ),
            ("gateway.hosts", *hosts != old.hosts),
            (
                "gateway.max_failed_logins_per_minute",
                *max_failed_logins_per_minute != old.max_failed_logins_per_minute,
            ),
            ("gateway.max_sessions", *max_sessions != old.max_sessions),
            (
                "gateway.session_idle_s",
                *session_idle_s != old.session_idle_s,
            ),
            ("gateway.session_max_s", *session_max_s != old.session_max_s),
        ] {
            self.note(key, differs, Concern::Gateway);
        }
    }

    /// While there is no TLS its files are nobody's; further names go into the box's own
    /// certificate, which the gateway takes by itself.
    fn tls(&mut self, old: &Tls, new: &Tls) {
        let Tls {
            enabled,
            certificate,
            key,
            names,
        } = new;
        let of_files = if *enabled || old.enabled {
            Concern::Gateway
        } else {
            Concern::InPlace
        };
        self.note("tls.enabled", *enabled != old.enabled, Concern::Gateway);
        let differs = *certificate != old.certificate;
        self.note("tls.certificate", differs, of_files);
        self.note("tls.key", *key != old.key, of_files);
        self.note("tls.names", *names != old.names, Concern::InPlace);
    }

    /// The gateway alone asks who may do what; it is told all of it anew.
    fn access(&mut self, old: &[AccessEntry], new: &[AccessEntry]) {
        let is_in = |entry: &AccessEntry, all: &[AccessEntry]| all.contains(entry);
        let gone = old.iter().filter(|entry| !is_in(entry, new));
        let come = new.iter().filter(|entry| !is_in(entry, old));
        let names: BTreeSet<&str> = gone.chain(come).map(|entry| entry.name.as_str()).collect();
        for name in names {
            self.note(&format!("access.{name}"), true, Concern::Gateway);
        }
    }

    fn rtp(&mut self, old: &[RtpOutput], new: &[RtpOutput]) {
        let is_gone = |was: &&RtpOutput| !new.iter().any(|output| output.name == was.name);
        for output in old.iter().filter(is_gone) {
            self.note(&format!("rtp.{}", output.name), true, Concern::Gateway);
        }
        for output in new {
            let was = old.iter().find(|was| was.name == output.name);
            let key = format!("rtp.{}", output.name);
            self.note(&key, was != Some(output), Concern::Gateway);
        }
    }

    fn restart(&mut self, old: &Restart, new: &Restart) {
        let Restart {
            backoff_min_ms,
            backoff_max_ms,
            limit,
            window_s,
            retry_s,
            healthy_s,
            trial_s,
            orphan_grace_ms,
        } = new;
        for (key, differs) in [
            (
                "restart.backoff_min_ms",
                *backoff_min_ms != old.backoff_min_ms,
            ),
            (
                "restart.backoff_max_ms",
                *backoff_max_ms != old.backoff_max_ms,
            ),
            ("restart.limit", *limit != old.limit),
            ("restart.window_s", *window_s != old.window_s),
            ("restart.retry_s", *retry_s != old.retry_s),
            ("restart.healthy_s", *healthy_s != old.healthy_s),
            ("restart.trial_s", *trial_s != old.trial_s),
            (
                "restart.orphan_grace_ms",
                *orphan_grace_ms != old.orphan_grace_ms,
            ),
        ] {
            self.note(key, differs, Concern::InPlace);
        }
    }

    fn watchdog(&mut self, old: &Watchdog, new: &Watchdog) {
        let Watchdog {
            capture_ms,
            infer_ms,
            gateway_ms,
            start_ms,
            drain_ms,
        } = new;
        for (key, differs) in [
            ("watchdog.capture_ms", *capture_ms != old.capture_ms),
            ("watchdog.infer_ms", *infer_ms != old.infer_ms),
            ("watchdog.gateway_ms", *gateway_ms != old.gateway_ms),
            ("watchdog.start_ms", *start_ms != old.start_ms),
            ("watchdog.drain_ms", *drain_ms != old.drain_ms),
        ] {
            self.note(key, differs, Concern::InPlace);
        }
    }

    fn segment(&mut self, old: &Segment, new: &Segment) {
        let Segment {
            history,
            max_ram_percent,
        } = new;
        self.note("segment.history", *history != old.history, Concern::Room);
        let differs = *max_ram_percent != old.max_ram_percent;
        self.note("segment.max_ram_percent", differs, Concern::InPlace);
    }

    fn black_box(&mut self, old: &BlackBox, new: &BlackBox) {
        let BlackBox {
            folder,
            max_entries,
            max_bytes,
        } = new;
        for (key, differs) in [
            ("black_box.folder", *folder != old.folder),
            ("black_box.max_entries", *max_entries != old.max_entries),
            ("black_box.max_bytes", *max_bytes != old.max_bytes),
        ] {
            self.note(key, differs, Concern::InPlace);
        }
    }
}

impl Concern {
    /// Whether it takes another process for a unit of that role; `source` is a capture unit's.
    #[must_use]
    pub fn replaces(self, role: Role, source: Option<usize>) -> bool {
        match self {
            Self::Capture(index) => role == Role::Capture && source == Some(index),
            Self::SourceType(index) => {
                role == Role::Gateway || (role == Role::Capture && source == Some(index))
            }
            Self::Infer => role == Role::Infer,
            Self::Gateway | Self::Listeners | Self::Pushed(_) => role == Role::Gateway,
            Self::InPlace | Self::Room | Self::Fixed => false,
        }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
