//! The USB/IP messages that the kernel's `vhci_hcd` and this camera exchange: bytes in, values out.
//!
//! Neighbours: `device.rs` reads requests and writes replies through here. This module does no I/O
//! and knows nothing about video.
//!
//! Source: Linux `Documentation/usb/usbip_protocol.rst`. All integers are big-endian; every header
//! is 48 bytes. Isochronous transfers are never asked for, because the camera's endpoint is bulk.

/// Length of every header, in bytes.
pub const HEADER_BYTES: usize = 48;
/// The most bytes that one request may carry out to the device; control writes here are ≤ 64.
pub const OUT_BYTES_MAX: usize = 64 * 1024;

const CMD_SUBMIT: u32 = 1;
const CMD_UNLINK: u32 = 2;
const RET_SUBMIT: u32 = 3;
const RET_UNLINK: u32 = 4;

/// What the kernel asks of the device.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// A transfer to or from an endpoint.
    Submit {
        /// The request's number; its reply names it.
        number: u32,
        /// Endpoint 0 is control, any other the video stream.
        endpoint: u32,
        /// The transfer goes to the host.
        is_in: bool,
        /// How many bytes the host wants or sends.
        len_bytes: u32,
        /// The eight setup bytes of a control transfer.
        setup: [u8; 8],
        /// What the host sends (empty for transfers to the host).
        out: Vec<u8>,
    },
    /// The host takes a transfer back.
    Unlink {
        /// This request's own number.
        number: u32,
        /// The number of the transfer that is taken back.
        victim: u32,
    },
}

/// A message that cannot be USB/IP as `vhci_hcd` speaks it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The command field is neither submit nor unlink.
    #[error("usb/ip command {0} is not one of submit (1), unlink (2)")]
    Command(u32),
    /// The request wants to send more than a control transfer can.
    #[error("usb/ip transfer sends {0} bytes, expected at most {OUT_BYTES_MAX}")]
    TooLong(u32),
}

/// Takes one whole request off the front of `bytes`; `None` while more bytes are needed.
///
/// # Errors
///
/// [`ProtocolError`] where the bytes cannot become a request however many follow.
pub fn take_request(bytes: &mut Vec<u8>) -> Result<Option<Request>, ProtocolError> {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let word = |index: usize| {
        let at = index * 4;
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let (command, number) = (word(0), word(1));
    match command {
        CMD_SUBMIT => {
            let (is_in, endpoint, len_bytes) = (word(3) == 1, word(4), word(6));
            let mut setup = [0; 8];
            setup.copy_from_slice(&header[40..48]);
            let out_bytes = if is_in { 0 } else { len_bytes as usize };
            if out_bytes > OUT_BYTES_MAX {
                return Err(ProtocolError::TooLong(len_bytes));
            }
            let Some(out) = bytes.get(HEADER_BYTES..HEADER_BYTES + out_bytes) else {
                return Ok(None);
            };
            let out = out.to_vec();
            bytes.drain(..HEADER_BYTES + out_bytes);
            Ok(Some(Request::Submit {
                number,
                endpoint,
                is_in,
                len_bytes,
                setup,
                out,
            }))
        }
        CMD_UNLINK => {
            let victim = word(5);
            bytes.drain(..HEADER_BYTES);
            Ok(Some(Request::Unlink { number, victim }))
        }
        other => Err(ProtocolError::Command(other)),
    }
}

/// The reply to a finished transfer; `data` is what goes to the host.
///
/// `status` is 0 or a negative errno; `actual_bytes` is what the device took or gave.
#[must_use]
pub fn submit_reply(number: u32, status: i32, actual_bytes: u32, data: &[u8]) -> Vec<u8> {
    let mut reply = header(RET_SUBMIT, number, status);
    reply[24..28].copy_from_slice(&actual_bytes.to_be_bytes());
    reply.extend_from_slice(data);
    reply
}

/// The reply to an unlink; `status` is `-ECONNRESET` where the transfer was still pending, else 0.
#[must_use]
pub fn unlink_reply(number: u32, status: i32) -> Vec<u8> {
    header(RET_UNLINK, number, status)
}

fn header(command: u32, number: u32, status: i32) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    bytes[0..4].copy_from_slice(&command.to_be_bytes());
    bytes[4..8].copy_from_slice(&number.to_be_bytes());
    bytes[20..24].copy_from_slice(&status.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submit(is_in: bool, len_bytes: u32) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        for (index, word) in [CMD_SUBMIT, 7, 0, u32::from(is_in), 1, 0, len_bytes]
            .iter()
            .enumerate()
        {
            bytes[index * 4..index * 4 + 4].copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    #[test]
    fn a_request_in_pieces_is_taken_when_whole() {
        let mut whole = submit(false, 3);
        whole.extend([1, 2, 3]);
        let mut bytes = Vec::new();
        for (index, byte) in whole.iter().enumerate() {
            assert_eq!(take_request(&mut bytes), Ok(None), "after {index} bytes");
            bytes.push(*byte);
        }
        let taken = take_request(&mut bytes).expect("valid").expect("whole");
        assert!(
            matches!(taken, Request::Submit { number: 7, endpoint: 1, is_in: false, len_bytes: 3, ref out, .. } if *out == [1, 2, 3])
        );
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_request_to_the_host_carries_no_data() {
        let mut bytes = submit(true, 16384);
        assert!(matches!(
            take_request(&mut bytes),
            Ok(Some(Request::Submit {
                len_bytes: 16384,
                is_in: true,
                ..
            }))
        ));
    }

    #[test]
    fn an_unknown_command_and_a_huge_write_are_refused() {
        assert_eq!(
            take_request(&mut vec![9; HEADER_BYTES]),
            Err(ProtocolError::Command(0x0909_0909))
        );
        assert_eq!(
            take_request(&mut submit(false, 1 << 20)),
            Err(ProtocolError::TooLong(1 << 20))
        );
    }

    #[test]
    fn a_reply_carries_number_status_and_length() {
        let reply = submit_reply(7, -32, 2, &[8, 9]);
        assert_eq!(reply.len(), HEADER_BYTES + 2);
        assert_eq!(reply[0..8], [0, 0, 0, 3, 0, 0, 0, 7]);
        assert_eq!(reply[20..28], [0xff, 0xff, 0xff, 0xe0, 0, 0, 0, 2]);
    }
}
