//! Tests of the choice of a mode, over lists like those of real cameras.

use super::*;

fn fixed(width_px: u32, height_px: u32, fps: &[f64]) -> OfferedSize {
    OfferedSize {
        width_px,
        height_px,
        range: None,
        fps: fps.to_vec(),
        any_fps_between: false,
    }
}

fn offer(fourcc: &[u8; 4], sizes: Vec<OfferedSize>) -> OfferedFormat {
    OfferedFormat {
        fourcc: String::from_utf8_lossy(fourcc).into_owned(),
        description: String::new(),
        usable: known_format(*fourcc).is_some(),
        sizes,
        code: *fourcc,
    }
}

fn wanted(width_px: u32, height_px: u32, fps: u32) -> WantedMode {
    WantedMode {
        width_px,
        height_px,
        fps,
        format: None,
    }
}

/// A common USB webcam: raw formats slow down with size, MJPEG does not.
fn webcam() -> Vec<OfferedFormat> {
    vec![
        offer(
            b"YUYV",
            vec![
                fixed(640, 480, &[30.0, 15.0]),
                fixed(1280, 720, &[10.0, 5.0]),
                fixed(1920, 1080, &[5.0]),
            ],
        ),
        offer(
            b"MJPG",
            vec![
                fixed(640, 480, &[60.0, 30.0, 15.0]),
                fixed(1280, 720, &[60.0, 30.0]),
                fixed(1920, 1080, &[30.0]),
            ],
        ),
        offer(b"H264", vec![fixed(640, 360, &[30.0])]),
    ]
}

fn chosen(offered: &[OfferedFormat], wanted: WantedMode) -> (PixelFormat, u32, u32, f64) {
    let mode = choose(offered, wanted).unwrap();
    (mode.format, mode.width_px, mode.height_px, mode.fps)
}

#[test]
fn the_exact_size_in_mjpeg_at_the_slowest_rate_that_is_enough() {
    let (mjpeg, offered) = (PixelFormat::Mjpeg, webcam());
    assert_eq!(
        chosen(&offered, wanted(640, 480, 30)),
        (mjpeg, 640, 480, 30.0)
    );
    assert_eq!(
        chosen(&offered, wanted(640, 480, 20)),
        (mjpeg, 640, 480, 30.0)
    );
    assert_eq!(
        chosen(&offered, wanted(1920, 1080, 60)),
        (mjpeg, 1920, 1080, 30.0)
    );
    assert_eq!(
        chosen(&offered, wanted(640, 480, 120)),
        (mjpeg, 640, 480, 60.0)
    );
}

#[test]
fn zeros_mean_the_usual() {
    assert_eq!(
        chosen(&webcam(), wanted(0, 0, 0)),
        (PixelFormat::Mjpeg, 640, 480, 30.0)
    );
}

#[test]
fn the_nearest_size_where_there_is_no_exact_one() {
    let (_, width, height, _) = chosen(&webcam(), wanted(1200, 700, 30));
    assert_eq!((width, height), (1280, 720));
    // 640x360 is nearer, but only in a format that nobody here reads.
    let (_, width, height, _) = chosen(&webcam(), wanted(640, 360, 30));
    assert_eq!((width, height), (640, 480));
}

#[test]
fn a_format_that_is_asked_for_is_used_or_nothing() {
    let yuyv = WantedMode {
        format: Some(PixelFormat::Yuyv),
        ..wanted(1280, 720, 30)
    };
    assert_eq!(
        chosen(&webcam(), yuyv),
        (PixelFormat::Yuyv, 1280, 720, 10.0)
    );
    let nv12 = WantedMode {
        format: Some(PixelFormat::Nv12),
        ..wanted(640, 480, 30)
    };
    assert_eq!(choose(&webcam(), nv12), None);
}

#[test]
fn the_size_counts_more_than_the_format() {
    let offered = [
        offer(b"MJPG", vec![fixed(1280, 720, &[30.0])]),
        offer(b"YUYV", vec![fixed(640, 480, &[30.0])]),
    ];
    assert_eq!(chosen(&offered, wanted(640, 480, 30)).0, PixelFormat::Yuyv);
}

#[test]
fn ntsc_rates_serve_whole_ones() {
    let offered = [offer(
        b"MJPG",
        vec![fixed(640, 480, &[59.94, 29.97, 14.985])],
    )];
    assert_eq!(chosen(&offered, wanted(640, 480, 30)).3, 29.97);
}

#[test]
fn ranges_of_sizes_and_rates_are_met_on_their_steps() {
    let range = SizeRange {
        width_px_max: 1930,
        height_px_max: 1080,
        width_px_step: 16,
        height_px_step: 8,
    };
    let size = OfferedSize {
        width_px: 160,
        height_px: 120,
        range: Some(range),
        fps: vec![60.0, 1.0],
        any_fps_between: true,
    };
    assert_eq!(size.nearest(640, 480), (640, 480));
    assert_eq!(size.nearest(647, 485), (640, 488));
    assert_eq!(size.nearest(1, 1), (160, 120));
    assert_eq!(size.nearest(9999, 9999), (1920, 1080));
    assert_eq!(
        chosen(&[offer(b"NV12", vec![size])], wanted(640, 480, 25)).3,
        25.0
    );
}

#[test]
fn rates_and_steps_that_a_driver_does_not_give_do_no_harm() {
    let silent = fixed(640, 480, &[]);
    assert_eq!(
        chosen(&[offer(b"YUYV", vec![silent])], wanted(640, 480, 25)).3,
        25.0
    );
    let inverted = SizeRange {
        width_px_max: 0,
        height_px_max: 0,
        width_px_step: 0,
        height_px_step: u32::MAX,
    };
    let size = OfferedSize {
        range: Some(inverted),
        ..fixed(640, 480, &[30.0])
    };
    assert_eq!(size.nearest(u32::MAX, u32::MAX), (640, 480));
    assert_eq!(choose(&[], wanted(640, 480, 30)), None);
    assert_eq!(
        choose(&[offer(b"MJPG", vec![])], wanted(640, 480, 30)),
        None
    );
}

#[test]
fn some_drivers_call_mjpeg_jpeg() {
    let mode = choose(
        &[offer(b"JPEG", vec![fixed(640, 480, &[30.0])])],
        wanted(640, 480, 30),
    );
    let mode = mode.unwrap();
    assert_eq!((mode.format, mode.fourcc), (PixelFormat::Mjpeg, *b"JPEG"));
}
