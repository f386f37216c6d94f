//! A source's pictures in another form: smaller, at another quality, with the hands drawn in.
//!
//! - [`wish`]: what clients may ask for; [`pace`]: fewer pictures a second;
//! - [`studio`]: which renditions are watched now, and the thread that makes them, each picture
//!   once for everybody who wants the same;
//! - `bench`: one picture for one of them; [`render`]: from the source's JPEG to theirs; [`overlay`]: the hands.
//!
//! Neighbours: [`crate::source_feed`] hands each picture to the studio while one of its renditions
//! is watched; clients get them like any other. It must never delay who watches the source as it
//! is: what cannot be made in time is left out and counted.

mod bench;
pub mod overlay;
pub mod pace;
pub mod render;
pub mod studio;
pub mod wish;

pub use pace::Pace;
pub use studio::{Seat, Studio, TooMany};
pub use wish::Rendition;
