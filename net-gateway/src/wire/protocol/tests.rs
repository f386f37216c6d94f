//! Well-formed, partial and malformed messages; the byte layout that `WIRE.md` promises.

use super::*;

/// A SUBSCRIBE message built by hand, byte by byte.
fn subscribe(want: u8, name: &[u8]) -> Vec<u8> {
    let mut bytes = ((6 + name.len()) as u32).to_be_bytes().to_vec();
    bytes.extend([1, 1, 0, 0, want, name.len() as u8]);
    bytes.extend(name);
    bytes
}

#[test]
fn subscribe_is_read_and_its_length_reported() {
    let mut bytes = subscribe(3, b"cam0");
    let used = bytes.len();
    bytes.extend(b"what follows is not touched");
    let expected = Subscribe {
        frames: true,
        wants: wants_of(WANT_PREDICTIONS),
        source: "cam0".to_owned(),
    };
    assert_eq!(parse_subscribe(&bytes), Ok(Some((expected, used))));
}

#[test]
fn subscribe_without_name_means_the_first_source() {
    let expected = Subscribe {
        frames: false,
        wants: wants_of(WANT_PREDICTIONS),
        source: String::new(),
    };
    assert_eq!(
        parse_subscribe(&subscribe(2, b"")),
        Ok(Some((expected, 10)))
    );
}

#[test]
fn every_prefix_of_a_good_message_asks_for_more() {
    let bytes = subscribe(1, "caméra".as_bytes());
    for len in 0..bytes.len() {
        assert_eq!(parse_subscribe(&bytes[..len]), Ok(None), "{len} bytes");
    }
}

#[test]
fn wrong_length_version_and_type_are_refused_before_the_rest_arrives() {
    assert_eq!(parse_subscribe(&[0, 0, 0, 3]), Err(WireError::Length(3)));
    assert_eq!(
        parse_subscribe(&[0, 0, 0x0f, 0xfd]),
        Err(WireError::Length(4093))
    );
    assert_eq!(
        parse_subscribe(&[0, 0, 0x0f, 0xfc]),
        Ok(None),
        "4092 + 4 is the limit"
    );
    assert_eq!(
        parse_subscribe(&[0xff; 4]),
        Err(WireError::Length(u32::MAX))
    );
    assert_eq!(
        parse_subscribe(&[0, 0, 0, 6, 2]),
        Err(WireError::Version(2))
    );
    assert_eq!(
        parse_subscribe(&[0, 0, 0, 6, 1, 17]),
        Err(WireError::Type(17))
    );
    assert!(matches!(
        parse_subscribe(b"GET / HTTP/1.1\r\n"),
        Err(WireError::Length(_))
    ));
}

#[test]
fn malformed_bodies_are_refused() {
    let with = |index: usize, value: u8| {
        let mut bytes = subscribe(3, b"cam0");
        bytes[index] = value;
        parse_subscribe(&bytes)
    };
    assert!(
        matches!(with(6, 1), Err(WireError::Malformed(_))),
        "reserved"
    );
    assert!(
        matches!(with(7, 1), Err(WireError::Malformed(_))),
        "reserved"
    );
    assert!(
        matches!(with(8, 0), Err(WireError::Malformed(_))),
        "want nothing"
    );
    assert!(
        matches!(with(8, 8), Err(WireError::Malformed(_))),
        "unknown want bit"
    );
    assert!(
        matches!(with(9, 3), Err(WireError::Malformed(_))),
        "name_len too short"
    );
    assert!(
        matches!(with(9, 255), Err(WireError::Malformed(_))),
        "name_len too long"
    );
    assert!(
        matches!(with(10, 0xff), Err(WireError::Malformed(_))),
        "not UTF-8"
    );
    for body in [&[][..], &[3][..]] {
        let mut bytes = ((4 + body.len()) as u32).to_be_bytes().to_vec();
        bytes.extend([1, 1, 0, 0]);
        bytes.extend(body);
        assert!(
            matches!(parse_subscribe(&bytes), Err(WireError::Malformed(_))),
            "{body:?}"
        );
    }
}

/// Any bytes give an answer, without a panic and without asking beyond the limit.
#[test]
fn arbitrary_bytes_never_panic_nor_wait_beyond_the_limit() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20_000 {
        let mut bytes = subscribe(3, b"cam0");
        bytes.resize(CLIENT_MESSAGE_BYTES_MAX, 0);
        for _ in 0..3 {
            // xorshift64: a fixed seed, so that a failure can be repeated.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let [index, value, ..] = state.to_le_bytes();
            bytes[usize::from(index) % 16] = value;
        }
        assert!(parse_subscribe(&bytes) != Ok(None), "{:?}", &bytes[..16]);
    }
}

#[test]
fn server_messages_have_the_documented_bytes() {
    let facts = FrameFacts {
        sequence: 1,
        capture_time_us: 2,
        captured: shm_layout::MonotonicNs(1),
        width_px: 3,
        height_px: 4,
    };
    let header = frame_header(&facts, 10);
    assert_eq!(
        header.as_ref(),
        [
            0, 0, 0, 38, 1, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3,
            0, 0, 0, 4
        ]
    );
    assert_eq!(
        prediction_header(Kind::Prediction, 1, 2, 5).as_ref(),
        [
            0, 0, 0, 25, 1, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2
        ]
    );
    assert_eq!(ping().as_ref(), [0, 0, 0, 4, 1, 19, 0, 0]);
    assert_eq!(
        welcome(b"{}").as_ref(),
        [0, 0, 0, 6, 1, 16, 0, 0, b'{', b'}']
    );
    let error = error(&WireError::UnknownSource("x".to_owned()));
    assert_eq!(error[4..10], [1, 127, 0, 0, 0, 5]);
    assert_eq!(&error[10..], b"there is no source named `x`");
}

#[test]
fn error_codes_are_distinct() {
    let errors = [
        WireError::Version(2),
        WireError::Type(9),
        WireError::Length(1),
        WireError::Malformed("x"),
        WireError::UnknownSource(String::new()),
        WireError::TooManyClients(String::new()),
        WireError::Timeout(5),
        WireError::Stopping,
    ];
    let codes: Vec<u16> = errors.iter().map(WireError::code).collect();
    assert_eq!(codes, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn notice_is_laid_out_as_documented() {
    let bytes = notice_header(41, 1_700_000, "cam0 is lost", 1000);
    let length = 4 + 8 + 8 + 2 + 12 + 1000u32;
    assert_eq!(bytes[..4], length.to_be_bytes());
    assert_eq!(bytes[4..8], [1, 20, 0, 0]);
    assert_eq!(bytes[8..16], 41u64.to_be_bytes());
    assert_eq!(bytes[16..24], 1_700_000u64.to_be_bytes());
    assert_eq!(bytes[24..26], 12u16.to_be_bytes());
    assert_eq!(&bytes[26..], b"cam0 is lost");
}

#[test]
fn a_notice_too_long_for_its_length_is_cut_between_letters() {
    let bytes = notice_header(0, 0, &"ö".repeat(40_000), 0);
    assert_eq!(bytes[24..26], 65_534u16.to_be_bytes());
    assert!(std::str::from_utf8(&bytes[26..]).is_ok());
}
