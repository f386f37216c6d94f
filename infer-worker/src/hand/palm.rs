//! What the palm detector says: 2016 anchors, of which a few hold a palm.
//!
//! Neighbours: `recognizer` passes the two outputs of the network in; [`region`](super::region)
//! gets each palm that is left. Keeps its buffers, so that a frame allocates nothing.

use super::overlap;
use super::region::Region;

/// Length of a side of the network's input, in pixels.
pub const INPUT_SIDE: usize = 192;
/// Boxes that the network proposes.
pub const ANCHORS: usize = 2016;
/// Numbers per box: centre, size, and seven key points.
pub const VALUES: usize = 18;

/// Grids on which the anchors lie: cells on a side, anchors in a cell.
/// Source: MediaPipe `palm_detection_gpu`, SsdAnchorsCalculator with strides 8, 16, 16, 16.
const GRIDS: [(usize, usize); 2] = [(24, 2), (12, 6)];
/// A palm below this probability is none. Source: MediaPipe `min_hand_detection_confidence`.
const SCORE_MIN: f32 = 0.5;
/// Boxes that overlap more than this are one palm. Source: MediaPipe, NonMaxSuppression.
const SAME_PALM_OVERLAP: f32 = 0.3;
/// Where the two key points that give the direction lie within a box's values.
const WRIST_AT: usize = 4;
const MIDDLE_MCP_AT: usize = 8;

/// A palm, in fractions of the network's square input.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    score: f32,
    /// `[x, y, width, height]`.
    bounds: [f32; 4],
    wrist: [f32; 2],
    middle: [f32; 2],
}

/// Decodes the detector's output; one per worker.
#[derive(Debug)]
pub struct PalmDecoder {
    anchors: Vec<[f32; 2]>,
    candidates: Vec<Candidate>,
}

impl Default for PalmDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl PalmDecoder {
    /// Lays out the anchors.
    #[must_use]
    pub fn new() -> Self {
        let mut anchors = Vec::with_capacity(ANCHORS);
        for (cells, per_cell) in GRIDS {
            for row in 0..cells {
                for column in 0..cells {
                    let middle = |cell: usize| (cell as f32 + 0.5) / cells as f32;
                    anchors.extend([[middle(column), middle(row)]].repeat(per_cell));
                }
            }
        }
        debug_assert_eq!(anchors.len(), ANCHORS);
        Self {
            anchors,
            candidates: Vec::new(),
        }
    }

    /// Writes the regions of at most `hands_max` palms to `found`, the surest first.
    ///
    /// `boxes` is `[2016, 18]`, `logits` is `[2016]`; `letterbox` is the region from which the
    /// network's input was cut.
    pub fn decode(
        &mut self,
        boxes: &[f32],
        logits: &[f32],
        letterbox: &Region,
        hands_max: usize,
        found: &mut Vec<Region>,
    ) {
        self.collect(boxes, logits);
        found.clear();
        // Each turn merges the surest palm that is left with all that overlap it.
        while found.len() < hands_max {
            let Some(first) = self.candidates.first().copied() else {
                break;
            };
            let palm = self.merge(first);
            found.push(palm_region(&palm, letterbox));
        }
    }

    /// Keeps what is probably a palm, the surest first.
    fn collect(&mut self, boxes: &[f32], logits: &[f32]) {
        self.candidates.clear();
        let rows = boxes.chunks_exact(VALUES).zip(logits).zip(&self.anchors);
        for ((values, logit), anchor) in rows {
            let score = 1.0 / (1.0 + (-logit.clamp(-100.0, 100.0)).exp());
            let side = INPUT_SIDE as f32;
            let point = |at: usize| {
                [
                    values[at] / side + anchor[0],
                    values[at + 1] / side + anchor[1],
                ]
            };
            let [x, y] = point(0);
            let (width, height) = (values[2] / side, values[3] / side);
            // Written so that NaN, which compares with nothing, is left out.
            if score >= SCORE_MIN && values.iter().all(|value| value.is_finite()) {
                self.candidates.push(Candidate {
                    score,
                    bounds: [x - width / 2.0, y - height / 2.0, width, height],
                    wrist: point(WRIST_AT),
                    middle: point(MIDDLE_MCP_AT),
                });
            }
        }
        self.candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    }

    /// Removes every candidate that overlaps `first`, itself too, and returns their mean, each
    /// weighted by its score.
    fn merge(&mut self, first: Candidate) -> Candidate {
        let mut sum = Candidate {
            score: 0.0,
            bounds: [0.0; 4],
            wrist: [0.0; 2],
            middle: [0.0; 2],
        };
        let mut is_first = true;
        self.candidates.retain(|other| {
            let same = is_first || overlap(first.bounds, other.bounds) > SAME_PALM_OVERLAP;
            is_first = false;
            if same {
                sum.score += other.score;
                add(&mut sum.bounds, &other.bounds, other.score);
                add(&mut sum.wrist, &other.wrist, other.score);
                add(&mut sum.middle, &other.middle, other.score);
            }
            !same
        });
        let weight = sum.score;
        Candidate {
            score: first.score,
            bounds: sum.bounds.map(|value| value / weight),
            wrist: sum.wrist.map(|value| value / weight),
            middle: sum.middle.map(|value| value / weight),
        }
    }
}

fn add<const N: usize>(sum: &mut [f32; N], values: &[f32; N], weight: f32) {
    for (total, value) in sum.iter_mut().zip(values) {
        *total += value * weight;
    }
}

/// Brings a palm from the network's square into the frame.
fn palm_region(palm: &Candidate, letterbox: &Region) -> Region {
    let place = |point: [f32; 2]| letterbox.to_frame(point[0] - 0.5, point[1] - 0.5);
    let [x, y, width, height] = palm.bounds;
    let [left, top] = place([x, y]);
    let bounds = [left, top, width * letterbox.side, height * letterbox.side];
    Region::from_palm(bounds, place(palm.wrist), place(palm.middle))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> (Vec<f32>, Vec<f32>) {
        (vec![0.0; ANCHORS * VALUES], vec![-20.0; ANCHORS])
    }

    /// Puts an upright palm of 24 input pixels at an anchor.
    fn put(boxes: &mut [f32], logits: &mut [f32], anchor: usize, logit: f32, dx: f32) {
        let values = &mut boxes[anchor * VALUES..(anchor + 1) * VALUES];
        values[0] = dx;
        values[2] = 24.0;
        values[3] = 24.0;
        values[WRIST_AT] = dx;
        values[WRIST_AT + 1] = 12.0;
        values[MIDDLE_MCP_AT] = dx;
        values[MIDDLE_MCP_AT + 1] = -12.0;
        logits[anchor] = logit;
    }

    #[test]
    fn decode_nothing_above_the_threshold_finds_nothing() {
        let (mut boxes, mut logits) = quiet();
        put(&mut boxes, &mut logits, 700, -0.01, 0.0);
        let mut found = vec![Region::letterbox(1.0, 1.0)];
        let letterbox = Region::letterbox(640.0, 480.0);
        PalmDecoder::new().decode(&boxes, &logits, &letterbox, 2, &mut found);
        assert!(found.is_empty());
    }

    #[test]
    fn decode_merges_overlapping_boxes_by_weight() {
        let (mut boxes, mut logits) = quiet();
        // Two boxes at one anchor pair, four input pixels apart, equally sure: the mean counts.
        put(&mut boxes, &mut logits, 600, 3.0, -2.0);
        put(&mut boxes, &mut logits, 601, 3.0, 2.0);
        let letterbox = Region::letterbox(192.0, 192.0);
        let mut found = Vec::new();
        let mut decoder = PalmDecoder::new();
        decoder.decode(&boxes, &logits, &letterbox, 2, &mut found);
        assert_eq!(found.len(), 1);
        let anchor = decoder.anchors[600];
        assert!((found[0].center[0] - anchor[0] * 192.0).abs() < 1e-3);
        // An upright palm is shifted up by half of its height.
        assert!((found[0].center[1] - (anchor[1] * 192.0 - 12.0)).abs() < 1e-3);
        assert!((found[0].side - 24.0 * 2.6).abs() < 1e-3);
    }

    #[test]
    fn decode_orders_by_score_and_stops_at_the_limit() {
        let (mut boxes, mut logits) = quiet();
        put(&mut boxes, &mut logits, 10, 1.0, 0.0);
        put(&mut boxes, &mut logits, 400, 4.0, 0.0);
        put(&mut boxes, &mut logits, 1000, 2.0, 0.0);
        let letterbox = Region::letterbox(640.0, 480.0);
        let mut found = Vec::new();
        let mut decoder = PalmDecoder::new();
        decoder.decode(&boxes, &logits, &letterbox, 2, &mut found);
        assert_eq!(found.len(), 2);
        let expected_x = decoder.anchors[400][0] * 640.0;
        assert!((found[0].center[0] - expected_x).abs() < 1e-2);
        let second_x = decoder.anchors[1000][0] * 640.0;
        assert!((found[1].center[0] - second_x).abs() < 1e-2);
    }

    #[test]
    fn decode_ignores_numbers_that_are_not_finite() {
        let (mut boxes, mut logits) = quiet();
        put(&mut boxes, &mut logits, 5, f32::NAN, 0.0);
        put(&mut boxes, &mut logits, 900, 5.0, f32::INFINITY);
        let letterbox = Region::letterbox(640.0, 480.0);
        let mut found = Vec::new();
        PalmDecoder::new().decode(&boxes, &logits, &letterbox, 2, &mut found);
        assert!(found.is_empty());
    }
}
