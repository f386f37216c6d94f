//! What was promised, beside what was measured.

use super::Results;
use crate::ring::{RingResult, Transport};
use crate::serving::{Kind, SCENARIOS, ServingResults};

/// One promise: at most (or at least) `limit`, measured as `value`.
struct Target {
    what: String,
    at_least: bool,
    limit: f64,
    value: f64,
    unit: &'static str,
}

impl Target {
    fn at_most(what: impl Into<String>, limit: f64, value: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            at_least: false,
            limit,
            value,
            unit,
        }
    }

    fn is_met(&self) -> bool {
        if self.at_least {
            self.value >= self.limit
        } else {
            self.value <= self.limit
        }
    }

    fn row(&self) -> String {
        let Self {
            what,
            limit,
            value,
            unit,
            ..
        } = self;
        let bound = if self.at_least { "≥" } else { "≤" };
        let verdict = if self.is_met() {
            "met".to_owned()
        } else {
            format!(
                "**missed** by {:.0} %",
                ((value / limit) - 1.0).abs() * 100.0
            )
        };
        format!("| {what} | {bound} {limit:.3}{unit} | {value:.3}{unit} | {verdict} |\n")
    }
}

/// The table of all targets whose part was measured.
pub(super) fn table(results: &Results) -> String {
    let mut targets = Vec::new();
    if let Some(ring) = &results.ring {
        ring_targets(ring, &mut targets);
    }
    box_targets(results, &mut targets);
    recovery_targets(results, &mut targets);
    if let Some(serving) = &results.serving {
        serving_targets(serving, &mut targets);
    }
    let rows: String = targets.iter().map(Target::row).collect();
    format!("\n## Targets\n\n| what | target | measured | |\n|---|---|---|---|\n{rows}")
}

fn ring_targets(ring: &RingResult, targets: &mut Vec<Target>) {
    for size in &ring.sizes {
        let mut add = |what: String, at_least, limit, ratio: Option<f64>| {
            if let Some(value) = ratio {
                targets.push(Target {
                    what,
                    at_least,
                    limit,
                    value,
                    unit: " ×",
                });
            }
        };
        let name = &size.size;
        let to_memcpy = size.ratio(Transport::Wigwag, Transport::MemcpyHot);
        add(
            format!("ring, {name}, beside a plain memcpy"),
            false,
            4.0,
            to_memcpy,
        );
        let to_iceoryx2 = size.ratio(Transport::Wigwag, Transport::Iceoryx2);
        add(
            format!("ring, {name}, beside iceoryx2"),
            false,
            1.0,
            to_iceoryx2,
        );
        // What programs with cameras put into a Manager are numpy arrays, so these decide.
        let images = [Transport::ManagerList, Transport::ManagerDict];
        let to_ring = |manager| size.ratio(manager, Transport::Wigwag);
        let faster = images
            .into_iter()
            .filter_map(to_ring)
            .min_by(f64::total_cmp);
        let what = format!("the faster Python Manager with images, {name}, beside the ring");
        add(what, true, 80.0, faster);
    }
}

fn box_targets(results: &Results, targets: &mut Vec<Target>) {
    for latency in results.latency.iter().flatten() {
        let what = format!(
            "capture → client ({}) beyond the model's time, p50",
            latency.protocol
        );
        targets.push(Target::at_most(what, 5.0, latency.overhead_ms.p50, " ms"));
    }
    let footprint = results.footprint.as_deref().unwrap_or_default();
    let largest = |kinds: &[&str]| {
        footprint
            .iter()
            .map(|with| with.pss_mb(kinds))
            .max_by(f64::total_cmp)
    };
    if let Some(all) = largest(&[""]) {
        targets.push(Target::at_most(
            "memory of all processes (PSS)",
            110.0,
            all,
            " MB",
        ));
    }
    if let Some(two) = largest(&["capture", "gateway"]) {
        targets.push(Target::at_most(
            "memory of capture + gateway (PSS)",
            16.0,
            two,
            " MB",
        ));
    }
}

fn recovery_targets(results: &Results, targets: &mut Vec<Target>) {
    let Some(recovery) = &results.recovery else {
        return;
    };
    let mut add = |what: &str, limit: f64, value: f64| {
        targets.push(Target::at_most(
            format!("{what} killed → serves again, p50"),
            limit,
            value,
            " ms",
        ));
    };
    add("capture", 50.0, recovery.capture_ms.p50);
    add("gateway", 50.0, recovery.gateway_ms.p50);
    add(
        "infer",
        recovery.model_load_ms.p50 + 50.0,
        recovery.infer_ms.p50,
    );
}

fn serving_targets(results: &ServingResults, targets: &mut Vec<Target>) {
    let [few, many, stalled, most, thousand] = SCENARIOS.map(|scenario| scenario.name);
    let of = |name| results.of(name, Kind::Wigwag);
    for (name, limit) in [(few, 0.8), (many, 2.3)] {
        if let Some(found) = of(name) {
            let what = format!("capture → client, {name}, p50");
            targets.push(Target::at_most(what, limit, found.age_ms.p50, " ms"));
        }
    }
    if let Some(found) = of(many) {
        let what = format!("processor time of capture + gateway, {many}");
        targets.push(Target::at_most(what, 4.3, found.cpu_percent, " %"));
    }
    if let (Some(calm), Some(found)) = (of(few), of(stalled)) {
        let ratio = found.age_ms.p50 / calm.age_ms.p50.max(f64::MIN_POSITIVE);
        let what = format!("capture → client, {stalled}, beside {few}");
        targets.push(Target::at_most(what, 1.1, ratio, " ×"));
    }
    for (name, least) in [(most, 29.5), (thousand, 4.9)] {
        if let Some(found) = of(name) {
            targets.push(Target {
                what: format!("frames a second of the slowest client, {name}"),
                at_least: true,
                limit: least,
                value: found.fps_min,
                unit: "",
            });
        }
    }
    for push in &results.push {
        let what = format!(
            "push → prediction beyond the model's time, {} pushing, p50",
            push.clients
        );
        targets.push(Target::at_most(what, 5.0, push.own_ms.p50, " ms"));
    }
}
