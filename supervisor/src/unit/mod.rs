//! A unit is one supervised process, whatever its state.
//!
//! [`policy`] decides when it is started, killed and given up; [`watchdog`] decides whether it
//! still works; [`death`] says what an exit means, [`jitter`] spreads restarts; [`rolling`] how a process is replaced, [`seating`]
//! whose an adopted one is. All are pure: they are given the time and read no clock, and they
//! start, kill and wait for nothing. `crate::units` does that.

pub mod death;
pub mod jitter;
pub mod policy;
pub mod rolling;
pub mod seating;
pub mod watchdog;
