//! A client's socket that cannot be stuck: a write that makes no progress in time ends it.
//!
//! Upstream: [`crate::accept`] wraps each accepted socket. Downstream: HTTP, WebSocket and the
//! wire protocol write through it, under TLS too ([`crate::client_io`]), so that one rule holds for
//! all of them.

use crate::cut::Cut;
use crate::limits::ConnectionCounters;
use crate::socket::Socket;
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How many bytes the kernel may hold that were not sent yet. What lies there cannot be replaced
/// by a newer frame any more, so it is kept below one usual frame; what was sent and awaits its
/// acknowledgement does not count, so a long, fast line is not slowed. A Unix socket knows no such
/// difference: there it is the size of the buffer, which the kernel doubles for its own needs.
const UNSENT_BYTES_MAX: u32 = 32 * 1024;
/// Silence after which the kernel asks whether the client is still there, and how often it asks.
/// A viewer of a source without frames that vanished from the network is found this way.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;

/// A socket with a limit on how long it may accept no byte.
#[derive(Debug)]
pub struct GuardedIo {
    stream: Socket,
    write_timeout: Duration,
    /// Runs from the first refused write to the next accepted byte; made when first needed.
    deadline: Option<Pin<Box<Sleep>>>,
    is_stuck: bool,
    sent: Arc<AtomicU64>,
    cut: Cut,
    counters: Arc<ConnectionCounters>,
}

impl GuardedIo {
    /// Sets the socket's options and guards it.
    ///
    /// # Errors
    ///
    /// When an option cannot be set, as on a socket that was closed meanwhile.
    pub fn new(
        stream: Socket,
        write_timeout: Duration,
        counters: Arc<ConnectionCounters>,
    ) -> io::Result<Self> {
        match &stream {
            Socket::Tcp(stream) => {
                stream.set_nodelay(true)?;
                let socket = SockRef::from(stream);
                socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
                let keepalive = TcpKeepalive::new()
                    .with_time(KEEPALIVE_IDLE)
                    .with_interval(KEEPALIVE_INTERVAL)
                    .with_retries(KEEPALIVE_RETRIES);
                socket.set_tcp_keepalive(&keepalive)?;
            }
            Socket::Unix(stream) => {
                SockRef::from(stream).set_send_buffer_size(UNSENT_BYTES_MAX as usize)?;
            }
        }
        Ok(Self {
            stream,
            write_timeout,
            deadline: None,
            is_stuck: false,
            sent: Arc::default(),
            cut: Cut::default(),
            counters,
        })
    }

    /// Counts the bytes that the kernel takes.
    #[must_use]
    pub fn sent(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.sent)
    }

    /// The socket below.
    #[must_use]
    pub fn socket(&self) -> &Socket {
        &self.stream
    }

    /// Where it counts.
    #[must_use]
    pub fn counters(&self) -> &ConnectionCounters {
        &self.counters
    }

    /// Ends the connection, whoever serves it.
    #[must_use]
    pub fn cut(&self) -> Cut {
        self.cut.clone()
    }

    /// Passes a finished write on; turns one that waits too long into an error.
    fn guard(
        &mut self,
        cx: &mut Context<'_>,
        poll: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.cut.is_cut() {
            return Poll::Ready(Err(was_cut()));
        }
        if let Poll::Ready(written) = &poll {
            self.is_stuck = false;
            let count = written.as_ref().map_or(0, |count| *count as u64);
            self.sent.fetch_add(count, Ordering::Relaxed);
            return poll;
        }
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::ZERO)));
        if !self.is_stuck {
            self.is_stuck = true;
            deadline.as_mut().reset(Instant::now() + self.write_timeout);
        }
        ready!(deadline.as_mut().poll(cx));
        self.counters.write_timeouts.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client takes no bytes",
        )))
    }
}

fn was_cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was ended")
}

impl AsyncRead for GuardedIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.cut.poll(cx) {
            return Poll::Ready(Err(was_cut()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for GuardedIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.guard(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.guard(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpStream, UnixStream};

    fn in_runtime(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(test);
    }

    /// Goal: what a client of a path has not taken cannot pile up: newer frames must win there too.
    /// Method: a client that reads nothing; what its socket takes is a frame or two, not five.
    #[test]
    fn unix_socket_holds_little() {
        in_runtime(async {
            let (server, _client) = UnixStream::pair().unwrap();
            let counters = Arc::new(ConnectionCounters::default());
            let server = Socket::Unix(server);
            let mut io = GuardedIo::new(server, Duration::from_millis(50), counters).unwrap();
            io.write_all(&vec![7; 4_000_000]).await.unwrap_err();
            let taken = io.sent().load(Ordering::Relaxed);
            assert!((1..=100_000).contains(&taken), "{taken} bytes");
        });
    }

    /// Goal: a client that reads nothing is let go of; one that reads slowly is not.
    /// Method: a real socket pair, and a timeout that a client which reads never comes near.
    #[test]
    fn only_a_client_that_takes_nothing_is_ended() {
        in_runtime(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            let (server, _) = listener.accept().await.unwrap();
            let server = Socket::Tcp(server);
            let counters = Arc::new(ConnectionCounters::default());
            let timeout = Duration::from_secs(2);
            let mut io = GuardedIo::new(server, timeout, Arc::clone(&counters)).unwrap();
            let frame = vec![7u8; 4_000_000];

            let mut read = vec![0; frame.len()];
            let (written, received) =
                tokio::join!(io.write_all(&frame), client.read_exact(&mut read));
            written.unwrap();
            received.unwrap();
            assert_eq!(counters.write_timeouts.load(Ordering::Relaxed), 0);

            let error = loop {
                if let Err(error) = io.write_all(&frame).await {
                    break error;
                }
            };
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert_eq!(counters.write_timeouts.load(Ordering::Relaxed), 1);
        });
    }
}
