//! Newest wins, notices between frames, and who is counted as watching.

use super::*;
use crate::frame_message::FrameFacts;
use crate::stopping::StopSwitch;
use shm_layout::MonotonicNs;
use std::task::{Context, Poll, Waker};

fn show(feed: &SourceFeed, sequence: u64) {
    feed.offer(Picture::Frame(Arc::new(frame(sequence))));
    feed.fan_out();
}

fn frame(sequence: u64) -> FrameMessage {
    let facts = FrameFacts {
        sequence,
        capture_time_us: 1,
        captured: MonotonicNs(sequence * 1_000_000_000),
        width_px: 8,
        height_px: 8,
    };
    FrameMessage::new(facts, b"jpeg")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn newest_wins_and_what_was_skipped_is_counted() {
    block_on(async {
        let feed = Arc::new(SourceFeed::new("cam0"));
        let switch = StopSwitch::new();
        show(&feed, 3);
        let mut watch = feed.watch(Protocol::Wire, switch.stopping());
        assert_eq!(
            watch.next().await.unwrap().facts().sequence,
            3,
            "no wait for the next"
        );
        for sequence in 4..=9 {
            show(&feed, sequence);
        }
        assert_eq!(watch.next().await.unwrap().facts().sequence, 9);
        let counters = feed.counters();
        assert_eq!(counters.delivered.get(Protocol::Wire), 2);
        assert_eq!(counters.client_skipped.get(Protocol::Wire), 5);
    });
}

#[test]
fn a_frame_is_delivered_once_and_stop_ends_the_wait() {
    block_on(async {
        let feed = Arc::new(SourceFeed::new("cam0"));
        let switch = StopSwitch::new();
        let mut watch = feed.watch(Protocol::Stream, switch.stopping());
        show(&feed, 1);
        assert!(watch.next().await.is_some());
        show(&feed, 1);
        switch.stop();
        assert!(watch.next().await.is_none());
        assert_eq!(feed.counters().delivered.get(Protocol::Stream), 1);
    });
}

fn notice(number: u64) -> NoticeMessage {
    let facts = crate::notice::message::NoticeFacts {
        number,
        kind: crate::notice::trouble::Kind::Lost,
        sequence: 1,
        capture_time_us: 1,
        since_us: 1,
        text: String::new(),
    };
    NoticeMessage::new(facts, b"jpeg")
}

/// What each picture was: a frame's sequence, or a notice's number as a negative one.
async fn next_number(watch: &mut FrameWatch) -> i64 {
    match watch.next_picture().await.unwrap() {
        Picture::Frame(frame) => frame.facts().sequence as i64,
        Picture::Notice(notice) => -(notice.facts().number as i64),
    }
}

#[test]
fn a_notice_is_shown_until_the_next_frame_and_only_to_who_wants_it() {
    block_on(async {
        let feed = Arc::new(SourceFeed::new("cam0"));
        let switch = StopSwitch::new();
        let mut viewer = feed.watch(Protocol::Stream, switch.stopping());
        let mut reader = feed.watch(Protocol::WebSocket, switch.stopping());
        show(&feed, 1);
        assert_eq!(next_number(&mut viewer).await, 1);
        assert_eq!(reader.next().await.unwrap().facts().sequence, 1);
        for number in [1, 2] {
            feed.offer(Picture::Notice(Arc::new(notice(number))));
            feed.fan_out();
            assert_eq!(next_number(&mut viewer).await, -(number as i64));
        }
        let mut late = feed.watch(Protocol::Stream, switch.stopping());
        assert_eq!(next_number(&mut late).await, -2, "not the old frame");

        // Both at once: whatever is newer.
        feed.offer(Picture::Frame(Arc::new(frame(2))));
        feed.offer(Picture::Notice(Arc::new(notice(3))));
        feed.fan_out();
        assert_eq!(next_number(&mut viewer).await, -3);
        feed.offer(Picture::Notice(Arc::new(notice(4))));
        show(&feed, 3);
        assert_eq!(next_number(&mut viewer).await, 3);
        assert_eq!(next_number(&mut late).await, 3);
        assert_eq!(reader.next().await.unwrap().facts().sequence, 3);
        let mut last = feed.watch(Protocol::Stream, switch.stopping());
        assert_eq!(next_number(&mut last).await, 3, "the notice is gone");
    });
}

#[test]
fn watchers_are_seen_and_an_unwatched_frame_is_let_go() {
    let feed = Arc::new(SourceFeed::new("cam0"));
    let switch = StopSwitch::new();
    assert!(!feed.is_watched());
    let watch = feed.watch(Protocol::Stream, switch.stopping());
    assert!(feed.is_watched());
    show(&feed, 1);
    drop(watch);
    assert!(!feed.is_watched());
    feed.forget_frame();
    let mut late = feed.watch(Protocol::Stream, switch.stopping());
    switch.stop();
    assert!(block_on(late.next()).is_none());
}

/// Goal: a client that wants fewer frames gets them evenly, and what it did not want is not counted
/// as what it was too slow for.
/// Method: frames a second apart, one in five seconds is wanted; one is missed for real.
#[test]
fn a_paced_client_gets_fewer_frames_and_skips_none() {
    block_on(async {
        let feed = Arc::new(SourceFeed::new("cam0"));
        let switch = StopSwitch::new();
        let watch = feed.watch(Protocol::Stream, switch.stopping());
        let mut watch = watch.paced(Some(0.2));
        let mut seen = Vec::new();
        for sequence in (1..=29).filter(|sequence| *sequence != 18) {
            show(&feed, sequence);
            let mut next = std::pin::pin!(watch.next());
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(frame) = next.as_mut().poll(&mut context) {
                seen.push(frame.unwrap().facts().sequence);
            }
        }
        assert_eq!(seen, [1, 5, 10, 15, 20, 25]);
        let counters = feed.counters();
        assert_eq!(counters.delivered.get(Protocol::Stream), 6);
        assert_eq!(counters.client_skipped.get(Protocol::Stream), 1);
    });
}
