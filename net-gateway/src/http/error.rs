//! Errors as HTTP clients see them: a status, and JSON with `error` and `hint`.

use crate::clients::Refusal;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;

/// Seconds after which a refused client may try again, in `Retry-After`.
const RETRY_AFTER_S: &str = "5";

/// One refused request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// What is wrong; lowercase, names the thing.
    pub error: String,
    /// One thing to do about it.
    pub hint: String,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    hint: &'a str,
}

impl ApiError {
    /// An error of that status.
    pub fn new(status: StatusCode, error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            status,
            error: error.into(),
            hint: hint.into(),
        }
    }

    /// 404: there is no source `name` among `known`.
    #[must_use]
    pub fn unknown_source<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.collect();
        let hint = format!("the sources are: {}", known.join(", "));
        Self::new(
            StatusCode::NOT_FOUND,
            format!("there is no source named `{name}`"),
            hint,
        )
    }

    /// 400: the request does not parse.
    #[must_use]
    pub fn bad_request(error: &str, hint: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, hint)
    }

    /// 503: the supervisor has not said yet how the box is.
    #[must_use]
    pub fn no_status() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the status of the box is not known yet",
            "ask again in a second",
        )
    }

    /// The whole answer, for a connection that ends with it and that no HTTP library serves.
    #[must_use]
    pub fn whole(&self) -> Bytes {
        let body = self.json();
        let again = if self.is_for_now() {
            format!("Retry-After: {RETRY_AFTER_S}\r\n")
        } else {
            String::new()
        };
        Bytes::from(format!(
            "HTTP/1.1 {}\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nContent-Length: {}\r\nConnection: close\r\n{again}\r\n{body}",
            self.status,
            body.len()
        ))
    }

    /// Whether the same request may be granted a little later.
    fn is_for_now(&self) -> bool {
        matches!(
            self.status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        )
    }

    /// The JSON body.
    #[must_use]
    pub fn json(&self) -> String {
        let body = Body {
            error: &self.error,
            hint: &self.hint,
        };
        serde_json::to_string(&body).unwrap_or_else(|_| "{}".to_owned())
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let hint = match refusal {
            Refusal::Clients(_) => "close a viewer, or raise gateway.max_clients",
            Refusal::Address(_) => {
                "close a viewer on this machine, or raise gateway.max_clients_per_address"
            }
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, refusal.to_string(), hint)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let is_for_now = self.is_for_now();
        let mut response = (self.status, self.json()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if is_for_now {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        response
    }
}
