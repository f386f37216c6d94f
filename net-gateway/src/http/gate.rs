//! The gate in front of every route: asks who a request is from, and lets it through if they may
//! what the route needs.
//!
//! The table in [`super`] says for each route what it needs, so none can forget it. Downstream of
//! here a [`Peer`] has its caller. [`crate::gatekeeper`] decides.

use super::error::ApiError;
use crate::client_record::Peer;
use crate::gatekeeper::Asked;
use crate::gatekeeper::caller::Caller;
use crate::gatekeeper::denied::Denied;
use crate::gatekeeper::logins::LoggedIn;
use crate::hub::Hub;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use shm_layout::control::Permission;
use std::sync::Arc;

/// The box's own page sends it along, so that the browser does not ask for a name and a password in
/// a window of its own: the page leads to [`LOGIN_PATH`] instead.
const FROM_THE_PAGE: HeaderName = HeaderName::from_static("x-wigwag-page");
/// Where people log in.
pub const LOGIN_PATH: &str = "/login";

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing; nobody is asked for. For what is no secret and changes nothing.
    Nothing,
    /// To know who asks, whoever that is.
    Name,
    /// The permission; people without it are led to where they can log in.
    Page(Permission),
    /// The permission.
    May(Permission),
}

/// What the gate of one route knows.
pub type Gate = (Arc<Hub>, Need);

/// Lets a request through, or answers it.
pub async fn guard(State((hub, need)): State<Gate>, mut request: Request, next: Next) -> Response {
    if need == Need::Nothing {
        return next.run(request).await;
    }
    let is_secure = request
        .extensions()
        .get::<Peer>()
        .is_some_and(|peer| peer.is_secure);
    let renewed = match identify(&hub, need, &mut request).await {
        Ok(renewed) => renewed,
        Err(denied) => return refusal(&denied, need, request.headers()),
    };
    let mut response = next.run(request).await;
    if let Some(renewed) = renewed
        && !response.headers().contains_key(header::SET_COOKIE)
        && let Some(cookie) = cookie(&hub, Some(&renewed), is_secure)
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

async fn identify(
    hub: &Hub,
    need: Need,
    request: &mut Request,
) -> Result<Option<LoggedIn>, Denied> {
    let gatekeeper = hub.gatekeeper();
    // Every request over a connection has one; without it nothing is believed of the far end.
    let peer = request.extensions().get::<Peer>().cloned();
    let peer = peer.unwrap_or_else(|| Peer::from(std::net::IpAddr::from([0, 0, 0, 0])));
    let asked = Asked {
        peer: &peer,
        method: request.method(),
        headers: request.headers(),
        query: request.uri().query().unwrap_or_default(),
    };
    let identified = gatekeeper.identify(asked, hub.access()).await;
    let (caller, ticket) = gatekeeper.counted(identified)?;
    if let Need::Page(permission) | Need::May(permission) = need {
        gatekeeper.check(&caller, permission)?;
    }
    let caller: Arc<Caller> = Arc::new(caller);
    request.extensions_mut().insert(Peer { caller, ..peer });
    Ok(ticket.and_then(|ticket| gatekeeper.renewed(&ticket)))
}

/// The answer to a request that is not let through.
fn refusal(denied: &Denied, need: Need, headers: &HeaderMap) -> Response {
    if matches!(need, Need::Page(_)) && denied.status() == StatusCode::UNAUTHORIZED {
        let to = [
            (header::LOCATION, LOGIN_PATH),
            (header::CACHE_CONTROL, "no-store"),
        ];
        return (StatusCode::SEE_OTHER, to).into_response();
    }
    let mut response = ApiError::from(denied).into_response();
    let answer = response.headers_mut();
    if denied.status() == StatusCode::UNAUTHORIZED {
        for challenge in challenges(headers) {
            let challenge = HeaderValue::from_static(challenge);
            answer.append(header::WWW_AUTHENTICATE, challenge);
        }
    }
    if let Some(seconds) = denied.retry_after_s() {
        answer.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// What may be sent instead. A browser that is offered `Basic` asks for it in a window of its own,
/// which is right for the address of a stream and wrong behind the page.
fn challenges(headers: &HeaderMap) -> &'static [&'static str] {
    const BEARER: &str = "Bearer realm=\"wigwag\"";
    const BASIC: &str = "Basic realm=\"wigwag\", charset=\"UTF-8\"";
    let is_script = headers.contains_key(FROM_THE_PAGE)
        || headers.contains_key(header::ORIGIN)
        || headers.contains_key(header::UPGRADE);
    if is_script {
        &[BEARER]
    } else {
        &[BASIC, BEARER]
    }
}

/// The cookie of a login, or the one that takes it away.
#[must_use]
pub fn cookie(hub: &Hub, login: Option<&LoggedIn>, is_secure: bool) -> Option<HeaderValue> {
    let name = hub.gatekeeper().cookie_name();
    let (value, max_age_s) = login.map_or(("", 0), |login| (&login.cookie, login.max_age_s));
    let secure = if is_secure { "; Secure" } else { "" };
    let text =
        format!("{name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::try_from(text).ok()
}

impl From<&Denied> for ApiError {
    fn from(denied: &Denied) -> Self {
        Self::new(denied.status(), denied.to_string(), denied.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_and_scripts_are_not_asked_by_the_browser_itself() {
        let with = |name: HeaderName| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static("1"));
            headers
        };
        assert_eq!(challenges(&HeaderMap::new()).len(), 2);
        for name in [FROM_THE_PAGE, header::ORIGIN, header::UPGRADE] {
            assert_eq!(challenges(&with(name)), ["Bearer realm=\"wigwag\""]);
        }
    }

    #[test]
    fn refusals_say_what_to_do() {
        let headers = HeaderMap::new();
        let may = Need::May(Permission::Watch);
        let response = refusal(&Denied::Missing, may, &headers);
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let challenges = response.headers().get_all(header::WWW_AUTHENTICATE);
        assert_eq!(challenges.iter().count(), 2);
        let response = refusal(&Denied::Missing, Need::Page(Permission::Watch), &headers);
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()[header::LOCATION], LOGIN_PATH);
        let attempts = Denied::Attempts { retry_after_s: 7 };
        let response = refusal(&attempts, may, &headers);
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "7");
        let response = refusal(&Denied::OtherSite, Need::Page(Permission::Watch), &headers);
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
    }
}
