//! One client of the wire protocol that pushes: WELCOME, then an answer to each of its frames, and
//! what was recognised in them.
//!
//! It reads one frame at a time and writes one message at a time; neither waits for the other
//! longer than a message takes. Memory for a frame grows with what comes, not with what was said.

use super::client::End;
use super::protocol::{self, WireError};
use super::push_protocol::{self, FRAME_HEAD_BYTES};
use crate::client_io::ClientIo;
use crate::client_record::Peer;
use crate::clients::Protocol;
use crate::hub::Hub;
use crate::push::refusal::PushError;
use crate::push::session::{Answer, CameFrame, Event, FRAME_TIMEOUT, Session, Wish};
use bytes::{Buf, Bytes, BytesMut};
use shm_layout::MonotonicNs;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

/// Most bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;
/// Silence after which a PING is sent.
const PING_AFTER: Duration = Duration::from_secs(5);

/// Serves a client that sent PUSH, and `received` behind it; only an end gets out of here.
pub(super) async fn serve(
    hub: &Hub,
    io: &mut ClientIo,
    peer: Peer,
    (wish, received): (Wish, BytesMut),
) -> Result<(), End> {
    if !wish.source.is_empty() && hub.find_source(&wish.source).is_none() {
        return Err(WireError::UnknownSource(wish.source).into());
    }
    let address = peer.address;
    let client = hub
        .clients()
        .admit(Protocol::Wire, peer)
        .map_err(|refusal| WireError::TooManyClients(refusal.to_string()))?;
    let mut session = Session::open(hub, &wish, (client, Protocol::Wire, address)).await?;
    io.write_all(&protocol::welcome(session.welcome().to_string().as_bytes()))
        .await?;
    io.flush().await?;
    let mut inbox = Inbox {
        received,
        began: None,
        max_frame_bytes: session.max_frame_bytes(),
    };
    let (mut last_write, mut paused_until) = (Instant::now(), Instant::now());
    loop {
        let message = tokio::select! {
            biased;
            event = session.event() => message_of(event)?,
            came = next_frame(io, &mut inbox, paused_until) => {
                let (answer, pause) = session.take(came?).await?;
                paused_until = Instant::now() + pause;
                [answer_of(&answer), Bytes::new()]
            }
            () = tokio::time::sleep_until(last_write + PING_AFTER) => {
                [protocol::ping(), Bytes::new()]
            }
        };
        let [header, body] = message;
        io.write_all_buf(&mut header.chain(body)).await?;
        io.flush().await?;
        last_write = Instant::now();
    }
}

fn message_of(event: Event) -> Result<[Bytes; 2], PushError> {
    match event {
        Event::Ended(why) => Err(why),
        Event::Predicted(own, predicted) => {
            let json = predicted.json();
            let header = push_protocol::prediction_header(&own, predicted.sequence, json.len());
            Ok([header, json])
        }
        Event::Gesture(_, event) => Ok(protocol::told(&event)),
    }
}

fn answer_of(answer: &Answer) -> Bytes {
    match answer {
        Answer::Accepted { number, sequence } => push_protocol::accepted(*number, *sequence),
        Answer::Refused { number, fault } => push_protocol::refused(*number, fault),
    }
}

/// What came of the next frame.
struct Inbox {
    received: BytesMut,
    /// When its first byte came.
    began: Option<(MonotonicNs, Instant)>,
    max_frame_bytes: u32,
}

/// Waits for a whole frame, after a pause. Dropping the future loses nothing.
async fn next_frame(
    io: &mut ClientIo,
    inbox: &mut Inbox,
    paused_until: Instant,
) -> Result<CameFrame, End> {
    tokio::time::sleep_until(paused_until).await;
    loop {
        if let Some(frame) = inbox.whole_frame()? {
            return Ok(frame);
        }
        let deadline = inbox.began.map(|(_, at)| at + FRAME_TIMEOUT);
        inbox.make_room();
        let read = io.read_buf(&mut inbox.received);
        let count = match deadline {
            None => read.await?,
            Some(deadline) => tokio::time::timeout_at(deadline, read)
                .await
                .map_err(|_elapsed| PushError::Stalled(FRAME_TIMEOUT.as_secs()))??,
        };
        if count == 0 {
            return Err(End::Gone(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

impl Inbox {
    /// The frame that was begun, if all of it is there.
    fn whole_frame(&mut self) -> Result<Option<CameFrame>, WireError> {
        if !self.received.is_empty() {
            self.began
                .get_or_insert_with(|| (MonotonicNs::now(), Instant::now()));
        }
        let Some(head) = push_protocol::parse_frame_head(&self.received, self.max_frame_bytes)?
        else {
            return Ok(None);
        };
        let message_bytes = FRAME_HEAD_BYTES + head.jpeg_bytes;
        if self.received.len() < message_bytes {
            return Ok(None);
        }
        let mut message = self.received.split_to(message_bytes);
        message.advance(FRAME_HEAD_BYTES);
        let began = self.began.take();
        Ok(Some(CameFrame {
            own: head.own,
            jpeg: message.freeze(),
            arrived: began.map_or_else(MonotonicNs::now, |(at, _)| at),
        }))
    }

    /// Room for the next bytes, however many were announced.
    fn make_room(&mut self) {
        self.received.reserve(READ_BYTES);
    }
}
