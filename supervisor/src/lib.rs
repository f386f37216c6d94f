//! Starts, watches and restarts the processes of one Wigwag box.
//!
//! - [`run`]: the supervisor's main path, one screen long: start reading there.
//! - [`cli`] and [`command`]: the verbs of the command line.
//! - [`config`]: one TOML file, checked to the line.
//! - [`unit`]: restart policy and watchdog, as pure functions of (state, event, time).
//! - [`units`]: carries out what they decide; [`spawn`] and [`process`] do the system's part.
//! - [`instance`], [`lock`], [`orphans`]: the files of a box, and what a dead supervisor left.
//! - [`control_socket`], [`status`], [`terminal`]: how people and programs ask and are told.
//!
//! Neighbours: `shm-layout` for segment and messages; the three workers as programs beside this
//! one. The supervisor does nothing per frame, and never reads from a listener, a camera or a
//! model.

pub mod cli;
pub mod config;
pub mod instance;
pub mod lock;
pub mod process;
pub mod spawn;
pub mod terminal;
pub mod unit;
