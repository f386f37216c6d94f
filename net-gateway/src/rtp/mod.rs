//! A source as RTP/JPEG (RFC 2435) over UDP, to one receiver or to a multicast group.
//!
//! - [`output`]: one output from its first frame to its end; start here.
//! - [`jpeg`] with [`huffman`]: a JPEG as that format has it, or why it does not fit;
//! - [`packets`]: from there to packets; [`pacing`]: when each goes out;
//! - [`reports`]: what tells players which time a frame is from; [`sdp`]: how they find it all.
//!
//! Upstream: the picture feed that every viewer has; an output is a client of it. Downstream: UDP
//! sockets. It must never delay another client, and nothing that it sends is ever sent again: what is
//! lost is made good by the next frame.

pub mod huffman;
pub mod jpeg;
pub mod output;
pub mod pacing;
pub mod packets;
pub mod reports;
pub mod sdp;

pub use output::Output;
