//! The HTTP side: routes, and one connection from its first request to its end.
//!
//! - [`stream`], [`snapshot`]: video, as [`wishes`] says; [`events`], [`ws`]: predictions and more as they come;
//! - [`push`]: frames from clients;
//! - [`api`]: status, sources, latest prediction, health; [`clients`]: who is connected;
//!   [`metrics`]: for Prometheus;
//! - [`gate`]: who may do what; [`login`]: people log in and out; [`control`]: orders to the box;
//! - [`page`]: the web page; [`extract`], [`error`], [`bare`]: what a request says, and refusals as JSON.
//!
//! Neighbours: [`crate::accept`] gives it connections, [`crate::hub`] everything it serves.

pub mod api;
pub mod bare;
pub mod clients;
pub mod control;
pub mod error;
pub mod events;
pub mod extract;
pub mod gate;
pub mod login;
pub mod metrics;
mod metrics_access;
mod metrics_push;
mod metrics_rtp;
pub mod page;
pub mod push;
mod sdp;
pub mod snapshot;
pub mod stream;
pub mod wishes;
pub mod ws;

use crate::access::{Access, Whence};
use crate::client_io::ClientIo;
use crate::client_record::Peer;
use crate::hub::Hub;
use crate::limits::Limits;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post};
use bare::WithBodies;
use bytes::Bytes;
use error::ApiError;
use gate::Need::{self, May, Name, Nothing};
use gate::{Gate, LOGIN_PATH, guard};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use shm_layout::control::Permission;
use std::sync::Arc;
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Longest that a client may take for a request's headers; also how long an idle connection is
/// kept. What comes later gets no answer, the connection is closed.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a browser may remember what other pages may do here.
const PREFLIGHT_AGE_MAX: Duration = Duration::from_secs(600);
/// Which sites' pages may use an answer as a picture or script. Source: Fetch, section 3.7.
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
/// Longest request head in bytes (longer: 431), and how many bytes of a response may wait in
/// user space before the next frame is taken. One frame is taken whole, then nothing until it is
/// written down to this: a slow client has one frame in flight, not a queue.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Most headers of a request (more: 431). Source: hyper, `http1::Builder::max_headers`.
const HEAD_LINES_MAX: usize = 100;

/// A route: its path, what it needs, and who answers.
type Route = (&'static str, Need, MethodRouter<Arc<Hub>>);

/// Every route but the page's files, each with what it needs.
fn table() -> Vec<Route> {
    const WATCH: Need = May(Permission::Watch);
    const PUSH: Need = May(Permission::Push);
    const CONTROL: Need = May(Permission::Control);
    vec![
        ("/stream/{source}", WATCH, get(stream::get)),
        ("/snapshot/{source}", WATCH, get(snapshot::get)),
        ("/api/v1/status", WATCH, get(api::status)),
        ("/api/v1/sources", WATCH, get(api::sources)),
        (
            "/api/v1/predictions/{source}",
            WATCH,
            get(api::latest_prediction),
        ),
        ("/api/v1/events", WATCH, get(events::get)),
        ("/ws", WATCH, get(ws::get)),
        ("/metrics", WATCH, get(metrics::get)),
        ("/ws/push", PUSH, get(push::get)),
        ("/api/v1/clients", CONTROL, get(clients::get)),
        ("/api/v1/clients/{id}", CONTROL, delete(control::disconnect)),
        ("/api/v1/restart", CONTROL, post(control::restart)),
        ("/api/v1/reload", CONTROL, post(control::reload)),
        ("/api/v1/session", Name, get(login::session)),
        (LOGIN_PATH, Nothing, get(login::get)),
        (LOGIN_PATH, Name, post(login::post)),
        ("/logout", Name, post(login::logout)),
        ("/healthz", Nothing, get(api::healthz)),
        ("/readyz", Nothing, get(api::readyz)),
    ]
}

/// All routes, each behind its gate.
pub fn router(hub: Arc<Hub>) -> Router {
    let routes = page::routes().into_iter().chain(table());
    let routes = routes.fold(Router::new(), |router, (path, need, answer)| {
        let gate: Gate = (Arc::clone(&hub), need);
        router.route(path, answer.layer(from_fn_with_state(gate, guard)))
    });
    let is_shared = hub.access().cors_origins().next().is_some();
    let routes = routes
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(map_response(move |response| {
            add_security_headers(response, is_shared)
        }));
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
            .allow_headers([header::AUTHORIZATION])
            .expose_headers(readable.collect::<Vec<_>>())
            .max_age(PREFLIGHT_AGE_MAX),
    )
}

/// Serves one connection until the client leaves, is stuck, or the gateway stops.
pub async fn serve_connection(router: Router, hub: Arc<Hub>, io: ClientIo, peer: Peer) {
    let routes = TowerToHyperService::new(router);
    let (address, request_hub) = (peer.address, Arc::clone(&hub));
    let service = service_fn(move |mut request: Request<Incoming>| {
        let access = request_hub.access();
        let whence = access.whence(&peer, request.headers());
        let client = Peer {
            address: access.client_address(&peer, request.headers()),
            is_secure: access.is_secure(&peer, request.headers()),
            is_local: whence == Whence::Here,
            is_behind_silent_proxy: whence == Whence::Unsaid,
            ..peer.clone()
        };
        access.restore_host(&peer, request.headers_mut());
        request.extensions_mut().insert(client);
        routes.call(request)
    });
    let io = WithBodies::new(io, Arc::clone(hub.connections()));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
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
pub fn connection_refusal(limits: &Limits) -> Bytes {
    let error = ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        limits.connections_text(),
        "close some, or raise gateway.max_clients or gateway.max_clients_per_address",
    );
    error.whole()
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
        "use GET, or what the documentation says of this address",
    )
}

/// Headers that every answer has: no guessing of content types, no framing, no address told to
/// others, and no use by pages of other sites unless the config shares answers with some.
async fn add_security_headers(mut response: Response, is_shared: bool) -> Response {
    let policy = if is_shared {
        "cross-origin"
    } else {
        "same-origin"
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (CROSS_ORIGIN_RESOURCE_POLICY, policy),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Where scripts could run in what is answered, a stricter one says what they may do.
    // A browser that opens a picture by itself centres and fits it by styles of its own.
    let nothing = HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    );
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(nothing);
    response
}
