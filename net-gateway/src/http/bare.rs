//! Refusals that the HTTP library makes by itself, with the body that every refusal has.
//!
//! Upstream: the library, which answers a head that it cannot read or that is too long (400, 414, 431)
//! before any of our code sees it, with an empty body and no way to give it one, and then closes.
//! Downstream: [`crate::client_io`]. Such an answer is written in one piece, and none of ours is as
//! short; anything else passes untouched. Should the library ever write it otherwise, it stays as the
//! library gives it.

use super::error::ApiError;
use super::{HEAD_BYTES_MAX, HEAD_LINES_MAX};
use crate::limits::ConnectionCounters;
use axum::http::StatusCode;
use bytes::{Buf, Bytes};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection on which every refusal has a body.
#[derive(Debug)]
pub struct WithBodies<Io> {
    io: Io,
    counters: Arc<ConnectionCounters>,
    /// What is still to be written in place of what the library wrote.
    instead: Bytes,
}

impl<Io: AsyncWrite + Unpin> WithBodies<Io> {
    /// Around that connection; refusals are counted there.
    pub fn new(io: Io, counters: Arc<ConnectionCounters>) -> Self {
        Self {
            io,
            counters,
            instead: Bytes::new(),
        }
    }

    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.instead))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.instead.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Takes a refusal without a body over; `None` for anything else.
    fn take_over(&mut self, bytes: &[u8]) -> Option<usize> {
        self.instead = refusal(bytes)?.whole();
        self.counters.heads_refused.fetch_add(1, Ordering::Relaxed);
        Some(bytes.len())
    }
}

/// The refusal that stands for what the library wrote, if that is one without a body.
fn refusal(bytes: &[u8]) -> Option<ApiError> {
    let rest = bytes.strip_prefix(b"HTTP/1.1 4")?;
    let head = std::str::from_utf8(rest.strip_suffix(b"\r\n\r\n")?).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?;
    if !lines.any(|line| line.eq_ignore_ascii_case("content-length: 0")) {
        return None;
    }
    Some(match status.get(..2)? {
        "00" => ApiError::bad_request("this is no HTTP request", "send HTTP/1.1"),
        "14" => ApiError::new(
            StatusCode::URI_TOO_LONG,
            "the address of the request is too long",
            "every address here is short",
        ),
        "31" => ApiError::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            format!(
                "the head of the request has more than {HEAD_BYTES_MAX} bytes or \
                 {HEAD_LINES_MAX} headers"
            ),
            "send fewer or shorter headers; a browser sends less without this site's cookies",
        ),
        _ => return None,
    })
}

impl<Io: AsyncRead + Unpin> AsyncRead for WithBodies<Io> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(cx, buffer)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for WithBodies<Io> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_instead(cx))?;
        match this.take_over(bytes) {
            Some(taken) => Poll::Ready(Ok(taken)),
            None => Pin::new(&mut this.io).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_instead(cx))?;
        let taken = match slices {
            [alone] => this.take_over(alone),
            _ => None,
        };
        match taken {
            Some(taken) => Poll::Ready(Ok(taken)),
            None => Pin::new(&mut this.io).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_instead(cx))?;
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_instead(cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    const BARE: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\
        content-length: 0\r\ndate: Fri, 20 Nov 2026 15:00:00 GMT\r\n\r\n";

    #[test]
    fn only_whole_heads_of_refusals_without_a_body_are_known() {
        assert_eq!(refusal(BARE).unwrap().status.as_u16(), 431);
        let of = |from: &str, to: &str| {
            let text = std::str::from_utf8(BARE).unwrap().replace(from, to);
            refusal(text.as_bytes()).map(|error| error.status.as_u16())
        };
        assert_eq!(of("431", "414"), Some(414));
        assert_eq!(of("431", "400"), Some(400));
        for (from, to) in [
            ("431", "404"),
            ("431", "200"),
            ("431", "501"),
            ("length: 0", "length: 07"),
            ("\r\n\r\n", "\r\n"),
            ("HTTP", " HTTP"),
        ] {
            assert_eq!(of(from, to), None, "{from} as {to}");
        }
        assert_eq!(refusal(b"HTTP/1.1 4\r\n\r\n"), None);
        assert_eq!(refusal(&[BARE, b"{}"].concat()), None);
    }

    /// Takes three bytes at a time.
    #[derive(Default)]
    struct Narrow(Vec<u8>);

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let count = bytes.len().min(3);
            self.0.extend(&bytes[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn what_stands_for_it_is_written_whole() {
        let counters = Arc::<ConnectionCounters>::default();
        let mut io = WithBodies::new(Narrow::default(), Arc::clone(&counters));
        let mut pinned = Pin::new(&mut io);
        let written = poll_fn(|cx| pinned.as_mut().poll_write(cx, b"before")).await;
        assert_eq!(written.unwrap(), 3);
        let slices = [IoSlice::new(BARE)];
        let written = poll_fn(|cx| pinned.as_mut().poll_write_vectored(cx, &slices)).await;
        assert_eq!(written.unwrap(), BARE.len());
        poll_fn(|cx| pinned.as_mut().poll_flush(cx)).await.unwrap();
        let text = String::from_utf8(io.io.0).unwrap();
        let (head, body) = text
            .strip_prefix("bef")
            .unwrap()
            .split_once("\r\n\r\n")
            .unwrap();
        assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
        assert!(
            head.contains(&format!("Content-Length: {}", body.len())),
            "{head}"
        );
        assert!(body.contains("\"hint\""), "{body}");
        assert_eq!(counters.heads_refused.load(Ordering::Relaxed), 1);
    }
}
