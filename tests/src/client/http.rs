//! HTTP, one connection for each request.

use crate::wait::DEADLINE;
use std::io::{BufReader, Read};
use ureq::{Agent, Body};

/// A whole answer.
#[derive(Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header field.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }
}

/// A body that is still coming.
pub type Streaming = BufReader<Box<dyn Read + Send>>;

fn call(address: &str, path: &str) -> Result<ureq::http::Response<Body>, ureq::Error> {
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .max_idle_connections(0)
        // A redirect is an answer like any other.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(DEADLINE))
        .timeout_recv_response(Some(DEADLINE))
        .build()
        .into();
    agent.get(format!("http://{address}{path}")).call()
}

/// The whole answer to `GET path`, if there is one.
///
/// # Errors
///
/// The connection was refused or broke.
pub fn try_get(address: &str, path: &str) -> Result<Reply, ureq::Error> {
    let mut response = call(address, path)?;
    let headers = response.headers().iter();
    let headers = headers
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let body = response.body_mut().read_to_vec()?;
    Ok(Reply {
        status: response.status().as_u16(),
        headers,
        body,
    })
}

/// The whole answer to `GET path`.
///
/// # Panics
///
/// If there is none.
#[track_caller]
#[must_use]
pub fn get(address: &str, path: &str) -> Reply {
    try_get(address, path).unwrap_or_else(|error| panic!("GET {path}: {error}"))
}

/// Opens `GET path`, whose body has no end: its content type, and the body as it comes.
///
/// # Panics
///
/// If the answer is not 200.
#[track_caller]
#[must_use]
pub fn open(address: &str, path: &str) -> (String, Streaming) {
    let response = call(address, path).unwrap_or_else(|error| panic!("GET {path}: {error}"));
    assert_eq!(response.status().as_u16(), 200, "GET {path}");
    let content_type = response.headers().get("content-type");
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
        .to_owned();
    (
        content_type,
        BufReader::new(Box::new(response.into_body().into_reader())),
    )
}
