//! Clients as users write them: HTTP, the multipart stream, server-sent events, the wire protocol.
//!
//! Upstream: the tests. They know the protocols from their documents, not from the gateway's code,
//! so that a change of either is noticed.

pub mod events;
pub mod http;
pub mod multipart;
pub mod wire;
