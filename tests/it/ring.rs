//! The ring between real processes: frames whole, counted exactly, taken once, whoever is killed.
//!
//! The test stands where the supervisor stands: it makes the segment, starts the peers, kills
//! them, waits for the kernel's proof of death, reclaims their leases and starts successors. What
//! a peer does is in `src/bin/ring_peer.rs`.

use shm_layout::Segment;
use shm_layout::Sequence;
use shm_layout::layout::{Geometry, RingGeometry};
use shm_layout::process_table::Counter;
use shm_layout::segment::SegmentName;
use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use wigwag_tests::random::Random;
use wigwag_tests::{picture, wait};

/// What each peer does; the index of a reader is its place, and so its lease bit.
const READERS: [&str; 6] = ["latest", "latest", "every", "every", "take", "take"];
const EVERY: [usize; 2] = [2, 3];
const TAKERS: [usize; 2] = [4, 5];
/// Place of the publisher; it needs no lease bit.
const PUBLISHER: usize = 24;
/// Place from which a test itself reads.
const OBSERVER: usize = 10;
/// Two, one for each reader, one for the observer.
const FRAME_SLOTS: usize = 2 + READERS.len() + 1;

/// Kills of one run: 300, or what `WIGWAG_RING_KILLS` says; see `torture/run.sh`.
fn kills() -> usize {
    let wanted = std::env::var("WIGWAG_RING_KILLS").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(300)
}

/// One peer's process. It ends when its input does, so it never outlives its test.
struct Peer {
    place: usize,
    process: Child,
}

/// A segment and the peers at it.
struct Rig {
    segment: Segment,
    name: SegmentName,
    scratch: TempDir,
    peers: Vec<Peer>,
    started: usize,
}

impl Rig {
    fn new(test: &str) -> Self {
        let name = SegmentName::new(&format!("ring-{test}-{}", std::process::id()));
        let ring = RingGeometry {
            frame_slots: FRAME_SLOTS,
            capacity_bytes: picture::CAPACITY_BYTES,
        };
        let geometry = Geometry {
            rings: vec![ring],
            lanes: 1,
        };
        Self {
            segment: Segment::create(&name, &geometry).unwrap(),
            name,
            scratch: TempDir::new().unwrap(),
            peers: Vec::new(),
            started: 0,
        }
    }

    /// Starts a peer at `place`, with a new account.
    fn start(&mut self, place: usize) {
        let role = READERS.get(place).copied().unwrap_or("publish");
        let account = self
            .scratch
            .path()
            .join(format!("{place}-{}", self.started));
        std::fs::File::create(&account).unwrap();
        self.started += 1;
        let process = Command::new(env!("CARGO_BIN_EXE_ring_peer"))
            .args([role, self.name.as_str(), &place.to_string()])
            .arg(&account)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        self.peers.push(Peer { place, process });
    }

    /// SIGKILL, then the kernel's proof of death, then what only that allows.
    /// Returns how many leases the peer held.
    fn kill(&mut self, place: usize) -> u32 {
        let index = self
            .peers
            .iter()
            .position(|peer| peer.place == place)
            .unwrap();
        let mut peer = self.peers.remove(index);
        peer.process.kill().unwrap();
        peer.process.wait().unwrap();
        self.segment.reclaim(place)
    }

    /// Tells every peer which frame is the last, and waits until all ended by themselves.
    fn finish_at(&mut self, last: u64) {
        for peer in &mut self.peers {
            writeln!(peer.process.stdin.as_mut().unwrap(), "{last}").unwrap();
        }
        for peer in &mut self.peers {
            let process = &mut peer.process;
            let end = wait::until("a peer ends", || process.try_wait().unwrap());
            assert!(
                end.success(),
                "peer at place {} ended with {end}",
                peer.place
            );
        }
        assert_eq!(self.newest(), last);
    }

    fn newest(&self) -> u64 {
        self.segment.newest(0)
    }

    fn counted(&self, place: usize, counter: Counter) -> u64 {
        self.segment.process(place).unwrap().counted(counter)
    }

    fn over_readers(&self, counter: Counter) -> u64 {
        (0..READERS.len())
            .map(|place| self.counted(place, counter))
            .sum()
    }

    /// Accounts of all peers that ever were at `place`, oldest first: (sequence, delivered).
    fn accounts(&self, place: usize) -> Vec<Vec<(u64, bool)>> {
        let mut numbered: Vec<(usize, PathBuf)> = std::fs::read_dir(self.scratch.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter_map(|path| {
                let (found, number) = path.file_name()?.to_str()?.split_once('-')?;
                (found.parse() == Ok(place)).then(|| (number.parse().unwrap(), path.clone()))
            })
            .collect();
        numbered.sort();
        numbered
            .iter()
            .map(|(_, path)| read_account(path))
            .collect()
    }

    /// Every frame slot can be used again: as many of the newest frames can be read as there are
    /// frame slots. One that a dead process still held, or left half written, would be missing.
    fn assert_no_frame_slot_leaked(&self) {
        assert_eq!(
            self.segment.leases_held(0),
            0,
            "leases outlived their owners"
        );
        let mut publisher = self.segment.publisher(0).unwrap();
        for _ in 0..2 * FRAME_SLOTS {
            let mut writer = publisher.claim().expect("a frame slot is free");
            let sequence = writer.sequence();
            let len = picture::fill(writer.payload(), sequence);
            writer.publish(&picture::meta(sequence), len).unwrap();
        }
        let newest = self.newest();
        let mut subscriber = self.segment.subscriber(0, OBSERVER).unwrap();
        let readable = (1..=newest)
            .rev()
            .take_while(|sequence| {
                subscriber
                    .lease_exact(Sequence(*sequence))
                    .is_ok_and(|lease| picture::is_whole(lease.payload(), Sequence(*sequence)))
            })
            .count();
        assert_eq!(readable, FRAME_SLOTS, "frame slots were leaked");
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        for peer in &mut self.peers {
            // A peer that has ended by itself cannot be killed, and need not be.
            let _ended = peer.process.kill();
            let _ended = peer.process.wait();
        }
        let _gone = self.name.unlink();
    }
}

fn read_account(path: &PathBuf) -> Vec<(u64, bool)> {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(bytes.len() % 8, 0, "{path:?} has a torn entry");
    bytes
        .chunks_exact(8)
        .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
        .map(|word| (word >> 1, word & 1 == 1))
        .collect()
}

fn delivered(account: &[(u64, bool)]) -> impl Iterator<Item = u64> {
    account
        .iter()
        .filter(|(_, delivered)| *delivered)
        .map(|(sequence, _)| *sequence)
}

/// Fails if any frame was taken twice.
fn assert_taken_at_most_once(rig: &Rig) -> usize {
    let mut taken = HashSet::new();
    for place in TAKERS {
        for sequence in rig
            .accounts(place)
            .iter()
            .flat_map(|account| delivered(account))
        {
            assert!(taken.insert(sequence), "frame {sequence} was taken twice");
        }
    }
    taken.len()
}

/// Goal: without any death, each reader accounts for each published frame, once, and sees it whole.
/// Method: six readers attach before the first of 12,000 frames of random sizes and stay until the
/// last; delivered + missed must be the number published: for each reader of the newest and of
/// every frame by itself, for the two takers together.
#[test]
fn every_frame_is_delivered_whole_or_counted_as_missed() {
    const FRAMES: u64 = 12_000;
    let mut rig = Rig::new("count");
    (0..READERS.len()).for_each(|place| rig.start(place));
    wait::until_true("all readers are there", || {
        (0..READERS.len()).all(|place| rig.segment.process(place).unwrap().heartbeat().0 > 0)
    });
    rig.start(PUBLISHER);
    rig.finish_at(FRAMES);

    assert_eq!(rig.counted(PUBLISHER, Counter::Published), FRAMES);
    assert_eq!(rig.counted(PUBLISHER, Counter::NoFrameSlot), 0);
    assert_eq!(rig.over_readers(Counter::CorruptFrames), 0, "torn frames");
    for place in 0..4 {
        let (read, missed) = (
            rig.counted(place, Counter::Taken),
            rig.counted(place, Counter::Skipped),
        );
        assert_eq!(
            read + missed,
            FRAMES,
            "reader {place}: {read} read, {missed} missed"
        );
        assert!(read > 0);
    }
    for place in EVERY {
        let account = &rig.accounts(place)[0];
        let sequences: Vec<u64> = account.iter().map(|(sequence, _)| *sequence).collect();
        assert!(
            sequences.iter().copied().eq(1..=FRAMES),
            "reader {place} lost its place"
        );
    }
    let over_takers = |counter| {
        TAKERS
            .iter()
            .map(|place| rig.counted(*place, counter))
            .sum::<u64>()
    };
    assert_eq!(
        over_takers(Counter::Taken) + over_takers(Counter::Skipped),
        FRAMES
    );
    assert_eq!(
        assert_taken_at_most_once(&rig) as u64,
        over_takers(Counter::Taken)
    );
    rig.assert_no_frame_slot_leaked();
}

/// Goal: kill -9 of publisher and readers at any moment costs nobody else anything.
/// Method: [`kills`] times, after a random while, kill one of the seven, reclaim, start its successor.
/// The sequence never goes back; no frame is torn, skipped uncounted within an incarnation, or
/// taken twice over all of them; at the end everybody gets on and every frame slot is usable.
#[test]
fn kills_tear_nothing_and_leak_nothing() {
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let (mut random, mut rig) = (Random::new(seed), Rig::new("kill"));
    (0..READERS.len())
        .chain([PUBLISHER])
        .for_each(|place| rig.start(place));
    let (mut newest, mut reclaimed) = (0, 0);
    for _ in 0..kills() {
        // Not to be safe: to kill at any moment.
        std::thread::sleep(Duration::from_micros(500 + random.below(15_000)));
        let place = if random.below(3) == 0 {
            PUBLISHER
        } else {
            random.below(6) as usize
        };
        reclaimed += rig.kill(place);
        rig.start(place);
        let now = rig.newest();
        assert!(
            now >= newest,
            "the sequence went back from {newest} to {now}"
        );
        newest = now;
    }
    assert!(reclaimed > 0, "no kill hit a lease, which proves nothing");
    // Left alone, everybody gets on.
    let before: Vec<u64> = (0..6)
        .map(|place| rig.counted(place, Counter::Taken))
        .collect();
    wait::until_true("the readers get on", || {
        let gains: Vec<u64> = (0..6)
            .map(|place| rig.counted(place, Counter::Taken) - before[place])
            .collect();
        // Either taker may be the quicker one every time.
        gains[..4].iter().all(|gain| *gain > 0) && gains[4] + gains[5] > 0
    });
    let last = rig.newest() + 1000;
    rig.finish_at(last);

    assert_eq!(rig.over_readers(Counter::CorruptFrames), 0, "torn frames");
    assert_eq!(rig.counted(PUBLISHER, Counter::NoFrameSlot), 0);
    for place in EVERY {
        for account in rig.accounts(place) {
            let in_order = account.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1);
            assert!(in_order, "reader {place} lost its place");
        }
    }
    for place in 0..2 {
        for account in rig.accounts(place) {
            assert!(
                account.is_sorted_by(|a, b| a.0 < b.0),
                "reader {place} went back"
            );
        }
    }
    let taken = assert_taken_at_most_once(&rig);
    assert!(taken > 0);
    rig.assert_no_frame_slot_leaked();
    println!(
        "{} kills, {reclaimed} of a process with a lease; {last} frames, {taken} taken; 0 torn, 0 doubled, 0 leaked",
        kills()
    );
}

/// Goal: the check above can see a torn frame.
/// Method: do what must never be done, reclaim the leases of live readers, until a reader reports
/// a frame that changed under it.
#[test]
fn reclaim_of_a_live_lease_is_seen_as_torn_frames() {
    let mut rig = Rig::new("mutant");
    (0..READERS.len())
        .chain([PUBLISHER])
        .for_each(|place| rig.start(place));
    wait::until_true("a torn frame", || {
        (0..READERS.len()).for_each(|place| {
            rig.segment.reclaim(place);
        });
        rig.over_readers(Counter::CorruptFrames) > 0
    });
}
