//! Sender reports of RTCP, by which a player knows when a frame was captured by the wall clock. Pure.
//! Source: RFC 3550, sections 6.4.1 and 6.5.

use super::packets::Stream;
use bytes::BufMut;
use std::time::Duration;

/// How often one is sent. Source: RFC 3550, section 6.2, its least interval.
pub const EVERY: Duration = Duration::from_secs(5);
/// From the epoch of NTP, 1900, to that of Unix, 1970.
const NTP_TO_UNIX_S: u64 = 2_208_988_800;
const SENDER_REPORT: u8 = 200;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const VERSION: u8 = 2 << 6;
const CNAME: u8 = 1;
/// Longest name of an item.
const NAME_BYTES_MAX: usize = 255;

/// A report: the moment `now_ns` of the monotonic clock is `wall_us` by the wall clock. `name` is the
/// sender's for all of its streams.
#[must_use]
pub fn report(stream: &Stream, name: &str, now_ns: u64, wall_us: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    put_header(&mut bytes, 0, SENDER_REPORT, 6);
    bytes.put_u32(stream.ssrc);
    let (seconds, us) = (wall_us / 1_000_000, wall_us % 1_000_000);
    bytes.put_u32((seconds + NTP_TO_UNIX_S) as u32);
    bytes.put_u32(((us << 32) / 1_000_000) as u32);
    bytes.put_u32(stream.timestamp(now_ns));
    bytes.put_u32(stream.packets);
    bytes.put_u32(stream.octets);
    put_description(&mut bytes, stream.ssrc, name);
    bytes
}

/// The last packet: the stream ends.
#[must_use]
pub fn goodbye(stream: &Stream, name: &str, now_ns: u64, wall_us: u64) -> Vec<u8> {
    let mut bytes = report(stream, name, now_ns, wall_us);
    put_header(&mut bytes, 1, GOODBYE, 1);
    bytes.put_u32(stream.ssrc);
    bytes
}

fn put_header(bytes: &mut Vec<u8>, count: u8, kind: u8, words: u16) {
    bytes.put_u8(VERSION | count);
    bytes.put_u8(kind);
    bytes.put_u16(words);
}

fn put_description(bytes: &mut Vec<u8>, ssrc: u32, name: &str) {
    let name = name.get(..name.floor_char_boundary(NAME_BYTES_MAX));
    let name = name.unwrap_or_default();
    // Behind the item at least one zero, up to a whole word.
    let words = (2 + name.len() + 1).div_ceil(4);
    put_header(bytes, 1, SOURCE_DESCRIPTION, 1 + words as u16);
    bytes.put_u32(ssrc);
    bytes.put_u8(CNAME);
    bytes.put_u8(name.len() as u8);
    bytes.put_slice(name.as_bytes());
    bytes.put_bytes(0, words * 4 - 2 - name.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_says_which_time_it_is() {
        let stream = Stream {
            ssrc: 0x0102_0304,
            sequence: 9,
            first_timestamp: 1_000,
            packets: 7,
            octets: 8_000,
        };
        let bytes = goodbye(&stream, "cam0", 2_000_000_000, 1_700_000_000_500_000);
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(&bytes[..4], &[0x80, 200, 0, 6]);
        assert_eq!(word(4), 0x0102_0304);
        assert_eq!(u64::from(word(8)), 1_700_000_000 + NTP_TO_UNIX_S);
        assert_eq!(word(12), 1 << 31, "half a second");
        assert_eq!((word(16), word(20), word(24)), (1_000 + 180_000, 7, 8_000));
        assert_eq!(&bytes[28..36], &[0x81, 202, 0, 3, 1, 2, 3, 4]);
        assert_eq!(&bytes[36..44], b"\x01\x04cam0\0\0");
        assert_eq!(&bytes[44..], &[0x81, 203, 0, 1, 1, 2, 3, 4]);
    }
}
