//! The `supervisor` program: reads the command line, carries it out, prints what went wrong.

use clap::Parser;
use std::process::ExitCode;
use supervisor::cli::CommandLine;
use supervisor::command;
use supervisor::terminal::Terminal;

/// Exit code of a wrong command line. Source: sysexits(3), `EX_USAGE`.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => {
            // Nobody is left to tell if this cannot be printed.
            let _printed = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    let terminal = Terminal::get();
    let outcome = command::run(line);
    if let Err(failure) = &outcome
        && !failure.is_told()
    {
        let mut text = format!("error: {}\n", failure.in_full());
        if let Some(hint) = failure.hint() {
            text.push_str(&format!("hint: {hint}\n"));
        }
        terminal.lines(text.into_bytes());
    }
    terminal.flush();
    outcome.map_or_else(
        |failure| ExitCode::from(failure.exit_code()),
        |()| ExitCode::SUCCESS,
    )
}
