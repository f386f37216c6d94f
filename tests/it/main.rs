//! System tests: real processes, real shared memory, real binaries.
//!
//! Each module is one promise to users. `README.md` says how to run them and what they need.

#![allow(clippy::unwrap_used, reason = "a test fails where it is surprised")]

mod adopt;
mod auth;
mod black_box;
mod clients;
mod clients_c;
mod clients_python;
mod commands;
mod config;
mod doctor;
mod drain;
mod existing_clients;
mod gestures;
mod hang;
mod idle_source;
mod kill;
mod limits;
mod new_model;
mod notice;
mod own_model;
mod page;
mod predictions;
mod push;
mod push_jpegs;
mod recognition;
mod reconnect;
mod reload;
mod ring;
mod rolling;
mod rtp;
mod slow_client;
mod systemd;
mod teach;
mod tls;
mod unix_socket;
mod weights;
