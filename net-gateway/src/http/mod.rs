//! The HTTP side: routes, and one connection from its first request to its end.
//!
//! - [`stream`], [`snapshot`]: video, as [`wishes`] says; [`events`], [`ws`]: predictions and more as they come;
//! - [`push`]: frames from clients;
//! - [`api`]: status, sources, latest prediction, health; [`clients`]: who is connected;
//!   [`metrics`]: for Prometheus;
//! - [`page`]: the web page; [`extract`], [`error`]: what a request says, and refusals as JSON.
//!
//! Neighbours: [`crate::accept`] gives it connections, [`crate::hub`] everything it serves.

pub mod api;
pub mod clients;
pub mod error;
pub mod events;
pub mod extract;
pub mod metrics;
mod metrics_push;
mod metrics_rtp;
pub mod page;
pub mod push;
mod sdp;
pub mod snapshot;
pub mod stream;
pub mod wishes;
pub mod ws;

use crate::access::Access;
use crate::client_record::Peer;
use crate::guarded_io::GuardedIo;
use crate::hub::Hub;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use error::ApiError;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Longest that a client may take for a request's headers; also how long an idle connection is
/// kept. What comes later gets no answer, the connection is closed.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a browser may remember what other pages may do here.
const PREFLIGHT_AGE_MAX: Duration = Duration::from_secs(600);
/// Longest request head in bytes (longer: 431), and how many bytes of a response may wait in
/// user space before the next frame is taken. One frame is taken whole, then nothing until it is
/// written down to this: a slow client has one frame in flight, not a queue.
const BUFFER_BYTES_MAX: usize = 16 * 1024;

/// All routes.
pub fn router(hub: Arc<Hub>) -> Router {
    let routes = page::routes()
        .route("/stream/{source}", get(stream::get))
        .route("/snapshot/{source}", get(snapshot::get))
        .route("/api/v1/status", get(api::status))
        .route("/api/v1/sources", get(api::sources))
        .route("/api/v1/predictions/{source}", get(api::latest_prediction))
        .route("/api/v1/clients", get(clients::get))
        .route("/api/v1/events", get(events::get))
        .route("/ws", get(ws::get))
        .route("/ws/push", get(push::get))
        .route("/metrics", get(metrics::get))
        .route("/healthz", get(api::healthz))
        .route("/readyz", get(api::readyz))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(axum::middleware::map_response(add_security_headers));
    match cors(hub.access()) {
        Some(cors) => routes.layer(cors).with_state(hub),
        None => routes.with_state(hub),
    }
}

/// Lets pages of the configured origins read answers; `None` when there are none.
fn cors(access: &Access) -> Option<CorsLayer> {
    let origins = if access.allows_any_origin() {
        AllowOrigin::any()
    } else {
        let origins: Vec<_> = access.cors_origins().collect();
        if origins.is_empty() {
            return None;
        }
        AllowOrigin::list(origins)
    };
    let readable = [
        "sequence",
        "capture-time-us",
        "notice",
        "prediction-sequence",
    ];
    let readable = readable
        .into_iter()
        .filter_map(|name| HeaderName::try_from(format!("x-wigwag-{name}")).ok());
    Some(
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::HEAD])
            .expose_headers(readable.collect::<Vec<_>>())
            .max_age(PREFLIGHT_AGE_MAX),
    )
}

/// Serves one connection until the client leaves, is stuck, or the gateway stops.
pub async fn serve_connection(router: Router, hub: Arc<Hub>, io: GuardedIo, address: IpAddr) {
    let routes = TowerToHyperService::new(router);
    let (sent, request_hub) = (io.sent(), Arc::clone(&hub));
    let service = service_fn(move |mut request: Request<Incoming>| {
        let access = request_hub.access();
        let peer = Peer {
            address: access.client_address(address, request.headers()),
            sent: Arc::clone(&sent),
        };
        access.restore_host(address, request.headers_mut());
        request.extensions_mut().insert(peer);
        routes.call(request)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let mut stopping = hub.stopping();
    let ended = tokio::select! {
        biased;
        () = stopping.wait() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        ended = connection.as_mut() => ended,
    };
    if let Err(error) = ended {
        tracing::debug!("the connection of {address} ended: {error}");
    }
}

/// The whole answer to a connection beyond the limit on connections.
#[must_use]
pub fn connection_refusal(max_connections: usize) -> Bytes {
    let error = ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        format!("{max_connections} connections are open already"),
        "close some, or raise gateway.max_clients",
    );
    let body = error.json();
    Bytes::from(format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\nRetry-After: 5\r\n\r\n{body}",
        body.len()
    ))
}

async fn not_found() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "there is nothing at this address",
        "the page is at /",
    )
}

async fn method_not_allowed() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this method is not allowed here",
        "use GET",
    )
}

/// Headers that every answer has: no guessing of content types, no framing, no address leaked.
async fn add_security_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}
