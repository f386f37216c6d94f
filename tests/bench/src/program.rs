//! Runs another program to its end, bounded in time.

use anyhow::{Context, Result, bail};
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often the program is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Standard output of `command`, which must succeed within `limit`; it is killed when it does not.
///
/// # Errors
///
/// It cannot be started, fails, or takes too long; with what it said on standard error.
pub fn output(mut command: Command, limit: Duration) -> Result<String> {
    let program = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let collect = |pipe: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            // Whatever came before the pipe broke is what there is.
            let _ended = pipe.map(|mut pipe| pipe.read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        })
    };
    let stdout = collect(stdout.map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let stderr = collect(stderr.map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if began.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("{program} took longer than {} s", limit.as_secs());
        }
        std::thread::sleep(LOOK);
    };
    let text = |reader: std::thread::JoinHandle<String>| reader.join().unwrap_or_default();
    let (stdout, stderr) = (text(stdout), text(stderr));
    if !status.success() {
        bail!("{program} ended with {status}: {}", stderr.trim());
    }
    Ok(stdout)
}
