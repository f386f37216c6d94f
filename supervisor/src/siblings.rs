//! The programs that lie beside this one, and what they are asked before anything starts.

use crate::failure::Failure;
use crate::herald::keep_to_ourselves;
use shm_layout::control::Role;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The folder with all four programs.
#[derive(Debug, Clone)]
pub struct Siblings {
    folder: PathBuf,
}

impl Siblings {
    /// The folder that this program lies in, if the three workers lie there too.
    ///
    /// # Errors
    ///
    /// [`Failure::NoProgram`] names the one that is missing.
    pub fn find() -> Result<Self, Failure> {
        let this = std::env::current_exe().map_err(|source| Failure::System {
            what: "find this program's folder",
            source,
        })?;
        let folder = this.parent().unwrap_or(Path::new("/")).to_owned();
        let siblings = Self { folder };
        for role in [Role::Capture, Role::Infer, Role::Gateway] {
            let path = siblings.path(role);
            if !path.is_file() {
                return Err(Failure::NoProgram { path });
            }
        }
        Ok(siblings)
    }

    /// The program of a role.
    #[must_use]
    pub fn path(&self, role: Role) -> PathBuf {
        self.folder.join(role.program())
    }

    /// A command of that program, ready for its arguments; it reads nothing.
    #[must_use]
    pub fn command(&self, role: Role) -> Command {
        let mut command = Command::new(self.path(role));
        command.stdin(Stdio::null());
        keep_to_ourselves(&mut command);
        command
    }

    /// Runs a question to the end and gives its output.
    ///
    /// # Errors
    ///
    /// [`Failure::System`] if it cannot be started.
    pub fn ask(&self, role: Role, arguments: &[String]) -> Result<Output, Failure> {
        self.command(role)
            .args(arguments)
            .output()
            .map_err(|source| Failure::System {
                what: "run a sibling program",
                source,
            })
    }
}
