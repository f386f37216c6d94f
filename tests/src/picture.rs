//! The frames of the ring's tests: every byte follows from the sequence, so that a reader can
//! tell a whole frame from a torn one without knowing anything else.
//!
//! Upstream: `bin/ring_peer.rs`, which fills and checks them.

use crate::random::mixed;
use shm_layout::{FrameMeta, MonotonicNs, PixelFormat, Sequence};

/// Capacity of a frame slot in the ring's tests.
pub const CAPACITY_BYTES: usize = 128 << 10;
/// Shortest frame.
const LEN_BYTES_MIN: u64 = 512;

/// Length of the frame `sequence`: random, whole 64-bit words.
#[must_use]
pub fn len_bytes(sequence: Sequence) -> usize {
    let span = CAPACITY_BYTES as u64 - LEN_BYTES_MIN;
    let len = LEN_BYTES_MIN + mixed(sequence.0 ^ 0xA5A5) % (span + 1);
    (len / 8 * 8) as usize
}

/// The facts that travel with the frame `sequence`; they follow from it too, but for the time.
#[must_use]
pub fn meta(sequence: Sequence) -> FrameMeta {
    FrameMeta {
        format: PixelFormat::Mjpeg,
        width_px: 1 + (mixed(sequence.0) % 4096) as u32,
        height_px: 1 + (mixed(sequence.0 + 1) % 4096) as u32,
        stride_bytes: 0,
        capture: MonotonicNs::now(),
        capture_wall_us: mixed(sequence.0 + 2),
        driver_sequence: sequence.0,
    }
}

fn word(key: u64, index: usize) -> [u8; 8] {
    key.wrapping_add((index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
        .to_le_bytes()
}

/// Fills `payload` with the frame `sequence`, and returns its length.
pub fn fill(payload: &mut [u8], sequence: Sequence) -> usize {
    let (len, key) = (len_bytes(sequence), mixed(sequence.0));
    for (index, bytes) in payload[..len].chunks_exact_mut(8).enumerate() {
        bytes.copy_from_slice(&word(key, index));
    }
    len
}

/// Whether `payload` is the whole frame `sequence` and nothing else.
#[must_use]
pub fn is_whole(payload: &[u8], sequence: Sequence) -> bool {
    let key = mixed(sequence.0);
    payload.len() == len_bytes(sequence)
        && payload
            .chunks_exact(8)
            .enumerate()
            .all(|(index, bytes)| bytes == word(key, index))
}

/// Whether `meta` is what the publisher said about the frame `sequence`.
#[must_use]
pub fn is_its_meta(found: &FrameMeta, sequence: Sequence) -> bool {
    let expected = FrameMeta {
        capture: found.capture,
        ..meta(sequence)
    };
    *found == expected && found.capture.0 > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the check sees a single wrong byte, a wrong length and a neighbour's frame.
    /// Method: fill one frame, then spoil it in each of these ways.
    #[test]
    fn spoiled_frames_are_seen() {
        let (sequence, mut payload) = (Sequence(41), vec![0; CAPACITY_BYTES]);
        let len = fill(&mut payload, sequence);
        assert!(is_whole(&payload[..len], sequence));
        assert!(!is_whole(&payload[..len - 8], sequence));
        assert!(!is_whole(&payload[..len], Sequence(42)));
        payload[len - 1] ^= 1;
        assert!(!is_whole(&payload[..len], sequence));
    }
}
