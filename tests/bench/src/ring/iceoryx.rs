//! iceoryx2: loan a sample, fill it from a private buffer, send it, notify an event; the reader
//! waits for the event and reads in place. Buffers and overflow as in Wigwag: newest wins.

use super::job::Job;
use super::peer::{PATIENCE, Pace, Reader, private_frame, say_ready};
use super::samples::{RunResult, Samples, stamp};
use anyhow::{Result, anyhow};
use iceoryx2::prelude::*;
use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Samples that may wait for a subscriber.
const BUFFERED: usize = 2;
/// Longest sleep of the reader before it looks by itself.
const WAIT: Duration = Duration::from_millis(100);

fn failed(error: impl Debug) -> anyhow::Error {
    anyhow!("iceoryx2: {error:?}")
}

/// Sends the frames of `job` and returns what the reader found.
///
/// # Errors
///
/// iceoryx2 refused, or the reader failed.
pub fn write(job: &Job) -> Result<RunResult> {
    set_log_level(LogLevel::Error);
    let name = format!("wigwag-bench-{}", std::process::id());
    let service: ServiceName = name.as_str().try_into().map_err(failed)?;
    let node = NodeBuilder::new()
        .create::<ipc::Service>()
        .map_err(failed)?;
    let frames = node
        .service_builder(&service)
        .publish_subscribe::<[u8]>()
        .subscriber_max_buffer_size(BUFFERED)
        .enable_safe_overflow(true)
        .create()
        .map_err(failed)?;
    let event = node
        .service_builder(&service)
        .event()
        .create()
        .map_err(failed)?;
    let publisher = frames
        .publisher_builder()
        .initial_max_slice_len(job.size.len_bytes())
        .create()
        .map_err(failed)?;
    let notifier = event.notifier_builder().create().map_err(failed)?;
    let mut reader = Reader::start(job, &name)?;
    reader.await_ready()?;
    let mut source = private_frame(job);
    let pace = Pace::start(job);
    for index in 0..job.frames {
        pace.await_frame(index);
        stamp(&mut source);
        let sample = publisher.loan_slice_uninit(source.len()).map_err(failed)?;
        sample.write_from_slice(&source).send().map_err(failed)?;
        notifier.notify().map_err(failed)?;
    }
    reader.finish()
}

/// Reads frames of the service `name` until all came, or none came for a while.
///
/// # Errors
///
/// iceoryx2 refused.
pub fn read(job: &Job, name: &str, samples: &mut Samples) -> Result<()> {
    set_log_level(LogLevel::Error);
    let service: ServiceName = name.try_into().map_err(failed)?;
    let node = NodeBuilder::new()
        .create::<ipc::Service>()
        .map_err(failed)?;
    let frames = node
        .service_builder(&service)
        .publish_subscribe::<[u8]>()
        .open()
        .map_err(failed)?;
    let subscriber = frames
        .subscriber_builder()
        .buffer_size(BUFFERED)
        .create()
        .map_err(failed)?;
    let event = node
        .service_builder(&service)
        .event()
        .open()
        .map_err(failed)?;
    let listener = event.listener_builder().create().map_err(failed)?;
    let mut last_frame = Instant::now();
    say_ready();
    while samples.accounted() < job.frames && last_frame.elapsed() < PATIENCE {
        match subscriber.receive().map_err(failed)? {
            Some(sample) => {
                samples.frame(sample.payload(), None);
                last_frame = Instant::now();
            }
            None => {
                listener.timed_wait(|_| {}, WAIT).map_err(failed)?;
            }
        }
    }
    samples.missed(job.frames - samples.accounted());
    Ok(())
}
