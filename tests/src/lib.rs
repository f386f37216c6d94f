//! What the system tests stand on; nothing of the product uses it.
//!
//! - [`test_box`]: a box of its own for each test, made of the real binaries of [`binaries`].
//! - [`client`]: its clients, as users write them; [`browser`]: the page as a viewer sees it.
//! - [`wait`]: waiting on states, with the one deadline; [`process`]: signals.
//! - [`demo`]: the demo clip and what is to be seen on it.
//! - [`broken_model`]: a model that every check passes and that fails at work.
//! - [`jpegs`]: pictures of every coding, good and broken.
//! - [`strip`]: the number that a test picture shows.
//! - [`picture`] and [`random`]: frames whose every byte is known, for the ring's tests.

pub mod binaries;
pub mod broken_model;
pub mod browser;
pub mod client;
pub mod demo;
pub mod jpegs;
pub mod picture;
pub mod process;
pub mod random;
pub mod strip;
pub mod test_box;
pub mod wait;

pub use test_box::TestBox;
