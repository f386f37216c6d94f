//! Which unit each worker of a dead supervisor belongs to, and at which place. Pure.
//!
//! A worker is its unit's by name; in kinds that roll it may work at any place of its kind, since
//! successors exchange their predecessor's place with the one to spare. Of two workers of one unit
//! (a roll was under way) the later one stays: the other may be on its way out.

use shm_layout::control::Role;

/// A unit as it would be without anybody there, or a worker as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Name of the unit.
    pub unit: String,
    /// Its kind.
    pub role: Role,
    /// Place in the process table.
    pub place: usize,
}

/// Where everybody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seating {
    /// Place of each unit.
    pub places: Vec<usize>,
    /// Which of the workers found is the process of each unit.
    pub workers: Vec<Option<usize>>,
    /// Places to spare, in the order of the kinds given.
    pub spares: Vec<usize>,
}

/// Seats the workers, given with their generations. What is in no seat is of no use.
#[must_use]
pub fn seat(units: &[Post], spares: &[(Role, usize)], found: &[(Post, u64)]) -> Seating {
    let places_of = |role: Role| {
        let own = units.iter().filter(move |unit| unit.role == role);
        let to_spare = spares.iter().filter(move |spare| spare.0 == role);
        own.map(|unit| unit.place)
            .chain(to_spare.map(|spare| spare.1))
    };
    let worker_of = |unit: &Post| {
        let of_unit = found.iter().enumerate().filter(|(_, (worker, _))| {
            let is_its = worker.role == unit.role && worker.unit == unit.unit;
            is_its && places_of(unit.role).any(|place| place == worker.place)
        });
        of_unit
            .max_by_key(|(_, (_, generation))| *generation)
            .map(|(index, _)| index)
    };
    let workers: Vec<Option<usize>> = units.iter().map(worker_of).collect();
    let taken: Vec<usize> = workers
        .iter()
        .flatten()
        .map(|index| found[*index].0.place)
        .collect();
    let mut places: Vec<usize> = units.iter().map(|unit| unit.place).collect();
    let mut left_over = spares.to_vec();
    for role in [Role::Capture, Role::Infer, Role::Gateway] {
        // Never empty when asked: there are at least as many places as units and kinds.
        let mut vacant = places_of(role).filter(|place| !taken.contains(place));
        for (index, unit) in units.iter().enumerate() {
            if unit.role != role {
                continue;
            }
            places[index] = match workers[index] {
                Some(worker) => found[worker].0.place,
                None => vacant.next().unwrap_or(unit.place),
            };
        }
        for spare in left_over.iter_mut().filter(|spare| spare.0 == role) {
            spare.1 = vacant.next().unwrap_or(spare.1);
        }
    }
    Seating {
        places,
        workers,
        spares: left_over.into_iter().map(|(_, place)| place).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPARES: [(Role, usize); 2] = [(Role::Gateway, 1), (Role::Infer, 4)];

    fn post(unit: &str, place: usize) -> Post {
        let role = match unit.split('/').next() {
            Some("capture") => Role::Capture,
            Some("infer") => Role::Infer,
            _ => Role::Gateway,
        };
        Post {
            unit: unit.to_owned(),
            role,
            place,
        }
    }

    fn units() -> [Post; 4] {
        [
            post("capture/a", 5),
            post("infer/0", 2),
            post("infer/1", 3),
            post("gateway", 0),
        ]
    }

    fn seated(found: &[(Post, u64)]) -> Seating {
        seat(&units(), &SPARES, found)
    }

    #[test]
    fn nobody_there_leaves_every_place_as_it_was() {
        let seating = seated(&[]);
        assert_eq!(seating.places, [5, 2, 3, 0]);
        assert_eq!(seating.workers, [None; 4]);
        assert_eq!(seating.spares, [1, 4]);
    }

    #[test]
    fn workers_stay_their_units_wherever_rolling_brought_them() {
        let found = [
            (post("infer/0", 4), 7),
            (post("infer/1", 2), 9),
            (post("gateway", 1), 3),
            (post("capture/a", 5), 2),
        ];
        let seating = seated(&found);
        assert_eq!(seating.places, [5, 4, 2, 1]);
        assert_eq!(seating.workers, [Some(3), Some(0), Some(1), Some(2)]);
        assert_eq!(seating.spares, [0, 3]);
    }

    #[test]
    fn unit_whose_worker_died_gets_a_place_that_nobody_has() {
        let seating = seated(&[(post("infer/1", 2), 9)]);
        assert_eq!(seating.places, [5, 3, 2, 0]);
        assert_eq!(seating.spares, [1, 4]);
    }

    #[test]
    fn of_a_pair_that_was_rolling_the_successor_stays() {
        let found = [(post("gateway", 0), 3), (post("gateway", 1), 4)];
        let seating = seated(&found);
        assert_eq!((seating.places[3], seating.workers[3]), (1, Some(1)));
        assert_eq!(seating.spares[0], 0);
    }

    #[test]
    fn workers_of_no_unit_and_places_of_another_kind_get_no_seat() {
        let found = [
            (post("infer/7", 4), 1),
            (post("", 0), 1),
            (post("capture/a", 4), 1),
            (post("infer/0", 17), 1),
        ];
        assert_eq!(seated(&found), seated(&[]));
    }
}
