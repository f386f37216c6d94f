//! Frames from clients: each prediction comes back under the client's own number, one client at a
//! time has a source, and whoever misbehaves hurts nobody else.
//!
//! What the modules share is here.

mod answers;
mod claims;
mod misbehaviour;
mod sharing;

use wigwag_tests::client::wire::{Message, WireClient};
use wigwag_tests::{TestBox, wait};

/// How long a silent client keeps a source in these tests.
const HOLD_MS: u64 = 1_500;

/// A box whose only sources are pushed, named so; each takes `max_fps`.
fn pushed_box(name: &str, sources: &[&str], max_fps: u32) -> TestBox {
    let keys = format!("type = \"push\"\nhold_ms = {HOLD_MS}\nmax_fps = {max_fps}");
    let tables = sources
        .iter()
        .map(|source| format!("[sources.{source}]\n{keys}\n"));
    let toml = tables.collect::<String>() + "[infer]\nworkers = 1";
    TestBox::builder(name).config(&toml).start()
}

/// Asks to push, and is let in.
#[track_caller]
fn pusher(test_box: &TestBox, source: &str) -> WireClient {
    let mut client = WireClient::push(&test_box.wire(), source);
    match client.message() {
        Message::Welcome(_) => client,
        other => panic!("{other:?} instead of WELCOME"),
    }
}

/// Asks to push until let in, as a client does whose gateway goes.
fn persistent_pusher(address: &str, source: &str) -> WireClient {
    wait::until("a client is let in", || {
        let mut client = WireClient::try_push(address, source).ok()?;
        let answer = client.next_message();
        matches!(answer, Some(Message::Welcome(_))).then_some(client)
    })
}

/// Pushes a frame that must be taken, and gives its sequence; predictions meanwhile are left out.
#[track_caller]
fn accepted(client: &mut WireClient, own: u64, jpeg: &[u8]) -> u64 {
    client.push_frame(own, jpeg).unwrap();
    loop {
        match client.message() {
            Message::Accepted { number, sequence } => {
                assert_eq!(number, own);
                return sequence;
            }
            Message::PushedPrediction { .. } => {}
            other => panic!("{other:?} instead of ACCEPTED"),
        }
    }
}

/// The ERROR that ends a connection, whatever comes before it.
#[track_caller]
fn ended(client: &mut WireClient) -> (u16, String) {
    loop {
        match client.next_message() {
            Some(Message::Error { code, text }) => {
                assert_eq!(client.next_message(), None, "closed behind it");
                return (code, text);
            }
            Some(_) => {}
            None => panic!("the connection ended without a word"),
        }
    }
}
