//! The page of experiments as analysts use it, in a real Chromium.

mod support;

use std::path::Path;

use ingest::{Duration, Timestamp};
use serde_json::{Value, json};
use support::browser::{Browser, Place, keys};
use support::people::{enter, user};
use support::{Server, payment, published, until, with_champion};

/// A server with a champion and two other versions, for everybody who reaches it.
fn with_versions(data: &Path) -> Server {
    with_champion(data);
    published(data, -7.0);
    published(data, -8.0);
    Server::start(data)
}

/// The experiment of that name, as the API has it.
fn experiment(server: &Server, name: &str) -> Value {
    let items = server.get("/v1/experiments").json()["items"].take();
    let known = items.as_array().expect("a list").iter().find(|each| each["name"] == name).cloned();
    known.unwrap_or_else(|| panic!("there is no {name} in {items}"))
}

/// Whether nothing of the page lies beside the window.
fn fits(browser: &Browser) -> bool {
    browser.script("return document.documentElement.scrollWidth <= innerWidth") == true
}

/// What may be done about the experiment that is open.
fn acts(browser: &Browser) -> Value {
    browser.script("return [...document.querySelectorAll('#acts button')].map(button => button.textContent)")
}

#[test]
fn an_experiment_is_started_compared_and_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = with_versions(folder.path());
    let Some(browser) = Browser::start() else { return };
    browser.open(&format!("{}/experiments", server.url));
    browser.until_text("#nothing", "There is no experiment yet");
    browser.press("#new");
    browser.until_at("/experiments?new");

    // What is wrong with a name is said beside it, and the keyboard is there.
    browser.until_text("#start-title", "A challenger beside card_fraud 1");
    browser.fill("#start [name=name]", "wrong name");
    browser.fill("#start [name=reason]", "to see");
    browser.press(Place::Button("Start"));
    browser.until_text("#start [name=name] + small.error", "letters, digits, underscores and hyphens");
    assert_eq!(browser.script("return document.activeElement.name"), "name");
    browser.fill("#start [name=name]", "november");
    browser.until("it is taken back", |browser| !browser.shows("#start small.error"));
    browser.press("#start [name=challenger] option[value='2']");
    browser.until_text("#start-about", "2 looks on and decides for nobody, from the next decision on");
    browser.press(Place::Button("Start"));
    browser.until_text("#said", "Experiment november runs: 2 beside 1");
    browser.until_text("#experiments tbody", "november");
    let row = browser.text("#experiments tbody").expect("it is shown");
    for words in ["2 against 1", "looks on", "running", "the API: to see"] {
        assert!(row.contains(words), "{words} is not in\n{row}");
    }
    assert!(browser.url().ends_with("/experiments"), "{}", browser.url());
    let started = experiment(&server, "november");
    assert_eq!((&started["challenger"], &started["share_percent"]), (&json!(2), &json!(0)));

    // Names are for good, and a version is in one experiment at a time.
    browser.press("#new");
    browser.until_text("#start-title", "A challenger beside card_fraud 1");
    let is_busy = "return document.querySelector('#start [name=challenger] option[value=\"2\"]').disabled";
    browser.until("2 is busy", |browser| browser.script(is_busy) == true);
    browser.fill("#start [name=name]", "november");
    browser.fill("#start [name=reason]", "once more");
    browser.press(Place::Button("Start"));
    browser.until_text("#start [name=name] + small.error", "names are for good");

    // Payments of its own time are decided by one and looked at by both. One of a second before counts for nothing here.
    let at = started["started_at"].as_str().expect("a time");
    let before = (at.parse::<Timestamp>().expect("a time") - Duration::seconds(1)).to_string();
    let event = |number: i64| -> Value {
        let at = if number == 0 { before.as_str() } else { at };
        serde_json::from_str(&payment(&format!("p{number}"), at, number * 500)).expect("JSON")
    };
    let batch = json!({"events": (0..=40).map(event).collect::<Vec<_>>()});
    assert_eq!(server.post("/v1/score/batch?reasons=none", &batch.to_string()).status, 200);
    until("both have scored them", || server.get("/v1/monitor/comparison?champion=1&challenger=2").json()["events"] == 41);
    let own = server.get(&format!("/v1/monitor/comparison?champion=1&challenger=2&from={at}")).json();
    assert_eq!(own["events"], 40);
    browser.open(&format!("{}/experiments", server.url));
    browser.press("#experiments tbody a");
    browser.until_at("experiment=november");
    browser.until_text("#standing", "running, card_fraud 2 looks on beside 1");
    browser.until_text("#limits-about", "in shadow it decides for nobody");
    browser.until_text("#scope", "card_fraud 2 against 1: 40 events that both scored, 0 judged");
    browser.until_text("#verdict", "Need");
    let flipped = browser.script(
        "return [...document.querySelectorAll('#flips tbody td > span')].reduce((sum, cell) => sum + Number(cell.textContent), 0)",
    );
    assert_eq!(flipped, 40);
    browser.press("#flips-of button[value=bad]");
    browser.until_at("flips=bad");
    for width in [900, 500] {
        browser.size(width, 1000);
        browser.until(&format!("it fits into {width} pixels"), fits);
    }
    browser.size(1440, 1000);

    // How it ends is said before it does, and why is asked.
    browser.script("scrollTo(0, 0)");
    browser.press("#acts [data-act=promote]");
    browser.until_text("#consequence", "card_fraud 2 becomes champion and decides for everybody; 1 decides for nobody any more");
    browser.key(keys::ESCAPE);
    browser.until("it goes on", |browser| !browser.shows("#words"));
    browser.press("#acts [data-act=keep]");
    browser.until_text("#consequence", "card_fraud 1 stays champion, and 2 runs no longer");
    browser.press("#words button.primary");
    assert!(experiment(&server, "november")["ended"].is_null(), "nobody has said why");
    browser.fill("#words [name=reason]", "no better");
    browser.press("#words button.primary");
    browser.until_text("#end-said", "november has ended: the champion stays");
    browser.until_text("#standing", "kept, card_fraud 2 looked on beside 1");
    browser.until_text("#course-facts", "kept by the API: no better");
    assert_eq!(acts(&browser), json!([]));
    let ended = experiment(&server, "november")["ended"].take();
    assert_eq!((&ended["outcome"], &ended["reason"]), (&json!("kept"), &json!("no better")));
    browser.open(&format!("{}/experiments", server.url));
    browser.until_text("#experiments .outcome", "kept");
    browser.until_text("#experiments .outcome", "no better");
    browser.size(500, 1000);
    browser.until("it fits", fits);
    browser.open(&format!("{}/experiments?experiment=nobody", server.url));
    browser.until_text("#banner", "there is no experiment nobody");
    // What the server refused, and nothing else.
    let is_refused = |line: &String| line.contains("/v1/experiments");
    assert!(browser.complaints().iter().all(is_refused), "{:?}", browser.complaints());
}

#[test]
fn what_is_wrong_with_an_experiment_names_its_field() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = with_versions(folder.path());
    let start = json!({"name": "november", "challenger": 2, "reason": "to see"});
    assert_eq!(server.post("/v1/experiments", &start.to_string()).status, 200);
    let check = |part: Value, field: &str| {
        let mut draft = json!({"name": "december", "challenger": 3, "reason": "to see"});
        for (name, value) in part.as_object().expect("fields") {
            draft[name] = value.clone();
        }
        let answer = server.post("/v1/experiments", &draft.to_string());
        assert_eq!((answer.status, &answer.json()["field"]), (422, &json!(field)), "{part}: {}", answer.body);
    };
    check(json!({"name": "a b"}), "name");
    check(json!({"name": "november"}), "name");
    check(json!({"challenger": 1}), "challenger");
    check(json!({"challenger": 2}), "challenger");
    check(json!({"champion": 2}), "champion");
    check(json!({"share_percent": 100}), "share_percent");
    check(json!({"planned_end": "2020-01-01T00:00:00Z"}), "planned_end");
    check(json!({"guardrails": {"error_share": 0.01}}), "guardrails");
    let split = |guardrails: Value| json!({"share_percent": 5, "guardrails": guardrails});
    check(split(json!({})), "guardrails");
    check(split(json!({"error_share": 2.0})), "guardrails.error_share");
    check(split(json!({"approval_rate_change": 0.0})), "guardrails.approval_rate_change");
    check(split(json!({"latency_p99_ms": -1.0})), "guardrails.latency_p99_ms");
    check(split(json!({"error_share": 0.01, "minimum_events": 0})), "guardrails.minimum_events");
    check(split(json!({"error_share": 0.01, "window": "0s"})), "guardrails.window");
    check(json!({"reason": " "}), "reason");
}

#[test]
fn a_share_and_a_promotion_wait_for_a_second_person_and_a_viewer_looks_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let server = with_versions(data);
    let start = json!({"name": "november", "challenger": 2, "reason": "to see"});
    assert_eq!(server.post("/v1/experiments", &start.to_string()).status, 200);
    for (name, role) in [("vera", "viewer"), ("rob", "reviewer"), ("amy", "approver"), ("zoe", "admin")] {
        user(data, name, role);
    }
    until("somebody has to log in", || server.get("/v1/experiments").status == 401);

    // A viewer finds nothing to start or end one with.
    let Some(vera) = enter(&server, "vera", "/experiments?experiment=november") else { return };
    vera.until_text("#standing", "your role may look");
    assert_eq!(acts(&vera), json!([]));
    vera.open(&format!("{}/experiments?new", server.url));
    vera.until_text("#experiments tbody", "november");
    assert!(!vera.shows("#start") && !vera.shows("#new"));
    assert_eq!(vera.complaints(), Vec::<String>::new());

    // A reviewer proposes a challenger that decides for somebody, and a promotion.
    let rob = enter(&server, "rob", "/experiments?new").expect("there is one");
    rob.fill("#start [name=name]", "split");
    rob.press("#start [name=way] option[value=share]");
    rob.fill("#start [name=share_percent]", "20");
    rob.until_text("#start-about", "Without a guardrail nothing stops it but a person");
    rob.fill("#start [name=approval_rate_change]", "2");
    rob.fill("#start [name=error_share]", "0.5");
    rob.until_text("#start-about", "3 decides for 20 % of the entities, once a second person approves it.");
    rob.fill("#start [name=reason]", "beats 1 in shadow");
    rob.press(Place::Button("Propose"));
    rob.until_text("#said", "Proposed as change 1; it holds when somebody else approves it");
    rob.until_text("#change-1", "± 2 points of the champion’s share of approved events");
    assert!(rob.shows(Place::Button("Withdraw")) && !rob.shows(Place::Button("Approve")), "nobody approves their own");
    rob.open(&format!("{}/experiments?experiment=november", server.url));
    rob.until_text("#standing", "running");
    assert_eq!(acts(&rob), json!(["Propose to promote", "Propose to keep the champion", "Propose to abort"]));
    rob.press(Place::Button("Propose to abort"));
    rob.until_text(
        "#consequence",
        "When an approver approves it: It is broken off without a result: card_fraud 1 stays champion",
    );
    rob.key(keys::ESCAPE);
    rob.until("it goes on", |browser| !browser.shows("#words"));
    rob.press(Place::Button("Propose to promote"));
    rob.until_text("#consequence", "When a second person approves it, card_fraud 2 becomes champion");
    rob.fill("#words [name=reason]", "it catches more");
    rob.press(Place::Button("Propose"));
    rob.until_text("#end-said", "Proposed as change 2");
    rob.until_text("#change-2", "card_fraud 2 becomes champion");
    assert!(!rob.shows("#change-1"), "that is about another one");
    assert_eq!(rob.complaints(), Vec::<String>::new());

    // Another person approves the first, and an admin ends it alone.
    let amy = enter(&server, "amy", "/experiments").expect("there is one");
    amy.press("#change-1 button.primary");
    amy.until_text("#said", "Change 1 was approved");
    amy.until_text("#experiments tbody", "decides for 20 %");
    amy.until_text("#experiments tbody", "Without a score ≤ 0.5 %");
    let shown = amy.script("return fetch('/v1/experiments').then(answer => answer.json())");
    let split = shown["items"].as_array().expect("a list").iter().find(|each| each["name"] == "split").expect("it runs");
    let guardrails = &split["guardrails"];
    assert_eq!((&guardrails["approval_rate_change"], &guardrails["error_share"]), (&json!(0.02), &json!(0.005)));
    let zoe = enter(&server, "zoe", "/experiments?experiment=split").expect("there is one");
    zoe.until_text("#standing", "running, card_fraud 3 decides for 20 % of the entities beside 1");
    assert_eq!(acts(&zoe), json!(["Propose to promote", "Keep the champion", "Abort"]));
    zoe.press(Place::Button("Abort"));
    zoe.until_text("#consequence", "card_fraud 1 stays champion and decides for everybody again, and 3 runs no longer");
    zoe.fill("#words [name=reason]", "it was too early");
    zoe.press("#words button.primary");
    zoe.until_text("#end-said", "split was broken off");
    zoe.until_text("#standing", "aborted");
    assert_eq!(zoe.complaints(), Vec::<String>::new());

    // What is promoted has ended with it.
    amy.press("#change-2 button.primary");
    amy.until_text("#said", "Change 2 was approved");
    amy.until_text("#experiments tbody", "promoted");
    assert!(!amy.shows("#waiting"), "nothing waits");
    assert_eq!(amy.complaints(), Vec::<String>::new());
}
