//! `GET /api/v1/events`: predictions as server-sent events.
//! Source: WHATWG HTML, "Server-sent events".

use super::http::{self, Streaming};
use serde_json::Value;
use std::io::BufRead;

/// One open stream of events.
#[allow(missing_debug_implementations, reason = "the body is an opaque reader")]
pub struct EventStream {
    body: Streaming,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its type.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its data.
    pub data: Value,
}

impl EventStream {
    /// Opens `path`.
    ///
    /// # Panics
    ///
    /// If it cannot be opened or is no stream of events.
    #[track_caller]
    #[must_use]
    pub fn open(address: &str, path: &str) -> Self {
        let (content_type, body) = http::open(address, path);
        assert!(
            content_type.starts_with("text/event-stream"),
            "content type is `{content_type}`"
        );
        Self { body }
    }

    /// The next event; `None` when the stream has ended.
    ///
    /// # Panics
    ///
    /// If its data is no JSON.
    #[track_caller]
    pub fn next_event(&mut self) -> Option<Event> {
        let (mut kind, mut id, mut data) = (String::new(), String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.body.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() && !data.is_empty() {
                let data = serde_json::from_str(&data)
                    .unwrap_or_else(|error| panic!("no JSON ({error}): {data}"));
                return Some(Event { kind, id, data });
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut kind),
                "id" => value.clone_into(&mut id),
                "data" => data.push_str(value),
                _ => {}
            }
        }
    }

    /// The next event of a stream that must not end.
    ///
    /// # Panics
    ///
    /// If it has ended.
    #[track_caller]
    pub fn event(&mut self) -> Event {
        self.next_event().expect("the events go on")
    }
}
