//! "Use this camera", in a browser whose camera shows the demo clip.

use super::{DESK, assert_clean};
use shm_layout::control::SourceState;
use wigwag_tests::browser::BrowserPage;
use wigwag_tests::wait::DEADLINE;
use wigwag_tests::{TestBox, demo};

const USE: &str = "document.getElementById('camera').click()";
const TITLE: &str = "document.getElementById('notice').hidden || \
                     document.getElementById('notice-title').textContent";

#[track_caller]
fn open(mut browser: BrowserPage, test_box: &TestBox) -> BrowserPage {
    browser.set_screen(DESK).unwrap();
    browser.go(&format!("http://{}/", test_box.http())).unwrap();
    let connected = "window.wigwag?.connected && window.wigwag.source !== null";
    browser.wait_until(connected, DEADLINE).unwrap();
    browser
}

/// Goal: a phone or laptop shows its own camera with its own hands recognised, and others can
/// watch it.
/// Method: a browser whose camera shows a thumb; the page draws the hand on its picture, names the
/// gesture, sends no more than the box answers, shows it mirrored; the source is live meanwhile
/// and free afterwards.
#[test]
fn own_camera_is_shown_with_what_the_box_recognised() {
    let test_box = TestBox::builder("page_own")
        .config("[sources.hall]\ntype = \"pattern\"\n[sources.phone]\ntype = \"push\"\n[infer]\nworkers = 1")
        .start();
    let clip = demo::write_clip(&test_box.scratch(), demo::THUMB_UP);
    let browser = BrowserPage::with_camera(Some(&clip)).unwrap_or_else(|error| panic!("{error}"));
    let mut browser = open(browser, &test_box);

    browser.eval(USE).unwrap();
    let pushed = "window.wigwag.camera.source === 'phone' && window.wigwag.camera.sent > 5";
    browser.wait_until(pushed, DEADLINE).unwrap();
    let thumb = "window.wigwag.overlayHands[0]?.gesture === 'Thumb_Up'";
    browser.wait_until(thumb, DEADLINE).unwrap();
    let entry = "document.querySelector('#history strong')?.textContent";
    assert_eq!(browser.wait_until(entry, DEADLINE).unwrap(), "Thumb up");
    let pressed = "document.getElementById('mirror').getAttribute('aria-pressed')";
    assert_eq!(browser.eval(pressed).unwrap(), "true", "as in a mirror");
    browser
        .eval("document.getElementById('mirror').click()")
        .unwrap();
    assert_eq!(browser.eval(pressed).unwrap(), "false", "as one wishes");
    let state = test_box.source("phone").state;
    assert_eq!(state, SourceState::Live);
    if let Some(folder) = std::env::var_os("WIGWAG_SHOTS") {
        let path = std::path::Path::new(&folder).join("own_camera.png");
        browser.screenshot(&path, false).unwrap();
    }
    assert_eq!(browser.eval(TITLE).unwrap(), true, "nothing to say");

    browser
        .eval("document.getElementById('flip').click()")
        .unwrap();
    browser
        .wait_until("window.wigwag.camera.source === 'phone'", DEADLINE)
        .unwrap();
    browser
        .wait_until(&format!("{pressed} === 'false'"), DEADLINE)
        .unwrap();

    browser.eval(USE).unwrap();
    test_box.await_status("the source is free", |status| {
        let source = status
            .sources
            .iter()
            .find(|source| source.name == "phone")?;
        (source.state == SourceState::Waiting).then_some(())
    });
    let off = "window.wigwag.camera.state === 'off' && window.wigwag.connected";
    browser.wait_until(off, DEADLINE).unwrap();
    assert_clean(&browser, &test_box.http());
    test_box.stop();
}

/// Goal: whoever cannot use the own camera learns why.
/// Method: a box without a source for it, and a viewer who forbids it.
#[test]
fn own_camera_that_cannot_be_used_says_why() {
    let says = |browser: &mut BrowserPage, title: &str| {
        browser.eval(USE).unwrap();
        browser
            .wait_until(&format!("({TITLE}) === '{title}'"), DEADLINE)
            .unwrap();
    };
    let forbidding = || BrowserPage::with_camera(None).unwrap_or_else(|error| panic!("{error}"));
    let without = TestBox::start("page_own_none");
    let mut browser = open(forbidding(), &without);
    says(&mut browser, "The box takes no camera from this page");
    without.stop();

    let test_box = TestBox::builder("page_own_denied")
        .source("pattern:")
        .source("phone=push:")
        .start();
    let mut browser = open(forbidding(), &test_box);
    says(&mut browser, "The camera was not allowed");
    test_box.stop();
}

/// Goal: on another machine than the box, where browsers give cameras to encrypted pages only, the
/// own camera works as soon as TLS is on.
/// Method: the page by a name that is not this machine's own, without TLS and with it.
#[test]
fn own_camera_works_from_another_machine_with_tls() {
    const SOURCES: &str = "[gateway]\nhosts = [\"box.test\"]\n[sources.phone]\ntype = \"push\"\n\
                           [infer]\nworkers = 1";
    let port = |test_box: &TestBox| test_box.http().rsplit(':').next().unwrap().to_owned();
    let plain = TestBox::builder("page_own_plain").config(SOURCES).start();
    let clip = demo::write_clip(&plain.scratch(), demo::THUMB_UP);
    let browser = BrowserPage::with_camera_and_name(&clip, "box.test");
    let mut browser = browser.unwrap_or_else(|error| panic!("{error}"));
    let connected = "window.wigwag?.connected && window.wigwag.source !== null";
    let url = format!("http://box.test:{}/", port(&plain));
    browser.go(&url).unwrap();
    browser.wait_until(connected, DEADLINE).unwrap();
    assert_eq!(browser.eval("window.isSecureContext").unwrap(), false);
    browser.eval(USE).unwrap();
    let told = format!("!document.getElementById('notice').hidden && ({TITLE})");
    let told = browser.wait_until(&told, DEADLINE).unwrap();
    assert_ne!(told, true, "it says why not");
    plain.stop();

    let test_box = TestBox::builder("page_own_tls")
        .config(&format!("{SOURCES}\n[tls]\nenabled = true"))
        .start();
    let clip = demo::write_clip(&test_box.scratch(), demo::THUMB_UP);
    let browser = BrowserPage::with_camera_and_name(&clip, "box.test");
    let mut browser = browser.unwrap_or_else(|error| panic!("{error}"));
    let url = format!("https://box.test:{}/", port(&test_box));
    browser.go(&url).unwrap();
    browser.wait_until(connected, DEADLINE).unwrap();
    assert_eq!(browser.eval("window.isSecureContext").unwrap(), true);
    browser.eval(USE).unwrap();
    let pushed = "window.wigwag.camera.source === 'phone' && window.wigwag.camera.sent > 5";
    browser.wait_until(pushed, DEADLINE).unwrap();
    let thumb = "window.wigwag.overlayHands[0]?.gesture === 'Thumb_Up'";
    browser.wait_until(thumb, DEADLINE).unwrap();
    assert_eq!(test_box.source("phone").state, SourceState::Live);
    let address = url.trim_start_matches("https://");
    for request in browser.requests() {
        let own = [format!("https://{address}"), format!("wss://{address}")];
        let is_own = own.iter().any(|own| request.starts_with(own));
        assert!(is_own, "{request} is not at {url}");
    }
    assert_eq!(browser.errors(), [""; 0], "in the console");
    drop(browser);
    test_box.stop();
}
