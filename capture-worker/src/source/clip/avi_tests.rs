//! Tests of the AVI walk, on files built chunk by chunk and on bytes at random.

use super::*;
use proptest::prelude::*;

fn chunk(id: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = id.to_vec();
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.extend(content);
    if content.len() % 2 == 1 {
        bytes.push(0);
    }
    bytes
}

fn list(kind: &[u8; 4], parts: &[Vec<u8>]) -> Vec<u8> {
    chunk(b"LIST", &[&kind[..], &parts.concat()].concat())
}

fn stream_list(kind: &[u8; 4], codec: &[u8; 4], scale: u32, rate: u32) -> Vec<u8> {
    let mut header = [0_u8; 56];
    header[..4].copy_from_slice(kind);
    header[20..24].copy_from_slice(&scale.to_le_bytes());
    header[24..28].copy_from_slice(&rate.to_le_bytes());
    let mut format = [0_u8; 40];
    format[16..20].copy_from_slice(codec);
    list(b"strl", &[chunk(b"strh", &header), chunk(b"strf", &format)])
}

fn riff(kind: &[u8; 4], parts: &[Vec<u8>]) -> Vec<u8> {
    chunk(b"RIFF", &[&kind[..], &parts.concat()].concat())
}

/// Audio in stream 0 and MJPEG at 29.97 fps in stream 1, as some cameras record.
fn camcorder(movie: Vec<u8>) -> Vec<u8> {
    let audio = stream_list(b"auds", &[0; 4], 1, 8_000);
    let video = stream_list(b"vids", b"MJPG", 1_001, 30_000);
    riff(
        b"AVI ",
        &[
            list(b"hdrl", &[chunk(b"avih", &[0; 56]), audio, video]),
            movie,
        ],
    )
}

fn open(bytes: Vec<u8>) -> Result<AviStream, ClipError> {
    AviStream::new(ClipBytes::embedded(Vec::leak(bytes), "test.avi"))
}

fn contents(avi: &mut AviStream) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some(span) = avi.span(found.len()).unwrap() {
        let mut bytes = vec![0; span.len_bytes as usize];
        assert_eq!(
            avi.bytes().read_some(&mut bytes, span.offset).unwrap(),
            bytes.len()
        );
        found.push(bytes);
    }
    found
}

#[test]
fn frames_of_the_video_stream_are_found_between_the_others() {
    let group = list(
        b"rec ",
        &[chunk(b"00wb", b"sound"), chunk(b"01dc", b"second")],
    );
    let parts = [
        chunk(b"01dc", b"first"),
        chunk(b"JUNK", &[9; 31]),
        group,
        chunk(b"01db", b"3rd"),
    ];
    let mut file = camcorder(list(b"movi", &parts));
    file.extend(chunk(b"idx1", b"01dc not a frame"));
    let mut avi = open(file).unwrap();
    assert_eq!(contents(&mut avi), [&b"first"[..], b"second", b"3rd"]);
    assert!((avi.fps().unwrap() - 29.97).abs() < 0.001);
}

#[test]
fn an_empty_chunk_repeats_the_frame_before_it() {
    let parts = [
        chunk(b"01dc", b""),
        chunk(b"01dc", b"one"),
        chunk(b"01dc", b""),
    ];
    let mut avi = open(camcorder(list(b"movi", &parts))).unwrap();
    assert_eq!(contents(&mut avi), [b"one", b"one"]);
}

#[test]
fn further_parts_of_a_long_recording_are_read() {
    let mut file = camcorder(list(b"movi", &[chunk(b"01dc", b"one")]));
    file.extend(riff(b"AVIX", &[list(b"movi", &[chunk(b"01dc", b"two")])]));
    assert_eq!(contents(&mut open(file).unwrap()), [b"one", b"two"]);
}

#[test]
fn a_recording_that_lost_power_plays_up_to_its_last_whole_frame() {
    let mut file = camcorder(list(
        b"movi",
        &[chunk(b"01dc", b"one."), chunk(b"01dc", b"cut off")],
    ));
    let length = file.len();
    // The sizes of the file and of its last list were never written.
    file[4..8].fill(0);
    assert_eq!(
        contents(&mut open(file[..length - 3].to_vec()).unwrap()),
        [b"one."]
    );
}

#[test]
fn other_codecs_and_empty_files_are_refused() {
    let video = stream_list(b"vids", b"H264", 1, 30);
    let movie = list(b"movi", &[chunk(b"00dc", b"x")]);
    let refused = open(riff(b"AVI ", &[list(b"hdrl", &[video]), movie])).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the video in clip `test.avi` is `H264`, expected MJPG"
    );
    let refused = open(camcorder(list(b"movi", &[]))).unwrap_err();
    assert!(matches!(refused, ClipError::NoFrames { .. }), "{refused}");
    assert!(open(Vec::new()).is_err());
}

#[test]
fn a_rate_of_zero_is_no_rate() {
    let video = stream_list(b"vids", b"MJPG", 0, 30);
    let movie = list(b"movi", &[chunk(b"00dc", b"x")]);
    assert_eq!(
        open(riff(b"AVI ", &[list(b"hdrl", &[video]), movie]))
            .unwrap()
            .fps(),
        None
    );
}

#[test]
fn avi_files_are_known_by_their_first_bytes() {
    assert!(is_avi(&camcorder(Vec::new())));
    assert!(!is_avi(b"RIFF\0\0\0\0WAVE"));
    assert!(!is_avi(b"RIFF\0\0\0\0AV"));
}

proptest! {
    #[test]
    fn damaged_files_never_panic_hang_or_point_outside(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..12),
        length in any::<proptest::sample::Index>(),
    ) {
        let parts = [chunk(b"01dc", b"first"), chunk(b"00wb", &[7; 40]), chunk(b"01dc", b"2nd")];
        let mut file = camcorder(list(b"movi", &parts));
        for (place, value) in changes {
            let place = place.index(file.len());
            file[place] = value;
        }
        file.truncate(length.index(file.len()) + 1);
        let len_bytes = file.len() as u64;
        if let Ok(mut avi) = open(file) {
            let mut index = 0;
            while let Some(span) = avi.span(index).unwrap() {
                prop_assert!(span.offset + span.len_bytes <= len_bytes);
                index += 1;
            }
            prop_assert!(index <= 100);
        }
    }
}
