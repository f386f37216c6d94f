//! The gateway over real sockets: a segment, the pump and the server in this process, real clients
//! of every protocol beside each other. No test waits for time to pass; each waits for a message.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod client;
mod gateway;

mod access;
mod access_wire;
mod clients;
mod events;
mod notice;
mod pages;
mod raw_frames;
mod renditions;
mod stream;
mod wire;
mod ws;
