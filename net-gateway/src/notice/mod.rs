//! What viewers see while a source gives no frames: a picture that says what is wrong, since when.
//!
//! - [`trouble`]: whether a notice is due, and why; [`wording`]: in which words, in lines that fit.
//! - [`backdrop`]: the last frame, dimmed, or a dark card; [`text`]: letters on it.
//! - [`board`]: the notices of one source, at most one a second; [`message`]: one of them as every
//!   protocol sends it.
//!
//! Neighbours: [`crate::pump`] asks the board when no frame came; [`crate::source_feed`] shows its
//! notices until the next frame. A notice is never a frame: it has no sequence of its own, and
//! nothing is drawn that nobody watches.

pub mod backdrop;
pub mod board;
pub mod message;
pub mod text;
pub mod trouble;
pub mod wording;

pub use board::NoticeBoard;
pub use message::NoticeMessage;
