//! Which of the client's own frames a prediction is for. Pure.
//!
//! A client numbers its frames as it likes; the ring numbers them its own way. What a client gets
//! back carries its own number and its own time, so that it needs no table.

use std::collections::VecDeque;

/// How many frames are remembered: four seconds at 60 a second. A prediction that comes later than
/// that is of no use to a client.
const KEPT: usize = 256;

/// What a client calls one of its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnFrame {
    /// Its number.
    pub number: u64,
    /// When it was captured by the client's clock, as the client said.
    pub client_time_us: u64,
}

/// The last frames of one client.
#[derive(Debug, Default)]
pub struct Numbers(VecDeque<(u64, OwnFrame)>);

impl Numbers {
    /// Notes that `own` was published as `sequence`.
    pub fn put(&mut self, sequence: u64, own: OwnFrame) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((sequence, own));
    }

    /// The client's frame that was published as `sequence`; once for each.
    pub fn take(&mut self, sequence: u64) -> Option<OwnFrame> {
        let at = self.0.iter().position(|(known, _)| *known == sequence)?;
        self.0.remove(at).map(|(_, own)| own)
    }
}

impl Numbers {
    /// The same, without forgetting it.
    #[must_use]
    pub fn find(&self, sequence: u64) -> Option<OwnFrame> {
        let found = self.0.iter().find(|(known, _)| *known == sequence);
        found.map(|(_, own)| *own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(number: u64) -> OwnFrame {
        OwnFrame {
            number,
            client_time_us: number * 10,
        }
    }

    #[test]
    fn each_frame_is_found_once_in_any_order() {
        let mut numbers = Numbers::default();
        for sequence in 11..=14 {
            numbers.put(sequence, own(sequence - 10));
        }
        assert_eq!(numbers.take(10), None, "of another client");
        assert_eq!(numbers.find(13), Some(own(3)));
        assert_eq!(numbers.take(13), Some(own(3)));
        assert_eq!(numbers.take(12), Some(own(2)));
        assert_eq!(numbers.take(13), None);
    }

    #[test]
    fn memory_is_bounded() {
        let mut numbers = Numbers::default();
        for sequence in 1..=1000 {
            numbers.put(sequence, own(sequence));
        }
        assert_eq!(numbers.0.len(), KEPT);
        assert_eq!(numbers.take(744), None);
        assert_eq!(numbers.take(745), Some(own(745)));
    }
}
