//! Packets byte by byte, and every frame whole at the other end.

use super::*;
use crate::rtp::jpeg::Sampling;
use proptest::prelude::*;

const BRIGHT: [u8; 64] = [7; 64];
const COLOUR: [u8; 64] = [9; 64];

fn jpeg(scan: &[u8], restart_interval: u16) -> RtpJpeg<'_> {
    RtpJpeg {
        width_blocks: 80,
        height_blocks: 60,
        sampling: Sampling::Quarter,
        restart_interval,
        tables: [&BRIGHT, &COLOUR],
        scan,
    }
}

fn stream() -> Stream {
    Stream {
        ssrc: 0x0A0B_0C0D,
        sequence: 0xFFFF,
        first_timestamp: 0xFFFF_FFFF,
        packets: 0,
        octets: 0,
    }
}

#[test]
fn packets_have_the_documented_bytes() {
    let scan: Vec<u8> = (0..300_u16).map(|byte| byte as u8).collect();
    let mut stream = stream();
    // 2 s: 180,000 ticks, around the end of the number.
    let packets = stream.packets(&jpeg(&scan, 0), 2_000_000_000, 256);
    let [first, second] = packets.as_slice() else {
        panic!("{} packets", packets.len());
    };
    let timestamp = 179_999_u32.to_be_bytes();
    assert_eq!(first[..4], [0x80, 26, 0xFF, 0xFF]);
    assert_eq!(first[4..8], timestamp);
    assert_eq!(first[8..12], [0x0A, 0x0B, 0x0C, 0x0D]);
    assert_eq!(first[12..20], [0, 0, 0, 0, 1, 255, 80, 60]);
    assert_eq!(first[20..24], [0, 0, 0, 128]);
    assert_eq!(
        (&first[24..88], &first[88..152]),
        (&BRIGHT[..], &COLOUR[..])
    );
    assert_eq!(first[152..], scan[..104]);
    assert_eq!(second[..4], [0x80, 26 | 0x80, 0, 0]);
    assert_eq!(second[4..8], timestamp);
    assert_eq!(second[12..20], [0, 0, 0, 104, 1, 255, 80, 60]);
    assert_eq!(second[20..], scan[104..]);
    let octets = (first.len() + second.len() - 24) as u32;
    assert_eq!(
        (stream.packets, stream.octets, stream.sequence),
        (2, octets, 1)
    );
}

#[test]
fn restart_markers_are_announced_in_every_packet() {
    let packets = stream().packets(&jpeg(&[5; 500], 40), 0, 256);
    assert!(packets.len() > 1);
    for packet in packets {
        assert_eq!(packet[16], 65);
        assert_eq!(packet[20..24], [0, 40, 0xFF, 0xFF]);
    }
}

proptest! {
    #[test]
    fn every_frame_is_whole_and_no_packet_too_large(
        len in 1_usize..50_000,
        bytes_max in 0_usize..9_000,
        restart_interval in 0_u16..3,
    ) {
        let scan: Vec<u8> = (0..len).map(|at| (at * 31 % 256) as u8).collect();
        let packets = stream().packets(&jpeg(&scan, restart_interval), 5, bytes_max);
        let mut whole: Vec<u8> = Vec::new();
        for (number, packet) in packets.iter().enumerate() {
            prop_assert!(packet.len() <= bytes_max.max(PACKET_BYTES_MIN));
            let is_last = number + 1 == packets.len();
            prop_assert_eq!(packet[1] & MARKER != 0, is_last);
            let sequence = u16::from_be_bytes([packet[2], packet[3]]);
            prop_assert_eq!(sequence, 0xFFFF_u16.wrapping_add(number as u16));
            let at = u32::from_be_bytes([0, packet[13], packet[14], packet[15]]) as usize;
            prop_assert_eq!(at, whole.len());
            let restarts = if restart_interval > 0 { 4 } else { 0 };
            let tables = if number == 0 { 132 } else { 0 };
            whole.extend(&packet[20 + restarts + tables..]);
        }
        prop_assert_eq!(whole, scan);
    }
}
