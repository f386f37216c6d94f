//! The page in headless Chromium.
//!
//! `page/parts.rs` tests the page's modules one by one.

mod parts;

use wigwag_tests::browser::{BrowserPage, chromium_path};

/// The page's files, as they are built into the gateway.
const PAGE_FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../net-gateway/page");

/// A browser, or `None` after saying so where none is installed.
fn browser_or_skip() -> Option<BrowserPage> {
    if chromium_path().is_none() {
        println!("SKIPPED: no chromium on PATH (apt-get install chromium)");
        return None;
    }
    Some(BrowserPage::blank().unwrap())
}
