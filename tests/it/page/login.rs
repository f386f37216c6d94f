//! People log in on a page of the box, see what they may, and log out again.
//!
//! The box trusts a proxy on this machine, and the browser is none that says for whom it asks: so it
//! counts as one from elsewhere.

use super::{await_more_frames, browser};
use crate::auth::guarded_box;
use wigwag_tests::browser::BrowserPage;
use wigwag_tests::wait::DEADLINE;
use wigwag_tests::{TestBox, process};

#[track_caller]
fn await_path(browser: &mut BrowserPage, path: &str) {
    let is_there = format!("location.pathname === '{path}' && document.readyState === 'complete'");
    browser.wait_until(&is_there, DEADLINE).unwrap();
}

/// Fills in the form and sends it, as a click on its button does.
#[track_caller]
fn log_in(browser: &mut BrowserPage, password: &str) {
    let fill = format!(
        "(() => {{ document.querySelector('[name=password]').value = '{password}';
           document.querySelector('form button').click(); }})()"
    );
    browser.eval(&fill).unwrap();
}

/// Goal: a person logs in once, watches while processes die, and is out after logging out.
/// Method: Chromium and the page as they are; the gateway is killed under the open page.
#[test]
fn person_logs_in_watches_and_logs_out() {
    let mut browser = browser();
    let (test_box, [watch, ..]) = guarded_box("page_login");
    let address = test_box.http();
    browser.go(&format!("http://{address}/")).unwrap();
    await_path(&mut browser, "/login");

    log_in(&mut browser, "wigwag_wrong");
    let wrong = "document.querySelector('.login-wrong')?.textContent";
    let told = browser.wait_until(wrong, DEADLINE).unwrap();
    assert_eq!(told, "The name or the password is wrong.");
    assert_eq!(browser.eval("document.cookie").unwrap(), "");

    // The refused form is an error in the console, as it should be.
    browser.forget_errors();
    log_in(&mut browser, &watch);
    await_path(&mut browser, "/");
    await_more_frames(&mut browser);
    let shown = |id: &str| format!("!document.getElementById('{id}').hidden");
    browser.wait_until(&shown("log-out"), DEADLINE).unwrap();
    assert_eq!(
        browser.eval(&shown("camera")).unwrap(),
        false,
        "may not push"
    );
    assert_eq!(
        browser.eval("document.cookie").unwrap(),
        "",
        "for no script"
    );
    assert_eq!(browser.errors(), [""; 0], "in the console");

    let gateway = test_box.unit("gateway");
    process::signal(gateway.pid.unwrap(), "KILL");
    test_box.await_successor("gateway", gateway.generation);
    await_more_frames(&mut browser);
    assert_eq!(browser.eval("location.pathname").unwrap(), "/");

    browser
        .eval("document.getElementById('log-out').click()")
        .unwrap();
    await_path(&mut browser, "/login");
    browser.go(&format!("http://{address}/")).unwrap();
    await_path(&mut browser, "/login");
}

/// Goal: a page that is open when its login ends leads to where one logs in.
/// Method: another request with the same cookie ends the login.
#[test]
fn open_page_leads_to_the_login_when_its_login_has_ended() {
    let mut browser = browser();
    let (test_box, [watch, ..]) = guarded_box("page_logged_out");
    let address = test_box.http();
    browser.go(&format!("http://{address}/login")).unwrap();
    log_in(&mut browser, &watch);
    await_path(&mut browser, "/");
    await_more_frames(&mut browser);
    browser
        .eval("fetch('logout', {method: 'POST', redirect: 'manual'})")
        .unwrap();
    await_path(&mut browser, "/login");
}

/// Goal: a browser shows pictures without the page: their address alone, and on the box's own pages;
/// and pages of other sites cannot show them.
/// Method: Chromium at the snapshot's address, and the snapshot as a picture on the page of its own
/// box and on an empty page, which is of another origin.
#[test]
fn pictures_are_shown_at_their_address_and_not_on_foreign_pages() {
    let mut browser = browser();
    let test_box = TestBox::start("page_picture");
    let address = test_box.http();
    browser
        .go(&format!("http://{address}/snapshot/pattern0"))
        .unwrap();
    let shown = "document.images[0]?.naturalWidth ?? 0";
    browser.wait_until(shown, DEADLINE).unwrap();
    let look = format!(
        "new Promise((done) => {{
           const picture = new Image();
           picture.onload = () => done('shown');
           picture.onerror = () => done('refused');
           picture.src = 'http://{address}/snapshot/pattern0';
         }})"
    );
    browser.go(&format!("http://{address}/login")).unwrap();
    assert_eq!(browser.eval(&look).unwrap(), "shown");
    // A page without a policy of its own that would forbid it.
    browser.go("about:blank").unwrap();
    assert_eq!(browser.eval(&look).unwrap(), "refused");
}
