//! The figures of the pushed sources, as part of [`super::metrics`].

use super::metrics::encode_family;
use crate::hub::Hub;
use crate::push::desk::PushCounters;
use crate::source_feed::read;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use std::fmt;
use std::sync::atomic::AtomicU64;

/// One of the counters.
type Read = fn(&PushCounters) -> &AtomicU64;

/// Writes them, if there are such sources.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, hub: &Hub) -> fmt::Result {
    let sources = hub.desk().sources();
    if sources.is_empty() {
        return Ok(());
    }
    let outcomes: [(&str, Read); 4] = [
        ("accepted", |c| &c.accepted),
        ("over_rate", |c| &c.over_rate),
        ("bad", |c| &c.bad),
        ("no_frame_slot", |c| &c.no_frame_slot),
    ];
    let samples = sources.iter().flat_map(|source| {
        outcomes.map(|(outcome, counter)| {
            let labels = vec![("source", source.name()), ("outcome", outcome)];
            (labels, read(counter(source.counters())))
        })
    });
    let help = "Frames that clients pushed, by what became of them";
    encode_family(encoder, "push_frames", help, MetricType::Counter, samples)?;
    let counters: [(&str, &str, Read); 3] = [
        ("push_bytes", "Bytes of frames that clients pushed", |c| {
            &c.bytes
        }),
        (
            "push_held",
            "Clients refused because another one has the source",
            |c| &c.held,
        ),
        (
            "push_evictions",
            "Clients that lost the source because they were silent",
            |c| &c.evicted,
        ),
    ];
    for (name, help, counter) in counters {
        let samples = sources.iter().map(|source| {
            let labels = vec![("source", source.name())];
            (labels, read(counter(source.counters())))
        });
        encode_family(encoder, name, help, MetricType::Counter, samples)?;
    }
    Ok(())
}
