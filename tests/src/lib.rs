//! What the system tests stand on; nothing of the product uses it.
//!
//! - [`wait`]: waiting on states, with the one deadline.
//! - [`picture`] and [`random`]: frames whose every byte is known.
//! - [`browser`]: the page as a viewer sees it.

pub mod browser;
pub mod picture;
pub mod random;
pub mod wait;
