//! Pictures that the gateway draws on: JPEG to pixels, letters, lines.
//!
//! - [`canvas`]: the pixels, and the one way to lay a colour over them;
//! - [`decode`]: a JPEG as a canvas, at a fraction of its size if that is enough;
//! - [`letters`], [`shapes`]: text, lines and dots.
//!
//! Neighbours: [`crate::notice`] and [`crate::rendition`] draw. Nothing here knows a source or a
//! client, and nothing writes outside a picture, however small that is.

pub mod canvas;
pub mod decode;
pub mod letters;
pub mod shapes;

pub use canvas::Canvas;
