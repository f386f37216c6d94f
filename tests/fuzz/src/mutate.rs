//! Inputs from inputs, without a fuzzer: the same ones for the same seed. Pure.

/// Numbers at which lengths and sizes break.
const EDGES: [u32; 10] = [
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0xFFFF,
    0x7FFF_FFFF,
    u32::MAX,
];
/// Longest input that is made.
const BYTES_MAX: usize = 64 * 1024;
/// Most changes of one input.
const CHANGES_MAX: usize = 8;

/// Makes inputs.
#[derive(Debug)]
pub struct Mutator(u64);

impl Mutator {
    /// One that makes the inputs of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    /// Another input, out of those of `known`.
    ///
    /// # Panics
    ///
    /// When none is known.
    #[must_use]
    pub fn next(&mut self, known: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = known[self.below(known.len())].clone();
        for _ in 0..=self.below(CHANGES_MAX) {
            let other = self.below(known.len());
            self.change(&mut bytes, &known[other]);
        }
        bytes.truncate(BYTES_MAX);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let len = bytes.len();
        let at = self.below(len);
        let until = at + self.below((len - at).min(64) + 1);
        match self.below(8) {
            0 if len > 0 => bytes[at] ^= 1 << self.below(8),
            1 if len > 0 => bytes[at] = self.below(256) as u8,
            2 => drop(bytes.drain(at..until)),
            3 => {
                let again = bytes[at..until].to_vec();
                bytes.splice(at..at, again);
            }
            4 => {
                let random: Vec<u8> = (0..self.below(16)).map(|_| self.below(256) as u8).collect();
                bytes.splice(at..at, random);
            }
            5 => {
                let from = self.below(other.len());
                let to = from + self.below(other.len() - from + 1);
                bytes.splice(at..until, other[from..to].iter().copied());
            }
            6 => bytes.truncate(at),
            _ => {
                let edge = EDGES[self.below(EDGES.len())].to_be_bytes();
                let edge = &edge[self.below(4)..];
                let until = (at + edge.len()).min(len);
                bytes.splice(at..until, edge.iter().copied());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_differ_and_come_again() {
        let known = [b"first input".to_vec(), b"another one".to_vec(), Vec::new()];
        let made = |seed| {
            let mut mutator = Mutator::new(seed);
            (0..1_000).map(|_| mutator.next(&known)).collect::<Vec<_>>()
        };
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
        let distinct: std::collections::BTreeSet<_> = made(1).into_iter().collect();
        assert!(distinct.len() > 800, "{}", distinct.len());
    }
}
