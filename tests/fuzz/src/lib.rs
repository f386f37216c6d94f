//! What comes from outside, in every broken form, into the product's own code with its real limits.
//!
//! - [`wire`], [`websocket`], [`http`]: whole connections to a gateway in this process ([`gateway`]);
//! - [`jpeg`]: what becomes of a picture that was let in; [`rtp`]: of one that goes out as RTP.
//! - [`memory`]: how much of it an input may cost; [`mutate`]: inputs without a fuzzer.
//!
//! Each target panics when something is untrue that must be true for every input, not only when
//! something crashes. Downstream: `fuzz_targets/` for cargo-fuzz, and `bin/smoke.rs` for stable Rust.
//! Nothing of the product may be changed for it, or replaced by a stand-in.

pub mod gateway;
pub mod http;
mod infer_image;
pub mod jpeg;
#[path = "../../src/jpegs.rs"]
pub mod jpegs;
pub mod memory;
pub mod mutate;
pub mod rtp;
#[path = "../../src/client/rtp.rs"]
pub mod rtp_client;
#[path = "../../src/wait.rs"]
pub mod wait;
pub mod websocket;
pub mod wire;

/// One kind of input and the code that it goes into.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, also of its file in `fuzz_targets/`.
    pub name: &'static str,
    /// Tries one input; panics when something is untrue that must be true.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Mutated inputs of a smoke run.
    pub smoke_runs: u32,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "wire",
        run: wire::run,
        seeds: wire::seeds,
        smoke_runs: 20_000,
    },
    Target {
        name: "websocket",
        run: websocket::run,
        seeds: websocket::seeds,
        smoke_runs: 15_000,
    },
    Target {
        name: "http",
        run: http::run,
        seeds: http::seeds,
        smoke_runs: 15_000,
    },
    Target {
        name: "jpeg",
        run: jpeg::run,
        seeds: jpeg::seeds,
        smoke_runs: 10_000,
    },
    Target {
        name: "rtp",
        run: rtp::run,
        seeds: rtp::seeds,
        smoke_runs: 20_000,
    },
];
