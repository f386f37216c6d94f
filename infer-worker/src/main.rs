//! The binary: a worker when the supervisor starts it with `--control`, a command for people
//! otherwise.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(infer_worker::cli::main())
}
