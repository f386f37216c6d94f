//! The page as a viewer sees it, in headless Chromium, served by a real box.
//!
//! `page/parts.rs` tests the page's modules one by one, without a box.

mod login;
mod own_camera;
mod parts;

use serde_json::json;
use shm_layout::control::SourceState;
use wigwag_tests::browser::{BrowserPage, Colours, Screen};
use wigwag_tests::wait::DEADLINE;
use wigwag_tests::{TestBox, process};

/// The page's files, as they are built into the gateway.
const PAGE_FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../net-gateway/page");

/// A screen on which the canvas has no fewer pixels than the pictures of the tests.
const DESK: Screen = Screen {
    width_px: 1400,
    height_px: 1000,
    scale: 1.0,
    is_mobile: false,
};

/// A browser with an empty page; without an installed one the test fails and names the package.
#[track_caller]
fn browser() -> BrowserPage {
    BrowserPage::blank().unwrap_or_else(|error| panic!("{error}"))
}

/// Opens the page of a box, and waits until it shows video.
fn watch(browser: &mut BrowserPage, address: &str) {
    browser.set_screen(DESK).unwrap();
    browser.go(&format!("http://{address}/")).unwrap();
    await_more_frames(browser);
}

/// Waits until the page has drawn some more frames.
fn await_more_frames(browser: &mut BrowserPage) {
    let before = browser.eval("window.wigwag?.framesShown ?? 0").unwrap();
    let script = format!("window.wigwag.connected && window.wigwag.framesShown > {before} + 5");
    browser.wait_until(&script, DEADLINE).unwrap();
}

/// Nothing was asked of anybody but the box, and nothing is wrong in the console.
#[track_caller]
fn assert_clean(browser: &BrowserPage, address: &str) {
    for request in browser.requests() {
        let is_own = [format!("http://{address}/"), format!("ws://{address}/")]
            .iter()
            .any(|own| request.starts_with(own));
        assert!(is_own, "{request} is not at {address}");
    }
    assert_eq!(browser.errors(), [""; 0], "in the console");
}

/// Goal: video moves, and what is on the canvas is the frame that the page says it is.
/// Method: the test picture carries its sequence in blocks; it is read off the canvas' pixels.
#[test]
fn shown_picture_is_the_frame_that_the_page_names() {
    let mut browser = browser();
    let test_box = TestBox::start("page_video");
    let address = test_box.http();
    watch(&mut browser, &address);

    let mut last = 0;
    for _ in 0..20 {
        let newer = format!("window.wigwag.shownSequence > {last}");
        browser.wait_until(&newer, DEADLINE).unwrap();
        let found = browser
            .eval(include_str!("page/shown_sequence.js"))
            .unwrap();
        assert_eq!(found["painted"], found["shownSequence"], "on the canvas");
        last = found["painted"].as_u64().unwrap();
    }

    assert_clean(&browser, &address);
}

/// Goal: hands are drawn on the frame that they were found in, and nothing else is.
/// Method: the demo clip; each prediction is compared with what the box says over a connection of
/// its own, and the joints are looked for on the canvas.
#[test]
fn hands_are_drawn_on_the_frame_that_they_belong_to() {
    let mut browser = browser();
    let test_box = TestBox::builder("page_hands").source("clip:").start();
    let address = test_box.http();
    watch(&mut browser, &address);

    let found = browser
        .eval(include_str!("page/overlay_samples.js"))
        .unwrap();

    assert_eq!(
        found["misplaced"],
        json!(0),
        "hands of another frame drawn as its own"
    );
    let samples = found["samples"].as_array().unwrap();
    for sample in samples {
        assert_eq!(
            sample["drawn"], sample["said"],
            "of frame {}",
            sample["sequence"]
        );
    }
    // Joints hide each other, and the label may hide some; skin alone shows none.
    let joints: u64 = samples
        .iter()
        .filter_map(|sample| sample["joints"].as_u64())
        .sum();
    assert!(
        joints > 10 * samples.len() as u64,
        "{joints} joints in {} frames",
        samples.len()
    );

    // A gesture that the clip holds enters the history, with its name in words.
    let entry = "document.querySelector('#history strong')?.textContent";
    let gesture = browser.wait_until(entry, DEADLINE).unwrap();
    let names = [
        "Open palm",
        "Closed fist",
        "Pointing up",
        "Victory",
        "I love you",
        "Thumb up",
        "Thumb down",
    ];
    assert!(
        names.iter().any(|name| gesture == *name),
        "{gesture} in the history"
    );

    // Without hands the video goes on.
    browser
        .eval("document.getElementById('hands').click()")
        .unwrap();
    browser
        .wait_until("window.wigwag.overlaySequence === null", DEADLINE)
        .unwrap();
    await_more_frames(&mut browser);
    assert_eq!(
        browser.eval("window.wigwag.overlayHands").unwrap(),
        json!([])
    );
    assert_clean(&browser, &address);
}

/// Goal: a viewer sees video again, without doing anything, after the gateway died or was restarted.
#[test]
fn page_comes_back_after_the_gateway_was_killed_and_restarted() {
    let mut browser = browser();
    let test_box = TestBox::start("page_reconnects");
    let address = test_box.http();
    watch(&mut browser, &address);

    let victim = test_box.unit("gateway");
    process::signal(victim.pid.unwrap(), "KILL");
    browser
        .wait_until("window.wigwag.reconnects === 1", DEADLINE)
        .unwrap();
    await_more_frames(&mut browser);
    let heir = test_box.await_successor("gateway", victim.generation);
    let row = "[...document.querySelectorAll('#units tr')].map((row) => row.textContent)
        .find((text) => text.startsWith('gateway'))?.includes('SIGKILL')";
    browser.wait_until(row, DEADLINE).unwrap();

    let output = test_box.run(&["restart", "gateway"]);
    assert!(output.status.success(), "{output:?}");
    test_box.await_successor("gateway", heir.generation);
    browser
        .wait_until("window.wigwag.reconnects === 2", DEADLINE)
        .unwrap();
    await_more_frames(&mut browser);

    // The outages themselves are in the console; from here on all is well.
    browser.forget_errors();
    await_more_frames(&mut browser);
    assert_clean(&browser, &address);
}

/// Goal: the page says that the box is away, keeps the picture, and is there again when the box is.
#[test]
fn page_says_that_the_box_is_away_and_waits_for_it() {
    let mut browser = browser();
    let test_box = TestBox::builder("page_away")
        .source("pattern:")
        .with_lasting_addresses()
        .start();
    let address = test_box.http();
    watch(&mut browser, &address);

    let end = test_box.stop_by_signal("TERM");
    assert!(end.success(), "{end}");
    let title = "document.getElementById('notice-title').textContent === 'The box does not answer'";
    browser.wait_until(title, DEADLINE).unwrap();
    let shown = browser
        .eval("[window.wigwag.connected, window.wigwag.shownSequence]")
        .unwrap();
    assert_eq!(shown[0], json!(false));
    assert!(shown[1].is_u64(), "the last picture stays: {shown}");

    test_box.spawn();
    test_box.await_ready();
    browser
        .wait_until("window.wigwag.reconnects === 1", DEADLINE)
        .unwrap();
    await_more_frames(&mut browser);
    let notice = "document.getElementById('notice').hidden";
    browser.wait_until(notice, DEADLINE).unwrap();
}

/// Goal: a source that is not there is named as lost, and another can be watched instead.
#[test]
fn lost_source_is_named_and_another_can_be_chosen() {
    let mut browser = browser();
    let test_box = TestBox::builder("page_sources")
        .source("door=v4l2:/dev/no-such-camera")
        .source("hall=pattern:")
        .build();
    test_box.spawn();
    test_box.await_status("one source is live, one is lost", |status| {
        let is = |name: &str, state| {
            let mut sources = status.sources.iter();
            sources.any(|source| source.name == name && source.state == state)
        };
        (is("hall", SourceState::Live) && is("door", SourceState::Lost)).then_some(())
    });
    let address = test_box.http();
    watch(&mut browser, &address);
    assert_eq!(
        browser.eval("window.wigwag.source").unwrap(),
        json!("hall"),
        "the live one"
    );

    pick(&mut browser, "door");
    let title = "document.getElementById('notice-title').textContent === 'door is lost'";
    browser.wait_until(title, DEADLINE).unwrap();
    browser
        .wait_until("window.wigwag.shownSequence === null", DEADLINE)
        .unwrap();

    pick(&mut browser, "hall");
    await_more_frames(&mut browser);
    browser
        .wait_until("document.getElementById('notice').hidden", DEADLINE)
        .unwrap();
    assert_eq!(
        browser.eval("window.wigwag.reconnects").unwrap(),
        json!(0),
        "nothing was lost"
    );
    assert_clean(&browser, &address);
}

/// Goal: nothing hangs over the edge of a phone, a tablet or a desk, in light and in dark.
#[test]
fn page_fits_every_screen_in_light_and_dark() {
    let mut browser = browser();
    let test_box = TestBox::start("page_screens");
    let address = test_box.http();
    watch(&mut browser, &address);
    let mut grounds = Vec::new();
    for colours in [Colours::Light, Colours::Dark] {
        browser.set_colours(colours).unwrap();
        for (width_px, height_px, scale) in [
            (320, 640, 2.0),
            (390, 844, 3.0),
            (820, 1180, 2.0),
            (1280, 800, 1.0),
        ] {
            let is_mobile = width_px < 800;
            browser
                .set_screen(Screen {
                    width_px,
                    height_px,
                    scale,
                    is_mobile,
                })
                .unwrap();
            await_more_frames(&mut browser);
            // The page is no wider than the screen (a phone would make its viewport wider), and one
            // pixel of the canvas is one pixel of the screen.
            let sizes = format!(
                "(() => {{
                    const canvas = document.getElementById('canvas');
                    const pixels = Math.round(canvas.clientWidth * devicePixelRatio);
                    const width = document.documentElement.scrollWidth;
                    return [width <= {width_px}, canvas.width === pixels];
                }})()"
            );
            let fits = browser.eval(&sizes).unwrap();
            assert_eq!(
                fits,
                json!([true, true]),
                "{width_px} x {height_px}, {colours:?}"
            );
        }
        let ground = "getComputedStyle(document.body).backgroundColor";
        grounds.push(browser.eval(ground).unwrap());
    }
    assert_ne!(grounds[0], grounds[1], "light and dark differ");
    assert_clean(&browser, &address);
}

fn pick(browser: &mut BrowserPage, source: &str) {
    let script = format!(
        "(() => {{
            const picker = document.getElementById('source');
            picker.value = '{source}';
            picker.dispatchEvent(new Event('change', {{ bubbles: true }}));
        }})()"
    );
    browser.eval(&script).unwrap();
}
