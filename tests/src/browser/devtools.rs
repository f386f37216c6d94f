//! One connection to Chromium's `DevTools`: commands, their answers, and what happens meanwhile.
//!
//! Upstream: `page.rs`. Commands go out one at a time; events that come in between are kept in
//! `Observed`. Source: the Chrome `DevTools` Protocol 1.3, domains Target, Runtime, Network, Log.

use super::{ANSWER_WITHIN, BrowserError};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

/// Longest wait inside one read; the deadline of a command is checked in between.
const READ_TURN: Duration = Duration::from_millis(100);
/// Largest message from the browser: a screenshot of a large screen fits.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// Most events kept of each kind; a page that says more is broken enough to be told.
const OBSERVED_MAX: usize = 10_000;

/// What the page did, since it was opened.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// Addresses of each request and each `WebSocket`.
    pub(super) requests: Vec<String>,
    /// Texts of console errors, uncaught exceptions and the browser's own complaints.
    pub(super) errors: Vec<String>,
}

/// The connection, attached to one page.
#[derive(Debug)]
pub(super) struct Devtools {
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    last_id: u64,
    pub(super) observed: Observed,
}

impl Devtools {
    /// Connects and attaches to a new empty page.
    pub(super) fn connect(address: &str, path: &str) -> Result<Self, BrowserError> {
        let stream = TcpStream::connect(address).map_err(tungstenite::Error::Io)?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let url = format!("ws://{address}{path}");
        let (socket, _response) =
            tungstenite::client::client_with_config(url, stream, Some(config)).map_err(
                |error| match error {
                    tungstenite::HandshakeError::Failure(error) => error,
                    tungstenite::HandshakeError::Interrupted(_) => {
                        tungstenite::Error::Io(std::io::ErrorKind::Interrupted.into())
                    }
                },
            )?;
        // Only now, as a handshake cannot be taken up again.
        socket
            .get_ref()
            .set_read_timeout(Some(READ_TURN))
            .map_err(tungstenite::Error::Io)?;
        let mut devtools = Self {
            socket,
            session: None,
            last_id: 0,
            observed: Observed::default(),
        };
        devtools.attach()?;
        Ok(devtools)
    }

    fn attach(&mut self) -> Result<(), BrowserError> {
        let target = self.command("Target.createTarget", json!({ "url": "about:blank" }))?;
        let attached = self.command(
            "Target.attachToTarget",
            json!({ "targetId": target["targetId"], "flatten": true }),
        )?;
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in [
            "Page.enable",
            "Runtime.enable",
            "Network.enable",
            "Log.enable",
        ] {
            self.command(domain, json!({}))?;
        }
        Ok(())
    }

    /// Sends a command and waits for its answer.
    pub(super) fn command(&mut self, method: &str, params: Value) -> Result<Value, BrowserError> {
        self.last_id += 1;
        let id = self.last_id;
        let mut command = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(command.to_string()))?;
        let deadline = Instant::now() + ANSWER_WITHIN;
        while Instant::now() < deadline {
            let Some(mut message) = self.read()? else {
                continue;
            };
            if message["id"] != json!(id) {
                self.observe(&message);
                continue;
            }
            if let Some(text) = message["error"]["message"].as_str() {
                return Err(BrowserError::Refused {
                    method: method.to_owned(),
                    text: text.to_owned(),
                });
            }
            return Ok(message["result"].take());
        }
        Err(BrowserError::Silent(method.to_owned()))
    }

    /// The next message, or `None` if none came within a turn.
    fn read(&mut self) -> Result<Option<Value>, BrowserError> {
        match self.socket.read() {
            Ok(Message::Text(text)) => Ok(serde_json::from_str(text.as_str()).ok()),
            Ok(_) => Ok(None),
            Err(tungstenite::Error::Io(error))
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn observe(&mut self, message: &Value) {
        let params = &message["params"];
        let observed = &mut self.observed;
        match message["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                keep(&mut observed.requests, &params["request"]["url"]);
            }
            Some("Network.webSocketCreated") => keep(&mut observed.requests, &params["url"]),
            Some("Runtime.exceptionThrown") => {
                let details = &params["exceptionDetails"];
                let thrown = &details["exception"]["description"];
                keep(
                    &mut observed.errors,
                    if thrown.is_null() {
                        &details["text"]
                    } else {
                        thrown
                    },
                );
            }
            Some("Runtime.consoleAPICalled") if is_loud(&params["type"]) => {
                let words: Vec<String> = params["args"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|word| match &word["value"] {
                        Value::Null => word["description"].to_string(),
                        value => value.to_string(),
                    })
                    .collect();
                keep(&mut observed.errors, &json!(words.join(" ")));
            }
            Some("Log.entryAdded") if is_loud(&params["entry"]["level"]) => {
                let entry = &params["entry"];
                let text = format!("{} {}", entry["text"], entry["url"]);
                keep(&mut observed.errors, &json!(text));
            }
            _ => {}
        }
    }
}

fn is_loud(level: &Value) -> bool {
    matches!(level.as_str(), Some("error" | "warning" | "assert"))
}

fn keep(list: &mut Vec<String>, text: &Value) {
    if list.len() < OBSERVED_MAX {
        list.push(
            text.as_str()
                .map_or_else(|| text.to_string(), str::to_owned),
        );
    }
}
