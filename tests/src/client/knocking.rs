//! Somebody who connects again and again, and counts who is turned away.
//!
//! Upstream: tests in which a gateway is replaced. A connection is closed as soon as it is there.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(1);

/// Attempts that go on until somebody asks how they went.
#[derive(Debug)]
pub struct Knocking {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<(usize, Vec<String>)>,
}

impl Knocking {
    /// Begins to connect to `address`.
    #[must_use]
    pub fn at(address: &str) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (is_done, to) = (Arc::clone(&is_over), address.to_owned());
        let thread = std::thread::spawn(move || {
            let (mut connected, mut refused) = (0, Vec::new());
            // ORDERING: Relaxed - nothing else is read through it.
            while !is_done.load(Ordering::Relaxed) {
                match TcpStream::connect(&to) {
                    Ok(_) => connected += 1,
                    Err(error) => refused.push(error.to_string()),
                }
                std::thread::sleep(PAUSE);
            }
            (connected, refused)
        });
        Self { is_over, thread }
    }

    /// Ends it.
    ///
    /// # Panics
    ///
    /// If somebody was refused, or hardly anybody tried.
    #[track_caller]
    pub fn assert_nobody_was_refused(self) {
        self.is_over.store(true, Ordering::Relaxed);
        let (connected, refused) = self.thread.join().expect("the attempts go on");
        assert!(
            connected > 10 && refused.is_empty(),
            "{connected} {refused:?}"
        );
    }
}
