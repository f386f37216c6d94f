//! Messages through a real channel.

use super::*;
use crate::frame::PixelFormat;

/// The channel's format knows less than JSON does: every kind of assignment must survive it.
#[test]
fn every_assignment_survives_the_channel() {
    let source = |kind| CaptureAssignment {
        source: 1,
        name: "cam0".into(),
        kind,
        idle_fps: 5,
    };
    let (width_px, height_px) = (640, 480);
    let assignments = [
        Assignment::Capture(source(SourceKind::V4l2 {
            device: "auto".into(),
            width_px,
            height_px,
            fps: 30,
            format: Some(PixelFormat::Nv12),
        })),
        Assignment::Capture(source(SourceKind::Clip {
            path: None,
            fps: None,
            looped: true,
        })),
        Assignment::Capture(source(SourceKind::Pattern {
            width_px,
            height_px,
            fps: 29.97,
            format: PixelFormat::Rgb24,
        })),
        Assignment::Infer(InferAssignment {
            lane: 1,
            sources: vec!["cam0".into()],
            manifest: Some("/m/manifest.toml".into()),
            profile: "lite".into(),
            gestures: "canned".into(),
            backend: Backend::OnnxRuntime,
            onnxruntime_library: Some("/lib/libonnxruntime.so".into()),
            taught: vec![TaughtGesture {
                name: "wave".into(),
                side: HandSide::Left,
                weights: vec![0.5, -1.25],
                bias: -3.0,
            }],
            max_hands: 2,
            idle_fps: 10,
        }),
        Assignment::Gateway(Box::new(GatewayAssignment {
            instance: "default".into(),
            sources: vec![SourceName {
                name: "phone".into(),
                kind: "push".into(),
                push: Some(PushLimits {
                    max_width_px: 1280,
                    max_height_px: 1280,
                    max_fps: 30,
                    max_frame_bytes: 1 << 19,
                    hold_ms: 5000,
                }),
                is_guest: true,
            }],
            jpeg_quality: 80,
            max_clients: 256,
            max_clients_per_address: 64,
            write_timeout_ms: 10_000,
            notice_after_ms: 1000,
            max_renditions: 8,
            staleness_ms: 2000,
            cors_origins: vec!["https://a.example".into()],
            trusted_proxies: vec!["10.0.0.0/8".into()],
            tls: Some(TlsFiles {
                certificate: "/c.pem".into(),
                key: "/k.pem".into(),
            }),
            may_lack_certificate: true,
            has_http_unix: true,
            access: AccessRules {
                entries: vec![AccessEntry {
                    name: "door".into(),
                    permissions: Permissions::all(),
                    token_sha256: Some([7; 32]),
                    password_argon2: Some("$argon2id$…".into()),
                }],
                anonymous: Permissions::NONE,
                hosts: vec!["cams.example".into()],
                ..AccessRules::default()
            },
            rtp: vec![RtpAssignment {
                name: "wall".into(),
                source: 0,
                address: "239.1.2.3:5004".parse().unwrap(),
                interface: Some("127.0.0.1".parse().unwrap()),
                ttl: 4,
                fps: 12.5,
                mtu: 1400,
                width_px: Some(320),
                quality: None,
            }],
            steady: Box::new(SteadySettings {
                named: vec![("Victory".into(), GestureRules::default())],
                ..SteadySettings::default()
            }),
        })),
    ];
    let (sender, receiver) = ipc_channel::ipc::channel().unwrap();
    for assignment in assignments {
        let start = Start {
            assignment,
            orphan_grace_ms: 5000,
            sessions: Some(Box::new(SessionSeed {
                key: SessionKey([1; 32]),
                ended: vec![EndedSession {
                    id: [2; 32],
                    until_s: 3,
                }],
            })),
        };
        let before = format!("{start:?}");
        sender.send(ToWorker::Start(Box::new(start))).unwrap();
        let ToWorker::Start(after) = receiver.recv().unwrap() else {
            panic!("another message")
        };
        assert_eq!(format!("{after:?}"), before);
    }
}
