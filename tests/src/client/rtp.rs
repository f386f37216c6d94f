//! RTP/JPEG, from RFC 3550 and RFC 2435: packets to pictures, and what a sender reports.

use crate::wait::DEADLINE;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Instant;

/// Source: RFC 3551, table 5.
const PAYLOAD_TYPE: u8 = 26;
const SENDER_REPORT: u8 = 200;
/// From the epoch of NTP to that of Unix.
const NTP_TO_UNIX_S: u64 = 2_208_988_800;

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Whether it is the last of its picture.
    pub is_last: bool,
    /// Its number.
    pub sequence: u16,
    /// 90 kHz.
    pub timestamp: u32,
    /// Who sends.
    pub ssrc: u32,
    /// Place of `data` in the picture.
    pub offset: usize,
    /// 0: 4:2:2, 1: 4:2:0; 64 more with restart markers.
    pub kind: u8,
    /// Width and height in blocks of 8 pixels.
    pub blocks: [u8; 2],
    /// Units between two restart markers.
    pub restart_interval: u16,
    /// Two tables of 64 bytes, in the first packet of a picture.
    pub tables: Option<[u8; 128]>,
    /// Coded data.
    pub data: Vec<u8>,
}

/// One whole picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpFrame {
    /// 90 kHz.
    pub timestamp: u32,
    /// Who sends.
    pub ssrc: u32,
    /// How many packets it came in.
    pub packets: usize,
    /// The coded data.
    pub scan: Vec<u8>,
    /// A whole JPEG made of it.
    pub jpeg: Vec<u8>,
}

impl Packet {
    /// Reads a packet; `None` if it is none of this format.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<12>()?;
        // Version 2, no padding, no extension, no other senders.
        if head[0] != 0x80 || head[1] & 0x7F != PAYLOAD_TYPE {
            return None;
        }
        let (jpeg, mut rest) = rest.split_first_chunk::<8>()?;
        let [special, o2, o1, o0, kind, q, width, height] = *jpeg;
        if special != 0 || q < 128 {
            return None;
        }
        let offset = u32::from_be_bytes([0, o2, o1, o0]) as usize;
        let mut restart_interval = 0;
        if kind & 64 != 0 {
            let (restart, behind) = rest.split_first_chunk::<4>()?;
            restart_interval = u16::from_be_bytes([restart[0], restart[1]]);
            rest = behind;
        }
        let mut tables = None;
        if offset == 0 {
            let (header, behind) = rest.split_first_chunk::<4>()?;
            if *header != [0, 0, 0, 128] {
                return None;
            }
            let (found, behind) = behind.split_first_chunk::<128>()?;
            tables = Some(*found);
            rest = behind;
        }
        Some(Self {
            is_last: head[1] & 0x80 != 0,
            sequence: u16::from_be_bytes([head[2], head[3]]),
            timestamp: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            ssrc: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
            offset,
            kind,
            blocks: [width, height],
            restart_interval,
            tables,
            data: rest.to_vec(),
        })
    }
}

/// Puts pictures together; one of which a packet is missing is left out.
#[derive(Debug, Default)]
pub struct Assembler {
    packets: Vec<Packet>,
    /// Pictures that began and did not become whole.
    pub lost: u32,
}

impl Assembler {
    /// Takes a packet; gives the picture that it makes whole.
    pub fn take(&mut self, packet: Packet) -> Option<RtpFrame> {
        let follows = self.packets.last().is_none_or(|last| {
            last.timestamp == packet.timestamp
                && last.sequence.wrapping_add(1) == packet.sequence
                && last.offset + last.data.len() == packet.offset
        });
        if !follows {
            self.packets.clear();
            self.lost += 1;
        }
        if self.packets.is_empty() && packet.offset != 0 {
            return None;
        }
        let is_last = packet.is_last;
        self.packets.push(packet);
        is_last.then(|| make_frame(&std::mem::take(&mut self.packets)))
    }
}

fn make_frame(packets: &[Packet]) -> RtpFrame {
    let first = &packets[0];
    let tables = first.tables.as_ref().expect("the first has the tables");
    let scan: Vec<u8> = packets.iter().flat_map(|p| p.data.clone()).collect();
    let mut jpeg = vec![0xFF, 0xD8];
    let mut put = |code: u8, content: &[u8]| {
        jpeg.extend([0xFF, code]);
        jpeg.extend((content.len() as u16 + 2).to_be_bytes());
        jpeg.extend(content);
    };
    for (number, table) in tables.chunks(64).enumerate() {
        put(0xDB, &[&[number as u8], table].concat());
    }
    if first.restart_interval > 0 {
        put(0xDD, &first.restart_interval.to_be_bytes());
    }
    let [width, height] = first.blocks.map(|blocks| u16::from(blocks) * 8);
    let sampling = if first.kind & 63 == 0 { 0x21 } else { 0x22 };
    let mut header = vec![8];
    header.extend(height.to_be_bytes());
    header.extend(width.to_be_bytes());
    header.extend([3, 0, sampling, 0, 1, 0x11, 1, 2, 0x11, 1]);
    put(0xC0, &header);
    // The Huffman tables are the standard's, which decoders know.
    put(0xDA, &[3, 0, 0x00, 1, 0x11, 2, 0x11, 0, 63, 0]);
    jpeg.extend(&scan);
    jpeg.extend([0xFF, 0xD9]);
    RtpFrame {
        timestamp: first.timestamp,
        ssrc: first.ssrc,
        packets: packets.len(),
        scan,
        jpeg,
    }
}

/// A sender report: which time a timestamp is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    /// Who sends.
    pub ssrc: u32,
    /// µs since 1970.
    pub wall_us: u64,
    /// The same moment, 90 kHz.
    pub timestamp: u32,
    /// Packets so far.
    pub packets: u32,
}

impl SenderReport {
    /// Reads a report; `None` if it is none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| {
            let four = bytes.get(at..at + 4)?;
            Some(u32::from_be_bytes(four.try_into().ok()?))
        };
        if bytes.first() != Some(&0x80) || bytes.get(1) != Some(&SENDER_REPORT) {
            return None;
        }
        let fraction_us = (u64::from(word(12)?) * 1_000_000) >> 32;
        Some(Self {
            ssrc: word(4)?,
            wall_us: (u64::from(word(8)?) - NTP_TO_UNIX_S) * 1_000_000 + fraction_us,
            timestamp: word(16)?,
            packets: word(20)?,
        })
    }
}

/// Two ports next to each other, for RTP and RTCP.
#[derive(Debug)]
pub struct RtpReceiver {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    assembler: Assembler,
}

impl RtpReceiver {
    /// Free ports on loopback.
    ///
    /// # Panics
    ///
    /// If there are none.
    #[must_use]
    pub fn bind() -> Self {
        let bind = |port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port));
        for _ in 0..100 {
            let rtp = bind(0).expect("a free port");
            let port = rtp.local_addr().expect("it has one").port();
            if let Some(Ok(rtcp)) = port.checked_add(1).map(bind) {
                rtp.set_read_timeout(Some(DEADLINE)).expect("a socket");
                rtcp.set_read_timeout(Some(DEADLINE)).expect("a socket");
                let assembler = Assembler::default();
                return Self {
                    rtp,
                    rtcp,
                    assembler,
                };
            }
        }
        panic!("no two free ports");
    }

    /// Where it listens.
    ///
    /// # Panics
    ///
    /// Never for a socket that is bound.
    #[must_use]
    pub fn address(&self) -> String {
        self.rtp.local_addr().expect("it is bound").to_string()
    }

    /// The next packet as it comes.
    ///
    /// # Panics
    ///
    /// If none comes.
    #[must_use]
    pub fn datagram(&self) -> Vec<u8> {
        let mut bytes = vec![0; 65_536];
        let len = self.rtp.recv(&mut bytes).expect("packets come");
        bytes.truncate(len);
        bytes
    }

    /// The next whole picture.
    ///
    /// # Panics
    ///
    /// If none comes, or something else does.
    #[must_use]
    pub fn frame(&mut self) -> RtpFrame {
        let began = Instant::now();
        while began.elapsed() < DEADLINE {
            let packet = Packet::parse(&self.datagram()).expect("RTP/JPEG");
            if let Some(frame) = self.assembler.take(packet) {
                return frame;
            }
        }
        panic!(
            "no whole picture, and {} that were not whole",
            self.assembler.lost
        );
    }

    /// Pictures that began and did not become whole.
    #[must_use]
    pub fn lost(&self) -> u32 {
        self.assembler.lost
    }

    /// The next report.
    ///
    /// # Panics
    ///
    /// If none comes.
    #[must_use]
    pub fn report(&self) -> SenderReport {
        let mut bytes = [0; 2_048];
        let len = self.rtcp.recv(&mut bytes).expect("reports come");
        SenderReport::parse(&bytes[..len]).expect("a sender report")
    }
}
