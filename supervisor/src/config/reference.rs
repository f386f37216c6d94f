//! Tests of the whole configuration: the reference file is the defaults, errors lead to the line.

#![cfg(test)]

use super::keys::load_text;
use super::{Config, ConfigError, Loaded, Options, Origin, load, source, to_toml};
use shm_layout::control::SourceKind;

const REFERENCE: &str = include_str!("../../wigwag.toml");

fn read(text: &str) -> Result<Loaded, ConfigError> {
    load_text("box.toml", text, &Options::default())
}

fn message(text: &str) -> (String, String) {
    let error = read(text).unwrap_err();
    (error.to_string(), error.hint().unwrap_or_default())
}

/// The reference with its commented-out sources brought to life: `#key`, not `# prose`.
fn reference_with_sources() -> String {
    let alive = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()) => {
            format!("{rest}\n")
        }
        _ => format!("{line}\n"),
    };
    REFERENCE.lines().map(alive).collect()
}

#[test]
fn reference_file_gives_the_defaults() {
    assert_eq!(read(REFERENCE).unwrap().config, Config::default());
    assert_eq!(load(&Options::default()).unwrap().config, Config::default());
}

#[test]
fn reference_file_names_every_key() {
    let loaded = read(&reference_with_sources()).unwrap();
    for setting in &loaded.settings {
        assert!(
            matches!(setting.origin, Origin::File(_)),
            "`{}.{}` is missing in wigwag.toml",
            setting.section,
            setting.key
        );
    }
    assert_eq!(loaded.config.access.len(), 1);
    let kinds: Vec<_> = loaded
        .config
        .sources
        .into_iter()
        .map(|source| source.kind)
        .collect();
    let defaults = [
        source::default_v4l2(),
        source::default_clip(),
        source::default_pattern(),
        SourceKind::Push(source::default_push()),
    ];
    assert_eq!(kinds, defaults);
}

#[test]
fn effective_config_reads_back_as_itself() {
    let loaded = read(&reference_with_sources()).unwrap();
    assert_eq!(
        read(&to_toml(&loaded.settings)).unwrap().config,
        loaded.config
    );
}

#[test]
fn unknown_key_is_named_with_its_line_and_nearest_neighbour() {
    let (text, hint) = message("[gateway]\nhttp = \"127.0.0.1:80\"\njpeg_qualty = 3\n");
    assert_eq!(text, "box.toml:3: key `gateway.jpeg_qualty` is not known");
    assert_eq!(hint, "did you mean `jpeg_quality`?");
    let (text, hint) = message("\n[gatway]\n");
    assert_eq!(text, "box.toml:2: key `gatway` is not known");
    assert_eq!(hint, "did you mean `gateway`?");
    let (text, hint) = message("[log]\nzzz = 1\n");
    assert_eq!(
        (text.as_str(), hint.as_str()),
        (
            "box.toml:2: key `log.zzz` is not known",
            "known here: level"
        )
    );
    let (text, hint) = message("[sources.a]\ntype = \"pattern\"\nwidht_px = 640\n");
    assert_eq!(text, "box.toml:3: key `sources.a.widht_px` is not known");
    assert_eq!(hint, "did you mean `width_px`?");
}

#[test]
fn wrong_value_is_named_with_what_was_expected() {
    for (file, expected) in [
        (
            "[gateway]\njpeg_quality = 101",
            "box.toml:2: key `gateway.jpeg_quality` is 101, expected a whole number from 1 to 100",
        ),
        (
            "[gateway]\njpeg_quality = \"80\"",
            "box.toml:2: key `gateway.jpeg_quality` is the text \"80\", expected a whole number from 1 to 100",
        ),
        (
            "[infer]\nworkers = -1",
            "box.toml:2: key `infer.workers` is -1, expected a whole number from 0 to 15",
        ),
        (
            "[infer]\n\nmax_hands = 2.5",
            "box.toml:3: key `infer.max_hands` is 2.5, expected a whole number from 1 to 4",
        ),
        (
            "[sources.a]\ntype = \"clip\"\nlooped = 1",
            "box.toml:3: key `sources.a.looped` is 1, expected true or false",
        ),
        (
            "[sources.a]\ntype = \"clip\"\nfps = nan",
            "box.toml:3: key `sources.a.fps` is nan, expected a number from 0 to 240",
        ),
        (
            "[restart]\nbackoff_min_ms = 200\nbackoff_max_ms = 100",
            "box.toml:3: key `restart.backoff_max_ms` is 100, expected at least `backoff_min_ms` (200)",
        ),
        (
            "[gateway]\nwire = \"127.0.0.1:8080\"",
            "box.toml:2: key `gateway.wire` is 127.0.0.1:8080, the same as `gateway.http`",
        ),
        (
            "[gateway]\ncors_origins = [\"example.org\"]",
            "box.toml:2: key `gateway.cors_origins` is the text \"example.org\", expected \"*\", or an origin such as \"https://example.org:8443\"",
        ),
        (
            "[gateway]\ntrusted_proxies = \"10.0.0.1\"",
            "box.toml:2: key `gateway.trusted_proxies` is the text \"10.0.0.1\", expected a list, each an address such as \"10.0.0.2\", or a network such as \"10.0.0.0/8\"",
        ),
        (
            "[gateway]\ntrusted_proxies = [\"10.0.0.1\", \"10.0.0.0/33\"]",
            "box.toml:2: key `gateway.trusted_proxies` is the text \"10.0.0.0/33\", expected an address such as \"10.0.0.2\", or a network such as \"10.0.0.0/8\"",
        ),
        (
            "[gateway]\nhttp_unix_mode = \"0660\"",
            "box.toml:2: key `gateway.http_unix_mode` is \"0660\", expected the file's mode in three octal digits, such as \"660\"",
        ),
        (
            "[tls]\nnames = [\"10.0.0.1\", \"a b\"]",
            "box.toml:2: key `tls.names` is the text \"a b\", expected a host name such as \"box.example.org\", or an address",
        ),
        (
            "[sources.a]\ntype = \"push\"\nmax_frame_bytes = 100",
            "box.toml:3: key `sources.a.max_frame_bytes` is 100, expected a whole number from 4096 to 16777216",
        ),
        (
            "[sources.guest1]\ntype = \"push\"\n[gateway]\nanonymous_sources = 2",
            "box.toml:4: key `gateway.anonymous_sources` makes a source `guest1`, and there is one already",
        ),
        (
            "[gateway]\nanonymous_sources = 16",
            "box.toml:2: key `gateway.anonymous_sources` is 16, with the 1 other in all more than 16",
        ),
        (
            "infer = 3",
            "box.toml:1: key `infer` is a value, expected a table",
        ),
        (
            "[sources.Cam]\n",
            "box.toml:1: source name `Cam`, expected 1 to 32 of a-z, 0-9, `-` and `_`",
        ),
        ("[sources.cam]\n", "box.toml:1: the source has no `type`"),
    ] {
        assert_eq!(message(file).0, expected);
    }
    let (text, hint) = message("[log]\nlevel = \"wran\"");
    assert!(
        text.contains("is the text \"wran\", expected \"error\", \"warn\""),
        "{text}"
    );
    assert_eq!(hint, "did you mean \"warn\"?");
    assert!(
        message("[gateway]\nhttp = \"localhost\"")
            .0
            .contains("expected an address and a port")
    );
}

#[test]
fn broken_toml_is_told_with_its_line() {
    let (text, _) = message("[log]\nlevel = \n");
    assert!(text.starts_with("box.toml:2: not valid TOML: "), "{text}");
}

#[test]
fn missing_file_is_named() {
    let options = Options {
        file: Some("/no/such.toml".into()),
        ..Options::default()
    };
    assert_eq!(
        load(&options).unwrap_err().to_string(),
        "cannot read config file `/no/such.toml`"
    );
}

#[test]
fn command_line_goes_before_the_file() {
    let options = Options {
        sources: vec!["door=pattern:".to_owned()],
        http: Some("127.0.0.1:0".to_owned()),
        ..Options::default()
    };
    let file = "[sources.cam0]\ntype = \"v4l2\"\n[gateway]\nhttp = \"0.0.0.0:80\"\nwire = \"0.0.0.0:81\"\nallow_anonymous = [\"push\"]";
    let loaded = load_text("box.toml", file, &options).unwrap();
    let names: Vec<_> = loaded
        .config
        .sources
        .iter()
        .map(|source| source.name.as_str())
        .collect();
    assert_eq!(names, ["door"]);
    assert_eq!(loaded.config.gateway.http.port(), 0);
    let origin = |section: &str, key: &str| {
        let found = loaded
            .settings
            .iter()
            .find(|s| s.section == section && s.key == key);
        found.unwrap().origin.to_string()
    };
    assert_eq!(origin("sources.door", "type"), "command line");
    assert_eq!(origin("gateway", "http"), "command line");
    assert_eq!(origin("gateway", "wire"), "box.toml:5");
    assert_eq!(origin("gateway", "jpeg_quality"), "default");
    assert!(
        to_toml(&loaded.settings).contains("jpeg_quality = 80                      # default\n")
    );
    let wrong = Options {
        http: Some("8080".to_owned()),
        ..Options::default()
    };
    assert!(
        load(&wrong)
            .unwrap_err()
            .to_string()
            .starts_with("--http: found `8080`, expected")
    );
}

#[test]
fn sources_keep_the_order_of_the_file() {
    let loaded = read("[sources.z]\ntype = \"pattern\"\n[sources.a]\ntype = \"clip\"\n").unwrap();
    let names: Vec<_> = loaded
        .config
        .sources
        .iter()
        .map(|source| source.name.as_str())
        .collect();
    assert_eq!(names, ["z", "a"]);
}

#[test]
fn paths_start_at_the_files_folder() {
    let file = "[sources.a]\ntype = \"clip\"\npath = \"a.mjpeg\"\n[infer]\nmanifest = \"/m.toml\"";
    let loaded = load_text("/etc/wigwag/box.toml", file, &Options::default()).unwrap();
    let clip = format!("{:?}", loaded.config.sources[0].kind);
    assert!(clip.contains("/etc/wigwag/a.mjpeg"), "{clip}");
    assert_eq!(
        loaded.config.infer.manifest,
        std::path::Path::new("/m.toml")
    );
    let text = to_toml(&loaded.settings);
    assert!(
        text.contains("path = \"a.mjpeg\""),
        "shown as it was written: {text}"
    );
}
