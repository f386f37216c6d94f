//! When the packets of a frame go out: not as one burst, which small switches and receivers drop, and
//! all of them long before the next frame. Pure.

use std::time::Duration;

/// The least pause that is worth a timer.
const STEP: Duration = Duration::from_millis(1);
/// The part of a frame's interval that its packets are spread over. The rest is for what is late.
const PART: u32 = 3;
/// The interval that is taken for the longest: a slow source's frames go out as fast as this one's.
const INTERVAL_MAX: Duration = Duration::from_millis(60);

/// How the packets of one frame go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// So many at once,
    pub at_once: usize,
    /// then this pause.
    pub pause: Duration,
}

/// The plan for `packets` packets of a frame; the next frame comes after `interval`.
#[must_use]
pub fn plan(packets: usize, interval: Duration) -> Plan {
    let spread = interval.min(INTERVAL_MAX) / PART;
    let steps = (spread.as_micros() / STEP.as_micros()).max(1) as usize;
    Plan {
        at_once: packets.div_ceil(steps).max(1),
        pause: STEP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pauses between the first packet and the last.
    fn spread(packets: usize, interval_ms: u64) -> Duration {
        let Plan { at_once, pause } = plan(packets, Duration::from_millis(interval_ms));
        pause * (packets.div_ceil(at_once) as u32 - 1)
    }

    #[test]
    fn a_usual_frame_is_no_burst_and_is_there_early() {
        // 43 KB at 30 frames a second.
        let usual = plan(32, Duration::from_micros(33_333));
        assert_eq!(usual.at_once, 3);
        assert!(spread(32, 33) <= Duration::from_millis(11));
    }

    #[test]
    fn all_are_out_within_a_third_of_the_interval_however_many() {
        for packets in [1, 2, 31, 700, 12_000] {
            for interval_ms in [1, 4, 33, 100, 10_000] {
                let third = Duration::from_millis((interval_ms / 3).clamp(0, 20));
                assert!(
                    spread(packets, interval_ms) <= third,
                    "{packets} in {interval_ms}"
                );
            }
        }
    }
}
