//! What clients that push are told, each with its code; `WIRE.md` lists them.

use super::inspect::JpegFault;
use crate::gatekeeper::denied::Denied;
use std::net::IpAddr;
use thiserror::Error;

/// Why a client may not push, or not any longer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PushError {
    /// The source is there, but is no pushed one.
    #[error(
        "source `{0}` has a camera or file of its own; only sources of type \"push\" are pushed"
    )]
    NotPushed(String),
    /// Another client has the source.
    #[error(
        "source `{source_name}` is pushed by {by} since {since_s} s; it is free once that client \
         is gone, or silent for {hold_ms} ms"
    )]
    Held {
        /// The source.
        source_name: String,
        /// Who has it.
        by: IpAddr,
        /// For how long already.
        since_s: u64,
        /// How long it may be silent.
        hold_ms: u64,
    },
    /// No source was named, and none is free for that.
    #[error(
        "no source was named, and {taken} of {all} anonymous ones are taken \
         (gateway.anonymous_sources)"
    )]
    NoGuest {
        /// How many are taken.
        taken: usize,
        /// How many there are.
        all: usize,
    },
    /// The client has no right to.
    #[error("this client may not push: {0}")]
    NotAllowed(#[from] Denied),
    /// The gateway before this one has not let go of the source yet.
    #[error("source `{0}` is still held by a gateway that is about to end, try again in a moment")]
    HeldElsewhere(String),
    /// The client was silent, and another one wanted the source.
    #[error("{by} pushes this source now: nothing had come from here for {silent_ms} ms")]
    TakenOver {
        /// Who.
        by: IpAddr,
        /// For how long nothing came.
        silent_ms: u64,
    },
    /// Frame after frame was refused.
    #[error("{0} frames in a row were refused, the last because {1}")]
    TooManyBad(u32, FrameFault),
    /// A frame began and did not end in time.
    #[error("a frame began and was not complete after {0} s")]
    Stalled(u64),
    /// A message is longer than any frame may be.
    #[error("a frame of {len_bytes} bytes is refused, the limit is {max_bytes} (max_frame_bytes)")]
    TooLarge {
        /// Bytes of the JPEG, as announced.
        len_bytes: u64,
        /// The limit.
        max_bytes: u32,
    },
    /// A message has not the form that it must have.
    #[error("malformed message: {0}")]
    Malformed(&'static str),
    /// The gateway stops.
    #[error("the gateway is stopping, connect again in a moment")]
    Stopping,
    /// The segment refused, which is a bug.
    #[error("the source cannot be published: {0}")]
    Broken(String),
}

impl PushError {
    /// The code in the ERROR message.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::Malformed(_) => 4,
            Self::Stopping => 8,
            Self::NotPushed(_) => 20,
            Self::Held { .. } => 21,
            Self::NoGuest { .. } => 22,
            Self::NotAllowed(denied) => denied.wire_code(),
            Self::HeldElsewhere(_) => 24,
            Self::TakenOver { .. } => 25,
            Self::TooManyBad(..) => 26,
            Self::Stalled(_) => 27,
            Self::TooLarge { .. } => 28,
            Self::Broken(_) => 29,
        }
    }

    /// Whether the same may work later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Held { .. } | Self::NoGuest { .. } | Self::HeldElsewhere(_) | Self::Stopping
        )
    }
}

/// Why one frame was not published; the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameFault {
    /// More frames came than are allowed.
    #[error("more than {0} frames a second came (max_fps)")]
    OverRate(u32),
    /// It is no JPEG that is taken.
    #[error("{0}")]
    Jpeg(#[from] JpegFault),
    /// No frame slot was free.
    #[error("no frame slot was free")]
    NoFrameSlot,
}

impl FrameFault {
    /// The code in the REFUSED message.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::OverRate(_) => 40,
            Self::Jpeg(JpegFault::NoStart | JpegFault::Structure(_)) => 41,
            Self::Jpeg(JpegFault::Cut) => 42,
            Self::Jpeg(JpegFault::Size { .. }) => 43,
            Self::Jpeg(JpegFault::Coding(_) | JpegFault::Scans(_)) => 44,
            Self::NoFrameSlot => 46,
        }
    }

    /// Whether the frame itself is to blame, not the moment.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        matches!(self, Self::Jpeg(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn who_is_refused_learns_by_whom_and_since_when() {
        let held = PushError::Held {
            source_name: "phone".to_owned(),
            by: Ipv4Addr::new(192, 0, 2, 7).into(),
            since_s: 12,
            hold_ms: 5000,
        };
        assert_eq!(
            held.to_string(),
            "source `phone` is pushed by 192.0.2.7 since 12 s; it is free once that client is \
             gone, or silent for 5000 ms"
        );
        assert!(held.may_pass());
        assert!(!PushError::NotPushed("cam0".to_owned()).may_pass());
    }
}
