//! The alert desk as people use it, in a real Chromium. With `SCREENSHOTS=1` the pictures of the documentation are made anew.

mod support;

use std::path::Path;

use serde_json::json;
use support::people::{enter, user};
use support::{HANDBOOK, Server, until, with_champion};

const ALERTS: &str = r#"
[[alerts]]
name = "declined"
description = "Payments that were declined: is the card or its owner in somebody else's hands?"
when = { decisions = ["decline"] }
about = { entity = "customer", join_within = "3d" }
severity = "high"
rises = [{ to = "critical", from = { money_minor = 60000 } }]
group = "fraud"

[[alerts]]
name = "review"
description = "Payments that wait for a person: genuine or not?"
when = { decisions = ["review"] }
about = { entity = "customer", join_within = "1d" }
severity = "low"
rises = [{ to = "medium", from = { money_minor = 14500 } }]
group = "fraud"
"#;

/// A server whose desk has some alerts: of payments of a dozen customers within a few days, the last of which raise some.
fn with_alerts(data: &Path) -> Server {
    with_champion(data);
    let file = data.join("pipeline.toml");
    std::fs::write(&file, std::fs::read_to_string(HANDBOOK).expect("it ships with the program") + ALERTS).expect("written");
    let server = Server::start_with(data, &file, &[]);
    let event = |number: u32| {
        let (customer, day, hour) = (number % 12, 10 + number / 24, number % 24);
        // One in nine stands out by far.
        let minor = if number % 9 == 4 { 13_000 + 900 * i64::from(number % 23) } else { 700 + 137 * i64::from(number % 31) };
        json!({
            "event_id": format!("txn_{number}"), "event_type": "card_payment", "event_time": format!("2026-04-{day}T{hour:02}:12:00Z"),
            "transaction": {"amount_minor": minor, "currency": "EUR"},
            "customer": {"id": format!("cus_{customer}")}, "terminal": {"id": format!("t_{}", number % 40)},
        })
    };
    let batch = json!({"events": (0..240).map(event).collect::<Vec<_>>()});
    assert_eq!(server.post("/v1/score/batch", &batch.to_string()).status, 200);
    until("the desk has looked at them, and the warehouse has them", || {
        let seen = |path: &str| server.get(path).json();
        let raised = seen("/v1/alerts")["items"].as_array().map_or(0, Vec::len) as u64;
        let days = seen("/v1/monitor/alerts");
        let stored: u64 = days.as_array().expect("days").iter().filter_map(|day| day["opened"].as_u64()).sum();
        raised >= 8 && stored == raised && seen("/v1/entities/customer/cus_4")["items"][0]["event_id"] == "txn_232"
    });
    server
}

#[test]
fn two_people_work_through_a_queue_and_a_viewer_looks_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let server = with_alerts(data);
    // What the desk has before anybody has to log in.
    let first = server.get("/v1/alerts").json()["items"][0].clone();
    let (id, policy) = (first["id"].as_str().expect("an id").to_owned(), first["policy"].as_str().expect("a word").to_owned());
    for (name, role) in [("ann", "analyst"), ("bob", "reviewer"), ("vera", "viewer")] {
        user(data, name, role);
    }
    until("somebody has to log in", || server.get("/v1/alerts").status == 401);

    let Some(ann) = enter(&server, "ann", "/alerts") else { return };
    ann.until_text("#queue tbody", &policy);
    ann.until("the days are drawn", |browser| browser.shows("#days svg"));
    ann.picture("alerts-queue");
    // Filters are in the address, and hold.
    ann.press("#severities .low");
    ann.until_at("severity=low");
    ann.until("only low ones", |browser| {
        browser.script("return [...document.querySelectorAll('#queue tbody .pill')].every(pill => pill.textContent === 'low')")
            == true
    });
    ann.press("#severities .low");
    ann.until_text("#queue tbody", &policy);

    // Both have it before their eyes; one takes it, and the other is told who did.
    let bob = enter(&server, "bob", &format!("/alerts/{id}")).expect("there is one");
    bob.until_text("#standing", "Nobody has it");
    ann.press("#next");
    ann.until_at(&format!("/alerts/{id}"));
    ann.until_text("#standing", "You have it");
    // Before its page asks again.
    bob.press("#acts [data-act=claim]");
    bob.until("he is told, or sees it", |browser| browser.text("#work").is_some_and(|text| text.contains("ann")));
    bob.until_text("#standing", "ann has it");
    assert!(!bob.shows("#acts [data-act=confirmed_fraud]"), "it is not his");

    ann.until_text("#why", "likely to be bad");
    ann.until_text("#features", "customer_tx_count_1d");
    ann.until_text("#history", "did");
    ann.press("#acts [data-act=note]");
    ann.fill("#words textarea", "Called the owner: no answer");
    ann.press("#words button.primary");
    ann.until_text("#timeline", "Called the owner: no answer");
    ann.picture("alerts-alert");
    ann.press("#acts [data-act=escalate]");
    ann.fill("#words textarea", "Over my limit");
    ann.press("#words button.primary");
    ann.until_text("#standing", "Nobody has it");
    // It is not hers any more: she may write a note.
    ann.until_text("#standing", "for a reviewer; you may write notes");
    assert_eq!(
        ann.script("return [...document.querySelectorAll('#acts button')].map(button => button.dataset.act)"),
        json!(["note"])
    );

    bob.until_text("#standing", "Escalated by ann: Over my limit");
    bob.press("#acts [data-act=claim]");
    bob.until_text("#standing", "You have it");
    bob.press("#acts [data-act=confirmed_fraud]");
    bob.until_text("#standing", "resolved by you");
    bob.until_text("#timeline", "resolved it as confirmed fraud");
    // The label is there, for everybody who looks.
    bob.until("the label arrives", |browser| {
        browser.script(
            "return (async () => {
                 const alert = await (await fetch(`/v1/alerts/${location.pathname.split('/').at(-1)}`)).json();
                 const decision = await (await fetch(`/v1/decisions/${alert.hits[0].event_id}`)).json();
                 return decision.label?.label === 'fraud' && decision.label.source === 'analyst';
             })()",
        ) == true
    });
    // By keys alone: the next, genuine.
    bob.open(&format!("{}/alerts", server.url));
    bob.until_text("#queue tbody", "open");
    bob.key("n");
    bob.until_text("#standing", "You have it");
    bob.key("g");
    bob.until_text("#standing", "resolved by you");

    // The audit has all of it.
    bob.open(&format!("{}/audit", server.url));
    bob.until_text("#entries tbody", &format!("bob resolved alert {id}"));
    let shown = bob.text("#entries").expect("it is shown");
    for words in [format!("ann claimed alert {id}"), format!("ann escalated alert {id}"), "Over my limit".to_owned()] {
        assert!(shown.contains(&words), "{words} is not in\n{shown}");
    }

    // Who may only look sees everything and no button; the server says no as well.
    let vera = enter(&server, "vera", &format!("/alerts/{id}")).expect("there is one");
    vera.until_text("#timeline", "ann escalated it");
    assert_eq!(vera.script("return document.querySelectorAll('#acts button, #next:not([hidden])').length"), 0);
    let refused = vera.script(
        "return (async () => {
             const {csrf_token} = await (await fetch('/v1/session')).json();
             const headers = {'content-type': 'application/json', 'x-csrf-token': csrf_token};
             return (await fetch('/v1/alerts/next', {method: 'POST', headers, body: '{}'})).status;
         })()",
    );
    assert_eq!(refused, 403);
    for browser in [&ann, &vera] {
        let complaints = browser.complaints();
        assert!(complaints.iter().all(|line| line.contains("409") || line.contains("403")), "{complaints:?}");
    }
}
