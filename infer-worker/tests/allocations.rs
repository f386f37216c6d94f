//! What a frame takes from the allocator once everything is warm.
//!
//! Pictures, inputs and outputs of the networks lie in memory that is kept from frame to frame; what is
//! left is small, and this file says how much.
#![allow(
    unsafe_code,
    reason = "an allocator that counts; see the inventory in shm-layout/README.md"
)]

use infer_worker::agree::prediction;
use infer_worker::hand::identity;
use infer_worker::image::mjpeg::Clip;
use infer_worker::model::ModelSet;
use infer_worker::pipeline::Pipeline;
use shm_layout::Prediction;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

/// The system's allocator, which counts for the thread that asks.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

fn count(bytes: usize) {
    COUNT.set(COUNT.get() + 1);
    LARGEST.set(LARGEST.get().max(bytes));
}

// SAFETY: every call goes to the system's allocator as it is; counting takes no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) };
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count(bytes);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, bytes) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What the frames of a kind took.
#[derive(Debug, Default, Clone, Copy)]
struct Taken {
    frames: usize,
    /// Most calls for one of them.
    calls: usize,
    /// Bytes of the largest piece.
    bytes: usize,
}

/// Hands in the frame before, hands in this one, and whether palms were looked for.
type Kind = (usize, usize, bool);

/// Runs the clip, and adds up what each kind of frame took.
fn round(pipeline: &mut Pipeline, clip: &[u8]) -> BTreeMap<Kind, Taken> {
    let mut taken: BTreeMap<Kind, Taken> = BTreeMap::new();
    let mut previous: Option<Prediction> = None;
    for (index, frame) in Clip::new(clip).enumerate() {
        let sequence = index as u64 + 1;
        COUNT.set(0);
        LARGEST.set(0);
        let loaded = pipeline.load_jpeg(frame, previous.as_ref(), sequence);
        let outcome = loaded.map(|()| pipeline.recognize());
        let (calls, bytes) = (COUNT.get(), LARGEST.get());
        let outcome = outcome.expect("frame").expect("recognised");
        let before = previous.as_ref().map_or(0, |last| last.hands.len());
        let kind = (before, outcome.hands.len(), outcome.detected);
        let taken = taken.entry(kind).or_default();
        taken.frames += 1;
        taken.calls = taken.calls.max(calls);
        taken.bytes = taken.bytes.max(bytes);
        let mut now = prediction(sequence, outcome);
        identity::carry(previous.as_ref(), &mut now);
        previous = Some(now);
    }
    taken
}

/// Most calls for a hand: tract's plan of the two gesture networks makes a tensor for each of its 110
/// small operators, and the hand itself goes into a list.
const CALLS_PER_HAND: usize = 200;
/// Most bytes at once for a hand; the allocator serves so little from what this thread gave back.
const BYTES_PER_HAND: usize = 2 * 1024;

/// Goal: a worker that runs for weeks takes no memory for frames: nothing at all while nobody is there,
/// and no piece larger than a few lines of text while hands are tracked.
/// Method: the demo clip twice; the second time every call of the allocator counts, frame by frame. What
/// the JPEG decoder, which is C, takes is not seen here.
#[test]
fn warm_frames_take_no_memory_but_the_gesture_networks_small_pieces() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let model = ModelSet::open(&project.join("models/manifest.toml"), "full").expect("manifest");
    let mut pipeline = Pipeline::load(model, 2).expect("model");
    let clip = project.join("capture-worker/demo/demo-640x480-15fps.mjpeg");
    let clip = std::fs::read(clip).expect("clip");
    round(&mut pipeline, &clip);
    let taken = round(&mut pipeline, &clip);
    for ((before, now, looked), taken) in &taken {
        let told = format!("{before} hands, then {now}, looked for palms: {looked}: {taken:?}");
        assert!(taken.calls <= now * CALLS_PER_HAND, "{told}");
        assert!(taken.bytes <= now * BYTES_PER_HAND, "{told}");
    }
    // Nobody, one hand tracked, and one hand while another is looked for: each was seen often.
    for kind in [(0, 0, true), (1, 1, false), (1, 1, true)] {
        let frames = taken.get(&kind).map_or(0, |taken| taken.frames);
        assert!(frames >= 20, "{kind:?}: {frames}");
    }
}
