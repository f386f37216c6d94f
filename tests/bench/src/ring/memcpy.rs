//! The bound: the frame copied from one private buffer to another, within one process.

use super::job::Job;
use super::peer::{Pace, private_frame};
use super::samples::{RunResult, Samples, stamp};
use shm_layout::MonotonicNs;
use std::hint::black_box;

/// Copies the frames, one right after the other or at their pace.
#[must_use]
pub fn run(job: &Job, paced: bool) -> RunResult {
    let mut source = private_frame(job);
    let mut target = vec![0; source.len()];
    let mut samples = Samples::default();
    let pace = Pace::start(job);
    for index in 0..job.frames {
        if paced {
            pace.await_frame(index);
        }
        let began = stamp(&mut source);
        target.copy_from_slice(black_box(&source));
        black_box(&target);
        samples.measured(MonotonicNs::now().since(began).as_nanos() as u64);
    }
    samples.finish(job)
}
