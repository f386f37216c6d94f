//! Progress, for who watches: one line each, on standard error.

/// Prints `text` with the time since the start of the process.
pub fn note(text: &str) {
    use std::sync::OnceLock;
    use std::time::Instant;
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let seconds = BEGAN.get_or_init(Instant::now).elapsed().as_secs();
    eprintln!("[{:>2}:{:02}] {text}", seconds / 60, seconds % 60);
}
