//! The web page, built into the binary: no folder is served and nothing is fetched from elsewhere.
//!
//! Its files lie in `page/`. Each is known by name here; a test sees to it that none is missing.

use super::Route;
use super::gate::Need;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use shm_layout::control::Permission;

/// What the page may do: load from this box and talk to it, nothing else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// The same for the page to log in, with a form that is sent to this box alone.
pub(super) const LOGIN_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
     style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";
/// The page to log in; [`super::login`] puts in what is wrong.
pub(super) const LOGIN_HTML: &str = include_str!("../../page/login.html");

/// One file of the page.
struct PageFile {
    path: &'static str,
    content_type: &'static str,
    content: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! page_files {
    ($($name:literal $content_type:ident),+ $(,)?) => {
        &[$(PageFile {
            path: concat!("/", $name),
            content_type: $content_type,
            content: include_str!(concat!("../../page/", $name)),
        }),+]
    };
}

const FILES: &[PageFile] = page_files![
    "box_clock.js" SCRIPT,
    "camera.js" SCRIPT,
    "connection.js" SCRIPT,
    "decoder.js" SCRIPT,
    "elements.js" SCRIPT,
    "gestures.js" SCRIPT,
    "history.js" SCRIPT,
    "history_panel.js" SCRIPT,
    "icon.svg" SVG,
    "index.html" HTML,
    "login.js" SCRIPT,
    "main.js" SCRIPT,
    "message.js" SCRIPT,
    "notice.js" SCRIPT,
    "numbers_panel.js" SCRIPT,
    "overlay.js" SCRIPT,
    "own_camera.js" SCRIPT,
    "pairing.js" SCRIPT,
    "probe.js" SCRIPT,
    "push_connection.js" SCRIPT,
    "push_pace.js" SCRIPT,
    "rates.js" SCRIPT,
    "session.js" SCRIPT,
    "settings.js" SCRIPT,
    "stage.js" SCRIPT,
    "status_panel.js" SCRIPT,
    "style.css" CSS,
    "viewer.js" SCRIPT,
    "wording.js" SCRIPT,
];

/// One route for each file, and `/` for the page itself. The page is for those who may watch; its
/// parts are the same for every box and no secret.
pub fn routes() -> Vec<Route> {
    let page = Need::Page(Permission::Watch);
    let files = FILES.iter().flat_map(|file| {
        let is_page = file.path == "/index.html";
        let need = if is_page { page } else { Need::Nothing };
        let root: Option<Route> = is_page.then(|| ("/", page, get(move |it| answer(file, it))));
        let own: Route = (file.path, need, get(move |headers| answer(file, headers)));
        root.into_iter().chain([own])
    });
    files.collect()
}

/// The file, or 304 when the browser has it already. It asks each time, so that a page never
/// outlives an update of the box.
async fn answer(file: &'static PageFile, headers: HeaderMap) -> Response {
    let etag = etag(file.content.as_bytes());
    let is_known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| matches!(known.trim().trim_start_matches("W/"), "*") || known.trim() == etag);
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, file.content_type)], file.content).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    );
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

/// A tag of the content: equal content, equal tag, across restarts and versions.
/// Source: FNV-1a, 64 bits, <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn etag(content: &[u8]) -> String {
    let hash = content
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    format!("\"{hash:016x}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/page");
        let mut on_disk: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.ends_with(".md") && name != "login.html")
            .map(|name| format!("/{name}"))
            .collect();
        on_disk.sort();
        let mut served: Vec<&str> = FILES.iter().map(|file| file.path).collect();
        served.sort_unstable();
        assert_eq!(served, on_disk);
    }

    #[test]
    fn a_known_file_is_not_sent_again() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let file = FILES.first().unwrap();
        let first = runtime.block_on(answer(file, HeaderMap::new()));
        assert_eq!(first.status(), StatusCode::OK);
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        let second = runtime.block_on(answer(file, headers.clone()));
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"other\""));
        assert_eq!(
            runtime.block_on(answer(file, headers)).status(),
            StatusCode::OK
        );
    }
}
