//! `GET /api/v1/events`: every prediction and gesture event as a server-sent event, of one source or
//! of all.

use super::error::ApiError;
use super::extract::{Params, find_source};
use crate::client_record::Peer;
use crate::clients::{ClientGuard, Protocol};
use crate::hub::Hub;
use crate::prediction_feed::{PredictionWatch, Wants};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Silence after which a comment is sent, so that proxies keep the connection and a client that
/// vanished is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// What a client gets at once: it is connected, and how soon to come back when it is not.
const OPENING: &[u8] = b": connected\nretry: 1000\n\n";

/// `?source=NAME`; all sources without it. `?only=gestures` or `?only=predictions`; both without it.
#[derive(Debug, Deserialize)]
pub struct Wishes {
    source: Option<String>,
    only: Option<String>,
}

impl Wishes {
    fn wants(&self) -> Result<Wants, ApiError> {
        let (predictions, gestures) = match self.only.as_deref() {
            None => (true, true),
            Some("predictions") => (true, false),
            Some("gestures") => (false, true),
            Some(_) => {
                let error = "`only` is neither gestures nor predictions";
                return Err(ApiError::bad_request(
                    error,
                    "use /api/v1/events?only=gestures",
                ));
            }
        };
        Ok(Wants {
            predictions,
            gestures,
        })
    }
}

struct Subscriber {
    predictions: PredictionWatch,
    is_open: bool,
    _client: ClientGuard,
}

/// Opens the stream of events.
///
/// # Errors
///
/// 400 for a bad query, 404 for an unknown source, 503 when a limit on clients is reached.
pub async fn get(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<Peer>,
    Params(wishes): Params<Wishes>,
) -> Result<Response, ApiError> {
    let wants = wishes.wants()?;
    let source = wishes
        .source
        .map(|name| find_source(&hub, &name))
        .transpose()?;
    let client = hub.clients().admit(Protocol::Events, peer)?;
    let name = source.and_then(|source| hub.name_of(source));
    client.record().describe(name, String::new());
    let predictions = hub.watch_predictions(source, wants, Protocol::Events);
    let subscriber = Subscriber {
        predictions,
        is_open: false,
        _client: client,
    };
    let mut response = Response::new(Body::from_stream(stream::unfold(subscriber, next_bytes)));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn next_bytes(mut subscriber: Subscriber) -> Option<(Result<Bytes, Infallible>, Subscriber)> {
    if !subscriber.is_open {
        subscriber.is_open = true;
        return Some((Ok(Bytes::from_static(OPENING)), subscriber));
    }
    let bytes = match tokio::time::timeout(KEEP_ALIVE, subscriber.predictions.next()).await {
        Ok(prediction) => prediction?.event(),
        Err(_silence) => Bytes::from_static(b": keep-alive\n\n"),
    };
    Some((Ok(bytes), subscriber))
}
