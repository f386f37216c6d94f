//! People log in on a page of the box, see what they may, and log out again.
//!
//! The box trusts a proxy on this machine, and the browser is none that says for whom it asks: so it
//! counts as one from elsewhere.

use super::{await_more_frames, browser};
use crate::auth::guarded_box;
use wigwag_tests::browser::BrowserPage;
use wigwag_tests::process;
use wigwag_tests::wait::DEADLINE;

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
