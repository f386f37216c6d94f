//! From a JPEG to RTP packets, as RFC 3550 and RFC 2435 lay them out. Pure: no socket, no clock.

use super::jpeg::RtpJpeg;
use bytes::BufMut;

/// The payload type of JPEG. Source: RFC 3551, table 5.
pub const PAYLOAD_TYPE: u8 = 26;
/// Ticks of the timestamp in a second.
pub const CLOCK_HZ: u64 = 90_000;
/// Bytes of the RTP header.
const RTP_BYTES: usize = 12;
/// Bytes of the JPEG header of every packet.
const JPEG_BYTES: usize = 8;
/// Bytes of the restart header, which every packet of a frame with restart markers has.
const RESTART_BYTES: usize = 4;
/// Bytes of the tables' header and of two tables, which the first packet of a frame has.
const TABLES_BYTES: usize = 4 + 128;
/// Least payload of a packet: headers, tables and something behind them.
pub const PACKET_BYTES_MIN: usize = 256;
/// Tables come with each frame, and are for that one only.
const Q_OWN_TABLES: u8 = 255;
/// Added to the type of a frame with restart markers.
const TYPE_WITH_RESTARTS: u8 = 64;
/// The frame is only to be decoded as a whole.
const RESTART_WHOLE_FRAME: u16 = 0xFFFF;
const VERSION: u8 = 2 << 6;
const MARKER: u8 = 0x80;

/// A stream of packets: what goes on from one to the next.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Who sends.
    pub ssrc: u32,
    /// Number of the next packet.
    pub sequence: u16,
    /// The timestamp of the moment 0.
    pub first_timestamp: u32,
    /// Packets so far.
    pub packets: u32,
    /// Payload bytes so far.
    pub octets: u32,
}

impl Stream {
    /// A stream that begins anywhere, as `random` says.
    #[must_use]
    pub fn new(random: u128) -> Self {
        Self {
            ssrc: random as u32,
            sequence: (random >> 32) as u16,
            first_timestamp: (random >> 64) as u32,
            packets: 0,
            octets: 0,
        }
    }

    /// The timestamp of a moment of the monotonic clock, in nanoseconds.
    #[must_use]
    pub fn timestamp(&self, moment_ns: u64) -> u32 {
        let ticks = u128::from(moment_ns) * u128::from(CLOCK_HZ) / 1_000_000_000;
        self.first_timestamp.wrapping_add(ticks as u32)
    }

    /// All packets of one frame, none with more than `bytes_max` bytes (at least
    /// [`PACKET_BYTES_MIN`]); the last has the marker.
    #[must_use]
    pub fn packets(
        &mut self,
        jpeg: &RtpJpeg<'_>,
        moment_ns: u64,
        bytes_max: usize,
    ) -> Vec<Vec<u8>> {
        let timestamp = self.timestamp(moment_ns);
        let bytes_max = bytes_max.max(PACKET_BYTES_MIN);
        let (mut packets, mut at) = (Vec::new(), 0);
        while at < jpeg.scan.len() {
            let mut packet = Vec::with_capacity(bytes_max);
            self.put_rtp_header(&mut packet, timestamp);
            put_jpeg_headers(&mut packet, jpeg, at);
            let room = bytes_max.saturating_sub(packet.len());
            let rest = jpeg.scan.get(at..).unwrap_or_default();
            let part = rest.get(..room).unwrap_or(rest);
            packet.put_slice(part);
            at += part.len();
            if at == jpeg.scan.len()
                && let Some(byte) = packet.get_mut(1)
            {
                *byte |= MARKER;
            }
            self.packets = self.packets.wrapping_add(1);
            self.octets = self.octets.wrapping_add((packet.len() - RTP_BYTES) as u32);
            packets.push(packet);
        }
        packets
    }

    fn put_rtp_header(&mut self, packet: &mut Vec<u8>, timestamp: u32) {
        packet.put_u8(VERSION);
        packet.put_u8(PAYLOAD_TYPE);
        packet.put_u16(self.sequence);
        packet.put_u32(timestamp);
        packet.put_u32(self.ssrc);
        self.sequence = self.sequence.wrapping_add(1);
    }
}

/// The JPEG header, and what belongs behind it in the packet whose data begins `at`.
fn put_jpeg_headers(packet: &mut Vec<u8>, jpeg: &RtpJpeg<'_>, at: usize) {
    let has_restarts = jpeg.restart_interval > 0;
    let kind = jpeg.sampling as u8 + if has_restarts { TYPE_WITH_RESTARTS } else { 0 };
    // Type-specific 0: the whole picture, no fields.
    packet.put_u32(at as u32);
    packet.put_u8(kind);
    packet.put_u8(Q_OWN_TABLES);
    packet.put_u8(jpeg.width_blocks);
    packet.put_u8(jpeg.height_blocks);
    if has_restarts {
        packet.put_u16(jpeg.restart_interval);
        packet.put_u16(RESTART_WHOLE_FRAME);
    }
    if at == 0 {
        // Reserved, and tables of 8 bits.
        packet.put_u16(0);
        packet.put_u16(128);
        for table in jpeg.tables {
            packet.put_slice(table);
        }
    }
}

const _: () = assert!(RTP_BYTES + JPEG_BYTES + RESTART_BYTES + TABLES_BYTES < PACKET_BYTES_MIN);

#[cfg(test)]
mod tests;
