//! Who may use the wire protocol.

use crate::access::{PUSHER, WATCHER, rules};
use crate::client::{WireClient, connect, get};
use crate::gateway::{TestGateway, limits};
use net_gateway::access::Access;
use net_gateway::client_io::ClientIo;
use net_gateway::client_record::Peer;
use net_gateway::guarded_io::GuardedIo;
use net_gateway::socket::Socket;
use net_gateway::wire;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

/// Whoever connects is as if from elsewhere: what a listener that others reach gives.
fn wire_from_elsewhere(gateway: &TestGateway) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let hub = Arc::clone(&gateway.hub);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async move {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let (stream, far) = listener.accept().await.unwrap();
            let counters = Arc::clone(hub.connections());
            let stream = Socket::Tcp(stream);
            let io = GuardedIo::new(stream, limits().write_timeout, counters).unwrap();
            let peer = Peer::from(far.ip()).at_listener(false);
            wire::client::serve_connection(hub, ClientIo::plain(io), peer).await;
        });
    });
    address
}

fn authenticated(address: SocketAddr, token: &[u8]) -> WireClient {
    let mut client = WireClient {
        stream: connect(address),
    };
    client.send(1, 4, token);
    client
}

/// Goal: the wire protocol asks for a token, and each refusal has its code.
#[test]
fn wire_clients_show_a_token_first() {
    let gateway = TestGateway::guarded(limits(), Access::default(), &rules());
    let subscribe = [3, 4, b'c', b'a', b'm', b'0'];
    let elsewhere = || wire_from_elsewhere(&gateway);

    let mut known = authenticated(elsewhere(), WATCHER.as_bytes());
    known.send(1, 1, &subscribe);
    assert_eq!(known.next().0, 16);
    let clients = get(gateway.http, "/api/v1/clients").json();
    assert_eq!(clients["clients"][0]["user"], "watcher");
    let mut here = WireClient::subscribe(gateway.wire, 3, "cam0");
    assert_eq!(here.next().0, 16, "without a token on this machine");

    assert_eq!(
        WireClient::subscribe(elsewhere(), 3, "cam0")
            .expect_error()
            .0,
        9
    );
    let mut other_role = authenticated(elsewhere(), PUSHER.as_bytes());
    other_role.send(1, 1, &subscribe);
    assert_eq!(other_role.expect_error().0, 11);
    let mut pushing = authenticated(elsewhere(), WATCHER.as_bytes());
    pushing.send(1, 2, &[2, 4, b'c', b'a', b'm', b'0']);
    assert_eq!(pushing.expect_error().0, 11);
    let mut may_push = authenticated(elsewhere(), PUSHER.as_bytes());
    may_push.send(1, 2, &[2, 4, b'c', b'a', b'm', b'0']);
    assert_eq!(
        may_push.expect_error().0,
        20,
        "allowed, but that source has a camera"
    );

    for malformed in [&b""[..], &[b'x'; 256], b"\xff"] {
        assert_eq!(authenticated(gateway.wire, malformed).expect_error().0, 4);
    }
    let mut twice = authenticated(gateway.wire, WATCHER.as_bytes());
    twice.send(1, 4, WATCHER.as_bytes());
    assert_eq!(twice.expect_error().0, 2);
    for _ in 0..3 {
        assert_eq!(
            authenticated(gateway.wire, b"wigwag_wrong")
                .expect_error()
                .0,
            10
        );
    }
    assert_eq!(
        authenticated(gateway.wire, b"wigwag_wrong")
            .expect_error()
            .0,
        12
    );
}
