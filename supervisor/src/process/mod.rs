//! The running process of a unit: the threads that listen to it, one purpose each.
//!
//! - [`exit_watch`]: waits for its end and tells how it ended, without reaping it;
//! - [`log_pipe`]: carries its output lines into the log;
//! - [`channel`]: the control channel, one thread to read and one to write.
//!
//! Every thread ends by itself once the process is gone. None of them decides anything: they turn
//! what happens into events for the main loop.

pub mod channel;
pub mod exit_watch;
pub mod log_pipe;

use std::io;

/// Stack of each listening thread, in bytes: they hold a line or a message at most.
const STACK_BYTES: usize = 256 * 1024;

/// Starts a listening thread.
fn listen(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .stack_size(STACK_BYTES)
        .spawn(body)
        .map(drop)
}
