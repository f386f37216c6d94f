//! The `net-gateway` program: a worker that serves network clients. See [`net_gateway::run`].

use shm_layout::control::Role;
use shm_layout::worker;
use std::process::ExitCode;

fn main() -> ExitCode {
    worker::main(Role::Gateway, net_gateway::run::run)
}
