//! `/login`, `/logout` and `/api/v1/session`: people log in on a page of the box, and the browser
//! keeps the login as a cookie.
//!
//! The form is plain HTML and works without scripts. What is wrong is said on the same page, in the
//! same words for every name. Logins are [`crate::gatekeeper`]'s.

use super::api::NO_STORE;
use super::error::ApiError;
use super::gate::{LOGIN_PATH, cookie};
use super::page;
use crate::client_record::Peer;
use crate::gatekeeper::credentials::login_form;
use crate::gatekeeper::denied::Denied;
use crate::gatekeeper::site::is_same_origin;
use crate::hub::Hub;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Longest form, in bytes: a name and a password, each percent-encoded.
const FORM_BYTES_MAX: usize = 4096;
/// Longest time for a form to come.
const FORM_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait until the supervisor heard of a logout; here it holds at once.
const LOGOUT_TIMEOUT: Duration = Duration::from_secs(1);
/// Where to go after logging in.
const PAGE_PATH: &str = "/";
/// What stands in the page for what is wrong.
const MESSAGE: &str = "<!--message-->";

/// `GET /login`: the form.
pub async fn get() -> Response {
    form(StatusCode::OK, "")
}

/// `POST /login`: checks name and password, and leads to the page with a cookie.
///
/// # Errors
///
/// 400 for a form that is none, 403 from a page of another origin, 408 for one that does not come,
/// 413 for one that is too long. What is wrong with name and password is said on the form.
pub async fn post(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let (name, secret) = read(&headers, body).await.inspect_err(|_| {
        let refused = &hub.connections().forms_refused;
        refused.fetch_add(1, Ordering::Relaxed);
    })?;
    let gatekeeper = hub.gatekeeper();
    let logged_in = gatekeeper.log_in(peer.address, &name, &secret).await;
    let denied = match gatekeeper.counted(logged_in) {
        Ok(login) => {
            tracing::debug!("a browser at {} logged in as `{name}`", peer.address);
            return Ok(leave(PAGE_PATH, cookie(&hub, Some(&login), peer.is_secure)));
        }
        Err(denied) => denied,
    };
    let mut response = match &denied {
        Denied::UnknownToken | Denied::WrongPassword => form(
            StatusCode::UNAUTHORIZED,
            "The name or the password is wrong.",
        ),
        Denied::Attempts { retry_after_s } => {
            let wait = format!("Too many attempts. Try again in {retry_after_s} s.");
            form(denied.status(), &wait)
        }
        _ => form(denied.status(), "The box is busy. Try again in a moment."),
    };
    if let Some(seconds) = denied.retry_after_s() {
        let seconds = HeaderValue::from(seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    Ok(response)
}

/// `POST /logout`: ends the login, and with it everything that is open on it.
pub async fn logout(State(hub): State<Arc<Hub>>, Extension(peer): Extension<Peer>) -> Response {
    if let Some(login) = peer.caller.login() {
        let logged_out = hub.gatekeeper().log_out(login);
        let _in_time = tokio::time::timeout(LOGOUT_TIMEOUT, logged_out).await;
    }
    leave(LOGIN_PATH, cookie(&hub, None, peer.is_secure))
}

#[derive(Serialize)]
struct Session<'a> {
    user: Option<&'a str>,
    roles: Vec<&'static str>,
    /// There is a login that can be ended.
    login: bool,
    /// There is somebody who could log in.
    logins: bool,
}

/// `GET /api/v1/session`: who asks, and what they may.
pub async fn session(State(hub): State<Arc<Hub>>, Extension(peer): Extension<Peer>) -> Response {
    let caller = &peer.caller;
    let session = Session {
        user: caller.name(),
        roles: caller.permissions().words(),
        login: caller.login().is_some(),
        logins: hub.gatekeeper().knows_anybody(),
    };
    ([NO_STORE], Json(session)).into_response()
}

async fn read(headers: &HeaderMap, body: Body) -> Result<(String, String), ApiError> {
    // Also somebody who has no login yet: else a foreign page could log a viewer in as somebody.
    if !is_same_origin(headers) {
        return Err(ApiError::from(&Denied::OtherSite));
    }
    let read = axum::body::to_bytes(body, FORM_BYTES_MAX);
    let bytes = match tokio::time::timeout(FORM_TIMEOUT, read).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => {
            return Err(ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the form is longer than {FORM_BYTES_MAX} bytes, or broke off"),
                "a name has at most 32 characters, a password 255 bytes",
            ));
        }
        Err(_elapsed) => {
            return Err(ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                format!("the form did not come within {} s", FORM_TIMEOUT.as_secs()),
                "send it again",
            ));
        }
    };
    login_form(&bytes).ok_or_else(|| {
        ApiError::bad_request(
            "the form has not one `name` and one `password`",
            "send name=NAME&password=PASSWORD as application/x-www-form-urlencoded",
        )
    })
}

/// The page with the form, and what is wrong.
fn form(status: StatusCode, message: &str) -> Response {
    let message = match message {
        "" => String::new(),
        text => format!("<p class=\"login-wrong\" role=\"alert\">{text}</p>"),
    };
    let html = page::LOGIN_HTML.replace(MESSAGE, &message);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, page::LOGIN_SECURITY_POLICY),
    ];
    (status, headers, html).into_response()
}

fn leave(to: &'static str, cookie: Option<HeaderValue>) -> Response {
    let headers = [(header::LOCATION, to), (header::CACHE_CONTROL, "no-store")];
    let mut response = (StatusCode::SEE_OTHER, headers).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_has_a_place_for_what_is_wrong() {
        assert_eq!(page::LOGIN_HTML.matches(MESSAGE).count(), 1);
        assert_eq!(form(StatusCode::UNAUTHORIZED, "no").status(), 401);
    }
}
