//! Capture → prediction readable by a client, beside the model's own time.
//!
//! The box plays 640x480 MJPEG at 30 frames a second with a hand in view all the time. Clients on
//! the same machine compare each prediction's capture time with their own clock at the moment that
//! they hold all of it. Wire protocol and server-sent events take turns.

use crate::options::Options;
use crate::product::{EventStream, Prediction, RunningBox, WireClient, WireMessage, wall_us};
use crate::progress::note;
use crate::statistics::Percentiles;
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Predictions before the first that counts: the hand is found, then followed.
const WARM_UP: usize = 60;
/// Predictions at the start of each round that do not count.
const SETTLE: usize = 5;

/// One protocol, over all rounds; all times in ms.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LatencyResult {
    /// `wire` or `events`.
    pub protocol: String,
    /// Capture → prediction in the client's hands.
    pub total_ms: Percentiles,
    /// The model's own time: taken → prediction in the prediction slot, JPEG decoding included.
    pub model_ms: Percentiles,
    /// The difference of the two, frame by frame.
    pub overhead_ms: Percentiles,
    /// Capture → frame readable in the ring.
    pub publish_ms: Percentiles,
    /// Frame readable → taken by the infer-worker.
    pub take_ms: Percentiles,
    /// Prediction in the prediction slot → in the client's hands.
    pub delivery_ms: Percentiles,
    /// Share of the predictions with exactly one hand, an open palm: what the clip shows.
    pub open_palm_share: f64,
}

/// Measures both protocols on a running box.
///
/// # Errors
///
/// The box or a client failed, or no hand is followed.
pub fn measure(options: &Options, running: &RunningBox) -> Result<Vec<LatencyResult>> {
    let (rounds, frames) = if options.quick { (2, 90) } else { (5, 300) };
    let mut first = WireClient::open(running.wire(), true)?;
    collect(WARM_UP, || next_on_wire(&mut first))?;
    drop(first);
    let (mut wire, mut events) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        note(&format!("box: latency, round {}/{rounds}", round + 1));
        // A new one each time: one that pauses would read what waited for it meanwhile.
        let mut client = WireClient::open(running.wire(), true)?;
        wire.push(collect(frames, || next_on_wire(&mut client))?);
        drop(client);
        let mut stream = EventStream::open(running.http())?;
        events.push(collect(frames, || stream.next_prediction())?);
    }
    [("wire", wire), ("events", events)]
        .into_iter()
        .map(|(name, r)| sum_up(name, &r))
        .collect()
}

fn next_on_wire(client: &mut WireClient) -> Result<Prediction> {
    loop {
        if let WireMessage::Prediction(prediction) = client.next_message()? {
            return Ok(prediction);
        }
    }
}

/// A prediction, and how old its frame was when it arrived.
type Arrival = (Prediction, Duration);

fn collect(count: usize, mut next: impl FnMut() -> Result<Prediction>) -> Result<Vec<Arrival>> {
    let arrivals = (0..count + SETTLE).map(|_| {
        let prediction = next()?;
        let age = wall_us().saturating_sub(prediction.capture_time_us);
        Ok((prediction, Duration::from_micros(age)))
    });
    let arrivals: Result<Vec<Arrival>> = arrivals.collect();
    Ok(arrivals?.split_off(SETTLE))
}

fn sum_up(protocol: &str, rounds: &[Vec<Arrival>]) -> Result<LatencyResult> {
    let over = |pick: &dyn Fn(&Arrival) -> f64| {
        let rounds = rounds
            .iter()
            .map(|round| Percentiles::of(round.iter().map(pick).collect()));
        Percentiles::over_rounds(&rounds.collect::<Vec<_>>())
    };
    let total = |arrival: &Arrival| arrival.1.as_secs_f64() * 1e3;
    let publish = |(p, _): &Arrival| p.timing_us.capture_to_publish as f64 / 1e3;
    let take = |(p, _): &Arrival| p.timing_us.publish_to_take as f64 / 1e3;
    let model = |(p, _): &Arrival| p.timing_us.infer as f64 / 1e3;
    let all: Vec<&Arrival> = rounds.iter().flatten().collect();
    let open = |(p, _): &&&Arrival| matches!(&p.hands[..], [hand] if hand.gesture == "Open_Palm");
    let share = all.iter().filter(open).count() as f64 / all.len().max(1) as f64;
    ensure!(
        share > 0.5,
        "only {share:.2} of the predictions show the open hand"
    );
    Ok(LatencyResult {
        protocol: protocol.to_owned(),
        total_ms: over(&total),
        model_ms: over(&model),
        overhead_ms: over(&|a| total(a) - model(a)),
        publish_ms: over(&publish),
        take_ms: over(&take),
        delivery_ms: over(&|a| total(a) - publish(a) - take(a) - model(a)),
        open_palm_share: share,
    })
}
