//! What clients get that come without TLS to a listener with TLS: a browser is sent on to https, a
//! program of the wire protocol is told. Nothing of the box is served.
//!
//! Upstream: [`crate::accept`], when the first byte is no TLS. A redirect is for this time only: one
//! that browsers remember would outlast a config that has TLS off again.

use crate::client_io::ClientIo;
use crate::http::HEAD_BYTES_MAX;
use crate::http::bare::WithBodies;
use crate::http::error::ApiError;
use crate::hub::Hub;
use crate::wire;
use crate::wire::protocol::WireError;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Longest that such a client may take for its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers one HTTP request. `is_there` says whether https would be answered.
pub async fn redirect(hub: Arc<Hub>, io: ClientIo, is_there: bool) {
    let answer = |request: Request<hyper::body::Incoming>| async move {
        Ok::<_, Infallible>(match is_there {
            true => answer(request.headers(), request.uri()),
            false => no_certificate().into_response(),
        })
    };
    let io = WithBodies::new(io, Arc::clone(hub.connections()));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(io), service_fn(answer));
    let mut stopping = hub.stopping();
    let ended = tokio::select! {
        biased;
        () = stopping.wait() => Ok(()),
        ended = connection => ended,
    };
    if let Err(error) = ended {
        tracing::debug!("a client without TLS was not sent on: {error}");
    }
}

/// Tells a program that it must begin with TLS.
pub async fn refuse_wire(mut io: ClientIo) {
    wire::client::say_farewell(&mut io, &WireError::NeedsTls).await;
}

fn no_certificate() -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "this port speaks https only, and its certificate cannot be used at the moment",
        "`supervisor status` on the box says why",
    )
}

fn answer(headers: &HeaderMap, uri: &Uri) -> Response {
    let mut response = ApiError::new(
        StatusCode::TEMPORARY_REDIRECT,
        "this port speaks https only",
        "use https:// instead of http://",
    )
    .into_response();
    match location(headers, uri) {
        Some(location) => {
            response.headers_mut().insert(header::LOCATION, location);
        }
        None => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}

/// The same address by https, if the client said what it asked for.
fn location(headers: &HeaderMap, uri: &Uri) -> Option<HeaderValue> {
    let host: Authority = headers.get(header::HOST)?.to_str().ok()?.parse().ok()?;
    if host.as_str().contains('@') {
        return None;
    }
    let path = uri.path_and_query()?;
    HeaderValue::try_from(format!("https://{host}{path}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_client_asked_for_is_redirected_to() {
        let found = |host: Option<&'static str>, uri: &'static str| {
            let mut headers = HeaderMap::new();
            if let Some(host) = host {
                headers.insert(header::HOST, HeaderValue::from_static(host));
            }
            let location = location(&headers, &Uri::from_static(uri))?;
            location.to_str().ok().map(str::to_owned)
        };
        assert_eq!(
            found(Some("box.local:8080"), "/stream/a?fps=5").unwrap(),
            "https://box.local:8080/stream/a?fps=5"
        );
        assert_eq!(found(Some("[::1]:80"), "/").unwrap(), "https://[::1]:80/");
        // The authority of an absolute URI may be a proxy's business; the host is ours.
        assert_eq!(
            found(Some("box"), "http://evil.example/x").unwrap(),
            "https://box/x"
        );
        for host in [None, Some("a b"), Some("a/b"), Some("me@evil.example")] {
            assert_eq!(found(host, "/"), None, "{host:?}");
        }
    }
}
