//! Which units a box has, and the work of each. Pure.
//!
//! Order is the order of starting. A unit's place in the process table is also its lease bit, so
//! those that lease frames, the gateway and the infer-workers, come first there. Each of these two
//! kinds has a place to spare, where a successor starts while its predecessor still serves; the
//! place that the predecessor leaves is then the one to spare.

use crate::certificate;
use crate::config::{Config, RtpOutput, SourceConfig};
use crate::instance::Instance;
use crate::units::{UnitPlan, Work};
use shm_layout::control::{
    AccessRules, Assignment, CaptureAssignment, GatewayAssignment, InferAssignment, Role,
    RtpAssignment, SourceKind, SourceName, TaughtGesture,
};
use std::path::PathBuf;

/// Place of the gateway in the process table, at first; the next one is to spare.
const GATEWAY_PLACE: usize = 0;

/// First place of the infer-workers; one more than there are is theirs, then come the
/// capture-workers.
const FIRST_INFER: usize = GATEWAY_PLACE + 2;

/// All units of a box; `taught` is what its infer-workers know beside their model. A source that clients push has none: the gateway publishes it.
#[must_use]
pub fn all(
    instance: &Instance,
    sources: &[SourceConfig],
    infer_workers: usize,
    config: &Config,
    taught: &[TaughtGesture],
) -> Vec<UnitPlan> {
    let first_capture = FIRST_INFER + infer_workers + 1;
    let captured = sources.iter().enumerate();
    let captured = captured.filter(|(_, source)| !matches!(source.kind, SourceKind::Push(_)));
    let capture = captured.map(|(index, source)| UnitPlan {
        name: format!("capture/{}", source.name),
        role: Role::Capture,
        place: first_capture + index,
        work: Work::from(Assignment::Capture(CaptureAssignment {
            source: index,
            name: source.name.clone(),
            kind: source.kind.clone(),
            idle_fps: source.idle_fps,
        })),
    });
    let infer = (0..infer_workers).map(|lane| UnitPlan {
        name: format!("infer/{lane}"),
        role: Role::Infer,
        place: FIRST_INFER + lane,
        work: Work::from(Assignment::Infer(infer(lane, sources, config, taught))),
    });
    let gateway = UnitPlan {
        name: "gateway".to_owned(),
        role: Role::Gateway,
        place: GATEWAY_PLACE,
        work: Work::from(Assignment::Gateway(Box::new(gateway(
            instance, sources, config,
        )))),
    };
    capture.chain(infer).chain([gateway]).collect()
}

/// The places to spare, for a successor of each of these kinds.
#[must_use]
pub fn spare_places(infer_workers: usize) -> [(Role, usize); 2] {
    [
        (Role::Gateway, GATEWAY_PLACE + 1),
        (Role::Infer, FIRST_INFER + infer_workers),
    ]
}

/// The work of a unit's process at another place: an infer-worker has its lane from its place.
#[must_use]
pub fn at_place(work: &Work, place: usize) -> Work {
    let mut moved = work.clone();
    if let Assignment::Infer(infer) = &mut moved.assignment {
        infer.lane = place - FIRST_INFER;
    }
    moved
}

fn infer(
    lane: usize,
    sources: &[SourceConfig],
    config: &Config,
    taught: &[TaughtGesture],
) -> InferAssignment {
    let infer = &config.infer;
    let given = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
    InferAssignment {
        lane,
        sources: sources.iter().map(|source| source.name.clone()).collect(),
        manifest: given(&infer.manifest),
        profile: infer.profile.clone(),
        gestures: infer.gestures.clone(),
        backend: infer.backend,
        onnxruntime_library: given(&infer.onnxruntime_library),
        taught: taught.to_vec(),
        max_hands: infer.max_hands as usize,
        idle_fps: infer.idle_fps,
    }
}

fn gateway(instance: &Instance, sources: &[SourceConfig], config: &Config) -> GatewayAssignment {
    let gateway = &config.gateway;
    // They come last; see `probe::sources`.
    let first_guest = sources
        .len()
        .saturating_sub(gateway.anonymous_sources as usize);
    let name = |(index, source): (usize, &SourceConfig)| SourceName {
        name: source.name.clone(),
        kind: source.kind.name().to_owned(),
        push: match source.kind {
            SourceKind::Push(limits) => Some(limits),
            _ => None,
        },
        is_guest: index >= first_guest,
    };
    GatewayAssignment {
        instance: instance.name().to_owned(),
        sources: sources.iter().enumerate().map(name).collect(),
        jpeg_quality: gateway.jpeg_quality,
        max_clients: gateway.max_clients as usize,
        max_clients_per_address: gateway.max_clients_per_address as usize,
        write_timeout_ms: gateway.write_timeout_ms,
        notice_after_ms: gateway.notice_after_ms,
        max_renditions: gateway.max_renditions as usize,
        staleness_ms: gateway.staleness_ms,
        cors_origins: gateway.cors_origins.clone(),
        trusted_proxies: gateway.trusted_proxies.clone(),
        steady: Box::new(config.steady.clone()),
        tls: certificate::files(&config.tls, instance),
        may_lack_certificate: false,
        has_http_unix: !gateway.http_unix.as_os_str().is_empty(),
        access: access(config),
        rtp: config
            .rtp
            .iter()
            .map(|output| rtp(output, sources))
            .collect(),
    }
}

fn access(config: &Config) -> AccessRules {
    let gateway = &config.gateway;
    AccessRules {
        entries: config.access.clone(),
        anonymous: gateway.allow_anonymous,
        hosts: hosts(config),
        failed_attempts_per_minute: gateway.max_failed_logins_per_minute,
        max_sessions: gateway.max_sessions as usize,
        session_idle_s: gateway.session_idle_s,
        session_max_s: gateway.session_max_s,
    }
}

/// The names that the box answers by: whoever gives it one for its certificate means to use it.
fn hosts(config: &Config) -> Vec<String> {
    let of_certificate = config.tls.names.iter().filter(|_| config.tls.enabled);
    let configured = config.gateway.hosts.iter();
    configured.chain(of_certificate).cloned().collect()
}

fn rtp(output: &RtpOutput, sources: &[SourceConfig]) -> RtpAssignment {
    let mut names = sources.iter().map(|source| &source.name);
    RtpAssignment {
        name: output.name.clone(),
        // Without a name it is the first; a name was looked up when the file was read.
        source: names.position(|name| *name == output.source).unwrap_or(0),
        address: output.address,
        interface: output.interface,
        ttl: output.ttl,
        fps: output.fps,
        mtu: output.mtu,
        width_px: (output.width_px > 0).then_some(output.width_px),
        quality: (output.quality > 0).then_some(output.quality),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_layout::layout::PROCESSES;
    use shm_layout::process_table::LEASING_PLACES;

    #[test]
    fn every_unit_has_its_own_place_and_those_that_lease_a_lease_bit() {
        let sources: Vec<SourceConfig> = (0..16)
            .map(|index| SourceConfig {
                name: format!("s{index}"),
                ..SourceConfig::demo()
            })
            .collect();
        let plans = all(
            &"lab".parse().unwrap(),
            &sources,
            15,
            &Config::default(),
            &[],
        );
        let mut places: Vec<usize> = plans.iter().map(|plan| plan.place).collect();
        let leasing = plans.iter().filter(|plan| plan.role != Role::Capture);
        assert!(
            leasing
                .map(|plan| plan.place)
                .all(|place| place < LEASING_PLACES)
        );
        for (_, place) in spare_places(15) {
            assert!(place < LEASING_PLACES);
            places.push(place);
        }
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 16 + 15 + 1 + 2);
        assert!(places.iter().all(|place| *place < PROCESSES));
    }

    #[test]
    fn units_start_in_the_order_of_a_frames_way() {
        let plans = all(
            &"lab".parse().unwrap(),
            &[SourceConfig::demo()],
            2,
            &Config::default(),
            &[],
        );
        let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
        assert_eq!(names, ["capture/demo", "infer/0", "infer/1", "gateway"]);
    }

    #[test]
    fn infer_worker_has_the_lane_of_its_place() {
        let plans = all(
            &"lab".parse().unwrap(),
            &[SourceConfig::demo()],
            2,
            &Config::default(),
            &[],
        );
        for (_, place) in spare_places(2) {
            for plan in &plans {
                let lane = |work: &Work| match &work.assignment {
                    Assignment::Infer(infer) => infer.lane,
                    _ => 0,
                };
                if plan.role == Role::Infer && place >= FIRST_INFER {
                    assert_eq!(lane(&at_place(&plan.work, place)), 2);
                }
                let same = at_place(&plan.work, plan.place);
                assert_eq!(lane(&same), lane(&plan.work));
            }
        }
    }
}
