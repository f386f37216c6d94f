//! The One Euro filter over the landmarks of one hand: smooth while it is still, prompt while it
//! moves.
//!
//! Neighbours: [`Steadier`](crate::Steadier) has one for each hand. Time is capture time, and speed
//! is measured in sizes of the hand, so that neither the rate nor the resolution of a camera changes
//! what comes out. Source: Casiez, Roussel, Vogel, "1 € Filter", CHI 2012.

use shm_layout::MonotonicNs;
use shm_layout::control::SteadySettings;
use shm_layout::prediction::LANDMARKS;
use std::f32::consts::TAU;

/// Landmarks as a prediction has them: fractions of the frame.
pub type Landmarks = [[f32; 3]; LANDMARKS];

/// After a longer pause the hand may be anywhere: the filter begins anew.
const PAUSE_MAX_S: f32 = 0.5;
/// Smallest size of a hand that is reckoned with, in pixels.
const SIZE_MIN_PX: f32 = 4.0;

/// The filter's memory of one hand.
#[derive(Debug, Clone)]
pub struct OneEuro {
    at: MonotonicNs,
    points: Landmarks,
    /// In sizes of the hand per second.
    speeds: Landmarks,
}

impl OneEuro {
    /// Begins with what was seen first.
    #[must_use]
    pub fn new(at: MonotonicNs, points: Landmarks) -> Self {
        Self {
            at,
            points,
            speeds: [[0.0; 3]; LANDMARKS],
        }
    }

    /// Takes in what was seen at `at` in a frame of `[width, height]` pixels, and gives the smoothed
    /// points. Points that are no numbers, and times that go back, change nothing.
    pub fn smooth(
        &mut self,
        settings: &SteadySettings,
        at: MonotonicNs,
        seen: &Landmarks,
        frame: [f32; 2],
    ) -> Landmarks {
        let since_s = at.since(self.at).as_secs_f32();
        if since_s > PAUSE_MAX_S {
            *self = Self::new(at, *seen);
            return *seen;
        }
        if since_s <= 0.0 || !seen.as_flattened().iter().all(|value| value.is_finite()) {
            return self.points;
        }
        self.at = at;
        let size_px = size_px(seen, frame);
        // How many sizes of the hand one unit of each coordinate is.
        let sizes = [frame[0], frame[1], frame[0]].map(|px| px / size_px);
        let speed_alpha = alpha(settings.speed_cutoff_hz as f32, since_s);
        let lines = self.points.iter_mut().zip(&mut self.speeds).zip(seen);
        for ((point, speed), seen) in lines {
            for axis in 0..3 {
                let newest = (seen[axis] - point[axis]) * sizes[axis] / since_s;
                speed[axis] += (newest - speed[axis]) * speed_alpha;
            }
            // One cutoff for the point as a whole: each axis by itself would bend its way.
            let along = speed[0].hypot(speed[1]);
            let cutoff = settings.min_cutoff_hz as f32 + settings.beta as f32 * along;
            let alpha = alpha(cutoff, since_s);
            for axis in 0..3 {
                point[axis] += (seen[axis] - point[axis]) * alpha;
            }
        }
        self.points
    }
}

/// The longer side of the points' bounds, in pixels.
#[must_use]
pub fn size_px(points: &Landmarks, frame: [f32; 2]) -> f32 {
    let side = |axis: usize| {
        let values = points.iter().map(|point| point[axis]);
        let most = values.clone().fold(f32::NEG_INFINITY, f32::max);
        (most - values.fold(f32::INFINITY, f32::min)) * frame[axis]
    };
    side(0).max(side(1)).max(SIZE_MIN_PX)
}

/// The share of the newest value in a low-pass filter of that cutoff.
fn alpha(cutoff_hz: f32, since_s: f32) -> f32 {
    let turns = TAU * cutoff_hz * since_s;
    turns / (turns + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: [f32; 2] = [640.0, 480.0];

    fn ms(ms: u64) -> MonotonicNs {
        MonotonicNs(ms * 1_000_000)
    }

    /// A hand a fifth of the frame wide whose points all lie at `x` and a little apart.
    fn hand(x: f32) -> Landmarks {
        std::array::from_fn(|index| [x + index as f32 * 0.01, 0.5, 0.0])
    }

    /// A tremor of half a percent of the frame, and at which x the hand is.
    fn tremble(n: u64) -> f32 {
        0.005 * ((n * 7919 % 11) as f32 / 5.0 - 1.0)
    }

    fn spread(values: &[f32]) -> f32 {
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let square = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>();
        (square / values.len() as f32).sqrt()
    }

    #[test]
    fn a_still_hand_trembles_less_at_every_rate_and_size() {
        for step_ms in [16, 33, 66] {
            for frame in [FRAME, [1920.0, 1080.0]] {
                let settings = SteadySettings::default();
                let mut filter = OneEuro::new(ms(0), hand(0.4));
                let (mut raw, mut smooth) = (Vec::new(), Vec::new());
                for n in 1..300 {
                    let seen = hand(0.4 + tremble(n));
                    let out = filter.smooth(&settings, ms(n * step_ms), &seen, frame);
                    raw.push(seen[8][0]);
                    smooth.push(out[8][0]);
                }
                let ratio = spread(&smooth[100..]) / spread(&raw[100..]);
                assert!(ratio < 0.65, "{step_ms} ms, {frame:?}: {ratio}");
            }
        }
    }

    #[test]
    fn a_moving_hand_is_followed_closely() {
        let settings = SteadySettings::default();
        let mut filter = OneEuro::new(ms(0), hand(0.1));
        let mut behind = 0.0_f32;
        // Three hand sizes a second.
        for n in 1..40 {
            let x = 0.1 + n as f32 * 0.02;
            let out = filter.smooth(&settings, ms(n * 33), &hand(x), FRAME);
            if n > 10 {
                behind = behind.max(x - out[0][0]);
            }
        }
        assert!(behind < 0.02, "less than one frame behind: {behind}");
    }

    /// What comes out of a hand that swings and trembles along one axis.
    fn swing(axis: usize, scale: f32) -> Vec<f32> {
        let settings = SteadySettings::default();
        let place = |n: u64| {
            let x = 0.4 + 0.1 * (n as f32 / 9.0).sin() + tremble(n);
            let swung = hand(x).map(|[x, y, z]| [x * scale, y * scale, z]);
            swung.map(|[x, y, z]| if axis == 0 { [x, y, z] } else { [y, x, z] })
        };
        let mut filter = OneEuro::new(ms(0), place(0));
        (1..90)
            .map(|n| filter.smooth(&settings, ms(n * 33), &place(n), [600.0, 600.0])[8][axis])
            .collect()
    }

    #[test]
    fn a_hand_further_away_is_followed_as_a_near_one() {
        let (near, far) = (swing(0, 1.0), swing(0, 0.25));
        let apart = near.iter().zip(&far).map(|(a, b)| (a * 0.25 - b).abs());
        assert!(apart.fold(0.0, f32::max) < 1e-5);
    }

    #[test]
    fn a_hand_is_followed_up_and_down_as_from_side_to_side() {
        let (along, down) = (swing(0, 1.0), swing(1, 1.0));
        let apart = along.iter().zip(&down).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f32::max) < 1e-5);
    }

    #[test]
    fn a_pause_begins_anew_and_nonsense_changes_nothing() {
        let settings = SteadySettings::default();
        let mut filter = OneEuro::new(ms(0), hand(0.1));
        assert_eq!(
            filter.smooth(&settings, ms(600), &hand(0.7), FRAME),
            hand(0.7)
        );
        let mut strange = hand(0.7);
        strange[3][1] = f32::NAN;
        assert_eq!(
            filter.smooth(&settings, ms(630), &strange, FRAME),
            hand(0.7)
        );
        assert_eq!(
            filter.smooth(&settings, ms(100), &hand(0.2), FRAME),
            hand(0.7)
        );
    }
}
