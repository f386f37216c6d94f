//! What the difference between two configurations concerns. Pure.
//!
//! Every key is named with its concern; the structs are taken apart without `..`, so a key that is
//! new does not compile until it is named too.

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
const TAUGHT: &str = "taught gestures";

/// The change when other gestures were taught, or some forgotten.
#[must_use]
pub fn taught(old: &[TaughtGesture], new: &[TaughtGesture]) -> Option<Change> {
    let (key, concern) = (TAUGHT.to_owned(), Concern::Infer);
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
    differ.log(&old.log, log);
    differ.black_box(&old.black_box, black_box);
    differ.tls(&old.tls, tls);
    differ.access(&old.access, access);
    differ.0
}

struct Differ(Vec<Change>);

/// Takes a table of the new configuration apart and notes those of its keys that have another value
/// than in the old one: after each concern its keys, and in brackets those that are left to the
/// caller, as variables.
macro_rules! note_keys {
    ($differ:ident, $name:expr, $table:ident $([$($left:ident)+])?, $old:ident, $new:ident;
     $($concern:expr => $($key:ident)+;)+) => {
        let $table { $($($key,)+)+ $($($left,)+)? } = $new;
        $($($differ.note(
            &format!("{}.{}", $name, stringify!($key)),
            *$key != $old.$key,
            $concern,
        );)+)+
    };
}

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
            let SourceConfig {
                name,
                kind,
                idle_fps,
            } = source;
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
                    let differs = was.kind != *kind || was.idle_fps != *idle_fps;
                    self.note(&key, differs, concern);
                }
                // One that is new, or at another ring than before.
                _ => self.note(&key, true, Concern::Fixed),
            }
        }
    }

    fn infer(&mut self, old: &Infer, new: &Infer) {
        note_keys! { self, "infer", Infer, old, new;
            Concern::Fixed => workers;
            Concern::Infer => profile gestures manifest backend onnxruntime_library max_hands idle_fps;
            // Workers get what is kept there, which is compared as such; see `taught`.
            Concern::InPlace => taught;
        }
    }

    fn steady(&mut self, old: &SteadySettings, new: &SteadySettings) {
        note_keys! { self, "steady", SteadySettings [gestures named], old, new;
            Concern::Gateway => min_cutoff_hz beta speed_cutoff_hz lost_ms gap_ms wait_ms;
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
        note_keys! { self, table, GestureRules, old, new;
            Concern::Gateway => enabled enter_score release_score votes window min_hold_ms hold_ms
                release_ms cooldown_ms;
        }
    }

    fn gateway(&mut self, old: &Gateway, new: &Gateway) {
        note_keys! { self, "gateway", Gateway, old, new;
            Concern::Listeners => http wire http_unix;
            Concern::InPlace => http_unix_mode;
            Concern::Fixed => anonymous_sources;
            Concern::Gateway => jpeg_quality max_clients max_clients_per_address write_timeout_ms
                notice_after_ms max_renditions staleness_ms cors_origins trusted_proxies
                allow_anonymous hosts max_failed_logins_per_minute max_sessions session_idle_s
                session_max_s;
        }
    }

    /// While there is no TLS its files and names are nobody's; else the gateway serves the files, and
    /// answers by the names.
    fn tls(&mut self, old: &Tls, new: &Tls) {
        let with_tls = if new.enabled || old.enabled {
            Concern::Gateway
        } else {
            Concern::InPlace
        };
        note_keys! { self, "tls", Tls, old, new;
            Concern::Gateway => enabled;
            with_tls => certificate key names;
        }
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
        note_keys! { self, "restart", Restart, old, new;
            Concern::InPlace => backoff_min_ms backoff_max_ms limit window_s retry_s healthy_s trial_s
                orphan_grace_ms;
        }
    }

    fn watchdog(&mut self, old: &Watchdog, new: &Watchdog) {
        note_keys! { self, "watchdog", Watchdog, old, new;
            Concern::InPlace => capture_ms infer_ms gateway_ms start_ms drain_ms;
        }
    }

    fn segment(&mut self, old: &Segment, new: &Segment) {
        note_keys! { self, "segment", Segment, old, new;
            Concern::Room => history;
            Concern::InPlace => max_ram_percent;
        }
    }

    fn log(&mut self, old: &Log, new: &Log) {
        note_keys! { self, "log", Log, old, new;
            Concern::InPlace => level;
        }
    }

    fn black_box(&mut self, old: &BlackBox, new: &BlackBox) {
        note_keys! { self, "black_box", BlackBox, old, new;
            Concern::InPlace => folder max_entries max_bytes;
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
