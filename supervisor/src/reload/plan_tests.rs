//! Each key of the reference file, changed alone and with others: exactly the units that it is
//! about are concerned.

use super::*;
use crate::config::{Options, Setting, load_text, to_toml};
use crate::plans;
use proptest::prelude::*;
use shm_layout::control::Assignment;
use std::collections::BTreeSet;

const SOURCES: &str = "[sources.cam]\ntype = \"v4l2\"\n[sources.film]\ntype = \"clip\"\n\
                       [sources.test]\ntype = \"pattern\"\n[sources.own]\ntype = \"push\"\n\
                       [gestures.Victory]\n\
                       [rtp.wall]\naddress = \"10.0.0.9:5004\"\n\
                       [access.ann]\ntoken_sha256 = \
                       \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n";
const ANOTHER_TOKEN: &str = "\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"";
const HASH: &str = "\"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                    3AFJmIUlzTYWSaKSWZQrYwhlPBmMPHFW3bWSSpmHBpo\"";

/// Every key: its section, its name, another value than its default, what it concerns.
#[rustfmt::skip]
const KEYS: [(&str, &str, &str, Concern); 111] = [
    ("sources.cam", "type", "\"pattern\"", Concern::SourceType(0)),
    ("sources.cam", "device", "\"/dev/video7\"", Concern::Capture(0)),
    ("sources.cam", "width_px", "320", Concern::Capture(0)),
    ("sources.cam", "height_px", "240", Concern::Capture(0)),
    ("sources.cam", "fps", "15", Concern::Capture(0)),
    ("sources.cam", "format", "\"yuyv\"", Concern::Capture(0)),
    ("sources.cam", "idle_fps", "5", Concern::Capture(0)),
    ("sources.film", "type", "\"pattern\"", Concern::SourceType(1)),
    ("sources.film", "path", "\"/film\"", Concern::Capture(1)),
    ("sources.film", "fps", "5.0", Concern::Capture(1)),
    ("sources.film", "looped", "false", Concern::Capture(1)),
    ("sources.film", "idle_fps", "5", Concern::Capture(1)),
    ("sources.test", "type", "\"clip\"", Concern::SourceType(2)),
    ("sources.test", "width_px", "320", Concern::Capture(2)),
    ("sources.test", "height_px", "240", Concern::Capture(2)),
    ("sources.test", "fps", "5.0", Concern::Capture(2)),
    ("sources.test", "format", "\"rgb24\"", Concern::Capture(2)),
    ("sources.test", "idle_fps", "5", Concern::Capture(2)),
    ("sources.own", "type", "\"clip\"", Concern::Fixed),
    ("sources.own", "max_width_px", "320", Concern::Pushed(3)),
    ("sources.own", "max_height_px", "240", Concern::Pushed(3)),
    ("sources.own", "max_frame_bytes", "65536", Concern::Pushed(3)),
    ("sources.own", "max_fps", "5", Concern::Pushed(3)),
    ("sources.own", "hold_ms", "501", Concern::Pushed(3)),
    ("infer", "workers", "3", Concern::Fixed),
    ("infer", "profile", "\"lite\"", Concern::Infer),
    ("infer", "gestures", "\"canned\"", Concern::Infer),
    ("infer", "manifest", "\"/m.toml\"", Concern::Infer),
    ("infer", "backend", "\"onnxruntime\"", Concern::Infer),
    ("infer", "onnxruntime_library", "\"/o.so\"", Concern::Infer),
    ("infer", "taught", "\"/gestures\"", Concern::InPlace),
    ("infer", "max_hands", "4", Concern::Infer),
    ("infer", "idle_fps", "5", Concern::Infer),
    ("steady", "min_cutoff_hz", "2.0", Concern::Gateway),
    ("steady", "beta", "4.0", Concern::Gateway),
    ("steady", "speed_cutoff_hz", "2.0", Concern::Gateway),
    ("steady", "lost_ms", "401", Concern::Gateway),
    ("steady", "gap_ms", "1501", Concern::Gateway),
    ("steady", "wait_ms", "201", Concern::Gateway),
    ("gestures", "enabled", "false", Concern::Gateway),
    ("gestures", "enter_score", "0.6", Concern::Gateway),
    ("gestures", "release_score", "0.3", Concern::Gateway),
    ("gestures", "votes", "3", Concern::Gateway),
    ("gestures", "window", "7", Concern::Gateway),
    ("gestures", "min_hold_ms", "251", Concern::Gateway),
    ("gestures", "hold_ms", "1001", Concern::Gateway),
    ("gestures", "release_ms", "201", Concern::Gateway),
    ("gestures", "cooldown_ms", "301", Concern::Gateway),
    ("gestures.Victory", "enabled", "false", Concern::Gateway),
    ("gestures.Victory", "enter_score", "0.7", Concern::Gateway),
    ("gestures.Victory", "release_score", "0.3", Concern::Gateway),
    ("gestures.Victory", "votes", "3", Concern::Gateway),
    ("gestures.Victory", "window", "7", Concern::Gateway),
    ("gestures.Victory", "min_hold_ms", "251", Concern::Gateway),
    ("gestures.Victory", "hold_ms", "1001", Concern::Gateway),
    ("gestures.Victory", "release_ms", "201", Concern::Gateway),
    ("gestures.Victory", "cooldown_ms", "301", Concern::Gateway),
    ("gateway", "http", "\"127.0.0.1:1\"", Concern::Listeners),
    ("gateway", "wire", "\"127.0.0.1:2\"", Concern::Listeners),
    ("gateway", "http_unix", "\"/s\"", Concern::Listeners),
    ("gateway", "http_unix_mode", "\"600\"", Concern::InPlace),
    ("gateway", "jpeg_quality", "70", Concern::Gateway),
    ("gateway", "max_clients", "7", Concern::Gateway),
    ("gateway", "max_clients_per_address", "6", Concern::Gateway),
    ("gateway", "write_timeout_ms", "5000", Concern::Gateway),
    ("gateway", "notice_after_ms", "300", Concern::Gateway),
    ("gateway", "anonymous_sources", "2", Concern::Fixed),
    ("gateway", "max_renditions", "3", Concern::Gateway),
    ("gateway", "staleness_ms", "1500", Concern::Gateway),
    (
        "gateway",
        "cors_origins",
        "[\"https://a.example\"]",
        Concern::Gateway,
    ),
    (
        "gateway",
        "trusted_proxies",
        "[\"10.0.0.1\"]",
        Concern::Gateway,
    ),
    ("gateway", "allow_anonymous", "[\"watch\"]", Concern::Gateway),
    ("gateway", "hosts", "[\"cams.example\"]", Concern::Gateway),
    ("gateway", "max_failed_logins_per_minute", "11", Concern::Gateway),
    ("gateway", "max_sessions", "11", Concern::Gateway),
    ("gateway", "session_idle_s", "61", Concern::Gateway),
    ("gateway", "session_max_s", "62", Concern::Gateway),
    ("access.ann", "roles", "[\"push\"]", Concern::Gateway),
    ("access.ann", "token_sha256", ANOTHER_TOKEN, Concern::Gateway),
    ("access.ann", "password_argon2", HASH, Concern::Gateway),
    ("rtp.wall", "source", "\"film\"", Concern::Gateway),
    ("rtp.wall", "address", "\"10.0.0.9:5006\"", Concern::Gateway),
    ("rtp.wall", "interface", "\"10.0.0.1\"", Concern::Gateway),
    ("rtp.wall", "ttl", "4", Concern::Gateway),
    ("rtp.wall", "fps", "5.0", Concern::Gateway),
    ("rtp.wall", "mtu", "1500", Concern::Gateway),
    ("rtp.wall", "width_px", "320", Concern::Gateway),
    ("rtp.wall", "quality", "60", Concern::Gateway),
    ("restart", "backoff_min_ms", "101", Concern::InPlace),
    ("restart", "backoff_max_ms", "5001", Concern::InPlace),
    ("restart", "limit", "11", Concern::InPlace),
    ("restart", "window_s", "61", Concern::InPlace),
    ("restart", "retry_s", "61", Concern::InPlace),
    ("restart", "healthy_s", "31", Concern::InPlace),
    ("restart", "trial_s", "31", Concern::InPlace),
    ("restart", "orphan_grace_ms", "1", Concern::InPlace),
    ("watchdog", "capture_ms", "2001", Concern::InPlace),
    ("watchdog", "infer_ms", "5001", Concern::InPlace),
    ("watchdog", "gateway_ms", "2001", Concern::InPlace),
    ("watchdog", "start_ms", "15001", Concern::InPlace),
    ("watchdog", "drain_ms", "5001", Concern::InPlace),
    ("segment", "history", "3", Concern::Room),
    ("segment", "max_ram_percent", "26", Concern::InPlace),
    ("log", "level", "\"debug\"", Concern::InPlace),
    ("tls", "enabled", "true", Concern::Gateway),
    ("tls", "certificate", "\"/c.pem\"", Concern::InPlace),
    ("tls", "key", "\"/k.pem\"", Concern::InPlace),
    ("tls", "names", "[\"a.example\"]", Concern::InPlace),
    ("black_box", "folder", "\"/b\"", Concern::InPlace),
    ("black_box", "max_entries", "21", Concern::InPlace),
    ("black_box", "max_bytes", "100001", Concern::InPlace),
];

fn settings() -> Vec<Setting> {
    load_text("box.toml", SOURCES, &Options::default())
        .unwrap()
        .settings
}

/// The configuration with those rows of the table changed.
fn config(rows: &[usize]) -> Config {
    let mut settings = settings();
    for (section, key, value, _) in rows.iter().map(|row| KEYS[*row]) {
        if key == "type" {
            // Another type has other keys.
            settings.retain(|setting| setting.section != section || setting.key == "type");
        }
        let found = settings
            .iter_mut()
            .find(|s| s.section == section && s.key == key);
        if let Some(setting) = found {
            value.clone_into(&mut setting.value);
        }
    }
    let text = to_toml(&settings);
    load_text("box.toml", &text, &Options::default())
        .unwrap()
        .config
}

#[test]
fn every_key_concerns_what_it_is_about_and_nothing_else() {
    assert_eq!(changes(&config(&[]), &config(&[])), []);
    for (row, (section, key, _, concern)) in KEYS.into_iter().enumerate() {
        // Tables of things are told whole, those of rules key by key.
        let name = if section.contains('.') && !section.starts_with("gestures.") {
            section.to_owned()
        } else {
            format!("{section}.{key}")
        };
        let expected = [Change { key: name, concern }];
        assert_eq!(changes(&config(&[]), &config(&[row])), expected);
        let back = changes(&config(&[row]), &config(&[]));
        assert_eq!(back, expected, "and back again");
    }
}

#[test]
fn table_has_every_key() {
    let known: BTreeSet<_> = settings().into_iter().map(|s| (s.section, s.key)).collect();
    let tabled = KEYS
        .into_iter()
        .map(|(section, key, ..)| (section.to_owned(), key));
    assert_eq!(known, tabled.collect());
}

#[test]
fn which_sources_there_are_is_fixed() {
    let sources = |names: &[&str]| {
        let source = |name: &&str| SourceConfig {
            name: (*name).to_owned(),
            ..SourceConfig::demo()
        };
        Config {
            sources: names.iter().map(source).collect(),
            ..Config::default()
        }
    };
    for (new, keys) in [
        (&["a", "b"][..], &[][..]),
        (&["a"], &["sources.b"]),
        (&["a", "b", "c"], &["sources.c"]),
        (&["b", "a"], &["sources.b", "sources.a"]),
        (&["a", "c"], &["sources.b", "sources.c"]),
    ] {
        let changes = changes(&sources(&["a", "b"]), &sources(new));
        let named: Vec<&str> = changes.iter().map(|change| change.key.as_str()).collect();
        assert_eq!(named, keys, "{new:?}");
        assert!(
            changes
                .iter()
                .all(|change| change.concern == Concern::Fixed)
        );
    }
}

/// What each unit works with, by name.
fn works(config: &Config) -> Vec<(String, Role, Option<usize>, String)> {
    let instance = "lab".parse().unwrap();
    let plans = plans::all(&instance, &config.sources, 2, config, &[]);
    let work = |plan: crate::units::UnitPlan| {
        let assignment = plan.work.assignment;
        let source = match &assignment {
            Assignment::Capture(work) => Some(work.source),
            _ => None,
        };
        let listens =
            (plan.role == Role::Gateway).then_some((config.gateway.http, config.gateway.wire));
        let work = format!("{assignment:?} {listens:?}");
        (plan.name, plan.role, source, work)
    };
    plans.into_iter().map(work).collect()
}

/// What is fixed for a box's life is refused before anything is compared.
fn rows_that_can_change() -> Vec<usize> {
    let can_change = |row: &usize| KEYS[*row].3 != Concern::Fixed;
    (0..KEYS.len()).filter(can_change).collect()
}

proptest! {
    /// The units that the keys concern are those whose work differs: no more and no fewer.
    #[test]
    fn units_are_concerned_whose_work_differs(
        rows in proptest::sample::subsequence(rows_that_can_change(), 0..9),
    ) {
        let (old, new) = (config(&[]), config(&rows));
        let changes = changes(&old, &new);
        for (before, after) in works(&old).into_iter().zip(works(&new)) {
            let (name, role, source, work) = after;
            let concerned = changes.iter().any(|change| change.concern.replaces(role, source));
            prop_assert_eq!(concerned, work != before.3, "{}", name);
        }
    }
}

#[test]
fn other_taught_gestures_replace_the_infer_workers() {
    let wave = |bias| TaughtGesture {
        name: "wave".to_owned(),
        side: shm_layout::control::HandSide::Any,
        weights: vec![0.5],
        bias,
    };
    assert_eq!(taught(&[wave(1.0)], &[wave(1.0)]), None);
    for (old, new) in [
        (vec![], vec![wave(1.0)]),
        (vec![wave(1.0)], vec![]),
        (vec![wave(1.0)], vec![wave(2.0)]),
    ] {
        let change = taught(&old, &new).unwrap();
        assert_eq!(change.key, "taught gestures");
        assert!(change.concern.replaces(Role::Infer, None));
        assert!(!change.concern.replaces(Role::Gateway, None));
    }
}
