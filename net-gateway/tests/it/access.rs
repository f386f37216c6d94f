//! Who is let in, over real sockets: by place, token, login, role; and who is kept out.

use crate::client::{WireClient, connect, get, read_answer, request};
use crate::gateway::{TestGateway, jpeg, limits};
use net_gateway::access::Access;
use sha2::{Digest, Sha256};
use shm_layout::control::{AccessEntry, AccessRules, BoxOrder, Permission, Permissions};
use std::io::{Read, Write};
use std::net::SocketAddr;

pub const WATCHER: &str = "wigwag_watcher";
pub const PUSHER: &str = "wigwag_pusher";
pub const MASTER: &str = "wigwag_master";
/// What a proxy says that asks for somebody elsewhere.
const ELSEWHERE: &str = "X-Forwarded-For: 192.0.2.7\r\n";

pub fn rules() -> AccessRules {
    let entry = |name: &str, token: &str, permission| AccessEntry {
        name: name.to_owned(),
        permissions: Permissions::from_iter([permission]),
        token_sha256: Some(Sha256::digest(token.as_bytes()).into()),
        password_argon2: None,
    };
    AccessRules {
        entries: vec![
            entry("watcher", WATCHER, Permission::Watch),
            entry("pusher", PUSHER, Permission::Push),
            entry("master", MASTER, Permission::Control),
        ],
        failed_attempts_per_minute: 3,
        max_sessions: 9,
        session_idle_s: 1000,
        session_max_s: 5000,
        ..AccessRules::default()
    }
}

/// A gateway behind a proxy on this machine, to which nobody is local who is not said to be.
fn proxied() -> TestGateway {
    let access = Access::new(&["127.0.0.1".to_owned()], &[]).unwrap();
    TestGateway::guarded(limits(), access, &rules())
}

fn bearer(token: &str) -> String {
    format!("{ELSEWHERE}Authorization: Bearer {token}\r\n")
}

/// Goal: each route needs its role, and says which.
/// Method: every route with no token, and with one of each role.
#[test]
fn every_route_needs_its_role() {
    let gateway = proxied();
    gateway.set_status("live");
    gateway.publish(&jpeg(1, 100));
    let watch = [
        "/stream/cam0",
        "/snapshot/cam0",
        "/api/v1/status",
        "/api/v1/sources",
    ];
    let more = [
        "/api/v1/predictions/cam0",
        "/api/v1/events",
        "/ws",
        "/metrics",
    ];
    let routes = watch
        .into_iter()
        .chain(more)
        .map(|path| ("GET", path, WATCHER));
    let routes = routes.chain([
        ("GET", "/ws/push", PUSHER),
        ("GET", "/api/v1/clients", MASTER),
        ("DELETE", "/api/v1/clients/999", MASTER),
        ("POST", "/api/v1/restart?unit=gateway", MASTER),
        ("POST", "/api/v1/reload", MASTER),
    ]);
    for (method, path, needed) in routes {
        let status = |headers: &str| request(gateway.http, method, path, headers).status;
        assert_eq!(status(ELSEWHERE), 401, "{method} {path}");
        for token in [WATCHER, PUSHER, MASTER] {
            let answer = request(gateway.http, method, path, &bearer(token));
            if token == needed {
                assert!(
                    ![401, 403].contains(&answer.status),
                    "{path} {}",
                    answer.status
                );
                continue;
            }
            assert_eq!(answer.status, 403, "{method} {path} {token}");
            let json = answer.json();
            assert!(
                json["error"]
                    .as_str()
                    .unwrap()
                    .contains("this needs the role"),
                "{json}"
            );
        }
    }
    let orders = gateway.hub.orders().take();
    let unit = "gateway".to_owned();
    assert_eq!(orders, [BoxOrder::Restart { unit }, BoxOrder::Reload]);
    for path in ["/healthz", "/readyz", "/login", "/style.css", "/main.js"] {
        assert_eq!(
            request(gateway.http, "GET", path, ELSEWHERE).status,
            200,
            "{path}"
        );
    }
}

/// Goal: who is not let in gets JSON that says what to do, programs and browsers each their way to
/// show who they are, and people a page.
#[test]
fn refusals_lead_on() {
    let gateway = proxied();
    let ask =
        |path: &str, more: &str| request(gateway.http, "GET", path, &format!("{ELSEWHERE}{more}"));
    let answer = ask("/stream/cam0", "");
    assert_eq!(answer.status, 401);
    assert!(answer.headers.contains_key("www-authenticate"));
    assert!(answer.json()["hint"].as_str().unwrap().contains("Bearer"));
    let answer = ask("/", "");
    assert_eq!(
        (answer.status, &*answer.headers["location"]),
        (303, "/login")
    );
    let challenge =
        ask("/api/v1/status", "X-Wigwag-Page: 1\r\n").headers["www-authenticate"].clone();
    assert!(challenge.starts_with("Bearer"), "{challenge}");
    let answer = ask("/stream/cam0?token=wigwag_watcher", "");
    assert_eq!(answer.status, 400);
    let answer = request(gateway.http, "GET", "/snapshot/cam0", "");
    assert_eq!(answer.status, 401, "the proxy does not say for whom");
    assert!(
        answer.json()["hint"]
            .as_str()
            .unwrap()
            .contains("X-Forwarded-For")
    );
}

/// Goal: guessing is limited per address, and who knows is not held up.
#[test]
fn guessing_is_limited() {
    let gateway = proxied();
    for _ in 0..3 {
        let answer = request(gateway.http, "GET", "/metrics", &bearer("wigwag_wrong"));
        assert_eq!(answer.status, 401);
    }
    let answer = request(gateway.http, "GET", "/metrics", &bearer("wigwag_wrong"));
    assert_eq!(answer.status, 429);
    assert!(answer.headers["retry-after"].parse::<u64>().unwrap() >= 1);
    let other = "X-Forwarded-For: 192.0.2.8\r\nAuthorization: Bearer wigwag_wrong\r\n";
    assert_eq!(request(gateway.http, "GET", "/metrics", other).status, 401);
    let answer = request(gateway.http, "GET", "/metrics", &bearer(WATCHER));
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.bytes()).unwrap();
    for line in [
        "wigwag_denied_total{reason=\"unknown_token\"} 4",
        "wigwag_denied_total{reason=\"attempts\"} 1",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
}

/// Sends a form as a browser does.
fn post(address: SocketAddr, path: &str, headers: &str, body: &str) -> crate::client::Answer {
    let mut stream = connect(address);
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\n{ELSEWHERE}\
         {headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    read_answer(stream)
}

/// Goal: a login opens the page and what is open on it, and its end closes that.
#[test]
fn login_is_a_cookie_that_ends_with_what_lives_on_it() {
    let gateway = proxied();
    gateway.publish(&jpeg(1, 100));
    let answer = post(gateway.http, "/login", "", "name=&password=wigwag_wrong");
    assert_eq!(answer.status, 401);
    let html = String::from_utf8(answer.bytes()).unwrap();
    assert!(
        html.contains("The name or the password is wrong."),
        "{html}"
    );

    let answer = post(gateway.http, "/login", "", "name=&password=wigwag_watcher");
    assert_eq!((answer.status, &*answer.headers["location"]), (303, "/"));
    let cookie = answer.headers["set-cookie"].clone();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let with = format!(
        "{ELSEWHERE}Cookie: {}\r\n",
        cookie.split(';').next().unwrap()
    );
    assert_eq!(request(gateway.http, "GET", "/", &with).status, 200);
    let session = request(gateway.http, "GET", "/api/v1/session", &with).json();
    assert_eq!(session["user"], "watcher");
    assert_eq!(session["roles"], serde_json::json!(["watch"]));
    let mut stream = request(gateway.http, "GET", "/stream/cam0", &with);
    assert_eq!(stream.status, 200);

    let evil = with.clone() + "Origin: http://evil.example\r\n";
    assert_eq!(request(gateway.http, "POST", "/logout", &evil).status, 403);
    assert_eq!(request(gateway.http, "POST", "/login", &evil).status, 403);
    assert_eq!(
        post(gateway.http, "/logout", &with.replace(ELSEWHERE, ""), "").status,
        303
    );
    let ended = gateway.hub.gatekeeper().take_ended();
    gateway.hub.end_logins(&ended);
    let mut rest = Vec::new();
    let _cut = stream.body.read_to_end(&mut rest);
    assert_eq!(
        request(gateway.http, "GET", "/stream/cam0", &with).status,
        401
    );
    assert_eq!(gateway.hub.clients().connected_total(), 0);
}

#[test]
fn forms_are_limited() {
    let gateway = proxied();
    for (body, status) in [("x".repeat(5000), 413), ("name=a".to_owned(), 400)] {
        let answer = post(gateway.http, "/login", "", &body);
        assert_eq!(answer.status, status);
        assert!(answer.json()["hint"].is_string());
    }
}

/// Goal: the open door on this machine is open to nobody who only uses its browser.
#[test]
fn foreign_pages_and_names_get_nothing_on_this_machine() {
    let gateway = TestGateway::guarded(limits(), Access::default(), &rules());
    gateway.publish(&jpeg(1, 100));
    let ask = |path: &str, host: &str, more: &str| {
        let mut stream = connect(gateway.http);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n").unwrap();
        read_answer(stream)
    };
    let cross = "Sec-Fetch-Site: cross-site\r\n";
    for path in ["/snapshot/cam0", "/api/v1/clients", "/metrics", "/ws"] {
        assert_eq!(ask(path, "evil.example", "").status, 403, "{path}");
        assert_eq!(ask(path, "localhost", cross).status, 403, "{path}");
        assert_eq!(
            ask(path, "localhost", "Via: 1.1 proxy\r\n").status,
            401,
            "{path}"
        );
    }
    let answer = ask("/snapshot/cam0", "localhost:8080", "");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.headers["cross-origin-resource-policy"],
        "same-origin"
    );
    assert_eq!(answer.headers["referrer-policy"], "same-origin");
    assert!(answer.headers["content-security-policy"].starts_with("default-src 'none'"));
}

#[test]
fn client_is_disconnected_by_its_number() {
    let gateway = TestGateway::start();
    let mut client = WireClient::subscribe(gateway.wire, 3, "cam0");
    assert_eq!(client.next().0, 16);
    let clients = get(gateway.http, "/api/v1/clients").json();
    let id = clients["clients"][0]["id"].as_u64().unwrap();
    let path = format!("/api/v1/clients/{id}");
    assert_eq!(request(gateway.http, "DELETE", &path, "").status, 200);
    assert!(matches!(client.stream.read(&mut [0; 1]), Ok(0) | Err(_)));
    while gateway.hub.clients().connected_total() > 0 {
        std::thread::yield_now();
    }
    assert_eq!(request(gateway.http, "DELETE", &path, "").status, 404);
    assert_eq!(
        request(gateway.http, "DELETE", "/api/v1/clients/x", "").status,
        400
    );
}

#[test]
fn one_address_cannot_open_all_connections() {
    let mut limits = limits();
    limits.clients.max_clients_per_address = 1;
    let gateway = TestGateway::with_limits(limits);
    let all = limits.max_connections_per_address();
    let idle: Vec<_> = (0..all).map(|_| connect(gateway.wire)).collect();
    let mut one_more = connect(gateway.http);
    let mut answer = String::new();
    one_more.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.contains("of this address"),
        "{answer}"
    );
    drop(idle);
}
