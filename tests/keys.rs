//! The keys of programs, as an admin keeps them while the server runs: over HTTP, and on their page in a real Chromium. With `SCREENSHOTS=1` the
//! picture of the documentation is made anew.

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::browser::{Place, keys};
use support::people::{enter, user};
use support::{Answer, Server, json_lines, run_well, text, until};

/// Makes a key at the command line; its secret.
fn key(data: &Path, name: &str, more: &[&str]) -> String {
    let arguments = ["key", "--data-dir", text(data), "add", "--name", name, "--scopes"];
    run_well(&[&arguments, more].concat()).stdout.trim().to_owned()
}

fn said(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.body);
    answer.json()
}

/// What is refused: the field that it is about, and why.
fn refused(answer: &Answer, status: u16) -> (String, String) {
    let problem = said(answer, status);
    let word = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    (word("field"), word("detail"))
}

/// What the audit has, the oldest first: what was done to what, by whom and why.
fn told(data: &Path) -> Vec<[String; 4]> {
    let listed = json_lines(&run_well(&["audit", "--data-dir", text(data), "list", "--json"]));
    let word = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    listed.iter().map(|entry| ["who", "what", "object", "reason"].map(|name| word(entry, name))).collect()
}

#[test]
fn an_admin_makes_rotates_and_revokes_keys_while_the_server_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let (ops, eve) = (key(data, "ops", &["admin"]), key(data, "eve", &["read,review,approve"]));
    let server = Server::start(data);
    let ask = |key: &str, method: &str, path: &str, body: Value| server.ask(key, method, path, &body);
    let none = || Value::Null;
    let list = || said(&ask(&ops, "GET", "/v1/keys", none()), 200);
    let find = |name: &str| -> Vec<Value> {
        list()["keys"].as_array().expect("keys").iter().filter(|key| key["name"] == name).cloned().collect()
    };
    let is_known = |secret: &str| ask(secret, "GET", "/v1/session", none()).status == 200;

    // A key holds at once, and its secret is told once.
    let draft = json!({
        "name": "shop", "owner": "ada", "scopes": ["label", "score", "label"], "requests_per_second": 50,
        "expires_at": "2099-01-01T00:00:00Z", "reason": "the new checkout",
    });
    let made = said(&ask(&ops, "POST", "/v1/keys", draft.clone()), 201);
    let first = made["secret"].as_str().expect("a secret").to_owned();
    assert!(first.starts_with("rf_") && first.len() == 67, "{first}");
    assert_eq!((&made["owner"], &made["scopes"], &made["before_ends_at"]), (&json!("ada"), &json!(["score", "label"]), &none()));
    assert_eq!(find("shop")[0]["last_used_at"], none());
    let who = said(&ask(&first, "GET", "/v1/session", none()), 200);
    assert_eq!((&who["name"], &who["scopes"]), (&json!("ada"), &json!(["score", "label"])));
    assert_eq!(ask(&first, "GET", "/v1/models", none()).status, 403);
    let shop = find("shop")[0].clone();
    assert!(shop["last_used_at"].as_str() >= list()["used_since"].as_str(), "{shop}");
    let members: Vec<&str> = shop.as_object().expect("an object").keys().map(String::as_str).collect();
    let expect = ["created_at", "expires_at", "last_used_at", "name", "owner", "requests_per_second", "scopes"];
    assert!(members.len() == expect.len() && expect.iter().all(|name| members.contains(name)), "{members:?}");

    // Whoever makes a key that agrees to changes agrees with it, unless they say who does.
    let owner_of = |name: &str, scopes: &[&str]| {
        let draft = json!({"name": name, "scopes": scopes, "reason": "a script"});
        said(&ask(&ops, "POST", "/v1/keys", draft), 201)["owner"].clone()
    };
    assert_eq!((owner_of("agrees", &["approve"]), owner_of("proposes", &["review"])), (json!("ops"), json!("ops")));
    assert_eq!((owner_of("reads", &["read", "label"]), owner_of("works", &["alerts"])), (json!("reads"), json!("works")));

    // What cannot be is refused by its field, and nobody else may look.
    let check = |change: Value, status: u16, field: &str, words: &str| {
        let mut draft = json!({"name": "till", "scopes": ["score"], "reason": "why not"});
        change.as_object().expect("an object").iter().for_each(|(name, value)| draft[name] = value.clone());
        let (about, why) = refused(&ask(&ops, "POST", "/v1/keys", draft), status);
        assert!(about == field && why.contains(words), "{change}: {about}, {why}");
    };
    check(json!({"name": "shop"}), 409, "", "there is a key `shop` already");
    check(json!({"name": ""}), 422, "name", "1 to 64 bytes");
    check(json!({"name": "guardrail"}), 422, "name", "is no person's name");
    check(json!({"owner": "the card 4111111111111111"}), 422, "owner", "a card number");
    check(json!({"scopes": []}), 422, "scopes", "may do nothing");
    check(json!({"scopes": ["all"]}), 422, "scopes.0", "unknown variant `all`");
    check(json!({"expires_at": "2020-01-01T00:00:00Z"}), 422, "expires_at", "later than it is made");
    check(json!({"reason": " "}), 422, "reason", "say why");
    for (method, path) in
        [("GET", "/v1/keys"), ("POST", "/v1/keys"), ("POST", "/v1/keys/shop/rotate"), ("DELETE", "/v1/keys/shop")]
    {
        let (_, why) = refused(&ask(&eve, method, path, json!({})), 403);
        assert_eq!(why, "the key `eve` may not do this: it needs the scope `admin`", "{method} {path}");
    }

    // Another secret, beside the one before for a while, or instead of it.
    let rotate = |body: Value| said(&ask(&ops, "POST", "/v1/keys/shop/rotate", body), 200);
    let rotated = rotate(json!({"reason": "a year is over"}));
    let second = rotated["secret"].as_str().expect("a secret").to_owned();
    assert!(rotated["before_ends_at"].as_str() < rotated["expires_at"].as_str(), "{rotated}");
    assert!(is_known(&first) && is_known(&second) && find("shop").len() == 2);
    let rotated = rotate(json!({"overlap": "0s", "reason": "it was in a mail"}));
    let third = rotated["secret"].as_str().expect("a secret").to_owned();
    assert!(!is_known(&first) && !is_known(&second) && is_known(&third));
    let unknown = ask(&ops, "POST", "/v1/keys/nobody/rotate", json!({"reason": "x"}));
    assert_eq!(refused(&unknown, 404).1, "there is no key `nobody`");
    let overlap = ask(&ops, "POST", "/v1/keys/shop/rotate", json!({"overlap": "long", "reason": "x"}));
    assert_eq!(refused(&overlap, 422).0, "overlap");

    // The command line keeps the same file.
    let listed = json_lines(&run_well(&["key", "--data-dir", text(data), "list", "--json"]));
    assert_eq!(listed.iter().filter(|key| key["name"] == "shop").count(), 3);
    let gateway = key(data, "gateway", &["score", "--reason", "it is new"]);
    until("the key is known", || is_known(&gateway));
    assert_eq!(find("gateway").len(), 1);

    // Why it goes is said; and a key that may do everything stays, unless an admin can log in.
    assert_eq!(refused(&ask(&ops, "DELETE", "/v1/keys/shop", none()), 400).0, "reason");
    assert_eq!(ask(&ops, "DELETE", "/v1/keys/shop?reason=closed%20down", none()).status, 204);
    assert!(!is_known(&third) && find("shop").is_empty());
    assert_eq!(refused(&ask(&ops, "DELETE", "/v1/keys/shop?reason=again", none()), 404).1, "there is no key `shop`");
    let own = || ask(&ops, "DELETE", "/v1/keys/ops?reason=people%20log%20in", none());
    let last = "`ops` is the last key with the scope `admin`, and no admin can log in: make another one first";
    assert_eq!(refused(&own(), 409).1, last);
    user(data, "zoe", "admin");
    until("she can log in", || own().status == 204);
    assert!(!is_known(&ops));

    let log = server.stopped();
    let told = told(data);
    let expect = |words: [&str; 4]| assert!(told.iter().any(|entry| *entry == words), "{words:?} is not in {told:#?}");
    expect(["ops", "key_added", "key shop", "the new checkout"]);
    expect(["ops", "key_rotated", "key shop", "it was in a mail"]);
    expect(["ops", "key_revoked", "key shop", "closed down"]);
    expect(["ops", "key_revoked", "key ops", "people log in"]);
    assert!(told.iter().any(|entry| entry[1..] == ["key_added", "key gateway", "it is new"]), "{told:#?}");
    let files = ["audit.jsonl", "keys.json"].map(|name| std::fs::read_to_string(data.join(name)).expect("it is there"));
    for secret in [&ops, &first, &second, &third] {
        assert!(!log.contains(secret.as_str()) && !files.iter().any(|file| file.contains(secret.as_str())), "a secret is kept");
    }
}

#[test]
fn a_server_that_nobody_needs_a_key_for_makes_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    assert_eq!(said(&server.get("/v1/keys"), 200)["keys"], json!([]));
    let draft = json!({"name": "shop", "scopes": ["score"], "reason": "to try it"}).to_string();
    let rotation = json!({"reason": "to try it"}).to_string();
    for answer in [
        server.post("/v1/keys", &draft),
        server.post("/v1/keys/shop/rotate", &rotation),
        server.delete("/v1/keys/shop?reason=to%20try%20it"),
    ] {
        let why = refused(&answer, 409).1;
        assert_eq!(why, "nobody needs a key yet: make the first one with `riskflow key add`");
    }
    assert!(!folder.path().join("keys.json").exists());
}

#[test]
fn an_admin_keeps_the_keys_on_their_page_and_nobody_else_sees_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    for (name, role) in [("bob", "reviewer"), ("zoe", "admin")] {
        user(data, name, role);
    }
    key(data, "gateway", &["score", "--per-second", "2000", "--expires", "365d"]);
    key(data, "shop", &["score,label", "--expires", "10d"]);
    key(data, "ops", &["admin", "--owner", "zoe"]);
    let server = Server::start(data);
    let is_known = |secret: &str| server.ask(secret, "GET", "/v1/session", &Value::Null).status == 200;
    let Some(zoe) = enter(&server, "zoe", "/keys") else { return };
    let secret = || zoe.script("return document.querySelector('.secret input').value").as_str().expect("a text").to_owned();
    zoe.until_text("#keys", "for ever");
    zoe.until_text("#keys", "ends in 9 d 23 h");
    zoe.until_text("#shown", "3 of 3 keys, 1 ending soon");

    // What the server refuses is said beside its field, and nothing that was written is lost.
    zoe.key("n");
    zoe.until_text("#standing", "A new key");
    zoe.fill("#words input[name=name]", "guardrail");
    zoe.fill("#words input[name=reason]", "the till by the door");
    zoe.press(Place::Button("Make it"));
    assert_eq!(zoe.script("return document.querySelector('#words').checkValidity()"), false, "it opens nothing");
    zoe.press("#words input[value=score]");
    zoe.press(Place::Button("Make it"));
    zoe.until_text("#words", "is no person's name");
    zoe.fill("#words input[name=name]", "till");
    zoe.fill("#words input[name=requests_per_second]", "50");
    zoe.press(Place::Button("Make it"));
    zoe.until_text("#said", "till may call");
    zoe.until_text("#standing", "till: score");
    let first = secret();
    assert!(is_known(&first), "{first}");
    zoe.press(Place::Button("Copy"));
    zoe.until_text(".secret", "Copied");
    zoe.press(Place::Button("I have it"));
    assert_eq!(zoe.script("return document.documentElement.outerHTML.includes('rf_')"), false, "it is shown once");
    zoe.until("it is used", |browser| {
        let line = "return [...document.querySelectorAll('#keys tr')].find(row => row.textContent.startsWith('till'))?.innerText";
        browser.script(line).as_str().is_some_and(|line| line.contains(" ago"))
    });

    zoe.key("r");
    zoe.fill("#words input[name=reason]", "it was in a mail");
    zoe.press("#words button.primary");
    zoe.until_text("#said", "till has another secret");
    zoe.until_text(".secret", "The one before ends");
    let second = secret();
    assert!(second != first && is_known(&first) && is_known(&second));
    zoe.until_text("#keys", "the secret before ends in");
    zoe.picture("keys");
    // It is not shown again to who comes back.
    zoe.open(&format!("{}/audit", server.url));
    zoe.until_text("#entries tbody", "key rotated");
    zoe.script("history.back()");
    zoe.until_text("#keys", "the secret before ends in");
    assert_eq!(zoe.script("return document.documentElement.outerHTML.includes('rf_')"), false);

    zoe.press(Place::Button("till"));
    zoe.until_text("#standing", "till: score");
    zoe.key("x");
    zoe.fill("#words input[name=reason]", "the door is closed");
    zoe.press("#words button.primary");
    zoe.until_text("#said", "till opens nothing any more");
    zoe.until("it is gone", |browser| !browser.text("#keys").is_some_and(|text| text.contains("till")));
    assert!(!is_known(&first) && !is_known(&second));
    zoe.key(keys::ESCAPE);
    zoe.press(Place::Button("Ending soon"));
    zoe.until_at("show=soon");
    zoe.until("only that", |browser| browser.script("return document.querySelectorAll('#keys tbody tr').length") == 1);
    // What was refused is in the browser's own log, and nothing else.
    let complaints = zoe.complaints();
    assert!(complaints.iter().all(|line| line.contains("422")), "{complaints:?}");

    zoe.press(Place::Button("Audit"));
    zoe.until_text("#entries tbody", "key revoked");
    let shown = zoe.text("#entries").expect("it is shown");
    for words in ["the till by the door", "it was in a mail", "the door is closed", "zoe key added key till"] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }

    // Who is no admin finds no link, and is told why there is nothing.
    let bob = enter(&server, "bob", "/keys").expect("there is one");
    bob.until_text("#banner", "`bob` is reviewer, and may not do this: it needs the scope `admin`");
    assert!(!bob.shows("main") && !bob.shows(Place::Button("Keys")) && bob.shows(Place::Button("Audit")));
}
