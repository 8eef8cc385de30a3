//! `riskflow backtest` and `POST /v1/rules/{id}/backtest` on what a server decided, as their users run them.

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::{Ended, HANDBOOK, Server, json_lines, payment, run, run_well, text, with_champion};

const RULE: &str = r#"
[[rules]]
id = "large"
name = "large payments"
when = "event.amount_minor >= 9000"
action = "decline"
state = "draft"
author = "ada"
"#;

/// Forty payments on two days, of 0 to 195.00; every fourth turns out to be fraud, and every eighth to be none. The numbers of those declined.
fn decide(server: &Server) -> Vec<i64> {
    let mut declined = Vec::new();
    for number in 0..40 {
        let (id, day) = (format!("p{number}"), 23 + number / 20);
        let event = payment(&id, &format!("2026-04-{day}T12:{number:02}:00Z"), number * 500);
        let answer = server.post("/v1/score", &event);
        assert_eq!(answer.status, 200, "{}", answer.body);
        if answer.json()["decision"] == "decline" {
            declined.push(number);
        }
        let said = match number % 8 {
            0 | 4 => "fraud",
            1 => "legit",
            _ => continue,
        };
        let label = json!({"event_id": id, "label": said, "source": "chargeback", "observed_at": "2026-05-01T00:00:00Z"});
        assert_eq!(server.post("/v1/labels", &label.to_string()).status, 202);
    }
    declined
}

fn backtest(data: &Path, more: &[&str]) -> Ended {
    let fixed = ["backtest", "--pipeline", HANDBOOK, "--data-dir", text(data)];
    run(&[&fixed, more].concat())
}

const APRIL: [&str; 4] = ["--from", "2026-04-01", "--to", "2026-05-01"];

#[test]
fn a_rule_is_tried_on_the_command_line_and_over_http() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let server = Server::start(folder.path());
    let declined = decide(&server);
    let path = folder.path().join("rule.toml");
    std::fs::write(&path, RULE).expect("written");

    // Beside the server that writes the log.
    let arguments = [&APRIL, ["--as-of", "2026-06-01", "--rule", text(&path)].as_slice()].concat();
    let ended = backtest(folder.path(), &[&arguments, ["--json"].as_slice()].concat());
    assert!(ended.status.success(), "{}", ended.stderr);
    let said = json_lines(&ended).remove(0);
    let rule = &said["total"]["rules"][0];
    // From number 18 on; 20, 24, 28, 32 and 36 are fraud, 25 and 33 are legit.
    assert_eq!((&rule["hits"]["events"], &rule["hits"]["bad"], &rule["hits"]["good"]), (&json!(22), &json!(5), &json!(2)));
    assert_eq!(rule["hits"]["recall"]["point"], 0.5);
    assert!(declined.len() < 40 && declined.iter().any(|number| *number < 18), "{declined:?}");
    assert_eq!(said["total"]["baseline"]["declined"]["events"], declined.len());
    let stopped: Vec<i64> = (0..40).filter(|number| *number >= 18 || declined.contains(number)).collect();
    assert_eq!(said["total"]["candidate"]["declined"]["events"], stopped.len(), "a draft is tried as if it were active");
    assert_eq!(said["total"]["flips"], stopped.len() - declined.len());
    let stopped: i64 = stopped.iter().filter(|number| *number % 4 == 0).map(|number| number * 500).sum();
    assert_eq!(said["total"]["candidate"]["declined"]["money"]["EUR"]["stopped_minor"], stopped);
    assert_eq!(said["days"].as_array().map(Vec::len), Some(2));
    assert!(said["events_per_second"].as_f64() > Some(0.0));

    let draft = json!({"name": "large payments", "when": "event.amount_minor >= 9000", "action": "decline", "state": "draft"});
    let asked =
        json!({"from": "2026-04-01T00:00:00Z", "to": "2026-05-01T00:00:00Z", "as_of": "2026-06-01T00:00:00Z", "rule": draft});
    let post = |id: &str, body: &Value| server.post(&format!("/v1/rules/{id}/backtest"), &body.to_string());
    let answer = post("large", &asked);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let timeless = |mut report: Value| {
        for name in ["seconds", "events_per_second"] {
            report.as_object_mut().expect("an object").remove(name).expect("it is there");
        }
        report
    };
    assert_eq!(timeless(answer.json()), timeless(said), "both say the same");

    let mut bare = asked.clone();
    bare.as_object_mut().expect("an object").remove("rule");
    assert_eq!(post("large", &bare).status, 404, "nothing was saved");
    assert_eq!(server.put("/v1/rules/large", &draft.to_string()).status, 200);
    assert_eq!(post("large", &bare).json()["total"]["rules"][0]["hits"]["events"], 22, "the rule as it is");
    let check = |change: Value, status: u16, field: &str, expect: &str| {
        let mut body = asked.clone();
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let answer = post("large", &body);
        assert_eq!((answer.status, answer.content_type.as_str()), (status, "application/problem+json"), "{}", answer.body);
        assert!(answer.body.contains(expect), "{}", answer.body);
        assert_eq!(answer.json()["field"].as_str().unwrap_or_default(), field, "{}", answer.body);
    };
    check(json!({"to": "2026-04-01T00:00:00Z"}), 422, "to", "is not after");
    check(json!({"from": "2026-04-29T00:00:00Z"}), 422, "from", "no event from 2026-04-29T00:00:00Z to 2026-05-01T00:00:00Z");
    check(json!({"until": 1}), 422, "until", "unknown field `until`");
    check(json!({"rule": {"name": "n", "when": "event.amount_mino > 1", "state": "draft"}}), 422, "rule.when", "did you mean");
    server.stop();
}

#[test]
fn people_read_a_table() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let server = Server::start(folder.path());
    decide(&server);
    server.stop();
    let more = ["--as-of", "2026-06-01", "--maturity", "7d", "--thresholds", "review=300,decline=500", "--by-day"];
    let ended = backtest(folder.path(), &[&APRIL, more.as_slice()].concat());
    assert!(ended.status.success(), "{}", ended.stderr);
    for part in ["card_fraud_handbook: review from 300, decline from 500", "as logged, becomes", "decisions flip", "events/s"] {
        assert!(ended.stdout.contains(part), "no {part} in {}", ended.stdout);
    }
    for day in ["\n2026-04-23 ", "\n2026-04-24 "] {
        assert!(ended.stdout.contains(day), "{}", ended.stdout);
    }
    let unchanged = backtest(folder.path(), &APRIL);
    assert!(unchanged.stdout.contains("no change") && unchanged.stdout.contains("\n0 decisions flip"), "{}", unchanged.stdout);
}

#[test]
fn what_is_wrong_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let path = folder.path().join("given");
    let check = |content: &str, more: &[&str], expect: &str| {
        std::fs::write(&path, content).expect("written");
        let ended = backtest(folder.path(), &[&APRIL, more].concat());
        assert!(!ended.status.success() && ended.stderr.contains(expect), "{more:?} said {}", ended.stderr);
    };
    let (rule, list) = (["--rule", text(&path)], format!("stolen={}", path.display()));
    check("", &[], "no event from 2026-04-01T00:00:00Z to 2026-05-01T00:00:00Z was decided: the log has none");
    check(&RULE.replace("state =", "stat ="), &rule, "given:7:1: unknown field `stat`");
    check(&RULE.replace("event.amount_minor", "event.amount_mino"), &rule, "did you mean `event.amount_minor`?");
    check(&format!("{RULE}{RULE}"), &rule, "two rules with the id `large`");
    check("rules = []", &rule, "given has no rules");
    check("key\n", &["--list", &list], "given is no list: line 1: there is no column `key`");
    check("value\na\n", &["--list", &list], "there is no list `stolen` in the pipeline file");
    check("", &["--thresholds", "decline=10"], "the thresholds cannot be used");
    check("", &["--thresholds", "hold=10"], "`hold=10` is no threshold");
    check("", &["--model", "card_fraud@9"], "model card_fraud has no version 9");
    check("", &["--rule", "none.toml"], "cannot read none.toml");
    let turned = ["--from", "2026-05-01", "--to", "2026-04-01"];
    let ended = backtest(folder.path(), &turned);
    assert!(ended.stderr.contains("--to 2026-04-01T00:00:00Z is not after --from 2026-05-01T00:00:00Z"), "{}", ended.stderr);
    run_well(&["backtest", "--help"]);
}
