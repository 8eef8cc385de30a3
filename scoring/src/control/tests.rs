use ingest::log::file::{FileLog, Options};
use ingest::log::{Log, Position, Topic};

use super::*;
use crate::rules::Rule;

const AT: Timestamp = Timestamp::from_micros(0);

fn promoted(name: &str, version: u32) -> Control {
    Control::Promoted { name: name.to_owned(), version, by: "ada".to_owned(), reason: String::new(), at: AT }
}

fn challenged(name: &str, version: u32, share_percent: u8) -> Control {
    Control::Challenged { name: name.to_owned(), version, share_percent, by: "ada".to_owned(), reason: String::new(), at: AT }
}

fn withdrawn(name: &str, version: u32) -> Control {
    Control::Withdrawn { name: name.to_owned(), version, by: "ada".to_owned(), reason: String::new(), at: AT }
}

#[test]
fn the_last_change_decides() {
    let changes = |controls: Vec<Control>| controls.into_iter().flat_map(RoleChange::of).collect::<Vec<_>>();
    let all = changes(vec![
        promoted("a", 1),
        promoted("a", 3),
        promoted("b", 2),
        challenged("a", 4, 0),
        promoted("a", 4),
        challenged("a", 5, 10),
        challenged("a", 6, 0),
        challenged("a", 1, 0),
        withdrawn("a", 6),
        promoted("a", 3),
    ]);
    let check = |name: &str, version: u32, expect: Role| assert_eq!(role(&all, name, version), expect, "{name} {version}");
    check("a", 1, Role::Challenger);
    check("a", 2, Role::Candidate);
    check("a", 3, Role::Champion);
    check("a", 4, Role::Retired);
    check("a", 5, Role::Challenger);
    check("a", 6, Role::Candidate);
    check("b", 2, Role::Champion);
    check("b", 1, Role::Candidate);
    assert_eq!(role(&[], "a", 1), Role::Candidate);
    let withdrawn = changes(vec![promoted("a", 1), promoted("a", 2), challenged("a", 1, 0), withdrawn("a", 1)]);
    assert_eq!(role(&withdrawn, "a", 1), Role::Retired);
}

fn rule(id: &str, version: u32) -> Rule {
    let text = format!(
        r#"{{"id":"{id}","version":{version},"name":"{id}","author":"ada","when":"event.amount_minor > 10","action":"review","state":"active"}}"#
    );
    serde_json::from_str(&text).expect("a rule")
}

fn entry(value: &str) -> Entry {
    serde_json::from_str(&format!(r#"{{"value":"{value}"}}"#)).expect("an entry")
}

fn every_kind() -> Vec<Control> {
    let by = || "ada".to_owned();
    let policy = serde_json::from_str(r#"{"review":600,"decline":800,"on_failure":"review"}"#).expect("a policy");
    vec![
        promoted("a", 1),
        Control::Serving { features: vec![("f".to_owned(), "1".to_owned())], at: AT },
        challenged("a", 2, 10),
        Control::Ruled { rules: vec![rule("r1", 1), rule("r2", 1)], by: by(), at: AT },
        Control::Listed {
            list: "stolen".to_owned(),
            entries: vec![entry("tok_1"), entry("41*"), entry("10.0.0.0/8")],
            by: by(),
            at: AT,
        },
        Control::Unlisted { list: "stolen".to_owned(), values: vec![entry("41*").pattern], by: by(), at: AT },
        Control::Ruled { rules: vec![rule("r1", 2)], by: by(), at: AT },
        Control::Governed { policy, by: by(), at: AT },
        withdrawn("a", 2),
    ]
}

fn tables() -> Tables {
    let text = include_str!("../../../pipelines/card_fraud.toml");
    Tables::of(&crate::Pipeline::parse(text, "p.toml").expect("it ships with the program"))
}

/// Of versions 4 to 7.
fn newer_kinds() -> Vec<Control> {
    let by = || "ada".to_owned();
    let experiment = r#"{"name":"x","model":"a","champion":1,"challenger":3,"share_percent":5,
        "guardrails":{"error_share":0.01},"planned_end":"2026-12-01T00:00:00Z"}"#;
    let experiments = vec![serde_json::from_str(experiment).expect("an experiment")];
    let facts = [("the champion".to_owned(), "a 1".to_owned())].into();
    vec![
        Control::RolledBack { name: "a".to_owned(), version: 2, to: 1, by: by(), reason: String::new(), at: AT },
        Control::Guarded { four_eyes: vec![Kind::Models, Kind::Lists], by: by(), at: AT },
        Control::Proposed { id: 1, changes: every_kind(), facts, by: by(), reason: "better".to_owned(), at: AT },
        Control::Approved { id: 1, changes: every_kind(), by: "bob".to_owned(), reason: String::new(), at: AT },
        Control::Rejected { id: 2, by: "bob".to_owned(), reason: "no".to_owned(), at: AT },
        Control::Recalled { id: 3, by: by(), reason: String::new(), at: AT },
        Control::Experimented { experiments, by: by(), reason: "to see".to_owned(), at: AT },
        Control::Concluded {
            name: "x".to_owned(),
            model: "a".to_owned(),
            version: 3,
            outcome: Outcome::Stopped,
            by: GUARDRAIL.to_owned(),
            reason: "no score".to_owned(),
            at: AT,
        },
        Control::Alerts { steps: vec![crate::alerts::Step::Policies(Vec::new())], by: by(), at: AT },
        Control::Declared { tables: tables(), by: by(), at: AT },
        Control::Part { left: 1, is_first: true, changes: every_kind(), by: by(), at: AT },
        Control::Ruled { rules: vec![rule("r1", 3)], by: by(), at: AT }.explained("too many false alarms"),
    ]
}

#[test]
fn a_record_is_read_as_it_was_written() {
    for control in every_kind().into_iter().chain(newer_kinds()) {
        assert_eq!(Control::decode(&control.encode()), Ok(control));
    }
}

#[test]
fn records_of_before_are_read() {
    let check = |bytes: &[u8], expect: Control| assert_eq!(Control::decode(bytes), Ok(expect));
    let asked = Control::RetrainWanted { by: "psi".to_owned(), reason: "drift".to_owned(), at: Timestamp::from_micros(1) };
    check(b"\x01\x00\x01a\x01\x03ada\x00\x00", promoted("a", 1));
    check(b"\x03\x02\x03psi\x05drift\x02", asked);
    check(b"\x03\x03\x01a\x02\x0a\x03ada\x00\x00", challenged("a", 2, 10));
    check(b"\x03\x04\x01a\x02\x03ada\x00\x00", withdrawn("a", 2));
    let approved =
        Control::Approved { id: 1, changes: vec![promoted("a", 2)], by: "bob".to_owned(), reason: String::new(), at: AT };
    let text = r#"{"Promoted":{"name":"a","version":2,"by":"ada","reason":"","at":"1970-01-01T00:00:00Z"}}"#;
    check(&[b"\x04\x0c\x01\x01".as_slice(), &[text.len() as u8], text.as_bytes(), b"\x03bob\x00\x00"].concat(), approved);
    check(b"\x04\x0d\x02\x03bob\x02no\x00", newer_kinds().remove(4));
    check(b"\x05\x11\x01\x0f{\"Policies\":[]}\x03ada\x00", newer_kinds().remove(8));
    // A change within a change, ten thousand times.
    let nested = [b"\x04".as_slice(), &b"\x0c\x01\x01".repeat(10_000)].concat();
    assert!(Control::decode(&nested).is_err());
    assert!(Control::decode(b"\x08\x00").expect_err("it is newer").to_string().contains("version 8"));
}

#[test]
fn a_change_is_explained_where_it_has_no_place_for_that() {
    let ruled = || Control::Ruled { rules: vec![rule("r1", 1)], by: "ada".to_owned(), at: AT };
    assert_eq!(ruled().explained(""), ruled());
    let explained = ruled().explained("seen twice");
    let Control::Explained { changes, reason, by, at } = &explained else { panic!("{explained:?}") };
    assert_eq!((changes.as_slice(), reason.as_str(), by.as_str(), *at), ([ruled()].as_slice(), "seen twice", "ada", AT));
    assert_eq!(promoted("a", 1).explained("seen twice"), promoted("a", 1), "it says why by itself");
    assert_eq!(explained.clone().explained("once more"), explained);

    // It holds as it does without.
    let (mut with, mut without) = (State::default(), State::default());
    with.apply(explained.clone(), Position(3));
    without.apply(ruled(), Position(3));
    assert_eq!((&with, with.version), (&without, Position(4)));
    assert_eq!(proposal::lines(&[explained]), proposal::lines(&[ruled()]));
    let listed =
        |value: &str| Control::Listed { list: "stolen".to_owned(), entries: vec![entry(value)], by: "ada".to_owned(), at: AT };
    let mut state = State::default();
    for (place, part) in Control::in_parts(vec![listed("tok_1"), listed("tok_2")], "ada", AT).into_iter().enumerate() {
        state.apply(part.explained("a raid"), Position(place as u64));
    }
    assert_eq!((state.lists["stolen"].len(), state.version), (2, Position(2)));
}

#[test]
fn a_snapshot_keeps_all_of_a_state() {
    let mut state = State::default();
    for (at, control) in every_kind().into_iter().chain(newer_kinds()).enumerate() {
        state.apply(control, Position(at as u64));
        let kept: State = postcard::from_bytes(&postcard::to_stdvec(&state).expect("it encodes")).expect("it decodes");
        assert_eq!(kept, state);
    }
    assert_eq!((state.proposals.len(), state.experiments.len()), (1, 1));
}

#[test]
fn a_proposal_says_what_it_does() {
    let check = |control: Control, expect: &str| assert_eq!(proposal::lines(&[control]), [expect]);
    check(promoted("a", 1), "a 1 becomes champion");
    check(challenged("a", 2, 0), "a 2 looks on as challenger");
    check(challenged("a", 2, 10), "a 2 decides as challenger for 10 % of the entities");
    let mut kinds = every_kind();
    check(kinds.remove(7), "review from 600, decline from 800, on failure review, models within 1000 ms");
    check(kinds.remove(4), "list stolen gets 3: tok_1, 41*, 10.0.0.0/8");
    check(newer_kinds().remove(6), "experiment x: a 3 decides for 5 % of the entities beside 1");
}

#[test]
fn a_state_is_the_same_from_any_point_on() {
    let controls = every_kind();
    let mut whole = State::default();
    for (at, control) in controls.iter().enumerate() {
        // What a snapshot keeps is what it would have been.
        whole = postcard::from_bytes(&postcard::to_stdvec(&whole).expect("it encodes")).expect("it decodes");
        whole.apply(control.clone(), Position(at as u64 * 10));
    }
    assert_eq!(whole.champion, Some(("a".to_owned(), 1)));
    assert_eq!(whole.challengers, []);
    assert_eq!(whole.rules.iter().map(|rule| (rule.id.as_str(), rule.version)).collect::<Vec<_>>(), [("r1", 2), ("r2", 1)]);
    assert_eq!(whole.lists["stolen"].len(), 2);
    assert_eq!(whole.policy.as_ref().map(|policy| policy.review), Some(600));
    assert_eq!(whole.version, Position(81));
    let mut serving = State::default();
    serving.apply(controls[1].clone(), Position(5));
    assert_eq!((serving.version, serving.serving.len()), (Position(0), 1), "what is computed does not decide");
}

#[test]
fn a_promoted_challenger_challenges_no_longer() {
    let mut state = State::default();
    for control in [promoted("a", 1), challenged("a", 2, 0), challenged("a", 2, 25), promoted("a", 2)] {
        state.apply(control, Position(0));
    }
    assert_eq!((state.champion, state.challengers), (Some(("a".to_owned(), 2)), vec![]));
}

#[test]
fn a_change_in_parts_holds_with_its_last_part_or_not_at_all() {
    let listed =
        |value: &str| Control::Listed { list: "stolen".to_owned(), entries: vec![entry(value)], by: "ada".to_owned(), at: AT };
    let parts = |values: &[&str]| Control::in_parts(values.iter().map(|value| listed(value)).collect(), "ada", AT);
    assert_eq!(parts(&["tok_1"]), [listed("tok_1")], "one record needs no parts");
    let mut state = State::default();
    let mut position = (0..).map(Position);
    let mut apply = |state: &mut State, control: Control| state.apply(control, position.next().expect("positions do not end"));
    let on_it = |state: &State| state.lists.get("stolen").map_or(0, crate::lists::Entries::len);

    let [first, second, _] = <[Control; 3]>::try_from(parts(&["tok_1", "tok_2", "tok_3"])).expect("three parts");
    apply(&mut state, first);
    apply(&mut state, promoted("a", 1));
    apply(&mut state, second);
    assert_eq!((on_it(&state), state.version), (0, Position(2)), "the last part is missing, and the program has ended");
    let kept: State = postcard::from_bytes(&postcard::to_stdvec(&state).expect("it encodes")).expect("it decodes");
    assert_eq!(kept, state);

    for part in parts(&["tok_4", "tok_5"]) {
        apply(&mut state, part);
    }
    assert_eq!((on_it(&state), state.version), (2, Position(5)), "what was left unfinished is forgotten");
    assert!(state.parts.is_empty());
}

#[test]
fn a_training_is_asked_for_once_a_reign() {
    let folder = tempfile::tempdir().expect("a folder");
    let (log, _) = FileLog::open(folder.path(), Options::default()).expect("a log");
    let (at, reason) = (Timestamp::from_micros(7), || "because".to_owned());
    let promoted =
        |name: &str, version: u32| Control::Promoted { name: name.to_owned(), version, by: reason(), reason: reason(), at };
    let back =
        |to: u32| Control::RolledBack { name: "fraud".to_owned(), version: to + 1, to, by: reason(), reason: reason(), at };
    let wanted = |by: &str| Control::RetrainWanted { by: by.to_owned(), reason: reason(), at };
    let check = |control: Control, expect: bool| {
        log.append(Topic::Control, &control.encode()).expect("taken");
        log.flush().expect("written");
        assert_eq!(is_training_asked(&log, "fraud", "performance").expect("it can be read"), expect, "{control:?}");
    };
    check(promoted("fraud", 1), false);
    check(wanted("ada"), false);
    check(wanted("performance"), true);
    // It goes on deciding, and what becomes of another model says nothing.
    check(promoted("fraud", 1), true);
    check(promoted("credit", 2), true);
    check(promoted("fraud", 2), false);
    check(wanted("performance"), true);
    // It has its place back: another reign.
    check(back(1), false);
    check(wanted("performance"), true);
    check(wanted("ada"), true);
}
