//! Tests of whole clips: what kind a path is, what comes of each frame, and how a clip ends.

use super::super::jpeg::tests::jpeg;
use super::*;
use crate::source::EveryFrame;
use shm_layout::Sequence;
use std::fs::write;
use tempfile::TempDir;

const FAR: MonotonicNs = MonotonicNs(u64::MAX);

/// A folder with one file, and the path of that.
fn file_with(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    write(&path, bytes).unwrap();
    (folder, path)
}

fn png(width_px: u32, height_px: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width_px, height_px);
    encoder.set_color(png::ColorType::Rgb);
    let pixels = vec![7; (width_px * height_px * 3) as usize];
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&pixels)
        .unwrap();
    bytes
}

/// Up to `count` outcomes of a source that is asked in a row.
fn ask(source: &mut ClipSource, count: usize, capacity: usize) -> Vec<FrameOutcome> {
    let mut payload = vec![0; capacity];
    let mut next = || {
        let (payload, sequence) = (&mut payload[..], Sequence(1));
        source.next_frame(FrameTarget {
            payload,
            sequence,
            deadline: FAR,
            gate: &mut EveryFrame,
        })
    };
    (0..count).map(|_| next()).collect()
}

fn width(outcome: &FrameOutcome) -> Option<u32> {
    match outcome {
        FrameOutcome::Frame(filled) => Some(filled.meta.width_px),
        _ => None,
    }
}

#[test]
fn a_clip_that_plays_once_shows_every_frame_and_ends() {
    let bytes = [jpeg(10, 8, &[1]), jpeg(11, 8, &[2]), jpeg(12, 8, &[3])].concat();
    let (_folder, path) = file_with("hands.mjpeg", &bytes);
    let mut source = ClipSource::new(Some(path.clone()), Some(1000.0), false);
    let mode = source.open().unwrap();
    assert_eq!((mode.width_px, mode.height_px, mode.fps), (10, 8, 1000.0));
    assert_eq!(mode.device, path.display().to_string());
    let outcomes = ask(&mut source, 4, 1000);
    let widths: Vec<_> = outcomes.iter().map(width).collect();
    assert_eq!(widths, [Some(10), Some(11), Some(12), None]);
    assert!(matches!(outcomes[3], FrameOutcome::Ended));
    // Opened again, it plays again.
    source.open().unwrap();
    assert_eq!(width(&ask(&mut source, 1, 1000)[0]), Some(10));
}

#[test]
fn a_looped_clip_starts_again_and_its_frame_numbers_go_on() {
    let (_folder, path) = file_with("a.mjpeg", &[jpeg(10, 8, &[1]), jpeg(11, 8, &[2])].concat());
    let mut source = ClipSource::new(Some(path), Some(1000.0), true);
    source.open().unwrap();
    let mut numbers = Vec::new();
    for outcome in ask(&mut source, 7, 1000) {
        let FrameOutcome::Frame(filled) = outcome else {
            panic!("{outcome:?}")
        };
        let number = filled.meta.driver_sequence;
        // Frames whose time passed are left out, and the picture fits the number all the same.
        assert_eq!(u64::from(filled.meta.width_px), 10 + number % 2);
        numbers.push(number);
    }
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
}

#[test]
fn a_folder_plays_jpegs_and_pngs_and_passes_over_what_is_neither() {
    let (folder, _) = file_with("1.jpg", &jpeg(10, 8, &[1]));
    write(folder.path().join("2.png"), png(4, 3)).unwrap();
    write(folder.path().join("3.jpg"), b"no picture").unwrap();
    write(folder.path().join("10.JPG"), jpeg(12, 8, &[1])).unwrap();
    let mut source = ClipSource::new(Some(folder.path().into()), Some(1000.0), false);
    assert_eq!(source.open().unwrap().format, PixelFormat::Mjpeg);
    let outcomes = ask(&mut source, 5, 1000);
    let FrameOutcome::Frame(second) = &outcomes[1] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(
        (second.meta.format, second.meta.stride_bytes),
        (PixelFormat::Rgb24, 12)
    );
    assert_eq!(second.len_bytes, 36);
    assert!(second.meta.fits(36));
    assert!(matches!(outcomes[2], FrameOutcome::Bad(BadFrame::Jpeg(_))));
    assert_eq!(width(&outcomes[3]), Some(12));
    assert!(matches!(outcomes[4], FrameOutcome::Ended));
}

#[test]
fn a_frame_that_does_not_fit_is_left_out() {
    let (_folder, path) = file_with(
        "a.mjpeg",
        &[jpeg(10, 8, &[1; 100]), jpeg(11, 8, &[2])].concat(),
    );
    let mut source = ClipSource::new(Some(path), Some(1000.0), false);
    source.open().unwrap();
    let outcomes = ask(&mut source, 2, 60);
    let oversize = FrameOutcome::Bad(BadFrame::Oversize {
        found: 135,
        capacity: 60,
    });
    assert_eq!(format!("{:?}", outcomes[0]), format!("{oversize:?}"));
    assert_eq!(width(&outcomes[1]), Some(11));
}

#[test]
fn a_file_that_is_cut_while_it_plays_gives_bad_frames() {
    let bytes = [jpeg(10, 8, &[1]), jpeg(11, 8, &[2])].concat();
    let (_folder, path) = file_with("a.mjpeg", &bytes);
    let mut source = ClipSource::new(Some(path.clone()), Some(1000.0), false);
    source.open().unwrap();
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(bytes.len() as u64 - 5)
        .unwrap();
    let outcomes = ask(&mut source, 2, 1000);
    assert_eq!(width(&outcomes[0]), Some(10));
    assert!(
        matches!(outcomes[1], FrameOutcome::Bad(BadFrame::Jpeg(_))),
        "{outcomes:?}"
    );
}

#[test]
fn damaged_frames_at_the_beginning_are_passed_over_when_the_size_is_looked_for() {
    let (_folder, path) = file_with("a.mjpeg", &[jpeg(0, 8, &[1]), jpeg(11, 8, &[2])].concat());
    let mut source = ClipSource::new(Some(path), Some(1000.0), false);
    assert_eq!(source.open().unwrap().width_px, 11);
    assert!(matches!(ask(&mut source, 1, 1000)[0], FrameOutcome::Bad(_)));
}

#[test]
fn a_clip_without_a_whole_frame_is_refused() {
    let (_folder, path) = file_with("a.mjpeg", &jpeg(0, 8, &[1]));
    assert!(matches!(
        ClipSource::new(Some(path), None, true).open(),
        Err(SourceError::Clip(ClipError::AllBad { .. }))
    ));
    let missing = ClipSource::new(Some("/nowhere/x".into()), None, true)
        .open()
        .unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("cannot open clip `/nowhere/x`: "),
        "{missing}"
    );
    let device = ClipSource::new(Some("/dev/zero".into()), None, true)
        .open()
        .unwrap_err();
    assert!(
        device
            .to_string()
            .ends_with("neither a regular file nor a folder"),
        "{device}"
    );
}

#[test]
fn frames_wait_for_their_time() {
    let mut source = ClipSource::new(None, Some(0.001), true);
    source.open().unwrap();
    assert!(width(&ask(&mut source, 1, 100_000)[0]).is_some());
    let target = FrameTarget {
        payload: &mut [0; 100_000],
        sequence: Sequence(2),
        deadline: MonotonicNs::now(),
        gate: &mut EveryFrame,
    };
    assert!(matches!(source.next_frame(target), FrameOutcome::Nothing));
}

#[test]
fn the_rate_is_the_one_asked_for_else_the_clips_own_else_the_default() {
    assert_eq!(effective_fps(Some(24.0), Some(30.0)), 24.0);
    assert_eq!(effective_fps(None, Some(30.0)), 30.0);
    assert_eq!(effective_fps(Some(0.0), None), CLIP_FPS_DEFAULT);
    assert_eq!(effective_fps(None, Some(f64::NAN)), CLIP_FPS_DEFAULT);
    assert_eq!(effective_fps(Some(1e9), None), FPS_MAX);
    assert_eq!(rounded(30_000.0 / 1_001.0), 29.97);
}
