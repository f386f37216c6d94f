//! The binary: a worker when the supervisor starts it with `--control`, a command for people
//! otherwise. Neighbours: `run` and `cli`.

use shm_layout::control::Role;
use shm_layout::worker;
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().any(|argument| argument == "--control") {
        return worker::main(Role::Infer, infer_worker::run::run);
    }
    ExitCode::from(infer_worker::cli::main())
}
