//! Status, health, metrics, the page, and refusals.

use crate::client::{Viewer, get, request};
use crate::gateway::{TestGateway, jpeg};

#[test]
fn status_sources_and_readiness_follow_the_supervisor() {
    let gateway = TestGateway::start();
    for path in ["/api/v1/status", "/api/v1/sources", "/readyz"] {
        assert_eq!(get(gateway.http, path).status, 503, "{path}");
    }
    assert_eq!(get(gateway.http, "/healthz").json()["status"], "ok");

    gateway.set_status("live");
    assert_eq!(get(gateway.http, "/readyz").status, 200);
    assert_eq!(
        get(gateway.http, "/api/v1/status").json()["units"][0]["name"],
        "gateway"
    );
    assert_eq!(
        get(gateway.http, "/api/v1/sources").json()[0]["name"],
        "cam0"
    );

    gateway.set_status("lost");
    let answer = get(gateway.http, "/readyz");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["reasons"][0], "source cam0 is lost: no light");
    assert_eq!(get(gateway.http, "/healthz").status, 200);
}

#[test]
fn metrics_count_what_happened() {
    let gateway = TestGateway::start();
    gateway.set_status("live");
    let mut viewer = Viewer::open(gateway.http, "/stream/cam0");
    for number in 1..=3 {
        gateway.publish(&jpeg(number, 100));
        viewer.next();
    }
    gateway.predict(0, 1);
    while get(gateway.http, "/api/v1/predictions/cam0").status != 200 {}
    let answer = get(gateway.http, "/metrics");
    assert!(answer.headers["content-type"].starts_with("application/openmetrics-text"));
    let text = String::from_utf8(answer.bytes()).unwrap();
    for line in [
        "wigwag_frames_published_total{source=\"cam0\"} 3",
        "wigwag_client_frames_total{source=\"cam0\",protocol=\"stream\"} 3",
        "wigwag_predictions_total{source=\"cam0\"} 1",
        "wigwag_clients{protocol=\"stream\"} 1",
        "wigwag_unit_state{unit=\"gateway\",state=\"ready\"} 1",
        "wigwag_unit_events_total{unit=\"gateway\",event=\"published\"} 12",
        "wigwag_source_live{source=\"cam0\"} 1",
        "wigwag_client_write_timeouts_total 0",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn refusals_are_json_with_a_hint() {
    let gateway = TestGateway::start();
    for (method, path, status) in [
        ("GET", "/nothing", 404),
        ("GET", "/stream/cam9", 404),
        ("GET", "/snapshot/%ff", 400),
        ("GET", "/api/v1/predictions/cam9", 404),
        ("GET", "/api/v1/events?source=cam9", 404),
        ("GET", "/api/v1/events?source=cam0&source=cam1", 400),
        ("GET", "/ws?video=maybe", 400),
        ("GET", "/ws", 400),
        ("GET", "/../Cargo.toml", 404),
        ("POST", "/api/v1/status", 405),
    ] {
        let answer = request(gateway.http, method, path, "");
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(
            answer.headers["content-type"], "application/json",
            "{method} {path}"
        );
        let json = answer.json();
        assert!(
            json["error"].is_string() && json["hint"].is_string(),
            "{json}"
        );
    }
    let hint = get(gateway.http, "/stream/cam9").json()["hint"].clone();
    assert_eq!(hint, "the sources are: cam0, cam1");
}

#[test]
fn the_page_comes_with_a_strict_policy_and_is_not_sent_twice() {
    let gateway = TestGateway::start();
    let answer = get(gateway.http, "/");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(answer.headers["cache-control"], "no-cache");
    let policy = &answer.headers["content-security-policy"];
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    let etag = answer.headers["etag"].clone();
    let again = request(
        gateway.http,
        "GET",
        "/",
        &format!("If-None-Match: {etag}\r\n"),
    );
    assert_eq!(again.status, 304);
}

#[test]
fn an_endless_request_head_is_cut() {
    let gateway = TestGateway::start();
    let long = format!("X-Long: {}\r\n", "x".repeat(20_000));
    let many = "X-Many: 1\r\n".repeat(101);
    for (headers, status) in [(long, 431), (many, 431), ("no header\r\n".to_owned(), 400)] {
        let answer = request(gateway.http, "GET", "/", &headers);
        assert_eq!(answer.status, status);
        let body = answer.json();
        assert!(
            body["error"].is_string() && body["hint"].is_string(),
            "{body}"
        );
    }
    let metrics = String::from_utf8(get(gateway.http, "/metrics").bytes()).unwrap();
    let counted = "wigwag_clients_refused_total{limit=\"request_head\"} 3";
    assert!(metrics.contains(counted), "{metrics}");
}
