//! Whom the gatekeeper lets in, from what a request shows to what its caller may.

use super::credentials::basic;
use super::*;
use crate::gatekeeper::logins::LoggedIn;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordHasher};
use axum::http::{HeaderName, HeaderValue};
use futures_util::FutureExt;
use sha2::{Digest, Sha256};
use shm_layout::control::AccessEntry;

const HERE: &str = "127.0.0.1";
const THERE: &str = "192.0.2.7";
const TOKEN: &str = "wigwag_door";

fn in_runtime<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.build().unwrap().block_on(test)
}

fn hash(password: &str) -> String {
    let cheap = Params::new(Params::MIN_M_COST, 1, 1, None).unwrap();
    let hash: PasswordHash = Argon2::from(cheap)
        .hash_password(password.as_bytes())
        .unwrap();
    hash.to_string()
}

fn rules() -> AccessRules {
    let entry = |name: &str, permission| AccessEntry {
        name: name.to_owned(),
        permissions: Permissions::from_iter([permission]),
        token_sha256: None,
        password_argon2: None,
    };
    AccessRules {
        entries: vec![
            AccessEntry {
                token_sha256: Some(Sha256::digest(TOKEN.as_bytes()).into()),
                ..entry("door", Permission::Push)
            },
            AccessEntry {
                password_argon2: Some(hash("correct horse")),
                ..entry("ann", Permission::Control)
            },
        ],
        hosts: vec!["cams.example".to_owned()],
        failed_attempts_per_minute: 3,
        max_sessions: 2,
        session_idle_s: 1000,
        session_max_s: 5000,
        ..AccessRules::default()
    }
}

fn keeper_with(rules: &AccessRules) -> Gatekeeper {
    let seed = SessionSeed {
        key: SessionKey([5; 32]),
        ended: Vec::new(),
    };
    Gatekeeper::new(rules, "default", Some("box"), Some(&seed)).unwrap()
}

fn keeper() -> Gatekeeper {
    keeper_with(&rules())
}

fn peer(address: &str) -> Peer {
    Peer::from(address.parse::<IpAddr>().unwrap()).at_listener(true)
}

/// A request with these headers beside a usual `Host`.
fn ask(keeper: &Gatekeeper, from: &str, fields: &[(&'static str, &str)]) -> Result<Caller, Denied> {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8080"));
    for (name, value) in fields {
        let value = HeaderValue::from_str(value).unwrap();
        headers.insert(HeaderName::from_static(name), value);
    }
    let peer = peer(from);
    let asked = Asked {
        peer: &peer,
        method: &Method::GET,
        headers: &headers,
        query: "",
    };
    let identified = in_runtime(keeper.identify(asked, &Access::default()));
    identified.map(|(caller, _)| caller)
}

fn words(caller: &Caller) -> Vec<&'static str> {
    caller.permissions().words()
}

fn log_in(keeper: &Gatekeeper, name: &str, secret: &str) -> Result<LoggedIn, Denied> {
    in_runtime(keeper.log_in(THERE.parse().unwrap(), name, secret))
}

fn cookie(login: &LoggedIn) -> String {
    format!("wigwag-default={}", login.cookie)
}

#[test]
fn this_machine_may_everything_and_others_what_they_show() {
    let keeper = keeper();
    assert_eq!(ask(&keeper, HERE, &[]), Ok(Caller::local()));
    let stranger = ask(&keeper, THERE, &[]).unwrap();
    assert_eq!(stranger.may(Permission::Watch), Err(Denied::Missing));
    for from in [HERE, THERE] {
        let bearer = format!("Bearer {TOKEN}");
        let door = ask(&keeper, from, &[("authorization", &bearer)]).unwrap();
        assert_eq!((door.name(), words(&door)), (Some("door"), vec!["push"]));
        let ann = basic("ann", "correct horse");
        let ann = ask(&keeper, from, &[("authorization", &ann)]).unwrap();
        assert_eq!((ann.name(), words(&ann)), (Some("ann"), vec!["control"]));
    }
    let token_as_password = basic("", TOKEN);
    let door = ask(&keeper, THERE, &[("authorization", &token_as_password)]);
    assert_eq!(door.unwrap().name(), Some("door"));
}

#[test]
fn what_is_shown_and_wrong_is_refused_everywhere() {
    let keeper = keeper();
    for (authorization, denied) in [
        ("Bearer wigwag_other".to_owned(), Denied::UnknownToken),
        (basic("ann", "wrong horse"), Denied::WrongPassword),
        (basic("bob", "correct horse"), Denied::WrongPassword),
        ("Digest x".to_owned(), Denied::Scheme),
    ] {
        let found = ask(&keeper, HERE, &[("authorization", &authorization)]);
        assert_eq!(found, Err(denied), "{authorization}");
    }
    let cookie = "wigwag-default=AAAA";
    assert_eq!(
        ask(&keeper, HERE, &[("cookie", cookie)]),
        Ok(Caller::local())
    );
}

#[test]
fn what_everybody_may_is_added_and_needs_a_known_host() {
    let anonymous = AccessRules {
        anonymous: Permissions::from_iter([Permission::Watch]),
        ..rules()
    };
    let keeper = keeper_with(&anonymous);
    assert_eq!(words(&ask(&keeper, THERE, &[]).unwrap()), ["watch"]);
    let bearer = format!("Bearer {TOKEN}");
    let door = ask(&keeper, THERE, &[("authorization", &bearer)]).unwrap();
    assert_eq!(words(&door), ["watch", "push"]);
    for from in [HERE, THERE] {
        let rebound = ask(&keeper, from, &[("host", "evil.example:8080")]).unwrap();
        let denied = Denied::Host("evil.example:8080".to_owned());
        assert_eq!(rebound.may(Permission::Watch), Err(denied));
        let known = ask(&keeper, from, &[("host", "cams.example")]).unwrap();
        assert_eq!(known.may(Permission::Watch), Ok(()));
    }
    let fields = [("host", "evil.example"), ("authorization", &*bearer)];
    assert!(
        ask(&keeper, THERE, &fields).is_ok(),
        "who shows a token chose the name"
    );
}

#[test]
fn pages_of_other_sites_cannot_use_a_browser() {
    let keeper = keeper();
    let ann = basic("ann", "correct horse");
    let evil = ("origin", "http://evil.example");
    for fields in [
        &[evil][..],
        &[("sec-fetch-site", "cross-site")],
        &[evil, ("authorization", &ann)],
    ] {
        assert_eq!(
            ask(&keeper, HERE, fields),
            Err(Denied::OtherSite),
            "{fields:?}"
        );
    }
    let bearer = format!("Bearer {TOKEN}");
    assert!(ask(&keeper, HERE, &[evil, ("authorization", &bearer)]).is_ok());
}

#[test]
fn who_guesses_has_to_wait_and_who_knows_has_not() {
    let keeper = keeper();
    let wrong = [("authorization", "Bearer wigwag_other")];
    for _ in 0..3 {
        assert_eq!(ask(&keeper, THERE, &wrong), Err(Denied::UnknownToken));
    }
    let refused = |fields: &[(&'static str, &str)]| {
        matches!(
            ask(&keeper, THERE, fields),
            Err(Denied::Attempts {
                retry_after_s: 1..=21
            })
        )
    };
    assert!(refused(&wrong));
    let right = basic("ann", "correct horse");
    assert!(
        refused(&[("authorization", &right)]),
        "a password may be guessed"
    );
    let wire = |token| keeper.identify_wire(&peer(THERE), Some(token));
    assert!(matches!(wire("wigwag_other"), Err(Denied::Attempts { .. })));
    assert_eq!(wire(TOKEN).unwrap().name(), Some("door"), "a token cannot");
    assert!(ask(&keeper, HERE, &[("authorization", &right)]).is_ok());
}

#[test]
fn right_passwords_cost_no_attempt() {
    let keeper = keeper();
    for _ in 0..10 {
        log_in(&keeper, "ann", "correct horse").unwrap();
    }
}

#[test]
fn wire_clients_are_known_by_token_or_place() {
    let keeper = keeper();
    let of = |from, token| keeper.identify_wire(&peer(from), token);
    assert_eq!(of(HERE, None), Ok(Caller::local()));
    assert_eq!(
        of(THERE, None).unwrap().may(Permission::Watch),
        Err(Denied::Missing)
    );
    assert_eq!(of(HERE, Some("nonsense")), Err(Denied::UnknownToken));
    assert_eq!(words(&of(HERE, Some(TOKEN)).unwrap()), ["push"]);
}

#[test]
fn login_goes_on_at_the_next_gateway_and_ends_for_good() {
    let keeper = keeper();
    assert!(log_in(&keeper, "ann", "wrong horse").is_err());
    let cookie = cookie(&log_in(&keeper, "ann", "correct horse").unwrap());
    let with = |keeper: &Gatekeeper| ask(keeper, THERE, &[("cookie", &cookie)]).unwrap();
    assert_eq!(with(&keeper).name(), Some("ann"));
    let next = self::keeper();
    // Every gateway reads the same config; this one's hashes were made anew.
    assert_eq!(with(&next).name(), None, "another hash is another password");
    let seeded = |ended: Vec<EndedSession>| {
        let seed = SessionSeed {
            key: keeper.key.clone(),
            ended,
        };
        let mut next = Gatekeeper::new(&rules(), "default", None, Some(&seed)).unwrap();
        next.entries = Entries::new(&[AccessEntry {
            name: "ann".to_owned(),
            permissions: Permissions::all(),
            token_sha256: None,
            password_argon2: keeper
                .entries
                .by_name("ann")
                .unwrap()
                .password_argon2
                .clone(),
        }]);
        next
    };
    let next = seeded(Vec::new());
    assert_eq!(
        words(&with(&next)),
        ["watch", "push", "control"],
        "roles are those of now"
    );
    let mut logged_out = std::pin::pin!(keeper.log_out(with(&keeper).login().unwrap()));
    let mut is_done = || logged_out.as_mut().now_or_never().is_some();
    assert!(!is_done(), "the supervisor does not know it");
    assert_eq!(with(&keeper).name(), None);
    let ended = keeper.take_ended();
    assert_eq!(ended.len(), 1);
    keeper.told_all_but(ended.clone());
    assert!(!is_done(), "nor after it was told in vain");
    assert_eq!(keeper.take_ended(), ended);
    keeper.told_all_but(Vec::new());
    assert!(is_done());
    next.end_elsewhere(&ended);
    assert_eq!(with(&next).name(), None);
    assert_eq!(with(&seeded(ended)).name(), None);
}

#[test]
fn token_logs_in_too_and_the_number_of_logins_is_limited() {
    let keeper = keeper();
    let first = log_in(&keeper, "", TOKEN).unwrap();
    let second = log_in(&keeper, "ann", "correct horse").unwrap();
    let third = log_in(&keeper, "ann", "correct horse").unwrap();
    assert_eq!(keeper.logins(), (3, 2));
    assert_eq!(keeper.take_ended().len(), 1);
    let name = |login: &LoggedIn| {
        let caller = ask(&keeper, THERE, &[("cookie", &cookie(login))]).unwrap();
        caller.name().map(str::to_owned)
    };
    let left = [&first, &second, &third].map(name);
    assert_eq!(left.iter().flatten().count(), 2, "{left:?}");
    assert_eq!(left[2].as_deref(), Some("ann"));
}

#[test]
fn nothing_secret_is_shown_by_debug() {
    let keeper = keeper();
    let text = format!("{keeper:?}");
    assert!(!text.contains(TOKEN) && !text.contains("correct horse"));
    assert!(text.contains("SessionKey(…)"));
}
