//! The tables behind the targets.

use crate::footprint::FootprintResult;
use crate::latency::LatencyResult;
use crate::recovery::RecoveryResult;
use crate::ring::{RingResult, SizeResult, Transport};
use crate::statistics::Percentiles;

/// What the table calls a transport.
fn title(transport: Transport) -> &'static str {
    match transport {
        Transport::MemcpyHot => "memcpy, one after the other: the bound",
        Transport::MemcpyPaced => "memcpy at the frames' pace",
        Transport::Wigwag => "**Wigwag's ring**",
        Transport::Iceoryx2 => "iceoryx2 (loan, send, event)",
        Transport::Socket => "Unix stream socket",
        Transport::ManagerList => "Python Manager().list(), numpy array",
        Transport::ManagerDict => "Python Manager().dict(), numpy array",
        Transport::ManagerBytes => "Python Manager().list(), plain bytes",
    }
}

/// Publish → readable by another process.
pub(super) fn ring(ring: &RingResult) -> String {
    let sizes: String = ring.sizes.iter().map(size).collect();
    format!(
        "\n## Frames from one process to another\n\n\
         Start of the copy out of the writer's buffer → the whole frame accessible to the reader. \
         Median of {} interleaved rounds; ratios are medians over rounds of the p50s within a \
         round.\n{sizes}",
        ring.rounds
    )
}

fn size(size: &SizeResult) -> String {
    let mut page = format!(
        "\n### {}, {:.2} MB, {} frames/s (Python {})\n\n\
         | | p50 µs | p95 µs | p99 µs | × ring | × memcpy | missed |\n|---|---|---|---|---|---|---|\n",
        size.size,
        size.len_bytes as f64 / 1e6,
        size.fps,
        size.python_fps
    );
    for transport in Transport::ALL {
        let found = size
            .transports
            .iter()
            .find(|result| result.transport == transport.name());
        let Some(result) = found else { continue };
        let Percentiles { p50, p95, p99, .. } = result.observed_us;
        let ratio = |other| size.ratio(transport, other).unwrap_or(0.0);
        page += &format!(
            "| {} | {p50:.1} | {p95:.1} | {p99:.1} | {:.2} | {:.2} | {} |\n",
            title(transport),
            ratio(Transport::Wigwag),
            ratio(Transport::MemcpyHot),
            result.missed
        );
        if let Some(wake) = result.wake_us {
            page += &format!(
                "| – of which announced → seen | {:.1} | {:.1} | {:.1} | | | |\n",
                wake.p50, wake.p95, wake.p99
            );
        }
    }
    page
}

fn row(name: &str, times: &Percentiles) -> String {
    format!(
        "| {name} | {:.2} | {:.2} | {:.2} |\n",
        times.p50, times.p95, times.p99
    )
}

/// Capture → prediction.
pub(super) fn latency(results: &[LatencyResult]) -> String {
    let mut page = "\n## Capture → prediction in a client's hands\n\n\
                    640x480 MJPEG at 30 frames/s, one tracked hand, one infer-worker.\n"
        .to_owned();
    for result in results {
        page += &format!(
            "\n### {}, {} predictions, {:.0} % of them one open palm\n\n\
             | | p50 ms | p95 ms | p99 ms |\n|---|---|---|---|\n",
            result.protocol,
            result.total_ms.count,
            result.open_palm_share * 100.0
        );
        page += &row("capture → client", &result.total_ms);
        page += &row("– captured → readable in the ring", &result.publish_ms);
        page += &row("– readable → taken by the infer-worker", &result.take_ms);
        page += &row(
            "– the model's own time, with JPEG decoding",
            &result.model_ms,
        );
        page += &row(
            "– prediction in shared memory → client",
            &result.delivery_ms,
        );
        page += &row("**beyond the model's own time**", &result.overhead_ms);
    }
    page
}

/// Memory and processor time.
pub(super) fn footprint(results: &[FootprintResult]) -> String {
    let mut page = "\n## Memory and processor time\n\n\
                    PSS in MB (10^6 bytes), processor time in percent of one core, by the number \
                    of viewers of the MJPEG stream.\n\n"
        .to_owned();
    let viewers: Vec<String> = results
        .iter()
        .map(|with| with.viewers.to_string())
        .collect();
    let cells = |cell: &dyn Fn(&FootprintResult) -> String| -> String {
        results
            .iter()
            .map(|with| format!(" {} |", cell(with)))
            .collect()
    };
    page += &format!(
        "| viewers | {} |\n|---|{}\n",
        viewers.join(" | "),
        "---|".repeat(viewers.len())
    );
    let names = results
        .first()
        .map(|with| &with.processes[..])
        .unwrap_or_default();
    for name in names.iter().map(|process| process.name.as_str()) {
        page += &format!(
            "| {name}, MB |{}\n",
            cells(&|with| format!("{:.1}", with.pss_mb(&[name])))
        );
    }
    page += &format!(
        "| **all, MB** |{}\n",
        cells(&|with| format!("{:.1}", with.pss_mb(&[""])))
    );
    for name in names.iter().map(|process| process.name.as_str()) {
        let cpu = cells(&|with| format!("{:.1}", with.cpu_percent(&[name])));
        page += &format!("| {name}, % |{cpu}\n");
    }
    page += &format!(
        "| **all, %** |{}\n",
        cells(&|with| format!("{:.1}", with.cpu_percent(&[""])))
    );
    let age = |pick: fn(&Percentiles) -> f64| {
        cells(&|with| {
            with.frame_ms
                .as_ref()
                .map_or("–".to_owned(), |ms| format!("{:.2}", pick(ms)))
        })
    };
    page += &format!("| capture → viewer, p50 ms |{}\n", age(|ms| ms.p50));
    page += &format!("| capture → viewer, p95 ms |{}\n", age(|ms| ms.p95));
    page += &format!(
        "| frames/s for each viewer |{}\n",
        cells(&|with| format!("{:.1}", with.viewer_fps))
    );
    page
}

/// SIGKILL → serving again.
pub(super) fn recovery(recovery: &RecoveryResult) -> String {
    let mut page = format!(
        "\n## SIGKILL → serving again\n\n\
         {} kills of each, in turn; ms.\n\n\
         | | p50 | p95 | p99 | max |\n|---|---|---|---|---|\n",
        recovery.capture_ms.count
    );
    let peer = "beside: uStreamer under runsv → next snapshot over a new connection";
    let peer = recovery.ustreamer_ms.as_ref().map(|times| (peer, times));
    let own = [
        (
            "capture → next frame at a connected client",
            &recovery.capture_ms,
        ),
        (
            "gateway → next snapshot over a new connection",
            &recovery.gateway_ms,
        ),
        (
            "infer → next prediction at a connected client",
            &recovery.infer_ms,
        ),
        (
            "for comparison: load of the model by itself",
            &recovery.model_load_ms,
        ),
    ];
    for (name, times) in own.into_iter().chain(peer) {
        let Percentiles {
            p50, p95, p99, max, ..
        } = times;
        page += &format!("| {name} | {p50:.1} | {p95:.1} | {p99:.1} | {max:.1} |\n");
    }
    page
}
