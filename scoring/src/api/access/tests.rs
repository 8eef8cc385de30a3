use ingest::ManualClock;

use super::*;
use crate::control::May;

const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);
const LATER: Timestamp = Timestamp::from_micros(2_000_000_000);

fn new(name: &str, scopes: &[Scope], requests_per_second: u32) -> NewKey {
    NewKey { name: name.to_owned(), owner: None, scopes: scopes.to_vec(), requests_per_second, expires_at: None }
}

#[test]
fn keys_live_in_a_file_without_their_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = KeyFile::of(folder.path());
    assert_eq!(file.read().expect("no file is no key"), []);
    let first = file.add(new("shop", &[Scope::Score], 0), [1; 32], NOW).expect("added");
    let taken = file.add(new("shop", &[Scope::Score], 0), [2; 32], NOW).expect_err("it is there");
    assert_eq!(taken.to_string(), "there is a key `shop` already: rotate it, or revoke it first");
    assert!(file.add(new("", &[Scope::Score], 0), [2; 32], NOW).is_err() && file.add(new("a", &[], 0), [2; 32], NOW).is_err());
    let text = std::fs::read_to_string(folder.path().join("keys.json")).expect("it is written");
    assert!(!text.contains(first.reveal()) && !format!("{first:?}").contains(first.reveal()));

    let second = file.rotate("shop", LATER, [3; 32], NOW).expect("rotated");
    let access = Access::new(file.read().expect("keys"), Arc::new(ManualClock::at(NOW)));
    let admit =
        |secret: &Secret, now: Timestamp| access.admit(Some(secret.reveal()), Scope::Score, now).map(|person| person.name);
    assert_eq!((admit(&first, NOW), admit(&second, NOW)), (Ok("shop".to_owned()), Ok("shop".to_owned())), "both for a while");
    assert_eq!((admit(&first, LATER), admit(&second, LATER)), (Err(Refusal::UnknownKey), Ok("shop".to_owned())));

    file.revoke("shop").expect("revoked");
    access.replace(file.read().expect("keys"));
    assert!(!access.is_open() && admit(&second, NOW).is_err(), "the door stays shut");
    assert!(Access::new(Vec::new(), Arc::new(ManualClock::at(NOW))).is_open());
    assert_eq!(file.revoke("shop").expect_err("it is gone").to_string(), "there is no key `shop`");
    assert!(file.rotate("shop", LATER, [3; 32], NOW).is_err());
}

#[test]
fn a_key_acts_for_its_owner() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = KeyFile::of(folder.path());
    let add = |name: &str, owner: Option<&str>, scope: Scope| {
        file.add(NewKey { owner: owner.map(str::to_owned), ..new(name, &[scope], 0) }, [1; 32], NOW).map(drop)
    };
    add("laptop", Some("ada"), Scope::Admin).expect("added");
    add("bob", None, Scope::Review).expect("added");
    let people: Vec<Person> = file.read().expect("keys").iter().map(Key::person).collect();
    assert_eq!(people[0], Person { name: "ada".to_owned(), may: May::Change });
    assert_eq!(people[1], Person { name: "bob".to_owned(), may: May::Propose });
    for (name, owner) in [("guardrail", None), ("k", Some("The API")), ("the pipeline file ", None)] {
        let refused = add(name, owner, Scope::Admin).expect_err("it is no person").to_string();
        assert!(refused.contains("is no person's name"), "{refused}");
    }
}

#[test]
fn a_key_may_do_what_its_scopes_say() {
    let key = |scopes: &[Scope]| Key {
        name: "k".to_owned(),
        owner: None,
        hash: keys::hash("secret"),
        scopes: scopes.to_vec(),
        requests_per_second: 0,
        created_at: NOW,
        expires_at: Some(LATER),
    };
    let admit = |scopes: &[Scope], secret: Option<&str>, scope: Scope, now: Timestamp| {
        Access::new(vec![key(scopes)], Arc::new(ManualClock::at(now)))
            .admit(secret, scope, now)
            .map(|person| person.name)
            .map_err(|refusal| refusal.to_string())
    };
    let check = |scopes: &[Scope], secret: Option<&str>, scope: Scope, now: Timestamp, expect: Result<&str, &str>| {
        assert_eq!(admit(scopes, secret, scope, now), expect.map(str::to_owned).map_err(str::to_owned));
    };
    check(&[Scope::Score], Some("secret"), Scope::Score, NOW, Ok("k"));
    check(&[Scope::Admin], Some("secret"), Scope::Label, NOW, Ok("k"));
    check(&[Scope::Score], Some("secret"), Scope::Read, NOW, Err("the key `k` may not do this: it needs the scope `read`"));
    check(&[Scope::Score], Some("other"), Scope::Score, NOW, Err("the API key is not known, or has ended"));
    check(&[Scope::Score], Some("secret"), Scope::Score, LATER, Err("the API key is not known, or has ended"));
    check(&[Scope::Score], None, Scope::Score, NOW, Err("no API key: send it as `Authorization: Bearer ...`"));
}

#[test]
fn a_rate_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = KeyFile::of(folder.path());
    let secret = file.add(new("shop", &[Scope::Score], 2), [1; 32], NOW).expect("added");
    let access = Access::new(file.read().expect("keys"), Arc::new(ManualClock::at(NOW)));
    let admitted = (0..20).filter(|_| access.admit(Some(secret.reveal()), Scope::Score, NOW).is_ok()).count();
    assert!((2..20).contains(&admitted), "{admitted}");
    let refused = access.admit(Some(secret.reveal()), Scope::Score, NOW);
    assert!(matches!(refused, Err(Refusal::Rate { .. })), "{refused:?}");
}

#[test]
fn what_a_request_needs() {
    let check = |method: Method, path: &str, expect: Option<Scope>| assert_eq!(needed(&method, path), expect, "{method} {path}");
    check(Method::GET, "/livez", None);
    check(Method::GET, "/docs", None);
    check(Method::POST, "/livez", Some(Scope::Admin));
    check(Method::POST, "/v1/score", Some(Scope::Score));
    check(Method::POST, "/v1/score/batch", Some(Scope::Score));
    check(Method::POST, "/v1/labels", Some(Scope::Label));
    check(Method::GET, "/", Some(Scope::Read));
    check(Method::GET, "/metrics", Some(Scope::Read));
    check(Method::POST, "/v1/rules/check", Some(Scope::Read));
    check(Method::PUT, "/v1/rules/r", Some(Scope::Admin));
    check(Method::POST, "/v1/rules/r/backtest", Some(Scope::Read));
    check(Method::PUT, "/v1/rules/r/backtest", Some(Scope::Admin));
    check(Method::POST, "/v1/rules/backtest", Some(Scope::Admin));
    check(Method::DELETE, "/v1/lists/l/entries", Some(Scope::Admin));
    check(Method::POST, "/v1/unknown", Some(Scope::Admin));
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
