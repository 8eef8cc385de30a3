//! The pages as people use them, in a real Chromium. With `SCREENSHOTS=1` the pictures of the documentation are made anew.

mod support;

use std::path::Path;

use serde_json::json;
use support::browser::{Browser, Place, keys};
use support::people::{PASSWORD, enter, log_in, user};
use support::{Server, payment, published, run_well, text, until, with_champion};

/// A server with decisions that a champion and a challenger made.
fn compared(data: &Path) -> Server {
    with_champion(data);
    published(data, -7.0);
    let server = Server::start(data);
    let role = json!({"role": "challenger", "reason": "to see"});
    assert_eq!(server.put("/v1/models/2/role", &role.to_string()).status, 200);
    let event = |number: u32| {
        let body = payment(&format!("t{number}"), "2026-04-23T12:00:00Z", 1_000 + i64::from(number) * 100);
        let mut event: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        event["customer"]["id"] = json!(format!("c{}", number % 40));
        event
    };
    let batch = json!({"events": (0..200).map(event).collect::<Vec<_>>()});
    assert_eq!(server.post("/v1/score/batch?reasons=none", &batch.to_string()).status, 200);
    until("all of it is in the warehouse", || {
        let comparison = server.get("/v1/monitor/comparison?champion=1&challenger=2");
        comparison.status == 200 && comparison.json()["events"] == 200
    });
    server
}

#[test]
fn every_page_is_shown_and_nothing_is_complained_of() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let server = Server::start(folder.path());
    let Some(browser) = Browser::start() else { return };
    let check = |path: &str, selector: &str, words: &str| {
        browser.open(&format!("{}{path}", server.url));
        browser.until_text(selector, words);
        assert_eq!(browser.complaints(), Vec::<String>::new(), "{path}");
    };
    check("/", "#pipeline", "card_fraud_handbook");
    check("/drift", "#message", "No data");
    check("/models", "#performance-message", "No data");
    check("/experiments", "#nothing", "There is no experiment yet");
    check("/audit", "#entries tbody", "promoted");
    check("/people", "#message", "Nobody has to log in yet");
    check("/keys", "#message", "Nobody needs a key yet");
    assert!(browser.shows(Place::Button("Audit")) && !browser.shows("#who"), "nobody has to log in");
    // There is nobody to log in as.
    browser.open(&format!("{}/login?next=%2Fdrift", server.url));
    browser.until_at("/drift");
}

#[test]
fn what_an_entity_did_is_paged_back_to_its_first_event() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let server = Server::start(folder.path());
    let event = |number: i64| -> serde_json::Value {
        let body = payment(&format!("e{number}"), "2026-04-23T12:00:00Z", 1_000 + number);
        serde_json::from_str(&body).expect("JSON")
    };
    let batch = json!({"events": (0..150).map(event).collect::<Vec<_>>()});
    assert_eq!(server.post("/v1/score/batch?reasons=none", &batch.to_string()).status, 200);
    until("all of it is in the warehouse", || {
        let status = server.get("/v1/status").json();
        status["warehouse_position"] == status["log_position"] && status["decisions"] == 150
    });
    let Some(browser) = Browser::start() else { return };
    let listed = |browser: &Browser| browser.script("return document.querySelectorAll('#event tbody tr').length");
    browser.open(&format!("{}/#entity/customer/cus_9", server.url));
    browser.until_text("#event .about", "the last 100 events: ");
    assert_eq!(listed(&browser), 100);
    browser.press("#older");
    browser.until("all of it is shown", |browser| listed(browser) == 150);
    assert!(browser.text("#event .about").expect("it is shown").starts_with("150 events: "));
    assert!(!browser.shows("#older"), "there is nothing before");
    let ends = "const links = [...document.querySelectorAll('#event tbody a')].map(link => link.textContent);
         return [links[0], links.at(-1), new Set(links).size]";
    assert_eq!(browser.script(ends), json!(["e149", "e0", 150]));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn somebody_logs_in_and_out_and_a_stolen_cookie_opens_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    user(data, "rob", "reviewer");
    let server = Server::start(data);
    let Some(browser) = Browser::start() else { return };
    browser.open(&format!("{}/audit?what=logged_in", server.url));
    browser.until_at("/login?next=");
    log_in(&browser, "rob", "a wrong password");
    browser.until_text("#message", "the name or the password is wrong");
    browser.picture("login");
    log_in(&browser, "rob", PASSWORD);
    browser.until_at("/audit?what=logged_in");
    browser.until_text("#entries tbody", "a session from 127.0.0.1");
    browser.until_text("#who", "rob");
    assert!(browser.text("#who").expect("it is shown").contains("reviewer"));
    // Of what was wrong the browser's own log says that it was refused, and nothing else.
    assert!(browser.complaints().iter().all(|line| line.contains("/v1/session")), "{:?}", browser.complaints());

    // Who is logged in goes on from there, and never to another server.
    for elsewhere in ["/.//evil.example/x", "//evil.example", "https://evil.example", "//"] {
        browser.open(&format!("{}/login?next={elsewhere}", server.url));
        browser.until("it goes on", |browser| !browser.url().contains("/login"));
        assert!(browser.url().starts_with(&server.url), "{} from {elsewhere}", browser.url());
    }
    browser.complaints();

    let cookie = browser.cookies().into_iter().find(|cookie| cookie["name"] == "riskflow").expect("it has one");
    assert_eq!((&cookie["httpOnly"], &cookie["sameSite"]), (&json!(true), &json!("Strict")));
    assert_eq!(browser.script("return document.cookie"), "", "no script of a page sees it");

    let thief = Browser::start_as(&["--user-agent=another browser"]).expect("there is one");
    thief.open(&format!("{}/login", server.url));
    thief.take_cookie(&cookie);
    thief.open(&format!("{}/audit", server.url));
    thief.until_at("/login?next=");
    // The session has ended for both; who it belongs to logs in again, where they were.
    browser.open(&format!("{}/audit?what=session_refused", server.url));
    browser.until_at("/login?next=");
    log_in(&browser, "rob", PASSWORD);
    browser.until_text("#entries tbody", "begun in another browser");

    browser.press("#who summary");
    browser.press(Place::Button("Log out"));
    browser.until_at("/login");
    browser.open(&format!("{}/models", server.url));
    browser.until_at("/login?next=%2Fmodels");
    log_in(&browser, "rob", PASSWORD);
    browser.until_text("#who", "rob");
    // Another password, and the one before opens nothing.
    browser.press("#who summary");
    browser.fill("#who input[name=present]", PASSWORD);
    browser.fill("#who input[name=new]", "another password");
    browser.press(Place::Button("Set password"));
    browser.until_at("/login");
    browser.until("the form is there again", |browser| browser.shows("input[name=name]"));
    log_in(&browser, "rob", PASSWORD);
    browser.until_text("#message", "the name or the password is wrong");
    log_in(&browser, "rob", "another password");
    browser.until_text("#who", "rob");
}

#[test]
fn two_people_promote_a_model_and_a_viewer_may_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let server = compared(data);
    for (name, role) in [("vera", "viewer"), ("rob", "reviewer"), ("amy", "approver"), ("zoe", "admin")] {
        user(data, name, role);
    }
    until("somebody has to log in", || server.get("/v1/models").status == 401);

    // The viewer looks on: no button, and the server says no as well.
    let Some(vera) = enter(&server, "vera", "/models") else { return };
    vera.until_text("#scope", "200 events that both scored");
    assert_eq!(vera.script("return document.querySelectorAll('main button:not(.switch button, .whole)').length"), 0);
    let refused = vera.script(
        "return (async () => {
             const {csrf_token} = await (await fetch('/v1/session')).json();
             const headers = {'content-type': 'application/json', 'x-csrf-token': csrf_token};
             const body = JSON.stringify({change: {kind: 'role', version: 2, role: 'champion'}, reason: 'mine'});
             return (await fetch('/v1/changes', {method: 'POST', headers, body})).status;
         })()",
    );
    assert_eq!(refused, 403);
    assert!(!vera.shows(Place::Button("Audit")), "the audit is not open to a viewer");

    let rob = enter(&server, "rob", "/models").expect("there is one");
    rob.fill("#promotion input[name=reason]", "it catches more");
    rob.press(Place::Button("Propose to promote 2"));
    rob.until_text("#said", "Proposed as change 1; somebody else approves it");
    rob.until_text("#changes", "card_fraud 2 becomes champion");
    assert!(rob.shows(Place::Button("Withdraw")) && !rob.shows(Place::Button("Approve")), "nobody approves their own");

    let amy = enter(&server, "amy", "/models").expect("there is one");
    amy.until_text("#changes", "rob: it catches more");
    amy.picture("promotion");
    amy.press(Place::Button("Approve"));
    amy.until_text("#said", "Change 1 was approved");
    amy.until("it is champion", |browser| browser.text("#filters").is_some_and(|text| text.contains("2, champion")));
    assert_eq!(amy.complaints(), Vec::<String>::new());

    // An admin who proposes asks for a second person as well, and may not be it.
    let zoe = enter(&server, "zoe", "/models?champion=2&challenger=1").expect("there is one");
    zoe.fill("#promotion input[name=reason]", "back again");
    zoe.press(Place::Button("Propose to promote 1"));
    zoe.until_text("#said", "Proposed as change 2");
    zoe.press(Place::Button("Withdraw"));
    zoe.until_text("#said", "Change 2 was withdrawn");
    zoe.until("nothing waits", |browser| !browser.shows("#changes li"));

    // All of it is on the page of the audit, by its filters.
    zoe.press(Place::Button("Audit"));
    zoe.until_text("#entries tbody", "approved");
    let shown = zoe.text("#entries").expect("it is shown");
    for words in [
        "amy approved change 1",
        "rob proposed change 1",
        "vera refused POST /v1/changes",
        "it catches more",
        "zoe withdrawn change 2",
        "user amy",
    ] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    zoe.picture("audit");
    zoe.fill("#filters input[name=who]", "amy");
    zoe.press("#filters input[name=what]");
    zoe.until_at("who=amy");
    zoe.until("only hers are shown", |browser| {
        browser.text("#entries tbody").is_some_and(|text| text.contains("amy") && !text.contains("rob proposed"))
    });
    assert_eq!(zoe.complaints(), Vec::<String>::new());
    let verified = run_well(&["audit", "--data-dir", text(data), "verify"]);
    assert!(verified.stderr.contains("are as they were written"), "{}", verified.stderr);
}

#[test]
fn an_admin_keeps_the_people_and_nobody_else_sees_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    for (name, role) in [("vera", "viewer"), ("max", "analyst"), ("bob", "reviewer"), ("amy", "approver"), ("zoe", "admin")] {
        user(data, name, role);
    }
    let server = Server::start(data);
    let Some(zoe) = enter(&server, "zoe", "/people") else { return };
    zoe.until_text("#users", "looks on");
    assert!(zoe.shows(Place::Button("People")));

    // By keys alone: somebody new. What the server refuses is said, and nothing that was written is lost.
    zoe.key("n");
    zoe.until_text("#standing", "Somebody new");
    zoe.fill("#words input[name=name]", "tim");
    zoe.fill("#words input[name=password]", "tim is not a password");
    zoe.press(Place::Button("Add"));
    zoe.until_text("#said", "does not have the user's name in it");
    zoe.fill("#words input[name=password]", PASSWORD);
    zoe.press(Place::Button("Add"));
    zoe.until_text("#said", "tim may log in");
    let pick = |name: &str| zoe.press(Place::Button(name));
    pick("tim");
    zoe.until_text("#standing", "tim, viewer");
    zoe.key("r");
    zoe.script("document.querySelector('#words select').value = 'analyst'");
    zoe.fill("#words input[name=reason]", "passed the training");
    zoe.press("#words button.primary");
    zoe.until_text("#said", "tim has another role");
    zoe.until_text("#standing", "tim, analyst");
    // Who is disabled is out at once, and comes back.
    let tim = enter(&server, "tim", "/alerts").expect("there is one");
    zoe.press("#acts [data-act=disable]");
    zoe.fill("#words input[name=reason]", "on leave");
    zoe.press("#words button.primary");
    zoe.until_text("#said", "tim may log in no longer");
    tim.open(&format!("{}/alerts", server.url));
    tim.until_at("/login?next=");
    log_in(&tim, "tim", PASSWORD);
    tim.until_text("#message", "the name or the password is wrong");
    zoe.press("#acts [data-act=enable]");
    zoe.press("#words button.primary");
    zoe.until_text("#said", "tim may log in again");
    log_in(&tim, "tim", PASSWORD);
    tim.until_text("#who", "tim");

    // Nobody changes themselves.
    zoe.press(Place::Button("zoe you"));
    zoe.until_text("#standing", "another admin changes the rest");
    assert_eq!(zoe.script("return document.querySelectorAll('#acts button').length"), 0);
    zoe.key(keys::ESCAPE);
    zoe.until("nobody is chosen", |browser| !browser.shows("#work"));
    pick("vera");
    zoe.press("#acts [data-act=disable]");
    zoe.press("#words button.primary");
    zoe.until_text("#said", "vera may log in no longer");

    // Somebody guesses; who has the name is locked out, is seen to be, and gets in with another password at once.
    let mut looked_at = 0;
    until("eight have failed, so that the next waits for 16 seconds", || {
        let guess = server.post("/v1/session", &json!({"name": "max", "password": "a wrong password"}).to_string());
        looked_at += u32::from(guess.status == 401);
        looked_at == 8
    });
    zoe.until_text("#users", "locked out since");
    zoe.until_text("#shown", "1 locked out");
    pick("max");
    zoe.until_text("#standing", "max, analyst");
    zoe.picture("people");
    zoe.press(Place::Button("Locked out"));
    zoe.until_at("show=locked_out");
    zoe.until("only those", |browser| browser.script("return document.querySelectorAll('#users tbody tr').length") == 1);
    zoe.key("p");
    zoe.fill("#words input[name=password]", "another password");
    zoe.fill("#words input[name=reason]", "called back on his number");
    zoe.press("#words button.primary");
    zoe.until_text("#said", "max has another password");
    zoe.until_text("#message", "Nobody like that");
    let max = Browser::start().expect("there is one");
    max.open(&format!("{}/login", server.url));
    log_in(&max, "max", "another password");
    max.until_text("#who", "max");
    zoe.press(Place::Button("All"));
    pick("tim");
    zoe.key("x");
    zoe.press("#words button.primary");
    zoe.until_text("#said", "tim is removed");
    zoe.until("he is gone", |browser| !browser.text("#users").is_some_and(|text| text.contains("tim")));
    // What was refused is in the browser's own log, and nothing else.
    let complaints = zoe.complaints();
    assert!(complaints.iter().all(|line| line.contains("422")), "{complaints:?}");

    // The audit has it, with the reasons.
    zoe.press(Place::Button("Audit"));
    zoe.until_text("#entries tbody", "user removed");
    let shown = zoe.text("#entries").expect("it is shown");
    for words in ["passed the training", "on leave", "called back on his number", "zoe user added user tim"] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }

    // Who is none finds no link, and is told why there is nothing.
    let bob = enter(&server, "bob", "/people").expect("there is one");
    bob.until_text("#banner", "`bob` is reviewer, and may not do this: it needs the scope `admin`");
    assert!(!bob.shows("main") && !bob.shows(Place::Button("People")) && bob.shows(Place::Button("Audit")));
    assert_eq!(bob.script("return document.querySelectorAll('#users tbody tr').length"), 0);
    // The token is wanted for changes of people as for all.
    let refused = zoe.script(
        "return (async () => (await fetch('/v1/users/amy', {method: 'DELETE', headers: {'content-type': 'application/json'}})).status)()",
    );
    assert_eq!(refused, 403);
}
