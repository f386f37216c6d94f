//! One page in one headless browser: open it, ask it, look at it.
//!
//! Upstream: the system tests. Downstream: `devtools.rs`. A test waits on what the page says, with
//! one generous deadline; it never waits for a fixed time.

use super::BrowserError;
use super::devtools::Devtools;
use super::process::BrowserProcess;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(30);

/// The colours that the system asks pages for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// Dark text on a light ground.
    Light,
    /// Light text on a dark ground.
    Dark,
}

/// A screen to show the page on.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Width in CSS pixels.
    pub width_px: u32,
    /// Height in CSS pixels.
    pub height_px: u32,
    /// Screen pixels per CSS pixel.
    pub scale: f64,
    /// Whether it is touched, as a phone is.
    pub is_mobile: bool,
}

/// A page in a browser of its own, which ends with it.
#[derive(Debug)]
pub struct BrowserPage {
    // Dropped first: the connection ends before the browser does.
    devtools: Devtools,
    process: BrowserProcess,
}

impl BrowserPage {
    /// Starts a browser and opens `url`; returns once the page has loaded.
    ///
    /// # Errors
    ///
    /// [`BrowserError::Missing`] without an installed Chromium, others if it does not do its part.
    pub fn open(url: &str) -> Result<Self, BrowserError> {
        let mut page = Self::blank()?;
        page.go(url)?;
        Ok(page)
    }

    /// Starts a browser with an empty page.
    ///
    /// # Errors
    ///
    /// As [`BrowserPage::open`].
    pub fn blank() -> Result<Self, BrowserError> {
        Self::with_flags(&[])
    }

    /// The same on a device with a camera, which shows a clip (a file of JPEGs that ends in
    /// `.mjpeg`) over and over. Without a clip the viewer forbids it.
    ///
    /// # Errors
    ///
    /// As [`BrowserPage::open`].
    pub fn with_camera(clip: Option<&Path>) -> Result<Self, BrowserError> {
        let mut flags: Vec<OsString> = vec!["--use-fake-device-for-media-stream".into()];
        match clip {
            Some(clip) => {
                let mut file = OsString::from("--use-file-for-fake-video-capture=");
                file.push(clip);
                flags.extend(["--use-fake-ui-for-media-stream".into(), file]);
            }
            None => flags.push("--deny-permission-prompts".into()),
        }
        Self::with_flags(&flags)
    }

    /// The same with a camera that shows a clip, where the machine itself goes by another name too,
    /// and the viewer goes on past warnings of certificates, as people do once for their box.
    ///
    /// # Errors
    ///
    /// As [`BrowserPage::open`].
    pub fn with_camera_and_name(clip: &Path, name: &str) -> Result<Self, BrowserError> {
        let mut file = OsString::from("--use-file-for-fake-video-capture=");
        file.push(clip);
        Self::with_flags(&[
            "--use-fake-device-for-media-stream".into(),
            "--use-fake-ui-for-media-stream".into(),
            file,
            format!("--host-resolver-rules=MAP {name} 127.0.0.1").into(),
            "--ignore-certificate-errors".into(),
        ])
    }

    fn with_flags(flags: &[OsString]) -> Result<Self, BrowserError> {
        let process = BrowserProcess::start(flags)?;
        let devtools = Devtools::connect(&process.address, &process.socket_path)?;
        Ok(Self { devtools, process })
    }

    /// Goes to `url` in the same page; returns once it has loaded.
    ///
    /// # Errors
    ///
    /// [`BrowserError::Refused`] if nothing answers there.
    pub fn go(&mut self, url: &str) -> Result<(), BrowserError> {
        let answer = self
            .devtools
            .command("Page.navigate", json!({ "url": url }))?;
        if let Some(text) = answer["errorText"].as_str() {
            return Err(BrowserError::Refused {
                method: format!("open {url}"),
                text: text.to_owned(),
            });
        }
        self.wait_until("document.readyState === 'complete'", super::ANSWER_WITHIN)?;
        Ok(())
    }

    /// The value of a JavaScript expression, run as if the viewer had clicked; a promise is awaited.
    ///
    /// # Errors
    ///
    /// [`BrowserError::Script`] with the exception's text if it throws.
    pub fn eval(&mut self, script: &str) -> Result<Value, BrowserError> {
        let mut answer = self.devtools.command(
            "Runtime.evaluate",
            json!({
                "expression": script, "returnByValue": true, "awaitPromise": true,
                "userGesture": true,
            }),
        )?;
        let thrown = &answer["exceptionDetails"];
        if !thrown.is_null() {
            let text = thrown["exception"]["description"]
                .as_str()
                .or(thrown["text"].as_str());
            return Err(BrowserError::Script(
                text.unwrap_or("no reason given").to_owned(),
            ));
        }
        Ok(answer["result"]["value"].take())
    }

    /// Waits until the value of `script` is neither false, null, 0 nor empty, and returns it.
    ///
    /// # Errors
    ///
    /// [`BrowserError::NeverTrue`] with the last value after `deadline`.
    pub fn wait_until(&mut self, script: &str, deadline: Duration) -> Result<Value, BrowserError> {
        let end = Instant::now() + deadline;
        loop {
            let value = self.eval(script)?;
            if is_true(&value) {
                return Ok(value);
            }
            if Instant::now() >= end {
                return Err(BrowserError::NeverTrue {
                    script: script.to_owned(),
                    last: value.to_string(),
                });
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Writes what the page looks like to a PNG file.
    ///
    /// # Errors
    ///
    /// [`BrowserError::Io`] if the file cannot be written.
    pub fn screenshot(&mut self, path: &Path, whole_page: bool) -> Result<(), BrowserError> {
        let answer = self.devtools.command(
            "Page.captureScreenshot",
            json!({ "format": "png", "captureBeyondViewport": whole_page }),
        )?;
        let png = base64(answer["data"].as_str().unwrap_or_default());
        std::fs::write(path, png).map_err(|source| BrowserError::Io {
            act: "write the screenshot",
            path: path.to_owned(),
            source,
        })
    }

    /// Shows the page on another screen.
    ///
    /// # Errors
    ///
    /// [`BrowserError`] if the browser does not do its part.
    pub fn set_screen(&mut self, screen: Screen) -> Result<(), BrowserError> {
        self.devtools.command(
            "Emulation.setDeviceMetricsOverride",
            json!({
                "width": screen.width_px, "height": screen.height_px,
                "deviceScaleFactor": screen.scale, "mobile": screen.is_mobile,
            }),
        )?;
        Ok(())
    }

    /// Asks the page for light or dark colours, as the system would.
    ///
    /// # Errors
    ///
    /// [`BrowserError`] if the browser does not do its part.
    pub fn set_colours(&mut self, colours: Colours) -> Result<(), BrowserError> {
        let value = match colours {
            Colours::Light => "light",
            Colours::Dark => "dark",
        };
        let feature = json!({ "name": "prefers-color-scheme", "value": value });
        self.devtools.command(
            "Emulation.setEmulatedMedia",
            json!({ "features": [feature] }),
        )?;
        Ok(())
    }

    /// The browser's process id.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Addresses of everything that the page asked for, `WebSocket`s included.
    #[must_use]
    pub fn requests(&self) -> &[String] {
        &self.devtools.observed.requests
    }

    /// Errors and warnings in the console, uncaught exceptions, and what the browser blocked.
    #[must_use]
    pub fn errors(&self) -> &[String] {
        &self.devtools.observed.errors
    }

    /// Forgets the errors so far, as before an outage that is wanted.
    pub fn forget_errors(&mut self) {
        self.devtools.observed.errors.clear();
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(value) => value.as_f64().is_some_and(|number| number != 0.0),
        Value::String(value) => !value.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// Bytes of a base64 text (RFC 4648, the standard alphabet); stops at the padding.
fn base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => break,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            let [.., byte] = (bits >> count).to_be_bytes();
            bytes.push(byte);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::FileServer;
    use super::*;

    #[test]
    fn base64_of_the_standards_examples_is_decoded() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(base64(text), bytes.as_bytes(), "of {text:?}");
        }
    }

    #[test]
    fn truth_is_that_of_javascript() {
        for value in [json!(null), json!(false), json!(0), json!("")] {
            assert!(!is_true(&value), "{value}");
        }
        for value in [json!(true), json!(-1), json!("0"), json!([]), json!({})] {
            assert!(is_true(&value), "{value}");
        }
    }

    /// Goal: the driver reports what a page does, and ends its browser.
    #[test]
    fn a_page_is_opened_asked_watched_and_its_browser_ended() {
        let folder = tempfile::tempdir().unwrap();
        let html = "<!doctype html><link rel=icon href=data:,><title>there</title>\
                    <script>console.error('loud', 7); console.log('quiet')</script>";
        std::fs::write(folder.path().join("index.html"), html).unwrap();
        let server = FileServer::start(folder.path()).unwrap();

        let mut page = BrowserPage::open(&server.url("")).unwrap();

        assert_eq!(page.eval("document.title").unwrap(), json!("there"));
        assert_eq!(
            page.eval("Promise.resolve([1, 'a'])").unwrap(),
            json!([1, "a"])
        );
        assert_eq!(page.errors(), ["\"loud\" 7"]);
        assert_eq!(page.requests(), [server.url("")]);
        assert!(matches!(
            page.eval("nothing.there"),
            Err(BrowserError::Script(_))
        ));
        let never = page.wait_until("false", Duration::ZERO);
        assert!(matches!(never, Err(BrowserError::NeverTrue { .. })));

        page.set_colours(Colours::Dark).unwrap();
        let screen = Screen {
            width_px: 400,
            height_px: 300,
            scale: 2.0,
            is_mobile: false,
        };
        page.set_screen(screen).unwrap();
        let is_dark = "matchMedia('(prefers-color-scheme: dark)').matches";
        assert_eq!(page.eval(is_dark).unwrap(), json!(true));
        assert_eq!(
            page.eval("[innerWidth, devicePixelRatio]").unwrap(),
            json!([400, 2])
        );
        let png = folder.path().join("page.png");
        page.screenshot(&png, false).unwrap();
        let png = std::fs::read(png).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(&png[16..24], [0, 0, 3, 32, 0, 0, 2, 88], "800 by 600");

        let browser = page.process_id();
        drop(page);
        assert!(!Path::new(&format!("/proc/{browser}")).exists());
    }
}
