//! The capture-worker binary: a worker for the supervisor, or one of the commands in `cli`.

use capture_worker::{cli, run};
use shm_layout::control::Role;
use shm_layout::worker;
use std::process::ExitCode;

fn main() -> ExitCode {
    if cli::is_wanted(std::env::args().nth(1).as_deref()) {
        return cli::main();
    }
    worker::main(Role::Capture, run::run)
}
