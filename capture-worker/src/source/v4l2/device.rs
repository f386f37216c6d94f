//! What a camera offers: its formats, sizes and rates, read from the driver.
//!
//! Neighbours: `node` makes the calls, `mode` chooses from the list, `list-devices` prints it.
//! Reading the offer changes nothing on the device, and works while another process streams.

use super::mode::{OfferedFormat, OfferedSize, SizeRange, known_format};
use super::node::Node;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;

/// Most entries of one list of a driver; vivid, the longest known, has 83 formats.
const ENTRIES_MAX: u32 = 256;

/// The size at which the rates of a range of sizes are asked for.
const USUAL_SIZE: (u32, u32) = (640, 480);

/// Everything that the camera behind `node` offers.
pub(super) fn offer(node: &Node) -> Vec<OfferedFormat> {
    let entries = (0..ENTRIES_MAX).map_while(|index| node.format_entry(index));
    entries
        .map(|entry| OfferedFormat {
            fourcc: printable(entry.fourcc),
            description: entry.description,
            usable: known_format(entry.fourcc).is_some(),
            sizes: sizes(node, entry.fourcc),
            code: entry.fourcc,
        })
        .collect()
}

fn sizes(node: &Node, fourcc: [u8; 4]) -> Vec<OfferedSize> {
    let entries = (0..ENTRIES_MAX).map_while(|index| node.size_entry(fourcc, index));
    entries
        .map(|entry| {
            let mut size = size(&entry);
            let at = size.nearest(USUAL_SIZE.0, USUAL_SIZE.1);
            let intervals = (0..ENTRIES_MAX)
                .map_while(|index| node.interval_entry(fourcc, at, index))
                .collect::<Vec<_>>();
            (size.fps, size.any_fps_between) = rates(&intervals);
            size
        })
        .collect()
}

fn size(entry: &FrameSizeEnum) -> OfferedSize {
    let (width_px, height_px, range) = match entry {
        FrameSizeEnum::Discrete(size) => (size.width, size.height, None),
        FrameSizeEnum::Stepwise(range) => (
            range.min_width,
            range.min_height,
            Some(SizeRange {
                width_px_max: range.max_width,
                height_px_max: range.max_height,
                width_px_step: range.step_width.max(1),
                height_px_step: range.step_height.max(1),
            }),
        ),
    };
    OfferedSize {
        width_px,
        height_px,
        range,
        fps: Vec::new(),
        any_fps_between: false,
    }
}

/// Intervals in seconds as rates, fastest first, and whether they span a range.
fn rates(intervals: &[FrameIntervalEnum]) -> (Vec<f64>, bool) {
    let mut fps = Vec::new();
    let mut is_range = false;
    for interval in intervals {
        match interval {
            FrameIntervalEnum::Discrete(interval) => {
                fps.extend(rate(interval.numerator, interval.denominator));
            }
            FrameIntervalEnum::Stepwise(range) => {
                is_range = true;
                fps.extend(rate(range.min.numerator, range.min.denominator));
                fps.extend(rate(range.max.numerator, range.max.denominator));
            }
        }
    }
    fps.sort_by(|a, b| b.total_cmp(a));
    fps.dedup();
    (fps, is_range)
}

/// The rate of a frame interval of `numerator / denominator` seconds, rounded to 1/1000;
/// `None` for what is no interval.
pub(super) fn rate(numerator: u32, denominator: u32) -> Option<f64> {
    let fps = f64::from(denominator) / f64::from(numerator);
    (fps.is_finite() && fps > 0.0).then(|| (fps * 1000.0).round() / 1000.0)
}

/// A four-character code for people; the blanks that pad some are left out.
pub(super) fn printable(fourcc: [u8; 4]) -> String {
    let text: String = fourcc
        .iter()
        .map(|&byte| {
            if byte.is_ascii_graphic() {
                byte as char
            } else {
                ' '
            }
        })
        .collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4l::Fraction;

    #[test]
    fn intervals_become_rates_fastest_first() {
        let discrete = |n, d| FrameIntervalEnum::Discrete(Fraction::new(n, d));
        let (fps, is_range) = rates(&[
            discrete(1, 15),
            discrete(1, 30),
            discrete(0, 1),
            discrete(1, 0),
            discrete(1001, 30_000),
        ]);
        assert_eq!(fps, [30.0, 29.97, 15.0]);
        assert!(!is_range);
    }

    #[test]
    fn a_range_of_intervals_keeps_its_ends() {
        let range = v4l::frameinterval::Stepwise {
            min: Fraction::new(1, 60),
            max: Fraction::new(1, 1),
            step: Fraction::new(1, 1),
        };
        assert_eq!(
            rates(&[FrameIntervalEnum::Stepwise(range)]),
            (vec![60.0, 1.0], true)
        );
    }

    #[test]
    fn codes_are_printable() {
        assert_eq!(printable(*b"MJPG"), "MJPG");
        assert_eq!(printable(*b"Y10 "), "Y10");
        assert_eq!(printable([0, 1, 2, 255]), "");
    }
}
