//! Clients as users write them: HTTP, the multipart stream, RTP, server-sent events, WebSocket, the wire
//! protocol.
//!
//! Upstream: the tests. They know the protocols from their documents, not from the gateway's code,
//! so that a change of either is noticed.

pub mod events;
pub mod http;
pub mod knocking;
pub mod metrics;
pub mod multipart;
pub mod rtp;
pub mod tls;
pub mod websocket;
pub mod wire;
