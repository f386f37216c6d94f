//! Predictions steady in time: from single frames to gestures that begin, are held and end.
//!
//! - [`InOrder`]: the predictions of all infer-workers of a source, in the order of their frames.
//! - [`Steadier`]: one source; knows its hands, smooths their landmarks ([`one_euro`]) and runs a
//!   [`machine`] for each, or for what frames show as a whole, which turns scores into events.
//! - [`GestureEvent`], [`SteadyPrediction`]: what comes out, and their JSON.
//!
//! Neighbours: `net-gateway` runs it on what comes from shared memory, `infer-worker events` on a
//! clip. Everything is a pure function of what is known, a prediction, and its capture time: the
//! same predictions give the same events, whenever they are played. Nothing here may read a clock.

mod event;
mod in_order;
pub mod machine;
pub mod one_euro;
pub mod recording;
mod steadier;

pub use event::{
    EndReason, EventHand, EventKind, GestureEvent, GestureEventJson, SteadyHand, SteadyPrediction,
    SteadyScene,
};
pub use in_order::{Given, InOrder};
pub use steadier::Steadier;
