mod key_file;

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::IntoResponse;
use ingest::{Duration, ManualClock};
use proptest::prelude::*;

use super::guard::needed;
use super::headers::secret_of;
use super::refusal::Refusal;
use super::sessions::{Begun, Lost};
use super::*;
use crate::control::{May, Person};

const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);
const LATER: Timestamp = Timestamp::from_micros(2_000_000_000);
const BY: &str = "ada";
const SETTINGS: Settings =
    Settings { lengths: Lengths { idle: Duration::seconds(60), longest: Duration::seconds(600) }, is_secure: false };

fn new(name: &str, scopes: &[Scope], requests_per_second: u32) -> NewKey {
    NewKey { name: name.to_owned(), owner: None, scopes: scopes.to_vec(), requests_per_second, expires_at: None }
}

/// What somebody does who may do everything.
const fn deed(now: Timestamp) -> Deed<'static> {
    Deed { by: BY, with: None, an_admin_stays: false, reason: "", now }
}

fn access(folder: &Path) -> Access {
    Access::open(folder, SETTINGS, Arc::new(ManualClock::at(NOW))).expect("they can be read")
}

#[test]
fn a_key_may_do_what_its_scopes_say() {
    let admit = |scopes: &[Scope], secret: &str, scope: Scope, now: Timestamp| {
        let folder = tempfile::tempdir().expect("a folder");
        let key = Key {
            name: "k".to_owned(),
            owner: None,
            hash: keys::hash("secret"),
            scopes: scopes.to_vec(),
            requests_per_second: 0,
            created_at: NOW,
            expires_at: Some(LATER),
        };
        std::fs::write(folder.path().join("keys.json"), serde_json::to_string(&[key]).expect("JSON")).expect("written");
        access(folder.path()).admit(secret, scope, now).map(|(person, _)| person.name).map_err(|refusal| refusal.to_string())
    };
    let check = |scopes: &[Scope], secret: &str, scope: Scope, now: Timestamp, expect: Result<&str, &str>| {
        assert_eq!(admit(scopes, secret, scope, now), expect.map(str::to_owned).map_err(str::to_owned));
    };
    check(&[Scope::Score], "secret", Scope::Score, NOW, Ok("k"));
    check(&[Scope::Admin], "secret", Scope::Label, NOW, Ok("k"));
    check(&[Scope::Review], "secret", Scope::Alerts, NOW, Ok("k"));
    check(&[Scope::Alerts], "secret", Scope::Review, NOW, Err("the key `k` may not do this: it needs the scope `review`"));
    check(&[Scope::Score], "secret", Scope::Read, NOW, Err("the key `k` may not do this: it needs the scope `read`"));
    check(&[Scope::Score], "other", Scope::Score, NOW, Err("the API key is not known, or has ended"));
    check(&[Scope::Score], "secret", Scope::Score, LATER, Err("the API key is not known, or has ended"));
}

#[test]
fn a_rate_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = KeyFile::of(folder.path()).add(new("shop", &[Scope::Score], 2), [1; 32], deed(NOW)).expect("added");
    let secret = made.secret;
    let access = access(folder.path());
    let admitted = (0..20).filter(|_| access.admit(secret.reveal(), Scope::Score, NOW).is_ok()).count();
    assert!((2..20).contains(&admitted), "{admitted}");
    let refused = access.admit(secret.reveal(), Scope::Score, NOW);
    assert!(matches!(refused, Err(Refusal::Rate { .. })), "{refused:?}");
}

#[tokio::test]
async fn who_reads_a_batch_counts_its_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = KeyFile::of(folder.path());
    let limited = file.add(new("shop", &[Scope::Score], 5), [1; 32], deed(NOW)).expect("added").secret;
    let unlimited = file.add(new("other", &[Scope::Score], 0), [2; 32], deed(NOW)).expect("added").secret;
    let access = access(folder.path());
    let sent = async |secret: &Secret, path: &str| {
        let bearer = format!("Bearer {}", secret.reveal());
        let request = Request::post(path).header(header::AUTHORIZATION, bearer).body(()).expect("a request");
        let reads = |request: Request<()>, _: Option<Person>| {
            let allowance = request.extensions().get::<Allowance>();
            let counted = allowance.map_or(Ok(()), |allowance| allowance.take_batch(1_000));
            std::future::ready(counted.map_or_else(IntoResponse::into_response, |()| StatusCode::OK.into_response()))
        };
        guard(&access, IpAddr::from([127, 0, 0, 1]), request, reads).await.status()
    };
    for _ in 0..2 {
        assert_eq!(sent(&unlimited, "/v1/score/batch").await, StatusCode::OK);
    }
    assert_eq!(sent(&limited, "/v1/score/batch").await, StatusCode::OK);
    assert_eq!(sent(&limited, "/v1/score").await, StatusCode::TOO_MANY_REQUESTS, "it owes 995");
    access.reload().expect("they can be read");
    assert_eq!(sent(&limited, "/v1/score").await, StatusCode::TOO_MANY_REQUESTS, "and still does");
}

#[test]
fn what_a_request_needs() {
    let check = |method: Method, path: &str, expect: Option<Scope>| assert_eq!(needed(&method, path), expect, "{method} {path}");
    check(Method::GET, "/livez", None);
    check(Method::GET, "/docs", None);
    check(Method::GET, "/login", None);
    check(Method::GET, "/assets/app.js", None);
    check(Method::POST, "/livez", Some(Scope::Admin));
    check(Method::POST, "/v1/score", Some(Scope::Score));
    check(Method::POST, "/v1/score/batch", Some(Scope::Score));
    check(Method::POST, "/v1/labels", Some(Scope::Label));
    check(Method::GET, "/", Some(Scope::Read));
    check(Method::GET, "/audit", Some(Scope::Read));
    check(Method::GET, "/metrics", Some(Scope::Read));
    check(Method::POST, "/v1/rules/check", Some(Scope::Read));
    check(Method::PUT, "/v1/rules/r", Some(Scope::Admin));
    check(Method::POST, "/v1/rules/r/backtest", Some(Scope::Read));
    check(Method::PUT, "/v1/rules/r/backtest", Some(Scope::Admin));
    check(Method::POST, "/v1/rules/backtest", Some(Scope::Admin));
    check(Method::DELETE, "/v1/lists/l/entries", Some(Scope::Admin));
    check(Method::POST, "/v1/changes", Some(Scope::Review));
    check(Method::POST, "/v1/changes/1/withdraw", Some(Scope::Review));
    check(Method::POST, "/v1/changes/1/approve", Some(Scope::Approve));
    check(Method::POST, "/v1/changes/1/reject", Some(Scope::Approve));
    check(Method::POST, "/v1/models/rollback", Some(Scope::Approve));
    check(Method::PUT, "/v1/models/1/role", Some(Scope::Admin));
    check(Method::GET, "/v1/users", Some(Scope::Admin));
    check(Method::DELETE, "/v1/users/ada", Some(Scope::Admin));
    check(Method::GET, "/v1/keys", Some(Scope::Admin));
    check(Method::POST, "/v1/keys/shop/rotate", Some(Scope::Admin));
    check(Method::GET, "/v1/keyss", Some(Scope::Read));
    check(Method::GET, "/keys", Some(Scope::Read));
    check(Method::GET, "/v1/audit", Some(Scope::Review));
    for method in [Method::GET, Method::POST, Method::DELETE] {
        check(method, "/v1/session", None);
    }
    check(Method::POST, "/v1/unknown", Some(Scope::Admin));
}

#[test]
fn a_role_opens_what_the_one_before_opens_and_more() {
    use Scope::{Admin, Alerts, Approve, Label, Read, Review};
    let opens = |role: Role, wanted: Scope| role.scopes().iter().any(|granted| granted.opens(wanted));
    let check = |role: Role, may: &[Scope], may_not: &[Scope]| {
        assert!(may.iter().all(|scope| opens(role, *scope)), "{role:?} {may:?}");
        assert!(!may_not.iter().any(|scope| opens(role, *scope)), "{role:?} {may_not:?}");
    };
    check(Role::Viewer, &[Read], &[Label, Alerts, Review, Approve, Admin, Scope::Score]);
    check(Role::Analyst, &[Read, Label, Alerts], &[Review, Approve, Admin, Scope::Score]);
    check(Role::Reviewer, &[Read, Label, Alerts, Review], &[Approve, Admin, Scope::Score]);
    check(Role::Approver, &[Read, Label, Alerts, Review, Approve], &[Admin, Scope::Score]);
    check(Role::Admin, &Scope::ALL, &[]);
    for pair in Role::ALL.windows(2) {
        assert!(Scope::ALL.iter().all(|scope| !opens(pair[0], *scope) || opens(pair[1], *scope)), "{pair:?}");
    }
    let may = Role::ALL.map(Role::may);
    assert_eq!(may, [May::Work, May::Work, May::Propose, May::Propose, May::Change], "who approves proposes like everybody else");
}

#[test]
fn a_secret_comes_as_bearer_or_as_a_password() {
    let check = |text: &'static str, expect: Option<&str>| {
        assert_eq!(secret_of(&HeaderValue::from_static(text)).as_deref(), expect, "{text}");
    };
    check("Bearer rf_1", Some("rf_1"));
    check("bearer  rf_1 ", Some("rf_1"));
    check("Basic YW55Ym9keTpyZl8x", Some("rf_1"));
    check("Basic YTpi", Some("b"));
    check("Basic YQ==", None);
    check("Basic !", None);
    check("Digest x", None);
    check("rf_1", None);
}

#[test]
fn a_password_is_kept_as_argon2id_and_never_shown() {
    const RIGHT: &str = "correct horse battery";
    let password = Password::new(RIGHT, "ada").expect("it is long");
    let (kept, other) = (password.hash().expect("hashed"), password.hash().expect("hashed"));
    let text = serde_json::to_string(&kept).expect("JSON");
    assert!(text.starts_with("\"$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
    assert_ne!(kept, other, "each has a salt of its own");
    assert!(password::is_right(RIGHT, Some(&kept)) && !password::is_right("correct horse batterY", Some(&kept)));
    assert!(!password::is_right(RIGHT, None));
    assert_eq!(format!("{password:?} {kept:?}"), "Password(***) PasswordKept(***)");

    let check = |text: &str, name: &str, expect: Option<PasswordError>| {
        assert_eq!(Password::new(text, name).err(), expect, "{text}");
    };
    check("elevenchars", "ada", Some(PasswordError::Length));
    check("twelve chars", "ada", None);
    check("\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}", "ada", None);
    check(&"x".repeat(257), "ada", Some(PasswordError::Length));
    check("i am ADA lovelace", "ada", Some(PasswordError::Name));
}

#[test]
fn what_nobody_can_type_is_hashed_as_a_password_is() {
    use argon2::password_hash::{Error, PasswordVerifier, phc::PasswordHash};
    let kept = Password::new("correct horse battery", "ada").expect("it is long").hash().expect("hashed");
    let kept = serde_json::to_string(&kept).expect("JSON");
    let how = |text: &str| text.trim_matches('"').rsplitn(3, '$').nth(2).map(str::to_owned);
    assert_eq!(how(password::NOBODYS), how(&kept), "the same work, so that it takes as long");
    // It is hashed and compared, not passed over.
    let hash = PasswordHash::new(password::NOBODYS).expect("it is one");
    assert_eq!(hash.hash.map(|hash| hash.as_ref().len()), Some(32));
    let wrong = argon2::Argon2::default().verify_password(b"anything", &hash);
    assert!(matches!(wrong, Err(Error::PasswordInvalid)), "{wrong:?}");
}

#[test]
fn who_is_logged_in_cannot_take_the_last_admin_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = UserFile::of(folder.path());
    let kept = || Password::new("correct horse battery", "x y z").expect("it is long").hash().expect("hashed");
    for (name, role) in [("ada", Role::Admin), ("bob", Role::Viewer)] {
        file.add(name, role, kept(), BY, NOW).expect("added");
    }
    let within = |name: &str, change: UserChange| {
        file.change_from_within(name, change, "ada", "", LATER).map(drop).map_err(|error| error.to_string())
    };
    let last = || Err("`ada` is the last admin who can log in: make another one first".to_owned());
    for change in [UserChange::Role(Role::Viewer), UserChange::Disable, UserChange::Remove] {
        let before = file.read().expect("it can be read");
        assert_eq!(within("ada", change.clone()), last(), "{change:?}");
        assert_eq!(file.read().expect("it can be read"), before);
    }
    assert_eq!(within("ada", UserChange::Password(kept())), Ok(()));
    assert_eq!(within("bob", UserChange::Role(Role::Admin)), Ok(()));
    assert_eq!(within("bob", UserChange::Disable), Ok(()));
    assert_eq!(within("ada", UserChange::Remove), last(), "bob cannot log in");
    assert_eq!(within("bob", UserChange::Enable), Ok(()));
    assert_eq!(within("ada", UserChange::Remove), Ok(()));
    // Whoever has the file may do anything.
    assert!(file.change("bob", UserChange::Remove, BY, "", LATER).is_ok());
}

#[test]
fn users_live_in_a_file_and_what_is_done_to_them_in_the_audit() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = UserFile::of(folder.path());
    let kept = || Password::new("correct horse battery", "x y z").expect("it is long").hash().expect("hashed");
    let add = |name: &str| file.add(name, Role::Analyst, kept(), BY, NOW).map(drop).map_err(|error| error.to_string());
    assert_eq!(add("bob"), Ok(()));
    assert_eq!(add("Bob"), Err("there is a user `bob` already".to_owned()));
    assert_eq!(add("The API"), Err("`The API` is no person's name: the program acts under it by itself".to_owned()));
    for name in ["", " bob", "a\nb", &"x".repeat(65)] {
        assert!(add(name).expect_err("it is no name").starts_with("the name of a user"), "{name}");
    }
    let change =
        |name: &str, change: UserChange| file.change(name, change, BY, "because", LATER).map_err(|error| error.to_string());
    assert_eq!(change("eve", UserChange::Disable), Err("there is no user `eve`".to_owned()));
    assert_eq!(change("BOB", UserChange::Role(Role::Approver)).map(|user| user.role), Ok(Role::Approver));
    assert_eq!(change("bob", UserChange::Disable).map(|user| user.disabled), Ok(true));
    assert_eq!(change("bob", UserChange::Enable).map(|user| user.disabled), Ok(false));
    assert_eq!(change("bob", UserChange::Password(kept())).map(|user| user.password_at), Ok(LATER));
    assert_eq!(file.read().expect("it can be read").len(), 1);
    assert_eq!(change("bob", UserChange::Remove).map(|user| user.name), Ok("bob".to_owned()));
    assert_eq!(file.read().expect("it can be read"), []);

    let told = Chain::of(folder.path()).page(|_| true, None, 9).expect("it can be read").entries;
    let told: Vec<[&str; 4]> = told
        .iter()
        .map(|sealed| [&sealed.entry.what, &sealed.entry.object, &sealed.entry.before, &sealed.entry.after].map(String::as_str))
        .collect();
    let user = "user bob";
    assert_eq!(
        told,
        [
            ["user_removed", user, "approver", ""],
            ["password_set", user, "", ""],
            ["user_enabled", user, "", ""],
            ["user_disabled", user, "", ""],
            ["role_changed", user, "analyst", "approver"],
            ["user_added", user, "", "analyst"],
        ]
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join("users.json")).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // What cannot be told is not done.
    std::fs::write(folder.path().join("audit.jsonl"), "x\n").expect("written");
    assert!(add("carl").expect_err("it cannot be told").contains("is damaged"));
    assert_eq!(file.read().expect("it can be read"), []);
}

#[tokio::test]
async fn keys_hold_whatever_becomes_of_users() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = KeyFile::of(folder.path());
    let ops = file.add(new("ops", &[Scope::Admin], 0), [1; 32], deed(NOW)).expect("added").secret;
    let access = Arc::new(access(folder.path()));
    std::fs::write(folder.path().join("users.json"), "{").expect("written");
    let leaked = file.add(new("leaked", &[Scope::Score], 0), [2; 32], deed(NOW)).expect("added").secret;
    assert!(access.reload().is_err());
    assert!(access.admit(leaked.reveal(), Scope::Score, NOW).is_ok());
    // Whoever changes keys is told that not all of it could be read, and the change holds.
    let revoked = access.change_keys(|keys, now| keys.revoke("leaked", deed(now))).await.expect_err("users cannot be read");
    let told = serde_json::to_value(revoked).expect("plain data");
    assert_eq!(told["status"], 503);
    assert!(told["detail"].as_str().is_some_and(|detail| detail.contains("does not hold yet")), "{told}");
    assert!(access.admit(leaked.reveal(), Scope::Score, NOW).is_err());
    assert!(access.admit(ops.reveal(), Scope::Admin, NOW).is_ok() && !access.is_open());
}

#[test]
fn what_cannot_be_read_is_said_once_and_tried_again() {
    let folder = tempfile::tempdir().expect("a folder");
    KeyFile::of(folder.path()).add(new("shop", &[Scope::Score], 0), [1; 32], deed(NOW)).expect("added");
    let (access, file) = (access(folder.path()), folder.path().join("keys.json"));
    let good = std::fs::read(&file).expect("it is there");
    std::fs::write(&file, "[").expect("written");
    assert!(access.reload_if_changed().is_err());
    assert!(!access.reload_if_changed().expect("it was said"));
    std::fs::write(&file, good).expect("written");
    assert!(access.reload_if_changed().expect("it is whole again"));
}

#[test]
fn a_session_ends_by_idleness_by_age_and_in_another_browser() {
    let at = |seconds: i64| NOW + Duration::seconds(seconds);
    let lost = |found: Result<Session, Lost>| found.map(|session| session.user).err();
    let mut sessions = Sessions::new(SETTINGS.lengths);
    let Begun { token, csrf } = sessions.begin("ada", at(0), "firefox", [[1; 32], [2; 32]], at(0));
    assert_eq!((token.len(), csrf.len()), (64, 64));
    assert!(!format!("{sessions:?}").contains(&token), "only its hash is kept");
    assert_eq!(sessions.find(&token, "firefox", true, at(59)).map(|session| session.csrf), Ok(csrf));
    assert_eq!(lost(sessions.find("another", "firefox", true, at(59))), Some(Lost::Ended));
    // A page that asks by itself keeps nothing alive.
    assert_eq!(lost(sessions.find(&token, "firefox", false, at(118))), None);
    assert_eq!(lost(sessions.find(&token, "firefox", true, at(119))), Some(Lost::Ended));
    assert_eq!(lost(sessions.find(&token, "firefox", true, at(60))), Some(Lost::Ended), "it is gone for good");

    let Begun { token, .. } = sessions.begin("ada", at(0), "firefox", [[3; 32], [4; 32]], at(0));
    for second in (0..600).step_by(50) {
        assert_eq!(lost(sessions.find(&token, "firefox", true, at(second))), None, "{second}");
    }
    assert_eq!(lost(sessions.find(&token, "firefox", true, at(600))), Some(Lost::Ended));

    let Begun { token, .. } = sessions.begin("ada", at(0), "firefox", [[5; 32], [6; 32]], at(0));
    assert_eq!(lost(sessions.find(&token, "curl", true, at(1))), Some(Lost::Stolen { user: "ada".to_owned() }));
    assert_eq!(lost(sessions.find(&token, "firefox", true, at(2))), Some(Lost::Ended), "nobody knows who has it");

    let tokens: Vec<String> = (0..20)
        .map(|number| sessions.begin("bob", at(0), "firefox", [[number; 32], [0; 32]], at(i64::from(number))).token)
        .collect();
    assert_eq!(sessions.count("bob"), 16);
    let open = |sessions: &mut Sessions, number: usize| lost(sessions.find(&tokens[number], "firefox", true, at(20))).is_none();
    assert!(!open(&mut sessions, 3) && open(&mut sessions, 4) && open(&mut sessions, 19), "the oldest have ended");
    sessions.end(&tokens[19]);
    assert!(!open(&mut sessions, 19) && sessions.count("bob") == 15);
    assert_eq!(sessions.end_unless(|session| session.user != "bob"), 15);
}

#[test]
fn who_guesses_waits_longer_each_time() {
    let address = |last: u8| Some(IpAddr::from([10, 0, 0, last]));
    let mut attempts = Attempts::default();
    let mut now = NOW;
    let mut waits = Vec::new();
    for _ in 0..12 {
        assert_eq!(attempts.count("ada", address(1), now), Ok(()));
        let wait = attempts.wait("ada", address(1), now);
        waits.push(wait.micros() / 1_000_000);
        if wait > Duration::ZERO {
            assert_eq!(attempts.count(" ADA ", address(2), now), Err(wait), "from wherever, however it is written");
        }
        now = now + wait;
    }
    assert_eq!(waits, [0, 0, 0, 0, 2, 4, 8, 16, 32, 1_800, 1_800, 1_800]);
    assert_eq!(attempts.wait("nobody at all", address(1), now), Duration::ZERO);
    // Who is right begins anew; what is long ago is forgotten.
    attempts.count("ada", address(1), now).expect("it has waited");
    attempts.was_right("ada", address(1));
    assert_eq!(attempts.wait("ada", address(1), now), Duration::ZERO);
    for _ in 0..4 {
        attempts.count("bob", None, now).expect("nothing was wrong yet");
    }
    attempts.count("bob", None, now + Duration::days(1)).expect("it is forgotten");
    assert_eq!(attempts.wait("bob", None, now + Duration::days(1)), Duration::ZERO);
    // Many names from one address.
    let mut tried = 0;
    while attempts.count(&format!("name {tried}"), address(9), now).is_ok() {
        tried += 1;
    }
    assert_eq!(tried, 50);
    // And from one line, which has addresses of version 6 without end.
    let within = |last: u16| Some(IpAddr::from([0x2001, 0xdb8, 7, 7, last, 0, 0, last]));
    let mut tried = 0;
    while attempts.count(&format!("other name {tried}"), within(tried), now).is_ok() {
        tried += 1;
    }
    assert_eq!(tried, 50);
    assert_eq!(attempts.count("cid", Some(IpAddr::from([0x2001, 0xdb8, 7, 8, 0, 0, 0, 1])), now), Ok(()));
    assert_eq!(attempts.count("ada", address(8), now), Ok(()));
}

#[test]
fn who_is_locked_out_is_known_until_there_is_another_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = |text: &str| Password::new(text, "ada").and_then(|password| password.hash()).expect("it hashes");
    let file = UserFile::of(folder.path());
    for name in ["ada", "bob"] {
        file.add(name, Role::Analyst, kept("correct horse battery"), BY, NOW).expect("added");
    }
    let access = access(folder.path());
    let locked_out =
        || -> Vec<Option<LockedOut>> { access.users().into_iter().map(|(_, standing)| standing.locked_out).collect() };
    let guess = |times: u32| (0..times).for_each(|_| lock(&access.attempts).count("ADA", None, NOW).expect("it is looked at"));
    guess(4);
    assert_eq!(locked_out(), [None, None]);
    guess(1);
    let found = serde_json::to_string(&locked_out()).expect("JSON");
    assert_eq!(found, r#"[{"since":"1970-01-01T00:16:40Z","until":"1970-01-01T00:16:42Z"},null]"#);
    // Another role changes nothing about it.
    file.change("ada", UserChange::Role(Role::Viewer), BY, "", LATER).expect("changed");
    assert!(access.reload().is_ok() && locked_out()[0].is_some());
    file.change("ada", UserChange::Password(kept("another password")), BY, "she called", LATER).expect("changed");
    assert!(access.reload().is_ok() && locked_out() == [None, None]);
    assert_eq!(lock(&access.attempts).count("ada", None, NOW), Ok(()));
}

#[test]
fn many_new_names_do_not_make_room_for_one_that_waits() {
    let mut attempts = Attempts::default();
    while attempts.count("ada", None, NOW).is_ok() {}
    for number in 0..11_000 {
        attempts.count(&format!("name {number}"), None, NOW).expect("each is new");
    }
    assert!(attempts.count("ada", None, NOW).is_err());
}

proptest! {
    #[test]
    fn however_tries_come_there_are_few_of_them(gaps in proptest::collection::vec(0_i64..40, 1..400)) {
        let mut attempts = Attempts::default();
        let (mut now, mut looked_at) = (NOW, 0);
        for gap in gaps {
            now = now + Duration::seconds(gap);
            looked_at += i64::from(attempts.count("ada", None, now).is_ok());
        }
        // Ten at once, and then one in half an hour.
        prop_assert!(looked_at <= 10 + now.since(NOW).micros() / 1_000_000 / 1_800 + 1, "{looked_at}");
    }
}

#[test]
fn a_change_comes_from_a_page_of_this_server() {
    let check = |headers: &[(&'static str, &'static str)], expect: bool| {
        let map = headers.iter().map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value))).collect();
        assert_eq!(is_own(&map), expect, "{headers:?}");
    };
    check(&[], true);
    check(&[("sec-fetch-site", "same-origin")], true);
    check(&[("sec-fetch-site", "same-site")], false);
    check(&[("sec-fetch-site", "cross-site")], false);
    check(&[("sec-fetch-site", "none")], false);
    check(&[("origin", "https://risk.example"), ("host", "risk.example")], true);
    check(&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")], true);
    check(&[("origin", "http://127.0.0.1:8081"), ("host", "127.0.0.1:8080")], false);
    check(&[("origin", "https://evil.example"), ("host", "risk.example")], false);
    check(&[("origin", "null"), ("host", "risk.example")], false);
    check(&[("origin", "https://risk.example")], false);
    check(&[("sec-fetch-site", "same-origin"), ("origin", "https://risk.example"), ("host", "inner:8080")], true);
}

#[test]
fn so_much_of_what_was_refused_is_told() {
    let mut refusals = Refusals::default();
    let told = |refusals: &mut Refusals, now: Timestamp| (0..100).filter(|_| refusals.take("ada", now).is_some()).count();
    assert_eq!(told(&mut refusals, NOW), 30);
    assert_eq!(refusals.take("bob", NOW), Some(0));
    assert_eq!(refusals.take("ada", NOW + Duration::seconds(60)), Some(70), "and how much was not");
    assert_eq!(refusals.take("ada", NOW + Duration::seconds(60)), Some(0));
}

#[test]
fn a_cookie_is_bound_to_the_host_where_there_is_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let secure = Access::open(folder.path(), Settings { is_secure: true, ..SETTINGS }, Arc::new(ManualClock::at(NOW)));
    let secure = secure.expect("nothing is there");
    let check =
        |access: &Access, token: Option<&str>, expect: &str| assert_eq!(access.cookie(token).to_str().expect("ASCII"), expect);
    let plain = access(folder.path());
    check(&plain, Some("ab"), "riskflow=ab; Path=/; HttpOnly; SameSite=Strict");
    check(&secure, Some("ab"), "__Host-riskflow=ab; Path=/; HttpOnly; SameSite=Strict; Secure");
    check(&secure, None, "__Host-riskflow=; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0");
    let headers = |text: &'static str| HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(text))]);
    assert_eq!(plain.token_in(&headers("a=b; riskflow=ab; riskflow2=c")).as_deref(), Some("ab"));
    assert_eq!(secure.token_in(&headers("riskflow=ab; __Host-riskflow=cd")).as_deref(), Some("cd"));
    assert_eq!(secure.token_in(&headers("riskflow=ab")), None);
}
