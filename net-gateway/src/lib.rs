//! Serves frames and predictions to network clients: HTTP, WebSocket, and a TCP wire protocol; and
//! takes frames from those that push.
//!
//! - [`run`]: the gateway on one screen; start here.
//! - [`pump`]: from shared memory to the feeds; [`jpeg`]: raw frames to JPEG.
//! - [`notice`]: the picture that viewers see while a source gives none; [`drawing`]: on what.
//! - [`rendition`]: the same pictures smaller, or with the hands drawn in.
//! - [`hub`]: what pump and clients share: [`source_feed`] and [`picture_feed`],
//!   [`prediction_feed`], [`status_feed`], [`clients`] and [`client_record`], [`limits`], [`stopping`].
//! - [`rtp`]: a source as datagrams.
//! - [`push`]: frames from clients, on their way into the segment.
//! - [`server`], [`accept`], [`per_address`], [`socket`], [`guarded_io`], [`cut`], [`client_io`]: the
//!   async side, up to one client's connection; [`tls`]: how that is kept from others; [`access`]:
//!   who is believed; [`gatekeeper`]: who may do what.
//! - [`cli`]: what the supervisor asks before it starts a gateway.
//! - [`http`], [`wire`]: the protocols; [`frame_message`]: a frame as all of them send it.
//!
//! Neighbours: the segment upstream (`shm-layout`), clients downstream, and the other way round for
//! what they push. It must never know a
//! camera or a model, never make a frame wait for a client, and never trust a byte from outside.

#![forbid(unsafe_code)]

pub mod accept;
pub mod access;
pub mod cli;
pub mod client_io;
pub mod client_record;
pub mod clients;
pub mod cut;
pub mod drawing;
pub mod frame_message;
pub mod gatekeeper;
pub mod guarded_io;
pub mod http;
pub mod hub;
pub mod jpeg;
pub mod limits;
pub mod notice;
pub mod orders;
pub mod per_address;
pub mod picture_feed;
pub mod prediction_feed;
pub mod pump;
pub mod push;
pub mod rendition;
pub mod rtp;
pub mod run;
pub mod server;
pub mod socket;
pub mod source_feed;
pub mod status_feed;
pub mod stopping;
pub mod tls;
pub mod traffic;
pub mod wire;
