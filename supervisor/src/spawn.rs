//! Starts a worker: fork and exec of the sibling binary, with the files that it inherits.
//!
//! A worker begins in a known state, whatever started the supervisor: its own process group (so
//! that Ctrl-C in the terminal reaches only the supervisor, which drains), no blocked signal,
//! standard input from nowhere, output into a pipe, and no other file than the ones given.
//!
//! One of the two modules of this crate with `unsafe`: what runs between fork and exec. It may only make
//! system calls; another thread may have held any lock at the fork.

use crate::herald::keep_to_ourselves;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::sys::signal::SigSet;
use std::fs::File;
use std::io::{self, PipeReader};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The first file number that is not handed to a worker on purpose.
const FIRST_FREE: RawFd = 10;

/// Keeps the numbers that workers get their files under (3, 4, 5, …) taken in the supervisor.
///
/// Between fork and exec the standard library has a pipe of its own open, through which it
/// reports a failed exec. Were its number 3, the segment would be put over it, and the report of
/// a failure would be written into the segment.
#[derive(Debug)]
pub struct ReservedNumbers(#[expect(dead_code, reason = "held open, never used")] Vec<OwnedFd>);

/// Takes the low file numbers and makes sure that no file that was inherited goes on to workers.
///
/// # Errors
///
/// The system's, if no file can be opened.
pub fn reserve_low_numbers() -> io::Result<ReservedNumbers> {
    let mut held: Vec<OwnedFd> = Vec::new();
    loop {
        let file = OwnedFd::from(File::open("/dev/null")?);
        if file.as_raw_fd() >= FIRST_FREE {
            break;
        }
        held.push(file);
    }
    for entry in std::fs::read_dir("/proc/self/fd")?.flatten() {
        let number = entry.file_name().to_string_lossy().parse::<RawFd>();
        if let Ok(number) = number.map_err(drop)
            && number > libc::STDERR_FILENO
        {
            close_on_exec(number);
        }
    }
    Ok(ReservedNumbers(held))
}

#[expect(
    unsafe_code,
    reason = "fcntl on a file number that somebody else opened"
)]
fn close_on_exec(number: RawFd) {
    // SAFETY: the number is only used for this call. If it has been closed meanwhile (it may be
    // the listing of the folder itself), the call fails and changes nothing.
    let file = unsafe { BorrowedFd::borrow_raw(number) };
    let _closed = fcntl(file, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
}

/// What to start.
#[derive(Debug)]
pub struct Program<'a> {
    /// The binary.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Environment variables beside the inherited ones; one that is set already stays as it is.
    pub environment: Vec<(&'static str, String)>,
    /// Files to inherit and the numbers they get there, below 10.
    pub files: Vec<(BorrowedFd<'a>, RawFd)>,
}

/// Starts it; gives back the process and the pipe that both its output streams end in.
///
/// # Errors
///
/// The system's: no such binary, no memory, too many processes.
pub fn spawn(program: &Program<'_>) -> io::Result<(Child, PipeReader)> {
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new(&program.path);
    command
        .args(&program.arguments)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    for (variable, value) in &program.environment {
        if std::env::var_os(variable).is_none() {
            command.env(variable, value);
        }
    }
    keep_to_ourselves(&mut command);
    let files: Vec<(RawFd, RawFd)> = program
        .files
        .iter()
        .map(|(file, number)| (file.as_raw_fd(), *number))
        .collect();
    before_exec(&mut command, files);
    Ok((command.spawn()?, reader))
}

#[expect(
    unsafe_code,
    reason = "the standard library cannot hand a file over under a number"
)]
fn before_exec(command: &mut Command, files: Vec<(RawFd, RawFd)>) {
    let prepare = move || {
        for (from, to) in &files {
            // SAFETY: dup2 is async-signal-safe. `from` is open: `Program` borrows it until the
            // spawn is done. `to` is a reserved number (see `ReservedNumbers`), which nothing in
            // this process uses. The copy has no close-on-exec flag.
            if unsafe { libc::dup2(*from, *to) } < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        SigSet::empty().thread_set_mask().map_err(io::Error::from)
    };
    // SAFETY: the closure makes system calls only (dup2, sigprocmask) and neither allocates nor
    // takes a lock; `files` was allocated before the fork and is only read.
    unsafe { command.pre_exec(prepare) };
}

/// A file that was open when this process began, under a number which no worker's file will get.
///
/// # Errors
///
/// The system's: no file is open under `number`, or too many are open.
#[expect(
    unsafe_code,
    reason = "what systemd passes is known by its number only"
)]
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the number is only used for this call, which fails if no file is open there. If it
    // is a file of this process, that one gets a second owner, which is no harm.
    let file = unsafe { BorrowedFd::borrow_raw(number) };
    out_of_the_way(file)
}

/// A file that is open under a number which no worker's file will get.
///
/// # Errors
///
/// The system's: too many open files.
pub fn out_of_the_way(file: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    #[expect(
        unsafe_code,
        reason = "takes ownership of the duplicate that fcntl made"
    )]
    let owned = |number| {
        // SAFETY: fcntl has just made this number for us, and nobody else knows it.
        unsafe { std::os::fd::FromRawFd::from_raw_fd(number) }
    };
    Ok(owned(fcntl(file, FcntlArg::F_DUPFD_CLOEXEC(FIRST_FREE))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};
    use std::os::fd::AsFd;

    fn run(script: &str, files: Vec<(BorrowedFd<'_>, RawFd)>) -> String {
        let program = Program {
            path: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: Vec::new(),
            files,
        };
        let (mut child, mut reader) = spawn(&program).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        child.wait().unwrap();
        text
    }

    #[test]
    fn worker_gets_the_given_files_and_no_others() {
        let _reserved = reserve_low_numbers().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"frames").unwrap();
        file.rewind().unwrap();
        let file = out_of_the_way(file.as_fd()).unwrap();
        assert!(file.as_raw_fd() >= FIRST_FREE);
        assert_eq!(run("cat <&3", vec![(file.as_fd(), 3)]), "frames");
        // `ls` has the folder itself open as the next free number.
        let open = run(
            "ls /proc/self/fd",
            vec![(file.as_fd(), 3), (file.as_fd(), 5)],
        );
        assert_eq!(
            open.split_whitespace().collect::<Vec<_>>(),
            ["0", "1", "2", "3", "4", "5"]
        );
        assert_eq!(run("cat", vec![]), "", "standard input is empty");
    }

    #[test]
    fn worker_gets_the_variables_that_are_not_set_already() {
        let _reserved = reserve_low_numbers().unwrap();
        let program = Program {
            path: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".to_owned(), "echo $WIGWAG_TEST_ONLY $PATH".to_owned()],
            environment: vec![
                ("WIGWAG_TEST_ONLY", "mine".to_owned()),
                ("PATH", "changed".to_owned()),
            ],
            files: Vec::new(),
        };
        let (mut child, mut reader) = spawn(&program).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        child.wait().unwrap();
        let path = std::env::var("PATH").unwrap();
        assert_eq!(text.trim(), format!("mine {path}"));
    }

    #[test]
    fn worker_leads_its_own_process_group() {
        let _reserved = reserve_low_numbers().unwrap();
        let fields = run("cut -d' ' -f1,5 /proc/$$/stat; :", vec![]);
        let numbers: Vec<&str> = fields.split_whitespace().collect();
        assert_eq!(numbers[0], numbers[1], "{fields}");
    }

    #[test]
    fn missing_binary_is_an_error_and_touches_no_inherited_file() {
        let _reserved = reserve_low_numbers().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        let inherited = out_of_the_way(file.as_fd()).unwrap();
        let program = Program {
            path: PathBuf::from("/no/such/worker"),
            arguments: Vec::new(),
            environment: Vec::new(),
            files: vec![(inherited.as_fd(), 3)],
        };
        assert_eq!(spawn(&program).unwrap_err().kind(), io::ErrorKind::NotFound);
        let mut written = Vec::new();
        file.read_to_end(&mut written).unwrap();
        assert_eq!(written, b"");
    }
}
