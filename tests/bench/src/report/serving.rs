//! The tables of many clients.

use crate::serving::{FRAME_BYTES, Kind, SCENARIOS, ServingResults};
use crate::statistics::Percentiles;

/// All of them.
pub(super) fn tables(results: &ServingResults) -> String {
    let mut page = format!(
        "\n## Many clients\n\n640x480 JPEGs of {} KB at 30 frames/s, the same for everybody. Capture → the \
         whole JPEG at the client. Median of {} interleaved rounds; × is Wigwag's share of it.\n\n\
         | clients | server | p50 ms | p95 ms | p99 ms | × | frames/s | slowest | processor % | × |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
        FRAME_BYTES / 1_000,
        results.rounds
    );
    for scenario in SCENARIOS {
        let own = results.of(scenario.name, Kind::Wigwag);
        for kind in scenario.servers {
            let Some(found) = results.of(scenario.name, *kind) else {
                continue;
            };
            let Percentiles { p50, p95, p99, .. } = found.age_ms;
            let share = |own: f64, other: f64| format!("{:.2}", own / other.max(f64::MIN_POSITIVE));
            let of_age = own.map_or_else(String::new, |own| share(own.age_ms.p50, p50));
            let of_cpu =
                own.map_or_else(String::new, |own| share(own.cpu_percent, found.cpu_percent));
            page += &format!(
                "| {} | {} | {p50:.2} | {p95:.2} | {p99:.2} | {of_age} | {:.1} | {:.1} | {:.1} | {of_cpu} |\n",
                scenario.name,
                kind.title(),
                found.fps,
                found.fps_min,
                found.cpu_percent
            );
        }
    }
    page += "\n### Push → prediction, in ms\n\n\
             | pushing | all, p50 | p95 | model, p50 | wait for it, p50 | the rest, p50 | p95 | p99 |\n\
             |---|---|---|---|---|---|---|---|\n";
    for push in &results.push {
        page += &format!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} | **{:.2}** | {:.2} | {:.2} |\n",
            push.clients,
            push.total_ms.p50,
            push.total_ms.p95,
            push.model_ms.p50,
            push.wait_ms.p50,
            push.own_ms.p50,
            push.own_ms.p95,
            push.own_ms.p99
        );
    }
    page += &format!(
        "\n### Memory of the gateway for a client\n\nIdle (HTTP, kept alive) {:.1} KB, watching a stream {:.1} KB.\n",
        results.memory.idle_bytes / 1e3,
        results.memory.streaming_bytes / 1e3
    );
    page
}
