//! The figures of the RTP outputs, as part of [`super::metrics`].

use super::metrics::encode_family;
use crate::hub::Hub;
use crate::rtp::output::OutputCounters;
use crate::source_feed::read;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use std::fmt;
use std::sync::atomic::AtomicU64;

/// One of the counters: its name, what it is, where it lies.
type Counter = (
    &'static str,
    &'static str,
    fn(&OutputCounters) -> &AtomicU64,
);

const COUNTERS: [Counter; 5] = [
    ("rtp_frames", "Pictures sent as RTP", |c| &c.frames),
    ("rtp_packets", "Packets sent, reports included", |c| {
        &c.packets
    }),
    ("rtp_bytes", "Bytes of those packets", |c| &c.bytes),
    (
        "rtp_frames_unfit",
        "Pictures left out because RTP has no form for them",
        |c| &c.unfit,
    ),
    (
        "rtp_send_failures",
        "Packets that the kernel did not take",
        |c| &c.failures,
    ),
];

/// Writes them, if there are outputs.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, hub: &Hub) -> fmt::Result {
    if hub.outputs().is_empty() {
        return Ok(());
    }
    for (name, help, counter) in COUNTERS {
        let samples = hub.outputs().iter().map(|output| {
            let source = hub.name_of(output.assignment.source).unwrap_or_default();
            let labels = vec![
                ("output", output.assignment.name.as_str()),
                ("source", source),
            ];
            (labels, read(counter(&output.counters)))
        });
        encode_family(encoder, name, help, MetricType::Counter, samples)?;
    }
    Ok(())
}
