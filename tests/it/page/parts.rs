//! The page's modules, each by itself, in the browser that they are written for.
//!
//! Each script of this folder imports modules of `net-gateway/page` and throws at the first thing
//! that is not as it should be. No box is needed.

use super::{PAGE_FOLDER, browser};
use std::path::Path;
use wigwag_tests::browser::FileServer;

const CHECK: &str = include_str!("check.js");

fn run(script: &str) {
    let mut browser = browser();
    let server = FileServer::start(Path::new(PAGE_FOLDER)).unwrap();
    // Any file of the same origin will do; the page itself would look for a box.
    browser.go(&server.url("icon.svg")).unwrap();
    browser
        .eval(&format!("(async () => {{ {CHECK}\n{script}\n }})()"))
        .unwrap();
}

/// Goal: a frame is shown in time, in order, and with its own hands only.
#[test]
fn frames_are_paired_with_their_own_predictions() {
    run(include_str!("pairing.js"));
}

/// Goal: the history has one entry for each gesture that the box tells of, also if a message is lost.
#[test]
fn history_has_each_gesture_once() {
    run(include_str!("history.js"));
}

/// Goal: no message, however wrong, gets further than the reader.
#[test]
fn messages_are_checked_before_they_are_used() {
    run(include_str!("message.js"));
}

/// Goal: the own camera's frames never pile up, whatever the network and the box do.
#[test]
fn own_frames_are_sent_at_the_pace_of_what_comes_back() {
    run(include_str!("push_pace.js"));
}

/// Goal: the page says what is away, the most important thing first.
#[test]
fn notices_name_what_is_away() {
    run(include_str!("notice.js"));
}
