//! Whose turn it is: each source in order, beginning behind the one that was served last, so that
//! a fast camera never starves a slow one.

/// The order in which sources are looked at.
#[derive(Debug, Clone)]
pub struct Rotation {
    count: usize,
    first: usize,
}

impl Rotation {
    /// Turns over `count` sources.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { count, first: 0 }
    }

    /// All sources, once each.
    pub fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let (count, first) = (self.count, self.first);
        (0..count).map(move |step| (first + step) % count)
    }

    /// Notes that `source` got its turn.
    pub fn served(&mut self, source: usize) {
        self.first = (source + 1) % self.count.max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_starts_behind_the_last_served() {
        let mut rotation = Rotation::new(3);
        assert_eq!(rotation.order().collect::<Vec<_>>(), [0, 1, 2]);
        rotation.served(1);
        assert_eq!(rotation.order().collect::<Vec<_>>(), [2, 0, 1]);
        rotation.served(2);
        assert_eq!(rotation.order().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(Rotation::new(0).order().count(), 0);
    }

    #[test]
    fn every_source_is_served_although_one_always_has_a_frame() {
        let mut rotation = Rotation::new(3);
        let (mut waiting, mut served) = ([true; 3], [0; 3]);
        for turn in 0..30 {
            // Source 0 has a frame at each turn, the others get one at every fourth.
            waiting[0] = true;
            if turn % 4 == 0 {
                waiting = [true; 3];
            }
            let next = rotation.order().find(|source| waiting[*source]);
            let source = next.expect("source 0 waits");
            waiting[source] = false;
            served[source] += 1;
            rotation.served(source);
        }
        assert_eq!(served, [14, 8, 8]);
    }
}
