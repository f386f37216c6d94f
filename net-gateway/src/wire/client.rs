//! One client of the wire protocol: AUTH if it has a token, SUBSCRIBE, WELCOME, then frames and predictions as they come.
//! One that begins with PUSH goes on in [`super::push`].
//!
//! One message in flight: while it waits for the client, newer frames replace each other. What a
//! client may send is one message; anything more ends it with an ERROR that says why.

use super::protocol::{self, Subscribe, WireError};
use super::push_protocol::{self, TYPE_PUSH};
use crate::client_io::ClientIo;
use crate::client_record::Peer;
use crate::clients::{ClientGuard, Protocol};
use crate::gatekeeper::caller::Caller;
use crate::gatekeeper::denied::Denied;
use crate::hub::Hub;
use crate::limits::Limits;
use crate::picture_feed::{FrameWatch, Picture};
use crate::prediction_feed::PredictionWatch;
use crate::push::permission::may_push;
use crate::push::refusal::PushError;
use crate::push::session::Wish;
use crate::stopping::Stopping;
use bytes::{Buf, Bytes, BytesMut};
use shm_layout::control::Permission;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

/// How long a client may take to send SUBSCRIBE or PUSH.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a message up to its type: length word, version, type.
const TYPE_KNOWN_BYTES: usize = 6;
/// Silence after which a PING is sent.
const PING_AFTER: Duration = Duration::from_secs(5);
/// How much of what a refused client still sends is read away, and for how long, so that closing
/// does not reset the connection before the client has read why.
const FAREWELL_BYTES_MAX: usize = 16 * 1024;
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

/// Why serving a client ended.
#[derive(Debug)]
pub(super) enum End {
    /// The client left, or its connection failed.
    Gone(io::Error),
    /// The client is to be told why.
    Refused(WireError),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Gone(error)
    }
}

impl From<WireError> for End {
    fn from(error: WireError) -> Self {
        Self::Refused(error)
    }
}

impl From<Denied> for End {
    fn from(denied: Denied) -> Self {
        Self::Refused(denied.into())
    }
}

impl From<PushError> for End {
    fn from(error: PushError) -> Self {
        Self::Refused(error.into())
    }
}

/// What a client begins with.
enum Opening {
    Subscribe(Subscribe),
    /// With what came behind it.
    Push(Wish, BytesMut),
}

/// What one client subscribed to.
struct Subscription {
    frames: Option<FrameWatch>,
    predictions: Option<PredictionWatch>,
    stopping: Stopping,
    _client: ClientGuard,
}

/// Serves one connection until the client leaves, is stuck, errs, or the gateway stops.
pub async fn serve_connection(hub: Arc<Hub>, mut io: ClientIo, peer: Peer) {
    let address = peer.address;
    let Err(end) = serve(&hub, &mut io, peer).await else {
        return;
    };
    match end {
        End::Gone(error) => tracing::debug!("the wire client {address} is gone: {error}"),
        End::Refused(error) => {
            tracing::debug!("the wire client {address} is refused: {error}");
            say_farewell(&mut io, &error).await;
        }
    }
}

/// The whole answer to a connection beyond the limit on connections.
#[must_use]
pub fn connection_refusal(limits: &Limits) -> Bytes {
    protocol::error(&WireError::TooManyClients(limits.connections_text()))
}

async fn serve(hub: &Hub, io: &mut ClientIo, peer: Peer) -> Result<(), End> {
    let mut stopping = hub.stopping();
    let begin = async {
        let mut received = Vec::with_capacity(256);
        let caller = read_caller(hub, &peer, io, &mut received).await?;
        let opening = read_opening(io, &mut received).await?;
        Ok::<_, End>((caller, opening))
    };
    let (caller, opening) = tokio::select! {
        biased;
        () = stopping.wait() => return Err(WireError::Stopping.into()),
        read = tokio::time::timeout(SUBSCRIBE_TIMEOUT, begin) => {
            read.map_err(|_elapsed| WireError::Timeout(SUBSCRIBE_TIMEOUT.as_secs()))??
        }
    };
    let peer = Peer {
        caller: Arc::new(caller),
        ..peer
    };
    let subscribe = match opening {
        Opening::Subscribe(subscribe) => subscribe,
        Opening::Push(wish, rest) => {
            may_push(hub, &peer.caller)?;
            return super::push::serve(hub, io, peer, (wish, rest)).await;
        }
    };
    hub.gatekeeper().check(&peer.caller, Permission::Watch)?;
    let (welcome, mut subscription) = admit(hub, &subscribe, peer)?;
    io.write_all(&welcome).await?;
    io.flush().await?;
    send_all(io, &mut subscription).await
}

/// Who the client is: by the token of an AUTH, if that comes first, else by where it comes from.
async fn read_caller(
    hub: &Hub,
    peer: &Peer,
    io: &mut ClientIo,
    received: &mut Vec<u8>,
) -> Result<Caller, End> {
    loop {
        if protocol::is_auth(received) {
            if let Some((token, used_bytes)) = protocol::parse_auth(received)? {
                received.drain(..used_bytes);
                return Ok(hub.gatekeeper().identify_wire(peer, Some(&token))?);
            }
        } else if received.len() >= TYPE_KNOWN_BYTES || protocol::parse_subscribe(received).is_err()
        {
            // What is wrong with it is told when it is read.
            return Ok(hub.gatekeeper().identify_wire(peer, None)?);
        }
        read_more(io, received).await?;
    }
}

async fn read_opening(io: &mut ClientIo, received: &mut Vec<u8>) -> Result<Opening, End> {
    loop {
        if push_protocol::is_push(received) {
            let push = protocol::parse_first(received, TYPE_PUSH, push_protocol::parse_push)?;
            if let Some((wish, used_bytes)) = push {
                let rest = received.get(used_bytes..).unwrap_or_default();
                return Ok(Opening::Push(wish, BytesMut::from(rest)));
            }
        } else if let Some((subscribe, used_bytes)) = protocol::parse_subscribe(received)? {
            return match received.get(used_bytes) {
                None => Ok(Opening::Subscribe(subscribe)),
                Some(_more) => Err(unexpected(received, used_bytes).into()),
            };
        }
        read_more(io, received).await?;
    }
}

async fn read_more(io: &mut ClientIo, received: &mut Vec<u8>) -> Result<(), End> {
    let mut chunk = [0; 256];
    let count = io.read(&mut chunk).await?;
    if count == 0 {
        return Err(End::Gone(io::ErrorKind::UnexpectedEof.into()));
    }
    received.extend_from_slice(chunk.get(..count).unwrap_or_default());
    Ok(())
}

/// What is wrong with bytes that follow SUBSCRIBE: nothing is expected there.
fn unexpected(received: &[u8], used_bytes: usize) -> WireError {
    // Place of the type byte in a message: after the length word and the version.
    WireError::Type(received.get(used_bytes + 5).copied().unwrap_or(0))
}

fn admit(hub: &Hub, subscribe: &Subscribe, peer: Peer) -> Result<(Bytes, Subscription), WireError> {
    let unknown = || WireError::UnknownSource(subscribe.source.clone());
    let source = match subscribe.source.as_str() {
        "" => 0,
        name => hub.find_source(name).ok_or_else(unknown)?,
    };
    let name = hub.sources().get(source).ok_or_else(unknown)?.name();
    let client = hub
        .clients()
        .admit(Protocol::Wire, peer)
        .map_err(|refusal| WireError::TooManyClients(refusal.to_string()))?;
    let welcome = serde_json::json!({
        "source": name,
        "server": concat!("wigwag ", env!("CARGO_PKG_VERSION")),
        "format": "jpeg",
    });
    client.record().describe(Some(name), String::new());
    let frames = subscribe
        .frames
        .then(|| hub.watch_frames_for(source, &client))
        .flatten();
    let wants = subscribe.wants;
    let predictions = (wants.predictions || wants.gestures)
        .then(|| hub.watch_predictions(Some(source), wants, Protocol::Wire));
    let stopping = hub.stopping();
    let subscription = Subscription {
        frames,
        predictions,
        stopping,
        _client: client,
    };
    Ok((
        protocol::welcome(welcome.to_string().as_bytes()),
        subscription,
    ))
}

/// Sends what comes; only an end gets out of here.
async fn send_all(io: &mut ClientIo, subscription: &mut Subscription) -> Result<(), End> {
    let mut last_write = Instant::now();
    loop {
        let [header, body] = next_message(io, subscription, last_write).await?;
        io.write_all_buf(&mut header.chain(body)).await?;
        io.flush().await?;
        last_write = Instant::now();
    }
}

/// Waits for the next message, in its two parts. Nothing is lost when one of the others comes
/// first: predictions before frames, because they are small and each is wanted.
async fn next_message(
    io: &mut ClientIo,
    subscription: &mut Subscription,
    last_write: Instant,
) -> Result<[Bytes; 2], End> {
    let mut received = [0; 16];
    tokio::select! {
        biased;
        () = subscription.stopping.wait() => Err(WireError::Stopping.into()),
        read = io.read(&mut received) => Err(match read? {
            0 => End::Gone(io::ErrorKind::UnexpectedEof.into()),
            count => unexpected(received.get(..count).unwrap_or_default(), 0).into(),
        }),
        Some(prediction) = next_of(&mut subscription.predictions, PredictionWatch::next) => {
            Ok(protocol::told(&prediction))
        }
        Some(picture) = next_of(&mut subscription.frames, FrameWatch::next_picture) => {
            Ok(match picture {
                Picture::Frame(frame) => frame.wire(),
                Picture::Notice(notice) => notice.wire(),
            })
        }
        () = tokio::time::sleep_until(last_write + PING_AFTER) => {
            Ok([protocol::ping(), Bytes::new()])
        }
    }
}

/// The next item of something that may not be subscribed to; then it waits for ever.
async fn next_of<W, T>(watch: &mut Option<W>, next: impl AsyncFnOnce(&mut W) -> T) -> T {
    match watch {
        Some(watch) => next(watch).await,
        None => std::future::pending().await,
    }
}

/// Tells the client why it is ended, then gives it a moment to read that.
pub async fn say_farewell(io: &mut ClientIo, error: &WireError) {
    let farewell = async {
        io.write_all(&protocol::error(error)).await?;
        io.flush().await?;
        io.shutdown().await?;
        let mut rest = [0; 1024];
        let mut left_bytes = FAREWELL_BYTES_MAX;
        while left_bytes > 0 {
            match io.read(&mut rest).await? {
                0 => break,
                count => left_bytes = left_bytes.saturating_sub(count),
            }
        }
        Ok::<(), io::Error>(())
    };
    if let Ok(Err(error)) = tokio::time::timeout(FAREWELL_TIMEOUT, farewell).await {
        tracing::debug!("cannot say why a wire client is ended: {error}");
    }
}
