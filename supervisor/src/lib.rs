//! Starts, watches and restarts the processes of one Wigwag box.
//!
//! - [`run`]: the supervisor's main path, one screen long: start reading there.
//! - [`cli`] and [`command`]: the verbs of the command line.
//! - [`config`]: one TOML file, checked to the line.
//! - [`mod@unit`]: restart policy and watchdog, as pure functions of (state, event, time).
//! - [`units`]: carries out what they decide; [`spawn`] and [`process`] do the system's part.
//! - [`reload`]: what a changed configuration concerns, and in which order it is applied.
//! - [`credentials`], [`session_book`]: tokens and passwords, and what of logins outlives a gateway.
//! - [`instance`], [`lock`], [`orphans`]: the files of a box, and what a dead supervisor left.
//! - [`black_box`]: what is kept of a process that died; [`postmortem`] shows it.
//! - [`doctor`]: what will hurt later, and how to mend it.
//! - [`herald`], [`passed`]: systemd is told how the box is doing, and passes sockets.
//! - [`certificate`], [`machine`], [`page_address`]: TLS, and where the page is found.
//! - [`limits`]: open files, and whom the kernel ends first when memory runs out.
//! - [`control_socket`], [`status`], [`terminal`]: how people and programs ask and are told.
//!
//! Neighbours: `shm-layout` for segment and messages; the three workers as programs beside this
//! one. The supervisor does nothing per frame, and never reads from a listener, a camera or a
//! model.

pub mod black_box;
pub mod certificate;
pub mod checked_model;
pub mod cli;
pub mod command;
pub mod config;
pub mod control_socket;
pub mod credentials;
pub mod doctor;
pub mod drain;
pub mod event;
pub mod failure;
pub mod geometry;
pub mod hello_folder;
pub mod herald;
pub mod instance;
pub mod launcher;
pub mod limits;
pub mod listeners;
pub mod lock;
pub mod logging;
pub mod machine;
pub mod orphans;
pub mod owned_segment;
pub mod page_address;
pub mod passed;
pub mod pidfd;
pub mod plans;
pub mod postmortem;
pub mod probe;
pub mod process;
pub mod reload;
pub mod run;
pub mod running_box;
pub mod session_book;
pub mod siblings;
pub mod signals;
pub mod sources;
pub mod spawn;
pub mod status;
pub mod teach;
pub mod terminal;
pub mod unit;
pub mod units;
pub mod unix_listener;
