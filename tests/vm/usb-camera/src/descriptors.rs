//! What the camera tells the host about itself: USB and UVC descriptors, and the modes it offers.
//!
//! Neighbours: `control.rs` hands these out on request; `device.rs` and `picture.rs` use the modes.
//! This module does no I/O.
//!
//! Source: USB 2.0 §9.6 and "USB Device Class Definition for Video Devices" 1.1, §3 with the
//! payload annexes for MJPEG and uncompressed video. The streaming endpoint is bulk, because
//! `vhci_hcd` carries bulk transfers reliably; limits of USB bandwidth are therefore not modelled.

/// Picture sizes that both formats offer, `(width_px, height_px)`; UVC counts them from 1.
pub const SIZES_PX: [(u16, u16); 2] = [(320, 240), (640, 480)];
/// Frame intervals that every size offers, in units of 100 ns: 30, 15, 10 and 5 frames/s.
pub const INTERVALS_100NS: [u32; 4] = [333_333, 666_666, 1_000_000, 2_000_000];
/// The device clock in Hz, as UVC wants it in descriptor and probe; nothing here depends on it.
pub const CLOCK_HZ: u32 = 48_000_000;
/// UVC's number of the MJPEG format.
pub const FORMAT_MJPEG: u8 = 1;
/// UVC's number of the YUYV format (which UVC calls YUY2).
pub const FORMAT_YUYV: u8 = 2;
/// UVC's number of the processing unit, which holds the brightness control.
pub const PROCESSING_UNIT: u8 = 2;

const CS_INTERFACE: u8 = 0x24;
const VIDEO_CLASS: u8 = 0x0e;
const STREAM_ENDPOINT: u8 = 0x81;
/// The format's identifier: the four letters YUY2 in the usual GUID frame.
const YUY2_GUID: &[u8; 16] = b"YUY2\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71";

/// Bytes of the largest frame of size `index` (from 0), in either format.
#[must_use]
pub fn frame_bytes_max(index: usize) -> u32 {
    let (width_px, height_px) = SIZES_PX[index.min(SIZES_PX.len() - 1)];
    u32::from(width_px) * u32::from(height_px) * 2
}

/// The device descriptor: USB 2.0, one configuration, the test identifier 1209:0001 of pid.codes.
#[must_use]
pub fn device() -> Vec<u8> {
    vec![
        18, 1, 0, 2, 0xef, 2, 1, 64, 0x09, 0x12, 0x01, 0x00, 0, 1, 1, 2, 3, 1,
    ]
}

/// A string descriptor; text beyond what one descriptor holds (126 UTF-16 units) is cut.
#[must_use]
pub fn string(text: &str) -> Vec<u8> {
    let mut bytes = vec![0, 3];
    for unit in text.encode_utf16().take(126) {
        bytes.extend(unit.to_le_bytes());
    }
    bytes[0] = bytes.len() as u8;
    bytes
}

/// The string descriptor that lists the languages: English (US) only.
#[must_use]
pub fn languages() -> Vec<u8> {
    vec![4, 3, 9, 4]
}

/// The whole configuration: video control interface, video streaming interface, one bulk endpoint.
#[must_use]
pub fn configuration() -> Vec<u8> {
    let mut body = vec![8, 11, 0, 2, VIDEO_CLASS, 3, 0, 2];
    body.extend([9, 4, 0, 0, 0, VIDEO_CLASS, 1, 0, 2]);
    body.extend(video_control());
    body.extend([9, 4, 1, 0, 1, VIDEO_CLASS, 2, 0, 0]);
    body.extend(video_streaming());
    body.extend([7, 5, STREAM_ENDPOINT, 2, 0x00, 0x02, 0]);

    let mut bytes = vec![9, 2];
    bytes.extend((9 + body.len() as u16).to_le_bytes());
    bytes.extend([2, 1, 0, 0x80, 250]);
    bytes.extend(body);
    bytes
}

fn video_control() -> Vec<u8> {
    let camera_terminal = [
        18,
        CS_INTERFACE,
        2,
        1,
        1,
        2,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        3,
        0,
        0,
        0,
    ];
    let processing_unit = [12, CS_INTERFACE, 5, PROCESSING_UNIT, 1, 0, 0, 2, 1, 0, 0, 0];
    let output_terminal = [9, CS_INTERFACE, 3, 3, 1, 1, 0, PROCESSING_UNIT, 0];
    let total = 13 + camera_terminal.len() + processing_unit.len() + output_terminal.len();

    let mut bytes = vec![13, CS_INTERFACE, 1, 0x10, 1];
    bytes.extend((total as u16).to_le_bytes());
    bytes.extend(CLOCK_HZ.to_le_bytes());
    bytes.extend([1, 1]);
    bytes.extend(camera_terminal);
    bytes.extend(processing_unit);
    bytes.extend(output_terminal);
    bytes
}

fn video_streaming() -> Vec<u8> {
    let size_count = SIZES_PX.len() as u8;
    let colour_matching = [6, CS_INTERFACE, 0x0d, 1, 1, 4];
    let mut formats = Vec::new();
    formats.extend([
        11,
        CS_INTERFACE,
        6,
        FORMAT_MJPEG,
        size_count,
        1,
        1,
        0,
        0,
        0,
        0,
    ]);
    for index in 0..SIZES_PX.len() {
        formats.extend(frame(7, index));
    }
    formats.extend(colour_matching);
    formats.extend([27, CS_INTERFACE, 4, FORMAT_YUYV, size_count]);
    formats.extend(YUY2_GUID);
    formats.extend([16, 1, 0, 0, 0, 0]);
    for index in 0..SIZES_PX.len() {
        formats.extend(frame(5, index));
    }
    formats.extend(colour_matching);

    let mut bytes = vec![15, CS_INTERFACE, 1, 2];
    bytes.extend((15 + formats.len() as u16).to_le_bytes());
    bytes.extend([STREAM_ENDPOINT, 0, 3, 0, 0, 0, 1, 0, 0]);
    bytes.extend(formats);
    bytes
}

/// One frame descriptor; `subtype` is 7 for MJPEG, 5 for uncompressed.
fn frame(subtype: u8, index: usize) -> Vec<u8> {
    let (width_px, height_px) = SIZES_PX[index];
    let max_bytes = frame_bytes_max(index);
    let interval_count = INTERVALS_100NS.len() as u8;
    let mut bytes = vec![
        26 + 4 * interval_count,
        CS_INTERFACE,
        subtype,
        index as u8 + 1,
        0,
    ];
    bytes.extend(width_px.to_le_bytes());
    bytes.extend(height_px.to_le_bytes());
    bytes.extend((max_bytes * 8 * 5).to_le_bytes());
    bytes.extend((max_bytes * 8 * 30).to_le_bytes());
    bytes.extend(max_bytes.to_le_bytes());
    bytes.extend(INTERVALS_100NS[0].to_le_bytes());
    bytes.push(interval_count);
    for interval in INTERVALS_100NS {
        bytes.extend(interval.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks a descriptor chain; every length must land exactly on the next descriptor.
    fn walk(mut bytes: &[u8]) -> usize {
        let mut count = 0;
        while let Some(len) = bytes.first() {
            bytes = &bytes[usize::from(*len)..];
            count += 1;
        }
        count
    }

    #[test]
    fn the_configuration_is_a_whole_chain_of_its_stated_length() {
        let bytes = configuration();
        assert_eq!(
            u16::from_le_bytes([bytes[2], bytes[3]]) as usize,
            bytes.len()
        );
        // Configuration, association, 2 interfaces, 4 control, 1 header, 2 × (format, sizes,
        // colours), endpoint.
        assert_eq!(
            walk(&bytes),
            1 + 1 + 2 + 4 + 1 + 2 * (1 + SIZES_PX.len() + 1) + 1
        );
    }

    #[test]
    fn a_long_name_is_cut_to_one_descriptor() {
        let bytes = string(&"ö".repeat(400));
        assert_eq!(usize::from(bytes[0]), bytes.len());
        assert_eq!(bytes.len(), 254);
    }
}
