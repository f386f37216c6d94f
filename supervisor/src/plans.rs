//! Which units a box has, and the work of each. Pure.
//!
//! Order is the order of starting. A unit's place in the process table is also its lease bit, so
//! those that lease frames, the gateway and the infer-workers, come first there.

use crate::config::{Config, SourceConfig};
use crate::instance::Instance;
use crate::units::UnitPlan;
use shm_layout::control::{
    Assignment, CaptureAssignment, GatewayAssignment, InferAssignment, Role, SourceName,
};

/// Place of the gateway in the process table; the infer-workers follow, then the capture-workers.
const GATEWAY_PLACE: usize = 0;

/// All units of a box.
#[must_use]
pub fn all(
    instance: &Instance,
    sources: &[SourceConfig],
    infer_workers: usize,
    config: &Config,
) -> Vec<UnitPlan> {
    let first_infer = GATEWAY_PLACE + 1;
    let first_capture = first_infer + infer_workers;
    let capture = sources.iter().enumerate().map(|(index, source)| UnitPlan {
        name: format!("capture/{}", source.name),
        role: Role::Capture,
        place: first_capture + index,
        assignment: Assignment::Capture(CaptureAssignment {
            source: index,
            name: source.name.clone(),
            kind: source.kind.clone(),
        }),
    });
    let infer = (0..infer_workers).map(|lane| UnitPlan {
        name: format!("infer/{lane}"),
        role: Role::Infer,
        place: first_infer + lane,
        assignment: Assignment::Infer(infer(lane, sources, config)),
    });
    let gateway = UnitPlan {
        name: "gateway".to_owned(),
        role: Role::Gateway,
        place: GATEWAY_PLACE,
        assignment: Assignment::Gateway(gateway(instance, sources, config)),
    };
    capture.chain(infer).chain([gateway]).collect()
}

fn infer(lane: usize, sources: &[SourceConfig], config: &Config) -> InferAssignment {
    let infer = &config.infer;
    InferAssignment {
        lane,
        sources: sources.iter().map(|source| source.name.clone()).collect(),
        manifest: (!infer.manifest.as_os_str().is_empty()).then(|| infer.manifest.clone()),
        profile: infer.profile.clone(),
        max_hands: infer.max_hands as usize,
    }
}

fn gateway(instance: &Instance, sources: &[SourceConfig], config: &Config) -> GatewayAssignment {
    let name = |source: &SourceConfig| SourceName {
        name: source.name.clone(),
        kind: source.kind.name().to_owned(),
    };
    let gateway = &config.gateway;
    GatewayAssignment {
        instance: instance.name().to_owned(),
        sources: sources.iter().map(name).collect(),
        jpeg_quality: gateway.jpeg_quality,
        max_clients: gateway.max_clients as usize,
        max_clients_per_address: gateway.max_clients_per_address as usize,
        write_timeout_ms: gateway.write_timeout_ms,
        notice_after_ms: gateway.notice_after_ms,
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
        let plans = all(&"lab".parse().unwrap(), &sources, 15, &Config::default());
        let mut places: Vec<usize> = plans.iter().map(|plan| plan.place).collect();
        assert!(places.iter().all(|place| *place < PROCESSES));
        let leasing = plans.iter().filter(|plan| plan.role != Role::Capture);
        assert!(
            leasing
                .map(|plan| plan.place)
                .all(|place| place < LEASING_PLACES)
        );
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 16 + 15 + 1);
    }

    #[test]
    fn units_start_in_the_order_of_a_frames_way() {
        let plans = all(
            &"lab".parse().unwrap(),
            &[SourceConfig::demo()],
            2,
            &Config::default(),
        );
        let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
        assert_eq!(names, ["capture/demo", "infer/0", "infer/1", "gateway"]);
    }
}
