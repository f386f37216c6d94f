//! An HTTP client: whatever its requests are, the first answer is a whole one, never a 500, and a
//! refusal says why as JSON.
//!
//! The first byte chooses the listener, the rest are the bytes behind it.

use crate::gateway::{Reach, Side, TOKEN, converse};
use serde_json::Value;

/// Tries one input.
///
/// # Panics
///
/// When something is untrue that must be true.
pub fn run(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    let said = converse(Side::Http, Reach::of(*choice), bytes);
    if !said.is_empty() {
        check_answer(&said, bytes.starts_with(b"HEAD "));
    }
}

fn check_answer(said: &[u8], is_head: bool) {
    let end = said.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("a whole head");
    let head = std::str::from_utf8(&said[..end]).expect("a head of text");
    let body = &said[end + 4..];
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line
        .strip_prefix("HTTP/1.1 ")
        .or(status_line.strip_prefix("HTTP/1.0 "));
    let status = status.and_then(|rest| rest.get(..3)?.parse::<u16>().ok());
    let status = status.unwrap_or_else(|| panic!("{status_line}"));
    assert!(
        status != 500 && (100..=599).contains(&status),
        "{status_line}"
    );
    let header = |name: &str| {
        let mut found = head.split("\r\n").filter_map(|line| line.split_once(": "));
        found.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
    };
    let length = header("content-length").map(|text| text.parse::<usize>().expect("a number"));
    if header("x-content-type-options").is_none() {
        // The layer for other pages answers their first question by itself.
        assert!(header("access-control-allow-methods").is_some(), "{head}");
        return;
    }
    let Some(body) = length.and_then(|length| body.get(..length)) else {
        return;
    };
    if status >= 400 && !is_head {
        let json: Value = serde_json::from_slice(body).expect("JSON");
        let is_told = ["error", "hint"].iter().all(|key| json[key].is_string());
        assert!(is_told || !json["reasons"].is_null(), "{json}");
    }
}

/// Inputs to begin with.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n");
    let with = |path: &str, headers: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: box.local\r\n{headers}\r\n\r\n")
    };
    let paths = [
        "/",
        "/stream/cam0",
        "/stream/cam0?fps=5",
        "/stream/cam0?width=320&quality=60&overlay=1&fps=0.5",
        "/stream/%63am0?width=99999999999999999999&quality=-1&overlay=2&fps=NaN",
        "/stream/%ff%00",
        "/snapshot/cam0?strict=1",
        "/snapshot/phone?width=16&width=17",
        "/snapshot/cam0?width=%33%32&&&=&x",
        "/api/v1/status",
        "/api/v1/sources",
        "/api/v1/clients",
        "/api/v1/predictions/cam0",
        "/api/v1/predictions/nobody",
        "/api/v1/events?source=cam0",
        "/metrics",
        "/healthz",
        "/readyz",
        "/../../etc/passwd",
    ];
    let mut seeds: Vec<String> = paths.into_iter().map(get).collect();
    let headers = [
        "X-Forwarded-For: 1.2.3.4, [2001:db8::1]:443, 10.0.0.7\r\nX-Forwarded-Host: cams.example",
        "X-Forwarded-For: ,,unknown,\r\nX-Forwarded-For: 9.9.9.9:99999",
        "Authorization: Bearer wrong",
        "Authorization: Negotiate x",
        "Authorization: Basic dXNlcjpwYXNz",
        "Cookie: wigwag=0123456789abcdef; a=b",
        "Origin: https://known.example\r\nAccess-Control-Request-Method: GET",
        "Origin: null\r\nIf-None-Match: \"x\", W/\"y\"",
        "Connection: close\r\nRange: bytes=0-1",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Expect: 100-continue\r\nContent-Length: 18446744073709551616",
    ];
    seeds.extend(headers.map(|headers| with("/api/v1/status", headers)));
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://box.local";
    seeds.push(with("/ws?source=cam0&video=1", upgrade));
    seeds.push(with("/ws/push?predictions=0", upgrade));
    for other in [
        "HEAD /snapshot/cam0 HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS /api/v1/status HTTP/1.1\r\nHost: a\r\nOrigin: https://known.example\r\n\
         Access-Control-Request-Method: GET\r\n\r\n",
        "POST /logout HTTP/1.1\r\nHost: box.local\r\nOrigin: http://box.local\r\nContent-Length: 0\r\n\r\n",
        "DELETE /api/v1/clients/1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /api/v1/restart?unit=gateway HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
         Content-Length: 31\r\n\r\n{\"user\":\"a\",\"password\":\"secret\"}",
        "DELETE / HTTP/1.0\r\n\r\n",
        "GET http://other/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\x7e\x03\x03",
    ] {
        seeds.push(other.to_owned());
    }
    let bearer = format!("Authorization: Bearer {TOKEN}");
    seeds.push(with("/stream/cam0", &bearer));
    seeds.push(with("/api/v1/clients", &bearer));
    seeds.push(get("/stream/cam0.sdp?output=wall"));
    seeds.push(get("/login"));
    seeds.push([get("/healthz"), get("/api/v1/sources"), get("/x")].concat());
    let reaches = (0..seeds.len()).map(|number| u8::from(number % 2 == 1));
    let all = reaches.zip(seeds);
    all.map(|(reach, seed)| [&[reach][..], seed.as_bytes()].concat())
        .collect()
}
