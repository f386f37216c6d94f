//! System tests: real processes, real shared memory, real binaries.
//!
//! Each module is one promise to users. `README.md` says how to run them and what they need.

#![allow(clippy::unwrap_used, reason = "a test fails where it is surprised")]

mod adopt;
mod black_box;
mod clients;
mod commands;
mod config;
mod doctor;
mod drain;
mod hang;
mod kill;
mod notice;
mod page;
mod predictions;
mod push;
mod recognition;
mod reconnect;
mod ring;
mod rolling;
mod slow_client;
