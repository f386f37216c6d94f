//! Tests of the test picture: its number must be readable in every format.

use super::strip::read_strips;
use super::*;
use crate::source::EveryFrame;
use shm_layout::Sequence;

const FORMATS: [PixelFormat; 4] = PixelFormat::ALL;

fn request(format: PixelFormat, width_px: u32, height_px: u32) -> PatternRequest {
    PatternRequest {
        width_px,
        height_px,
        fps: 1000.0,
        format,
    }
}

/// One frame of a fresh source.
fn frame(request: PatternRequest, sequence: u64) -> (FilledFrame, Vec<u8>) {
    let mut source = PatternSource::new(request);
    source.open().unwrap();
    let mut payload = vec![0; usize::try_from(request.frame_bytes_max()).unwrap()];
    let target = FrameTarget {
        payload: &mut payload,
        sequence: Sequence(sequence),
        deadline: MonotonicNs(u64::MAX),
        gate: &mut EveryFrame,
    };
    let FrameOutcome::Frame(filled) = source.next_frame(target) else {
        panic!("no frame");
    };
    payload.truncate(filled.len_bytes);
    (filled, payload)
}

/// Brightness of a frame, row by row.
fn luma(meta: &FrameMeta, bytes: &[u8]) -> Vec<u8> {
    let pixels = (meta.width_px * meta.height_px) as usize;
    match meta.format {
        PixelFormat::Mjpeg => {
            turbojpeg::decompress(bytes, turbojpeg::PixelFormat::GRAY)
                .unwrap()
                .pixels
        }
        PixelFormat::Yuyv => bytes.iter().step_by(2).copied().collect(),
        PixelFormat::Nv12 => bytes[..pixels].to_vec(),
        PixelFormat::Rgb24 => bytes.chunks_exact(3).map(|rgb| rgb[1]).collect(),
    }
}

#[test]
fn the_number_is_readable_in_every_format_and_size() {
    for format in FORMATS {
        for (width_px, height_px) in [(64, 64), (160, 120), (640, 480), (1366, 768)] {
            for sequence in [1, 0x0123_4567_89AB_CDEF, u64::MAX] {
                let (filled, bytes) = frame(request(format, width_px, height_px), sequence);
                assert!(filled.meta.fits(bytes.len()), "{:?}", filled.meta);
                let luma = luma(&filled.meta, &bytes);
                let read = read_strips(&luma, width_px as usize, height_px as usize);
                assert_eq!(read, Some(sequence), "{format:?} {width_px}x{height_px}");
            }
        }
    }
}

#[test]
fn a_frame_that_does_not_fit_is_a_bad_frame() {
    for format in FORMATS {
        let mut source = PatternSource::new(request(format, 64, 64));
        source.open().unwrap();
        let target = FrameTarget {
            payload: &mut [0; 100],
            sequence: Sequence(1),
            deadline: MonotonicNs(u64::MAX),
            gate: &mut EveryFrame,
        };
        let outcome = source.next_frame(target);
        assert!(
            matches!(
                outcome,
                FrameOutcome::Bad(BadFrame::Oversize { capacity: 100, .. })
            ),
            "{outcome:?}"
        );
    }
}

#[test]
fn nothing_comes_before_its_time() {
    let mut source = PatternSource::new(PatternRequest {
        fps: 0.001,
        ..request(PixelFormat::Yuyv, 64, 64)
    });
    source.open().unwrap();
    let mut payload = vec![0; 8192];
    let mut ask = |deadline| {
        source.next_frame(FrameTarget {
            payload: &mut payload,
            sequence: Sequence(1),
            deadline,
            gate: &mut EveryFrame,
        })
    };
    assert!(matches!(ask(MonotonicNs(u64::MAX)), FrameOutcome::Frame(_)));
    assert!(matches!(ask(MonotonicNs::now()), FrameOutcome::Nothing));
}

#[test]
fn sizes_and_rates_that_cannot_be_are_refused() {
    for (width_px, height_px) in [(0, 480), (641, 480), (640, 62), (SIDE_PX_MAX + 2, 480)] {
        let refused = request(PixelFormat::Mjpeg, width_px, height_px).check();
        assert!(
            matches!(refused, Err(PatternError::Size { .. })),
            "{width_px}x{height_px}"
        );
    }
    for fps in [0.0, -1.0, f64::NAN, 1e9] {
        let request = PatternRequest {
            fps,
            ..request(PixelFormat::Mjpeg, 640, 480)
        };
        assert!(
            matches!(request.check(), Err(PatternError::Rate(_))),
            "{fps}"
        );
    }
}
