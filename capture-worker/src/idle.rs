//! Which frames are published while nobody needs all of them.
//!
//! Neighbours: [`crate::publish`] hands it to the source, which asks it for each frame before it
//! copies or draws that one. The camera goes on as ever, so that the first frame after somebody
//! came is published. [`Idle`] is pure: it is given times and reads no clock.

use crate::source::Gate;
use shm_layout::MonotonicNs;
use shm_layout::demand::Demand;

/// How much earlier than due a frame may be, as a part of the interval: one that is refused for a
/// millisecond costs a whole one.
const EARLY_PARTS: u64 = 4;

/// Fewer frames a second than the source gives.
#[derive(Debug)]
pub struct Idle {
    interval_ns: u64,
    /// When the next one is due; `None` = whatever comes first.
    due: Option<MonotonicNs>,
}

impl Idle {
    /// On average `fps` frames a second while they are not needed, at least 1.
    #[must_use]
    pub fn new(fps: u32) -> Self {
        Self {
            interval_ns: 1_000_000_000 / u64::from(fps.max(1)),
            due: None,
        }
    }

    /// The next frame is published, whenever it comes.
    pub fn start_over(&mut self) {
        self.due = None;
    }

    /// Whether the frame captured at `captured` is published; `is_needed` says whether somebody needs
    /// every frame.
    pub fn takes(&mut self, captured: MonotonicNs, is_needed: bool) -> bool {
        let due = self.due.unwrap_or(captured);
        let early = self.interval_ns / EARLY_PARTS;
        if !is_needed && captured.0.saturating_add(early) < due.0 {
            return false;
        }
        // The next one is due an interval after this one was, so that the average holds; after a
        // pause, or among frames that are all needed, an interval after it came.
        let next = due.0.saturating_add(self.interval_ns);
        self.due = Some(MonotonicNs(if !is_needed && next > captured.0 {
            next
        } else {
            captured.0.saturating_add(self.interval_ns)
        }));
        true
    }
}

/// The gate of one source: open, or open by [`Idle`] while nobody needs every frame.
#[derive(Debug)]
pub struct IdleGate<'s> {
    idle: Option<Idle>,
    demand: Demand<'s>,
}

impl<'s> IdleGate<'s> {
    /// A gate that lets `fps` frames a second through while nobody needs more; 0 = always all.
    #[must_use]
    pub fn new(fps: u32, demand: Demand<'s>) -> Self {
        let idle = (fps > 0).then(|| Idle::new(fps));
        Self { idle, demand }
    }

    /// The next frame is let through.
    pub fn start_over(&mut self) {
        if let Some(idle) = &mut self.idle {
            idle.start_over();
        }
    }
}

impl Gate for IdleGate<'_> {
    fn lets_through(&mut self, captured: MonotonicNs) -> bool {
        match &mut self.idle {
            Some(idle) => idle.takes(captured, self.demand.holds(MonotonicNs::now())),
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FPS: u64 = 30;

    /// Time of a camera's frame, up to 8 ms late.
    fn frame(number: u64) -> MonotonicNs {
        let jitter_ms = number.wrapping_mul(7_919) % 9;
        MonotonicNs(5_000_000_000 + number * 1_000_000_000 / FPS + jitter_ms * 1_000_000)
    }

    /// Those of the frames that are published, each needed or not.
    fn published(
        idle: &mut Idle,
        frames: std::ops::Range<u64>,
        is_needed: impl Fn(u64) -> bool,
    ) -> Vec<u64> {
        frames
            .filter(|number| idle.takes(frame(*number), is_needed(*number)))
            .collect()
    }

    #[test]
    fn the_idle_rate_holds_on_average_whatever_the_jitter() {
        for (fps, expected) in [
            (1, 20),
            (5, 100),
            (7, 140),
            (15, 300),
            (29, 580),
            (240, 600),
        ] {
            let count = published(&mut Idle::new(fps), 0..600, |_| false).len();
            assert!(count.abs_diff(expected) <= 2, "{fps} fps: {count}");
        }
    }

    #[test]
    fn every_frame_counts_from_the_first_one_that_is_needed() {
        let mut idle = Idle::new(1);
        let is_needed = |number| (100..200).contains(&number);
        let published = published(&mut idle, 0..400, is_needed);
        let needed: Vec<u64> = published
            .iter()
            .copied()
            .filter(|n| is_needed(*n))
            .collect();
        assert_eq!(needed, (100..200).collect::<Vec<_>>(), "at once, and all");
        let after = published.iter().filter(|number| **number >= 200).count();
        assert!((6..=8).contains(&after), "{after} in the 6.7 s after it");
    }

    #[test]
    fn the_first_frame_of_a_start_is_published() {
        let mut idle = Idle::new(1);
        assert_eq!(published(&mut idle, 0..10, |_| false), [0]);
        idle.start_over();
        assert_eq!(published(&mut idle, 10..20, |_| false), [10]);
    }

    #[test]
    fn a_pause_of_the_camera_is_not_made_up_for() {
        let mut idle = Idle::new(5);
        assert_eq!(published(&mut idle, 0..3, |_| false), [0]);
        let after = published(&mut idle, 3_000..3_030, |_| false).len();
        assert!((5..=6).contains(&after), "{after} in a second");
    }
}
