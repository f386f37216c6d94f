//! The TCP wire protocol for programs; `WIRE.md` is its byte table.
//!
//! - [`protocol`]: bytes to messages and back, pure functions.
//! - [`client`]: one connected client, from its SUBSCRIBE to its end.
//! - [`push_protocol`], [`push`]: the same for a client that pushes, from its PUSH on.
//!
//! Neighbours: [`crate::accept`] gives it sockets, [`crate::source_feed`] frames and predictions.

pub mod client;
pub mod protocol;
pub mod push;
pub mod push_protocol;
