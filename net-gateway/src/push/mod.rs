//! Frames from clients: a client claims a source, sends JPEGs, and gets back what was recognised.
//!
//! - [`session`]: one client that pushes, whatever its protocol; start here.
//! - [`desk`]: which client has which source; [`tenancy`]: the rule, and how the source is doing.
//! - [`inspect`]: what a JPEG must be like; [`pace`]: how many a second; [`numbers`]: the client's
//!   own numbers for its frames.
//! - [`press`]: into the rings; [`permission`]: who may push at all; [`refusal`]: what clients are
//!   told; [`reports`]: what the supervisor is told.
//!
//! Upstream: [`crate::wire::push`] and [`crate::http::push`], which read bytes from clients.
//! Downstream: the sources' rings, where everything goes on as with a camera. No byte from a client
//! may get into a ring before it was inspected, and no client may cost another one anything.

pub mod desk;
pub mod inspect;
pub mod numbers;
pub mod pace;
pub mod permission;
pub mod press;
pub mod refusal;
pub mod reports;
pub mod session;
pub mod tenancy;

pub use desk::{Desk, PushedSource};
pub use press::Press;
