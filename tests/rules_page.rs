//! The page of rules and lists as analysts use it, in a real Chromium. With `SCREENSHOTS=1` the pictures of the documentation are made anew.

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::browser::{Browser, Place};
use support::people::{enter, user};
use support::{HANDBOOK, Server, payment, until, with_champion};

const LISTS: &str = "\n[[lists]]\nname = \"stolen_cards\"\nkind = \"block\"\nof = \"customer\"\n";

/// A server with a list, and forty payments on two days, of 0 to 195.00; every fourth turns out to be fraud, and every eighth to be none.
fn decided(data: &Path) -> Server {
    with_champion(data);
    let file = data.join("pipeline.toml");
    std::fs::write(&file, std::fs::read_to_string(HANDBOOK).expect("it ships with the program") + LISTS).expect("written");
    let server = Server::start_with(data, &file, &[]);
    for number in 0..40 {
        let (id, day) = (format!("p{number}"), 23 + number / 20);
        let event = payment(&id, &format!("2026-04-{day}T12:{number:02}:00Z"), number * 500);
        assert_eq!(server.post("/v1/score", &event).status, 200);
        let said = match number % 8 {
            0 | 4 => "fraud",
            1 => "legit",
            _ => continue,
        };
        let label = json!({"event_id": id, "label": said, "source": "chargeback", "observed_at": "2026-05-01T00:00:00Z"});
        assert_eq!(server.post("/v1/labels", &label.to_string()).status, 202);
    }
    until("all of it is in the warehouse", || {
        let status = server.get("/v1/status").json();
        status["warehouse_position"] == status["log_position"]
            && server.get("/v1/monitor/performance").json()["whole"]["decisions"] == 40
    });
    server
}

/// Chooses something in a field of the rule that is open.
fn choose(browser: &Browser, field: &str, value: &str) {
    browser.script(&format!(
        "const field = document.querySelector('#rule [name={field}]');
         field.value = '{value}';
         field.dispatchEvent(new Event('input', {{bubbles: true}}))"
    ));
}

/// Puts a file into the field for one, as a person does who has chosen it.
fn choose_file(browser: &Browser, text: &str) {
    browser.script(&format!(
        "const files = new DataTransfer();
         files.items.add(new File([{}], 'cards.csv', {{type: 'text/csv'}}));
         document.querySelector('#file input').files = files.files",
        json!(text)
    ));
}

/// Tries the rule that is open on the days that the page proposes, once it knows them.
fn tried(browser: &Browser) {
    browser.until("the days are there", |browser| {
        browser.script("return document.querySelector('#trial [name=from]').value !== ''") == true
    });
    browser.press("#trial button");
}

/// Whether nothing of the page lies beside the window.
fn fits(browser: &Browser) -> bool {
    browser.script("return document.documentElement.scrollWidth <= innerWidth") == true
}

#[test]
fn a_rule_is_written_tried_saved_and_activated() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = decided(folder.path());
    let Some(browser) = Browser::start() else { return };
    browser.open(&format!("{}/rules", server.url));
    browser.until_text("#nothing", "There is no rule yet");
    browser.press("#new");
    browser.until_at("/rules?new");

    // What is wrong with a condition is said while it is written, with what was meant.
    browser.fill("#rule input[name=id]", "large");
    browser.fill("#rule input[name=name]", "large payments");
    browser.fill("#when", "event.amount_minr >= 9000");
    browser.until_text("#when-said", "Line 1, column 1: there is no `event.amount_minr`: did you mean `event.amount_minor`?");
    assert_eq!(browser.script("return document.getElementById('when').validity.valid"), false);
    browser.press(Place::Button("Write event.amount_minor"));
    browser.until_text("#when-said", "This condition is valid.");
    assert_eq!(browser.script("return document.getElementById('when').value"), "event.amount_minor >= 9000");
    browser.until_text("#evidence", "event.amount_minor 19500 in the newest event");
    choose(&browser, "action", "decline");
    browser.press("#save button.primary");
    assert_eq!(server.get("/v1/rules/large").status, 404, "nobody has said why");

    // What it would have done, before it is saved: from number 18 on; 20, 24, 28, 32 and 36 are fraud, 25 and 33 are legit.
    tried(&browser);
    browser.until_text("#trial-said", "40 events, 10 bad, 5 good, 25 without a label");
    let figures = browser.text("#trial-figures").expect("it is shown");
    for words in ["Hits\n22", "Precision\n71.4 %", "5 of 7 judged hits were bad", "Recall\n50.0 %", "5 of 10 bad events"] {
        assert!(figures.contains(words), "{words} is not in\n{figures}");
    }
    for words in ["Money stopped\n€700.00", "Wrongly stopped\n€290.00", "Decisions that flip\n"] {
        assert!(figures.contains(words), "{words} is not in\n{figures}");
    }
    assert!(browser.shows("#sides table") && browser.shows("#moves table") && browser.shows("#trial-days"));
    assert_eq!(browser.script("return document.querySelectorAll('#trial-table tbody tr').length"), 2);

    browser.fill("#rule input[name=why]", "they were all bad");
    browser.press("#save button.primary");
    browser.until_text("#rule-said", "Saved as version 1");
    browser.until_at("rule=large");
    let rule = server.get("/v1/rules/large").json();
    assert_eq!((&rule["state"], &rule["action"], &rule["version"]), (&json!("draft"), &json!("decline"), &json!(1)));

    // To activate it is a change like any other: what changes is said, and why is asked.
    browser.press("#acts [data-act=active]");
    browser.until_text("#diff", "State");
    browser.until_text("#diff ins", "active");
    browser.fill("#rule input[name=why]", "tried on April");
    browser.press("#save button.primary");
    browser.until_text("#rule-said", "Saved as version 2; it holds from the next decision on");
    browser.until_text("#rule-about", "active, version 2");
    browser.until_text("#past", "tried on April");
    browser.until_text("#past", "they were all bad");
    browser.picture("rules-rule");
    for width in [900, 500] {
        browser.size(width, 1000);
        browser.until(&format!("it fits into {width} pixels"), fits);
    }
    browser.size(1440, 1000);

    // Its hits are counted, and the filters are in the address.
    let decided = server.post("/v1/score", &payment("after", "2026-04-24T13:00:00Z", 10_000)).json();
    assert_eq!(decided["rules"][0]["rule_id"], "large");
    until("its hit is in the warehouse", || server.get("/v1/monitor/performance").json()["rules"][0]["hits"] == 1);
    // What was read has left it under the page's head.
    browser.script("scrollTo(0, 0)");
    browser.press("#parts a");
    browser.until_text("#rules tbody", "large payments");
    browser.until("its hit is shown", |browser| {
        browser.script("return document.querySelector('#rules tbody td:nth-child(7)')?.textContent") == "1"
    });
    browser.press("#states button[value=paused]");
    browser.until_at("state=paused");
    browser.until_text("#nothing", "No rule like that");
    browser.press("#states button[value=active]");
    browser.fill("#filters input[name=text]", "PAYMENTS");
    browser.until_at("text=PAYMENTS");
    browser.until_text("#rules tbody", "large");
    browser.size(500, 1000);
    browser.until("it fits", fits);
    browser.size(1440, 1000);

    // In shadow its hits change nothing, and are counted and shown all the same.
    browser.press("#rules tbody a");
    browser.until_text("#last-hits tbody", "after");
    browser.press("#acts [data-act=shadow]");
    browser.fill("#rule input[name=why]", "to be sure");
    browser.press("#save button.primary");
    browser.until_text("#rule-said", "Saved as version 3");
    let decided = server.post("/v1/score", &payment("watched", "2026-04-24T13:01:00Z", 10_000)).json();
    assert_eq!(decided["rules"][0]["shadow"], true);
    until("its hit is in the warehouse", || server.get("/v1/monitor/performance").json()["rules_in_shadow"][0]["hits"] == 1);
    browser.open(&format!("{}/rules?rule=large", server.url));
    browser.until_text("#lately-about", "what it would have come to");
    browser.until_text("#lately-figures", "Hits\n1");
    browser.until_text("#last-hits tbody", "watched");
    browser.open(&format!("{}/rules", server.url));
    browser.until("it is shown", |browser| {
        browser.script("return document.querySelector('#rules tbody td:nth-child(7)')?.textContent") == "1"
    });

    // Decisions that came to one thing are in the address of the live page.
    browser.open(&server.url);
    browser.until_text("#decisions tbody", "watched");
    let shown = |browser: &Browser| {
        browser.script(
            "return [...new Set([...document.querySelectorAll('#decisions tbody .word')].map(word => word.textContent))].join()",
        )
    };
    assert_ne!(shown(&browser), "decline");
    browser.press("#verdicts button[value=decline]");
    browser.until_at("decision=decline");
    browser.until("only those are shown", |browser| shown(browser) == "decline");
    browser.until_text("#decisions tbody", "after");
    browser.press("#verdicts button[value=challenge]");
    browser.until_text("#decisions-message", "No decision like that");
    browser.open(&format!("{}/rules?rule=nobody", server.url));
    browser.until_text("#banner", "there is no rule nobody");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn entries_come_on_a_list_by_hand_and_from_a_file_and_go_off_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = decided(folder.path());
    let Some(browser) = Browser::start() else { return };
    browser.open(&format!("{}/rules?lists", server.url));
    browser.until_text("#lists tbody", "block");
    browser.press("#lists tbody a");
    browser.until_at("list=stolen_cards");
    browser.until_text("#entries-shown", "Nothing is on this list");

    browser.fill("#entry input[name=value]", "10.0.0.0/33");
    browser.fill("#entry input[name=reason]", "reported");
    browser.press("#entry button");
    browser.until_text("#entry", "reads like a network and is none");
    browser.fill("#entry input[name=value]", "cus_9");
    browser.press("#entry button");
    browser.until_text("#list-said", "cus_9 is on the list");
    browser.until_text("#entries tbody", "reported");

    // A file comes on it whole, or not at all.
    choose_file(&browser, "value,reason\nq1,a\nq2\n");
    browser.press("#file button");
    browser.until_text("#list-said", "line 3");
    let lines: String = (0..150).map(|number| format!("tok_{number:03},the issuer\n")).collect();
    choose_file(&browser, &format!("value,reason\n{lines}"));
    browser.press("#file button");
    browser.until_text("#list-said", "150 entries are on the list");
    browser.until_text("#list-about", "151 entries");

    // Page by page, and by how they begin.
    browser.until_text("#entries-shown", "100 entries, and more");
    browser.press("#more-entries");
    browser.until("all are shown", |browser| browser.text("#entries-shown").as_deref() == Some("151 entries"));
    browser.fill("#find input", "tok_14");
    browser.until_text("#entries-shown", "10 entries beginning with tok_14");
    browser.fill("#find input", "cus_9");
    browser.until_text("#entries-shown", "1 entry beginning with cus_9");
    browser.press(Place::Button("Take off"));
    browser.fill("#off-why", "found again");
    browser.press("#off button.primary");
    browser.until_text("#list-said", "cus_9 is off the list");
    browser.until_text("#entries-shown", "Nothing begins with cus_9");
    assert_eq!(server.get("/v1/lists").json()[0]["entries"], 150);
    browser.size(500, 1000);
    browser.until("it fits", fits);
    // What the server refused, and nothing else.
    let refused = |line: &String| line.contains("/v1/changes") || line.contains("/import");
    assert!(browser.complaints().iter().all(refused), "{:?}", browser.complaints());
}

#[test]
fn what_counts_waits_for_a_second_person_and_a_viewer_looks_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let server = decided(data);
    let rule = json!({"name": "large payments", "when": "event.amount_minor >= 9000", "action": "decline", "state": "active"});
    assert_eq!(server.put("/v1/rules/large", &rule.to_string()).status, 200);
    for (name, role) in [("vera", "viewer"), ("rob", "reviewer"), ("amy", "approver"), ("zoe", "admin")] {
        user(data, name, role);
    }
    until("somebody has to log in", || server.get("/v1/rules").status == 401);

    // A viewer reads it and tries it on the past, and finds nothing to write with.
    let Some(vera) = enter(&server, "vera", "/rules?rule=large") else { return };
    vera.until_text("#rule-about", "active, version 1");
    assert!(!vera.shows("#save") && !vera.shows("#acts button"));
    assert_eq!(vera.script("return document.getElementById('fields').disabled"), true);
    tried(&vera);
    vera.until_text("#trial-said", "40 events");
    vera.open(&format!("{}/rules?list=stolen_cards", server.url));
    vera.until_text("#entries-shown", "Nothing is on this list");
    assert!(!vera.shows("#entry") && !vera.shows("#file"));
    assert_eq!(vera.complaints(), Vec::<String>::new());

    let rob = enter(&server, "rob", "/rules?rule=large").expect("there is one");
    rob.until_text("#rule-about", "active, version 1");
    rob.fill("#when", "event.amount_minor >= 8000");
    rob.until_text("#save-about", "a second person");
    rob.fill("#rule input[name=why]", "too few are found");
    rob.press(Place::Button("Propose"));
    rob.until_text("#rule-said", "Proposed as change 1");
    rob.until_text("#changes", "too few are found");
    rob.until_text("#changes ins", "event.amount_minor >= 8000");
    assert!(rob.shows(Place::Button("Withdraw")) && !rob.shows(Place::Button("Approve")), "nobody approves their own");
    rob.open(&format!("{}/rules?list=stolen_cards", server.url));
    rob.fill("#entry input[name=value]", "cus_9");
    rob.fill("#entry input[name=reason]", "reported");
    rob.press(Place::Button("Propose"));
    rob.until_text("#list-said", "Proposed as change 2");
    assert!(!rob.shows("#file"), "a file takes an admin");
    assert_eq!(rob.complaints(), Vec::<String>::new());

    // Who approves sees what exactly changes, and says something about it.
    let amy = enter(&server, "amy", "/rules").expect("there is one");
    amy.until_text("#changes", "1 entry to come on the list stolen_cards");
    amy.picture("rules-waiting");
    amy.open(&format!("{}/rules?rule=large", server.url));
    amy.until_text("#changes", "event.amount_minor >= 8000");
    amy.fill("#changes input", "seen");
    amy.press(Place::Button("Approve"));
    amy.until_text("#said", "Change 1 was approved");
    amy.until_text("#rule-about", "active, version 2 by rob");
    amy.until_text("#past", "approved by amy");
    assert!(!amy.shows("#waiting"), "the other one is about a list");
    assert_eq!(amy.complaints(), Vec::<String>::new());

    // An admin saves alone what alters no decision, and proposes what does.
    let zoe = enter(&server, "zoe", "/rules?new").expect("there is one");
    zoe.fill("#rule input[name=id]", "night");
    zoe.fill("#rule input[name=name]", "at night");
    zoe.fill("#when", "night == 1.0");
    zoe.until_text("#when-said", "This condition is valid.");
    zoe.fill("#rule input[name=why]", "to see");
    zoe.press(Place::Button("Save"));
    zoe.until_text("#rule-said", "Saved as version 1");
    zoe.press("#acts [data-act=rollout]");
    zoe.fill("#rule input[name=percent]", "10");
    zoe.fill("#rule input[name=by]", "customer");
    zoe.fill("#rule input[name=why]", "a small share");
    zoe.press(Place::Button("Propose"));
    zoe.until_text("#rule-said", "Proposed as change");
    zoe.until_text("#changes", "rollout 10 % by customer");
    zoe.press(Place::Button("Withdraw"));
    zoe.until_text("#said", "was withdrawn");
    assert_eq!(zoe.complaints(), Vec::<String>::new());
    let shown: Value = zoe.script("return fetch('/v1/rules/night').then(answer => answer.json())");
    assert_eq!(shown["state"], "draft");
}
