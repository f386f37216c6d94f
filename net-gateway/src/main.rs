//! The `net-gateway` program: a worker that serves network clients when the supervisor starts it
//! with `--control`, a command otherwise. See [`net_gateway::run`] and [`net_gateway::cli`].

use shm_layout::control::Role;
use shm_layout::worker;
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().any(|argument| argument == "--control") {
        return worker::main(Role::Gateway, net_gateway::run::run);
    }
    net_gateway::cli::main()
}
