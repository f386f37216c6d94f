//! The status of the box as one value, and as text for people. Pure.

use crate::page_address;
use shm_layout::control::{
    BoxState, BoxStatus, ReloadStatus, SourceState, SourceStatus, UnitState, UnitStatus,
};
use std::fmt::Write;
use std::time::Duration;

/// What decides the state of the whole.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// A stop is under way.
    pub stopping: bool,
    /// Something was never ready and may still become it.
    pub starting: bool,
    /// Every unit is ready.
    pub units_ready: bool,
    /// Clients with TLS get a certificate, if there is TLS.
    pub lets_in: bool,
}

/// The state of the whole box.
#[must_use]
pub fn box_state(facts: Facts, sources: impl IntoIterator<Item = SourceState>) -> BoxState {
    let serves = |source| matches!(source, SourceState::Live | SourceState::Ended);
    if facts.stopping {
        BoxState::Stopping
    } else if facts.starting {
        BoxState::Starting
    } else if facts.units_ready && facts.lets_in && sources.into_iter().all(serves) {
        BoxState::Ready
    } else {
        BoxState::Degraded
    }
}

/// What a box lacks to be ready, by name and state.
#[must_use]
pub fn missing(status: &BoxStatus) -> String {
    let units = status
        .units
        .iter()
        .filter(|unit| unit.state != UnitState::Ready);
    let units = units.map(|unit| format!("{} {}", unit.name, word(unit.state)));
    let lacks = |state| matches!(state, SourceState::Lost | SourceState::Starting);
    let sources = status.sources.iter();
    let sources = sources.filter(|source| lacks(source.state) && !source.is_pushed());
    let sources = sources.map(|source| format!("source {} {}", source.name, word(source.state)));
    let problem = status.tls_problem.iter().filter(|_| status.tls.is_none());
    let certificate = problem.map(|it| format!("no certificate: {}", it.problem));
    let all = units.chain(sources).chain(certificate);
    all.collect::<Vec<_>>().join(", ")
}

/// The state of the box in one line, with what it lacks.
#[must_use]
pub fn line(status: &BoxStatus) -> String {
    match status.state {
        BoxState::Ready => format!("ready | {}", summary(status)),
        BoxState::Degraded => format!("degraded ({}) | {}", missing(status), summary(status)),
        BoxState::Starting => format!("starting ({})", missing(status)),
        BoxState::Stopping => "stopping".to_owned(),
    }
}

/// One line for people, rewritten once a second on a terminal.
#[must_use]
pub fn summary(status: &BoxStatus) -> String {
    let fps: f64 = status
        .sources
        .iter()
        .map(|source| source.measured_fps)
        .sum();
    let predictions: f64 = status
        .sources
        .iter()
        .map(|source| source.predictions_per_s)
        .sum();
    let ms = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0}"));
    let traffic = &status.traffic;
    let clients = traffic.clients;
    format!(
        "{fps:.1} fps in | {predictions:.1} predictions/s | latency p50 {} p99 {} ms | {clients} client{}",
        ms(traffic.latency_ms_p50),
        ms(traffic.latency_ms_p99),
        if clients == 1 { "" } else { "s" }
    )
}

/// The whole status for people: the box, then one line per unit, then one per source.
#[must_use]
pub fn to_text(status: &BoxStatus) -> String {
    let mut text = String::new();
    let up = age(status.uptime_ms);
    let state = word(status.state);
    let pid = status.pid;
    // Writing into a string cannot fail.
    let _ = writeln!(text, "box {}  {state}  pid {pid}  up {up}", status.instance);
    let with_tls = if status.has_tls() { " (TLS)" } else { "" };
    let page = page_address::of(status);
    let _ = writeln!(text, "page {page}  wire {}{with_tls}", status.wire);
    if let Some(path) = &status.http_unix {
        let _ = writeln!(text, "page at {path} for a proxy");
    }
    if let Some(certificate) = &status.tls {
        let _ = writeln!(text, "certificate SHA-256 {}", certificate.fingerprint);
    }
    if let Some(problem) = &status.tls_problem {
        let effect = match status.tls {
            Some(_) => "its files are not taken",
            None => "none, and nobody gets in with TLS",
        };
        let _ = writeln!(text, "certificate: {effect}: {}", problem.problem);
        let _ = writeln!(text, "hint: {}", problem.hint);
    }
    if let Some(model) = &status.model {
        let gestures = model.labels.len();
        let _ = writeln!(
            text,
            "model {} ({}), {gestures} labels",
            model.name, model.profile
        );
        if !model.taught.is_empty() {
            let _ = writeln!(text, "taught {}", model.taught.join(", "));
        }
    }
    let _ = writeln!(text, "{}", summary(status));
    let names = status.units.iter().map(|unit| &unit.name);
    let width = names
        .chain(status.sources.iter().map(|s| &s.name))
        .map(String::len)
        .max();
    let width = width.unwrap_or(0);
    if let Some(reload) = &status.reload {
        let _ = writeln!(text, "{}", reload_line(reload));
    }
    for unit in &status.units {
        let _ = writeln!(text, "{:<width$}  {}", unit.name, unit_line(unit));
    }
    for source in &status.sources {
        let _ = writeln!(text, "{:<width$}  {}", source.name, source_line(source));
    }
    text
}

/// How the last reload ended, or how far it is.
fn reload_line(reload: &ReloadStatus) -> String {
    let (number, state) = (reload.number, word(reload.state));
    let since = age(reload.since_ms);
    let why = reload.problem.as_ref().map(|why| format!(": {why}"));
    let why = why.unwrap_or_default();
    if reload.state.is_final() {
        format!("reload {number} {state} {since} ago{why}")
    } else {
        format!("reload {number} {state} for {since}{why}")
    }
}

fn unit_line(unit: &UnitStatus) -> String {
    let mut parts = vec![word(unit.state)];
    if let Some(pid) = unit.pid {
        parts.push(format!("pid {pid}"));
    }
    parts.push(format!("gen {}", unit.generation));
    if let Some(up_ms) = unit.up_ms {
        parts.push(format!("up {}", age(up_ms)));
    }
    if let (Some(death), Some(ago_ms)) = (&unit.last_death, unit.last_death_ago_ms) {
        parts.push(format!("last death: {death} {} ago", age(ago_ms)));
    }
    if let Some(retry_ms) = unit.retry_in_ms {
        parts.push(format!("next start in {}", age(retry_ms)));
    }
    parts.join("  ")
}

fn source_line(source: &SourceStatus) -> String {
    let mut parts = vec![word(source.state)];
    if source.width_px > 0 {
        let SourceStatus {
            kind,
            format,
            width_px,
            height_px,
            ..
        } = source;
        parts.push(format!("{kind} {width_px}x{height_px} {format}"));
        parts.push(format!("{:.1} of {} fps", source.measured_fps, source.fps));
        if source.is_idle {
            parts.push("nobody watches".to_owned());
        }
    }
    parts.push(format!("for {}", age(source.since_ms)));
    if !source.detail.is_empty() {
        parts.push(source.detail.clone());
    }
    parts.join("  ")
}

/// The name of a state as JSON has it, without the quotes.
fn word(state: impl serde::Serialize) -> String {
    serde_json::to_value(state)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// A time span in its two largest units.
fn age(ms: u64) -> String {
    let s = Duration::from_millis(ms).as_secs();
    match s {
        0 => format!("{ms}ms"),
        1..60 => format!("{s}s"),
        60..3_600 => format!("{}m{}s", s / 60, s % 60),
        3_600..86_400 => format!("{}h{}m", s / 3_600, s / 60 % 60),
        _ => format!("{}d{}h", s / 86_400, s / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_layout::control::{CertificateProblem, Role, TrafficReport};
    use std::collections::BTreeMap;

    const READY: Facts = Facts {
        stopping: false,
        starting: false,
        units_ready: true,
        lets_in: true,
    };

    #[test]
    fn state_of_the_whole_follows_its_parts() {
        let state = |facts, sources: &[SourceState]| box_state(facts, sources.iter().copied());
        let starting = Facts {
            starting: true,
            units_ready: false,
            ..READY
        };
        let broken = Facts {
            units_ready: false,
            ..READY
        };
        assert_eq!(
            state(starting, &[SourceState::Starting]),
            BoxState::Starting
        );
        assert_eq!(
            state(READY, &[SourceState::Live, SourceState::Ended]),
            BoxState::Ready
        );
        assert_eq!(
            state(READY, &[SourceState::Live, SourceState::Lost]),
            BoxState::Degraded
        );
        assert_eq!(state(broken, &[SourceState::Live]), BoxState::Degraded);
        let locked = Facts {
            lets_in: false,
            ..READY
        };
        assert_eq!(state(locked, &[SourceState::Live]), BoxState::Degraded);
        assert_eq!(
            state(
                Facts {
                    stopping: true,
                    ..READY
                },
                &[]
            ),
            BoxState::Stopping
        );
    }

    fn unit() -> UnitStatus {
        UnitStatus {
            name: "capture/cam0".to_owned(),
            kind: Role::Capture,
            state: UnitState::Ready,
            pid: Some(812),
            generation: 3,
            up_ms: Some(41_200),
            restarts: 2,
            last_death: Some("SIGKILL".to_owned()),
            last_death_ago_ms: Some(41_300),
            retry_in_ms: None,
            counters: BTreeMap::new(),
        }
    }

    #[test]
    fn unit_is_one_line() {
        let line = "ready  pid 812  gen 3  up 41s  last death: SIGKILL 41s ago";
        assert_eq!(unit_line(&unit()), line);
        let failed = UnitStatus {
            state: UnitState::Failed,
            pid: None,
            up_ms: None,
            retry_in_ms: Some(59_000),
            ..unit()
        };
        let line = "failed  gen 3  last death: SIGKILL 41s ago  next start in 59s";
        assert_eq!(unit_line(&failed), line);
    }

    #[test]
    fn ages_have_two_units() {
        let ages = [999, 59_999, 61_000, 3_600_000, 90_000_000].map(age);
        assert_eq!(ages, ["999ms", "59s", "1m1s", "1h0m", "1d1h"]);
    }

    #[test]
    fn text_names_everything() {
        let source = SourceStatus {
            name: "cam0".to_owned(),
            kind: "v4l2".to_owned(),
            state: SourceState::Live,
            detail: "USB camera".to_owned(),
            format: "MJPG".to_owned(),
            width_px: 640,
            height_px: 480,
            fps: 30.0,
            is_idle: false,
            measured_fps: 29.9,
            sequence: 7,
            predictions_per_s: 14.2,
            since_ms: 5_000,
        };
        let status = BoxStatus {
            instance: "lab".to_owned(),
            version: "0.1.0".to_owned(),
            pid: 7,
            state: BoxState::Ready,
            uptime_ms: 5_000,
            http: "127.0.0.1:8080".to_owned(),
            wire: "127.0.0.1:8090".to_owned(),
            http_unix: None,
            tls: None,
            tls_problem: None,
            units: vec![unit()],
            sources: vec![source],
            model: None,
            infer_workers: 1,
            traffic: TrafficReport {
                clients: 1,
                latency_ms_p50: Some(21.4),
                ..Default::default()
            },
            reload: None,
        };
        assert_eq!(missing(&status), "");
        let mut broken = status.clone();
        broken.units[0].state = UnitState::Failed;
        broken.sources[0].state = SourceState::Lost;
        assert_eq!(missing(&broken), "capture/cam0 failed, source cam0 lost");
        let mut locked = status.clone();
        locked.tls_problem = Some(CertificateProblem {
            problem: "no key".to_owned(),
            hint: "give one".to_owned(),
        });
        assert_eq!(missing(&locked), "no certificate: no key");
        let told = "page https://127.0.0.1:8080/  wire 127.0.0.1:8090 (TLS)\n\
                    certificate: none, and nobody gets in with TLS: no key\nhint: give one\n";
        assert!(to_text(&locked).contains(told), "{}", to_text(&locked));
        let text = to_text(&status);
        let expected = "box lab  ready  pid 7  up 5s\n\
            page http://127.0.0.1:8080/  wire 127.0.0.1:8090\n\
            29.9 fps in | 14.2 predictions/s | latency p50 21 p99 - ms | 1 client\n\
            capture/cam0  ready  pid 812  gen 3  up 41s  last death: SIGKILL 41s ago\n\
            cam0          live  v4l2 640x480 MJPG  29.9 of 30 fps  for 5s  USB camera\n";
        assert_eq!(text, expected);
    }
}
