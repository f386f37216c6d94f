//! A tiny web server for the files of one folder, to open a page's parts without a box.
//!
//! Upstream: tests of the page's modules, and of this driver. It listens on loopback, answers `GET`
//! for plain file names in the folder, one request per connection, and ends when dropped.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longest wait for a client's request, and for it to take the answer.
const CLIENT_WITHIN: Duration = Duration::from_secs(10);

/// A running server.
#[derive(Debug)]
pub struct FileServer {
    address: SocketAddr,
    is_ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FileServer {
    /// Serves the files that lie directly in `folder`; `/` is `index.html`.
    ///
    /// # Errors
    ///
    /// If no port of loopback can be had.
    pub fn start(folder: &Path) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let is_ending = Arc::new(AtomicBool::new(false));
        let (flag, folder) = (Arc::clone(&is_ending), folder.to_owned());
        let thread = std::thread::spawn(move || serve(&listener, &folder, &flag));
        Ok(Self {
            address,
            is_ending,
            thread: Some(thread),
        })
    }

    /// The address of a file.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.is_ending.store(true, Ordering::SeqCst);
        // Wakes the thread, which waits for a connection.
        let _woken = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, folder: &Path, is_ending: &AtomicBool) {
    for stream in listener.incoming() {
        if is_ending.load(Ordering::SeqCst) {
            return;
        }
        if let Ok(stream) = stream {
            // One browser at a time, on loopback: a failed answer is the client's to notice.
            let _answered = answer(&stream, folder);
        }
    }
}

fn answer(mut stream: &TcpStream, folder: &Path) -> std::io::Result<()> {
    stream.set_read_timeout(Some(CLIENT_WITHIN))?;
    stream.set_write_timeout(Some(CLIENT_WITHIN))?;
    let mut request = BufReader::new(stream);
    let mut first = String::new();
    request.read_line(&mut first)?;
    // The headers are read to their end: closing with unread bytes would reset the connection.
    let mut header = String::new();
    while request.read_line(&mut header)? > 2 {
        header.clear();
    }
    let path = first
        .split(' ')
        .nth(1)
        .and_then(|name| file_path(folder, name));
    let (status, kind, body) = match path.map(|path| (content_type(&path), std::fs::read(path))) {
        Some((kind, Ok(body))) => ("200 OK", kind, body),
        _ => ("404 Not Found", "text/plain", Vec::new()),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&body)
}

/// The file that a request path names, if it is a plain name.
fn file_path(folder: &Path, request_path: &str) -> Option<PathBuf> {
    let name = request_path.strip_prefix('/')?;
    let name = if name.is_empty() { "index.html" } else { name };
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    (is_plain && !name.contains("..")).then(|| folder.join(name))
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_reach_the_folder() {
        let folder = Path::new("/folder");
        assert_eq!(file_path(folder, "/"), Some("/folder/index.html".into()));
        assert_eq!(
            file_path(folder, "/a-b_c.js"),
            Some("/folder/a-b_c.js".into())
        );
        for path in [
            "/../etc/passwd",
            "/a/b",
            "//etc/passwd",
            "/..",
            "/%2e%2e",
            "a.js",
            "",
        ] {
            assert_eq!(file_path(folder, path), None, "{path}");
        }
    }
}
