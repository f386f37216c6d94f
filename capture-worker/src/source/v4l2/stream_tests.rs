//! Tests of the checks around a V4L2 buffer; none of them needs a camera.

use super::*;

const MS: u64 = 1_000_000;

fn settled(fourcc: &[u8; 4], stride_bytes: u32) -> SettledFormat {
    SettledFormat {
        fourcc: *fourcc,
        width_px: 640,
        height_px: 480,
        stride_bytes,
        image_bytes: 614_400,
    }
}

fn wanted(format: PixelFormat) -> ChosenMode {
    ChosenMode {
        format,
        fourcc: format.fourcc(),
        width_px: 640,
        height_px: 480,
        fps: 30.0,
    }
}

fn layout(format: PixelFormat) -> Layout {
    Layout::check(settled(&format.fourcc(), 0), wanted(format)).unwrap()
}

fn taken(used_bytes: usize) -> Dequeued {
    Dequeued {
        index: 0,
        used_bytes,
        is_damaged: false,
        sequence: 0,
        monotonic_ns: None,
    }
}

#[test]
fn a_driver_that_settles_another_format_is_refused() {
    let error = Layout::check(settled(b"YUYV", 1280), wanted(PixelFormat::Mjpeg)).unwrap_err();
    assert_eq!(error, "asked for MJPG, the driver gave YUYV 640x480");
    assert!(Layout::check(settled(b"H264", 0), wanted(PixelFormat::Mjpeg)).is_err());
}

#[test]
fn strides_are_filled_in_kept_or_refused() {
    assert_eq!(layout(PixelFormat::Yuyv).stride_bytes, 1280);
    assert_eq!(layout(PixelFormat::Mjpeg).stride_bytes, 0);
    let padded = Layout::check(settled(b"NV12", 704), wanted(PixelFormat::Nv12)).unwrap();
    assert_eq!((padded.stride_bytes, padded.image_bytes), (704, 704 * 720));
    assert!(Layout::check(settled(b"YUYV", 640), wanted(PixelFormat::Yuyv)).is_err());
}

#[test]
fn wild_sizes_are_refused() {
    for (width_px, height_px) in [(0, 480), (640, 0), (SIDE_PX_MAX + 1, 480)] {
        let settled = SettledFormat {
            width_px,
            height_px,
            ..settled(b"MJPG", 0)
        };
        assert!(Layout::check(settled, wanted(PixelFormat::Mjpeg)).is_err());
    }
}

#[test]
fn a_frame_is_cut_to_what_was_used() {
    let mjpeg = layout(PixelFormat::Mjpeg);
    assert_eq!(used_bytes(&taken(17_465), mjpeg, 614_400), Ok(17_465));
    let yuyv = layout(PixelFormat::Yuyv);
    assert_eq!(used_bytes(&taken(700_000), yuyv, 614_400), Ok(614_400));
}

#[test]
fn damaged_empty_short_and_large_frames_are_bad() {
    let (mjpeg, yuyv) = (layout(PixelFormat::Mjpeg), layout(PixelFormat::Yuyv));
    let damaged = Dequeued {
        is_damaged: true,
        ..taken(614_400)
    };
    assert_eq!(
        used_bytes(&damaged, yuyv, 614_400),
        Err(BadFrame::MarkedDamaged)
    );
    assert_eq!(used_bytes(&taken(0), mjpeg, 614_400), Err(BadFrame::Empty));
    let short = BadFrame::Short {
        found: 614_399,
        expected: 614_400,
    };
    assert_eq!(used_bytes(&taken(614_399), yuyv, 614_400), Err(short));
    let large = BadFrame::Oversize {
        found: 614_400,
        capacity: 614_399,
    };
    assert_eq!(
        used_bytes(&taken(614_400), yuyv, 614_399),
        Err(large.clone())
    );
    assert_eq!(used_bytes(&taken(614_400), mjpeg, 614_399), Err(large));
}

#[test]
fn the_drivers_time_is_taken_unless_it_cannot_be_true() {
    let now = MonotonicNs(100_000 * MS);
    assert_eq!(
        capture_time(Some(99_990 * MS), now),
        MonotonicNs(99_990 * MS)
    );
    // vivid stamps up to 30 ms ahead.
    assert_eq!(capture_time(Some(100_030 * MS), now), now);
    assert_eq!(capture_time(Some(1), now), now);
    assert_eq!(capture_time(None, now), now);
}

#[test]
fn frames_from_before_a_pause_are_left_over_and_others_are_not() {
    let now = MonotonicNs(100_000 * MS);
    let aged = |ms: u64| Dequeued {
        monotonic_ns: Some(now.0 - ms * MS),
        ..taken(1)
    };
    let left_over =
        |age_ms, pause_ms| is_left_over(&aged(age_ms), now, Duration::from_millis(pause_ms), 30.0);
    assert!(left_over(900, 1_000));
    assert!(left_over(1_030, 1_000));
    assert!(!left_over(20, 1_000), "a fresh frame after a pause");
    assert!(!left_over(300, 33), "a slow camera without a pause");
    assert!(!left_over(60_000, 1_000), "a clock that is off");
    let unknown = Dequeued {
        monotonic_ns: None,
        ..aged(900)
    };
    assert!(!is_left_over(&unknown, now, Duration::from_secs(1), 30.0));
}

#[test]
fn rates_become_intervals() {
    assert_eq!(interval(30.0), (1, 30));
    assert_eq!(interval(29.97), (1000, 29_970));
    assert_eq!(interval(0.5), (1000, 500));
    assert_eq!(interval(0.0), (1000, 1));
}

#[test]
fn the_frame_number_goes_on_over_its_32_bits() {
    let mut number = FrameNumber::default();
    assert_eq!(number.extend(u32::MAX - 1), Some(u64::from(u32::MAX) - 1));
    assert_eq!(number.extend(2), Some(u64::from(u32::MAX) + 3));
    assert_eq!(
        number.extend(2),
        Some(u64::from(u32::MAX) + 3),
        "a driver that does not count"
    );
    assert_eq!(number.extend(1_005), Some(u64::from(u32::MAX) + 1_006));
    assert_eq!(
        number.extend(0),
        Some(u64::from(u32::MAX) + 1_007),
        "a count that starts anew"
    );
}

#[test]
fn a_frame_that_comes_after_a_later_one_is_left_out() {
    let mut number = FrameNumber::default();
    let out: Vec<_> = [8, 9, 7, 10].map(|n| number.extend(n)).into();
    assert_eq!(out, [Some(8), Some(9), None, Some(10)]);
    let mut number = FrameNumber::default();
    number.extend(1);
    assert_eq!(number.extend(u32::MAX), None, "over the end of the 32 bits");
}
