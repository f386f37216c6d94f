//! One process at a ring: publishes or reads frames of a named segment and checks each of them.
//!
//! Upstream: `it/ring.rs`, which starts, kills and replaces these processes as a supervisor would.
//! It speaks through the process table (`Published`, `Taken` = frames read, `Skipped` = frames
//! missed, `CorruptFrames` = frames torn), so that what it counted survives its death, and through
//! an account: a file of `sequence << 1 | delivered` words in the order of events.
//!
//! `ring_peer ROLE SEGMENT PLACE ACCOUNT`, ROLE one of publish, latest, every, take. A number on
//! standard input is the last sequence: it is published or waited for, then the peer ends with
//! code 0. The end of the input ends it at once, so that it never outlives its test.

use nix::sys::prctl;
use nix::sys::signal::Signal;
use shm_layout::process_table::{Counter, Stage};
use shm_layout::ring::{FrameLease, LeaseError, Subscriber};
use shm_layout::segment::{Access, SegmentName};
use shm_layout::{Segment, Sequence};
use std::fs::File;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wigwag_tests::picture;
use wigwag_tests::random::{Random, mixed};

/// Longest sleep before a reader looks again by itself; a publisher may die before it wakes us.
const WAIT: Duration = Duration::from_millis(20);

struct Peer<'s> {
    segment: &'s Segment,
    place: usize,
    account: File,
    last: Arc<AtomicU64>,
    random: Random,
}

fn main() {
    prctl::set_pdeathsig(Signal::SIGKILL).expect("Linux has a parent-death signal");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [role, segment, place, account] = &arguments[..] else {
        panic!("usage: ring_peer ROLE SEGMENT PLACE ACCOUNT");
    };
    let access = if role == "publish" {
        Access::Publish(0)
    } else {
        Access::Read
    };
    let name = SegmentName::from_text(segment);
    let segment = Segment::attach(&name, None, access).expect("the test made the segment");
    let last = Arc::new(AtomicU64::new(u64::MAX));
    read_last(Arc::clone(&last));
    let mut peer = Peer {
        segment: &segment,
        place: place.parse().expect("PLACE is a number"),
        account: File::options()
            .append(true)
            .open(account)
            .expect("the test made the account"),
        last,
        random: Random::new(mixed(u64::from(std::process::id()))),
    };
    match role.as_str() {
        "publish" => peer.publish(),
        "latest" => peer.read_latest(),
        "every" => peer.read_every(),
        "take" => peer.take(),
        other => panic!("no role named {other}"),
    }
}

fn read_last(last: Arc<AtomicU64>) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let line = line.expect("the test writes text");
            let number = line.parse().expect("the test writes numbers");
            last.store(number, Ordering::Relaxed);
            // The work loop ends by itself now.
            std::thread::sleep(Duration::MAX);
        }
        std::process::exit(0);
    });
}

impl<'s> Peer<'s> {
    fn count(&self, counter: Counter, by: u64) {
        self.segment
            .process(self.place)
            .expect("PLACE exists")
            .count(counter, by);
    }

    fn is_past_last(&self, sequence: Sequence) -> bool {
        sequence.0 >= self.last.load(Ordering::Relaxed)
    }

    /// One `write`, so that a kill leaves whole words only.
    fn note(&mut self, sequence: Sequence, delivered: bool) {
        let word = sequence.0 << 1 | u64::from(delivered);
        self.account
            .write_all(&word.to_le_bytes())
            .expect("the account can be written");
        if delivered {
            self.count(Counter::Taken, 1);
        }
    }

    fn publish(&mut self) {
        let mut publisher = self.segment.publisher(0).expect("the segment has a source");
        while !self.is_past_last(Sequence(publisher.next_sequence().0 - 1)) {
            let Some(mut writer) = publisher.claim() else {
                self.count(Counter::NoFrameSlot, 1);
                continue;
            };
            let sequence = writer.sequence();
            let len = picture::fill(writer.payload(), sequence);
            writer
                .publish(&picture::meta(sequence), len)
                .expect("the frame fits");
            self.count(Counter::Published, 1);
            if self.random.below(4) == 0 {
                std::thread::sleep(Duration::from_micros(self.random.below(300)));
            }
        }
    }

    /// Checks a frame twice: when it is leased, and after having held it for a while.
    fn check(&mut self, lease: &FrameLease<'_>) {
        let sequence = lease.sequence();
        let is_whole = |lease: &FrameLease<'_>| {
            picture::is_whole(lease.payload(), sequence)
                && picture::is_its_meta(lease.meta(), sequence)
        };
        let mut whole = is_whole(lease);
        if self.random.below(3) == 0 {
            std::thread::sleep(Duration::from_micros(self.random.below(2000)));
            whole &= is_whole(lease);
        }
        if !whole {
            self.count(Counter::CorruptFrames, 1);
        }
    }

    fn note_read(&mut self, lease: &FrameLease<'_>) {
        self.check(lease);
        self.count(Counter::Skipped, lease.skipped());
        self.note(lease.sequence(), true);
    }

    fn subscriber(&self) -> Subscriber<'s> {
        self.segment
            .subscriber(0, self.place)
            .expect("PLACE may lease")
    }

    /// The first heartbeat: from here on, this reader accounts for every frame.
    fn attached(&self) {
        self.segment
            .process(self.place)
            .expect("PLACE exists")
            .beat(Stage::Waiting);
    }

    fn read_latest(&mut self) {
        let mut subscriber = self.subscriber();
        let mut newest = subscriber.head();
        self.attached();
        while !self.is_past_last(newest) {
            let seen = self.segment.frame_event().observe();
            match subscriber.lease_latest(newest) {
                Some(lease) => {
                    newest = lease.sequence();
                    self.note_read(&lease);
                }
                None => self.segment.frame_event().wait(seen, WAIT),
            }
        }
    }

    fn read_every(&mut self) {
        let mut subscriber = self.subscriber();
        let mut read = subscriber.head();
        self.attached();
        while !self.is_past_last(read) {
            let seen = self.segment.frame_event().observe();
            let next = Sequence(read.0 + 1);
            match subscriber.lease_exact(next) {
                Ok(lease) => {
                    self.note_read(&lease);
                    read = next;
                }
                Err(LeaseError::Missed) => {
                    self.count(Counter::Skipped, 1);
                    self.note(next, false);
                    read = next;
                }
                Err(LeaseError::NotYet) => self.segment.frame_event().wait(seen, WAIT),
            }
        }
    }

    fn take(&mut self) {
        let mut subscriber = self.subscriber();
        self.attached();
        loop {
            let seen = self.segment.frame_event().observe();
            let newest = subscriber.head();
            match subscriber.take_latest() {
                Some(lease) => self.note_read(&lease),
                None if self.is_past_last(newest) => return,
                None => self.segment.frame_event().wait(seen, WAIT),
            }
        }
    }
}
