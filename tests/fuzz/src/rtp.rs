//! A picture that is to go out as RTP: taken apart, put into packets, and put together again by a
//! receiver that knows RFC 2435 alone. What fits at one end is the same picture at the other.
//!
//! The first two bytes choose the size of the packets, the rest is the picture.

use crate::rtp_client::{Assembler, Packet};
use crate::{jpegs, memory};
use net_gateway::rtp::jpeg::take_apart;
use net_gateway::rtp::packets::{PACKET_BYTES_MIN, Stream};
use turbojpeg::{Image, PixelFormat};

/// Pictures beyond that are taken apart and put together, not looked at.
const PIXELS_MAX: usize = 1280 * 1280;
/// What the packets, the frame, and two decoded pictures may cost.
const BYTES_MAX: usize = 16 << 20;

/// Tries one input.
///
/// # Panics
///
/// When something is untrue that must be true.
pub fn run(bytes: &[u8]) {
    if let Some(([high, low], jpeg)) = bytes.split_first_chunk() {
        let mtu = usize::from(u16::from_be_bytes([*high, *low]));
        memory::bounded(BYTES_MAX, || send(mtu, jpeg));
    }
}

fn send(mtu: usize, jpeg: &[u8]) {
    let Ok(taken) = take_apart(jpeg) else {
        return;
    };
    assert!(taken.scan.len() < jpeg.len() && !taken.scan.is_empty());
    let mut stream = Stream::new(jpeg.len() as u128);
    let packets = stream.packets(&taken, 1_000_000_007, mtu);
    let (mut assembler, mut whole) = (Assembler::default(), None);
    for (number, packet) in packets.iter().enumerate() {
        assert!(packet.len() <= mtu.max(PACKET_BYTES_MIN));
        let packet = Packet::parse(packet).expect("RTP/JPEG");
        assert_eq!(packet.is_last, number + 1 == packets.len());
        assert!(whole.is_none(), "more behind the last");
        whole = assembler.take(packet);
    }
    let whole = whole.expect("a whole picture");
    assert_eq!((whole.scan.as_slice(), assembler.lost), (taken.scan, 0));
    let again = take_apart(&whole.jpeg).expect("what fitted fits");
    assert_eq!(again, taken);
    compare(&without_rest(jpeg, taken.scan), &whole.jpeg);
}

/// A picture without what follows its coded data but the end marker. By how many bytes follow,
/// libjpeg-turbo takes one way through damaged data or another, of which only one says so.
fn without_rest(jpeg: &[u8], scan: &[u8]) -> Vec<u8> {
    let end = scan.as_ptr_range().end.addr() - jpeg.as_ptr().addr();
    [&jpeg[..end], &[0xFF, 0xD9]].concat()
}

/// What is sound at one end is the same picture at the other, whose sides are whole blocks.
fn compare(sent: &[u8], received: &[u8]) {
    let Some(sent) = decode(sent) else { return };
    let received = decode(received).expect("as sound as what was sent");
    assert!(sent.width <= received.width && sent.height <= received.height);
    assert!(received.width < sent.width + 8 && received.height < sent.height + 8);
    for row in 0..sent.height {
        let part =
            |image: &Image<Vec<u8>>| image.pixels[row * image.pitch..][..sent.width].to_vec();
        assert_eq!(part(&sent), part(&received), "row {row}");
    }
}

/// The brightness, if the picture is sound and not too large.
fn decode(jpeg: &[u8]) -> Option<Image<Vec<u8>>> {
    let header = turbojpeg::read_header(jpeg).ok()?;
    if header.width * header.height > PIXELS_MAX {
        return None;
    }
    turbojpeg::decompress(jpeg, PixelFormat::GRAY).ok()
}

/// Inputs to begin with.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let kinds = [jpegs::good(), jpegs::bad(), jpegs::deceptive()].concat();
    let with_mtu = |mtu: u16, jpeg: &[u8]| [&mtu.to_be_bytes()[..], jpeg].concat();
    let mut seeds: Vec<_> = kinds.iter().map(|(_, jpeg)| with_mtu(400, jpeg)).collect();
    let half = jpegs::encode(jpegs::Coding {
        subsamp: turbojpeg::Subsamp::Sub2x1,
        ..jpegs::BASELINE
    });
    seeds.extend([0, 1_372, 9_000].map(|mtu| with_mtu(mtu, &half)));
    // Colours that are said to be red, green and blue.
    let adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0";
    seeds.push(with_mtu(400, &[&half[..2], adobe, &half[2..]].concat()));
    seeds
}
