//! A client's connection as the protocols read and write it: plain, or under TLS.
//!
//! Upstream: [`crate::accept`]. The guarded socket lies below TLS, so that the write timeout and the
//! count of bytes are about what the kernel takes. Under TLS a write may stay in the connection
//! until it is flushed: whoever has sent something and then waits must flush.

use crate::guarded_io::GuardedIo;
use crate::limits::ConnectionCounters;
use crate::tls::greeting::FIRST_BYTE;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

/// A client's connection.
#[derive(Debug)]
pub struct ClientIo(Layers);

#[derive(Debug)]
enum Layers {
    Plain {
        io: GuardedIo,
        /// Nothing was read yet.
        is_fresh: bool,
    },
    Tls {
        // Large, and there only with TLS.
        stream: Box<TlsStream<GuardedIo>>,
        sent: Arc<AtomicU64>,
    },
}

impl ClientIo {
    /// Without TLS.
    #[must_use]
    pub fn plain(io: GuardedIo) -> Self {
        let is_fresh = true;
        Self(Layers::Plain { io, is_fresh })
    }

    /// With TLS, after the handshake; `sent` counts the bytes below it.
    #[must_use]
    pub fn tls(stream: TlsStream<GuardedIo>, sent: Arc<AtomicU64>) -> Self {
        let stream = Box::new(stream);
        Self(Layers::Tls { stream, sent })
    }

    /// Whether nobody between the client and here can read along.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self.0, Layers::Tls { .. })
    }

    /// Counts the bytes that the kernel takes.
    #[must_use]
    pub fn sent(&self) -> Arc<AtomicU64> {
        match &self.0 {
            Layers::Plain { io, .. } => io.sent(),
            Layers::Tls { sent, .. } => Arc::clone(sent),
        }
    }
}

/// Says once in the log, and counts always, that somebody speaks TLS where there is none: all that
/// such a client sees is that the answer makes no sense to it.
fn note_tls_on_plain(counters: &ConnectionCounters) {
    let before = counters.tls.unexpected.fetch_add(1, Ordering::Relaxed);
    if before == 0 {
        tracing::warn!(
            "a client speaks TLS to a listener without it: use http:// there, or set \
             `tls.enabled = true`; further ones are only counted"
        );
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Layers::Plain { io, is_fresh } => {
                let before = buffer.filled().len();
                let poll = Pin::new(&mut *io).poll_read(cx, buffer);
                if *is_fresh && poll.is_ready() {
                    *is_fresh = false;
                    if buffer.filled().get(before) == Some(&FIRST_BYTE) {
                        note_tls_on_plain(io.counters());
                    }
                }
                poll
            }
            Layers::Tls { stream, .. } => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Layers::Plain { io, .. } => Pin::new(io).poll_write(cx, bytes),
            Layers::Tls { stream, .. } => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Layers::Plain { io, .. } => Pin::new(io).poll_write_vectored(cx, slices),
            Layers::Tls { stream, .. } => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Layers::Plain { io, .. } => io.is_write_vectored(),
            Layers::Tls { stream, .. } => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Layers::Plain { io, .. } => Pin::new(io).poll_flush(cx),
            Layers::Tls { stream, .. } => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Layers::Plain { io, .. } => Pin::new(io).poll_shutdown(cx),
            Layers::Tls { stream, .. } => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
