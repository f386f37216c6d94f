//! Control transfers of endpoint 0: enumeration, stream negotiation, brightness. A state machine
//! without I/O: setup bytes in, reply or stall out.
//!
//! Neighbours: `device.rs` feeds it; `descriptors.rs` says what is on offer.
//!
//! Source: USB 2.0 §9.4 (standard requests); UVC 1.1 §4.2.2.3 (processing unit) and §4.3.1.1
//! (probe and commit, 34 bytes little-endian).

use crate::descriptors::{
    self, CLOCK_HZ, FORMAT_MJPEG, FORMAT_YUYV, INTERVALS_100NS, PROCESSING_UNIT, SIZES_PX,
};

/// Bytes in one bulk payload, header included; the host cuts its transfers to this size.
pub const PAYLOAD_BYTES_MAX: u32 = 16384;

const PROBE_BYTES: usize = 34;
const GET_DESCRIPTOR: u8 = 6;
const SET_CUR: u8 = 1;
const GET_CUR: u8 = 0x81;
const GET_MIN: u8 = 0x82;
const GET_MAX: u8 = 0x83;
const GET_RES: u8 = 0x84;
const GET_LEN: u8 = 0x85;
const GET_INFO: u8 = 0x86;
const GET_DEF: u8 = 0x87;
const BRIGHTNESS_SELECTOR: u8 = 2;
const BRIGHTNESS_DEFAULT: u16 = 128;

/// The device refuses the request; the host sees `EPIPE`.
#[derive(Debug, PartialEq, Eq)]
pub struct Stall;

/// The mode that the host committed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// [`FORMAT_MJPEG`] or [`FORMAT_YUYV`].
    pub format: u8,
    /// Index into [`SIZES_PX`], from 0.
    pub size: usize,
    /// Time between frames, in units of 100 ns.
    pub interval_100ns: u32,
}

/// The state behind endpoint 0.
#[derive(Debug)]
pub struct Control {
    product: String,
    serial: String,
    probe: [u8; PROBE_BYTES],
    commit: [u8; PROBE_BYTES],
    brightness: u16,
}

impl Control {
    /// A camera with this product name and serial number, fresh from its power-on reset.
    #[must_use]
    pub fn new(product: &str, serial: &str) -> Self {
        let start = settled([0; PROBE_BYTES]);
        Self {
            product: product.to_owned(),
            serial: serial.to_owned(),
            probe: start,
            commit: start,
            brightness: BRIGHTNESS_DEFAULT,
        }
    }

    /// The mode of the last commit.
    #[must_use]
    pub fn mode(&self) -> Mode {
        Mode {
            format: self.commit[2],
            size: usize::from(self.commit[3]) - 1,
            interval_100ns: interval(&self.commit),
        }
    }

    /// Answers one control transfer; the bytes are what goes to the host.
    ///
    /// # Errors
    ///
    /// [`Stall`] for a request that this camera does not have.
    pub fn answer(&mut self, setup: &[u8; 8], out: &[u8]) -> Result<Vec<u8>, Stall> {
        let [kind, request, value_low, value_high, interface, entity, ..] = *setup;
        match (kind, request) {
            (0x80, GET_DESCRIPTOR) => self.descriptor(value_high, value_low),
            // Status of device, interface, endpoint; the configuration and alternate setting.
            (0x80..=0x82, 0) => Ok(vec![0, 0]),
            (0x80, 8) => Ok(vec![1]),
            (0x81, 10) => Ok(vec![0]),
            // Set or clear a feature, set address, configuration, interface: nothing to do.
            (0x00, 1 | 3 | 5 | 9) | (0x01, 11) | (0x02, 1) => Ok(Vec::new()),
            (0x21, SET_CUR) if interface == 1 => self.negotiate(value_high, out),
            (0xa1, _) if interface == 1 => self.negotiated(request, value_high),
            (0x21, SET_CUR) if is_brightness(interface, entity, value_high) => {
                let bytes = out.first_chunk().ok_or(Stall)?;
                self.brightness = u16::from_le_bytes(*bytes);
                Ok(Vec::new())
            }
            (0xa1, _) if is_brightness(interface, entity, value_high) => self.brightness(request),
            // The error code of the last request, which the host asks for after a stall: none.
            (0xa1, GET_CUR) if interface == 0 && entity == 0 && value_high == 2 => Ok(vec![0]),
            _ => Err(Stall),
        }
    }

    fn descriptor(&self, kind: u8, index: u8) -> Result<Vec<u8>, Stall> {
        match (kind, index) {
            (1, _) => Ok(descriptors::device()),
            (2, _) => Ok(descriptors::configuration()),
            (3, 0) => Ok(descriptors::languages()),
            (3, 1) => Ok(descriptors::string("Wigwag")),
            (3, 2) => Ok(descriptors::string(&self.product)),
            (3, 3) => Ok(descriptors::string(&self.serial)),
            _ => Err(Stall),
        }
    }

    fn negotiate(&mut self, selector: u8, out: &[u8]) -> Result<Vec<u8>, Stall> {
        let target = match selector {
            1 => &mut self.probe,
            2 => &mut self.commit,
            _ => return Err(Stall),
        };
        let len = out.len().min(PROBE_BYTES);
        target[..len].copy_from_slice(&out[..len]);
        *target = settled(*target);
        Ok(Vec::new())
    }

    fn negotiated(&self, request: u8, selector: u8) -> Result<Vec<u8>, Stall> {
        let block = match selector {
            1 => &self.probe,
            2 => &self.commit,
            _ => return Err(Stall),
        };
        match request {
            GET_CUR | GET_MIN | GET_MAX | GET_DEF => Ok(block.to_vec()),
            GET_LEN => Ok(vec![PROBE_BYTES as u8, 0]),
            GET_INFO => Ok(vec![3]),
            _ => Err(Stall),
        }
    }

    fn brightness(&self, request: u8) -> Result<Vec<u8>, Stall> {
        let value: u16 = match request {
            GET_CUR => self.brightness,
            GET_MIN => 0,
            GET_MAX => 255,
            GET_RES => 1,
            GET_LEN => 2,
            GET_INFO => return Ok(vec![3]),
            GET_DEF => BRIGHTNESS_DEFAULT,
            _ => return Err(Stall),
        };
        Ok(value.to_le_bytes().to_vec())
    }
}

fn is_brightness(interface: u8, entity: u8, selector: u8) -> bool {
    interface == 0 && entity == PROCESSING_UNIT && selector == BRIGHTNESS_SELECTOR
}

fn interval(block: &[u8; PROBE_BYTES]) -> u32 {
    u32::from_le_bytes([block[4], block[5], block[6], block[7]])
}

/// A probe block moved to the nearest mode that the camera has, with the device's own fields set.
fn settled(mut block: [u8; PROBE_BYTES]) -> [u8; PROBE_BYTES] {
    block[2] = block[2].clamp(FORMAT_MJPEG, FORMAT_YUYV);
    block[3] = block[3].clamp(1, SIZES_PX.len() as u8);
    let asked = interval(&block);
    let nearest = INTERVALS_100NS
        .into_iter()
        .min_by_key(|offered| offered.abs_diff(asked));
    block[4..8].copy_from_slice(&nearest.unwrap_or(INTERVALS_100NS[0]).to_le_bytes());
    let max_bytes = descriptors::frame_bytes_max(usize::from(block[3]) - 1);
    block[18..22].copy_from_slice(&max_bytes.to_le_bytes());
    block[22..26].copy_from_slice(&PAYLOAD_BYTES_MAX.to_le_bytes());
    block[26..30].copy_from_slice(&CLOCK_HZ.to_le_bytes());
    block[30..34].copy_from_slice(&[0, 1, 1, 1]);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commit_sets_the_nearest_mode() {
        let mut control = Control::new("Camera", "A1");
        let mut block = [0; PROBE_BYTES];
        block[2] = FORMAT_YUYV;
        block[3] = 9;
        block[4..8].copy_from_slice(&950_000u32.to_le_bytes());
        assert_eq!(
            control.answer(&[0x21, SET_CUR, 0, 2, 1, 0, 34, 0], &block),
            Ok(Vec::new())
        );
        let expected = Mode {
            format: FORMAT_YUYV,
            size: 1,
            interval_100ns: 1_000_000,
        };
        assert_eq!(control.mode(), expected);
    }

    #[test]
    fn probe_leaves_the_committed_mode_alone() {
        let mut control = Control::new("Camera", "A1");
        let before = control.mode();
        let _ = control.answer(&[0x21, SET_CUR, 0, 1, 1, 0, 34, 0], &[2; PROBE_BYTES]);
        assert_eq!(control.mode(), before);
    }

    #[test]
    fn brightness_is_kept() {
        let mut control = Control::new("Camera", "A1");
        let unit = PROCESSING_UNIT;
        assert_eq!(
            control.answer(&[0x21, SET_CUR, 0, 2, 0, unit, 2, 0], &[77, 0]),
            Ok(Vec::new())
        );
        assert_eq!(
            control.answer(&[0xa1, GET_CUR, 0, 2, 0, unit, 2, 0], &[]),
            Ok(vec![77, 0])
        );
    }

    #[test]
    fn an_unknown_request_stalls() {
        let mut control = Control::new("Camera", "A1");
        assert_eq!(
            control.answer(&[0xa1, GET_CUR, 0, 9, 0, 7, 2, 0], &[]),
            Err(Stall)
        );
        assert_eq!(
            control.answer(&[0x80, GET_DESCRIPTOR, 0, 15, 0, 0, 5, 0], &[]),
            Err(Stall)
        );
    }
}
