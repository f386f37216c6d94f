//! Who was not let in, and who is logged in, as part of [`super::metrics`].

use super::metrics::{encode_family, encode_single};
use crate::hub::Hub;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use std::fmt;

/// Writes them.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, hub: &Hub) -> fmt::Result {
    let gatekeeper = hub.gatekeeper();
    let denials = gatekeeper.denials().all();
    let samples = denials.map(|(reason, count)| (vec![("reason", reason)], count));
    let help = "Requests and wire clients that were not let in";
    encode_family(encoder, "denied", help, MetricType::Counter, samples)?;
    let (logins, sessions) = gatekeeper.logins();
    encode_single(encoder, "logins", "Browsers that logged in", logins)?;
    let known = [(Vec::new(), sessions as u64)];
    let help = "Logins that were used at this gateway and have not ended";
    encode_family(encoder, "sessions", help, MetricType::Gauge, known)
}
