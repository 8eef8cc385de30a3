use ingest::{Duration, Timestamp};

use super::*;
use crate::control::{Experiment, Guardrails, Probation};
use crate::decide::Figures;

fn guardrails(text: &str) -> Guardrails {
    serde_json::from_str(text).expect("guardrails")
}

/// So many events, of which some are approved, some failed, and some took 80 ms instead of 1.
fn figures(events: u32, approved: u32, failed: u32, slow: u32) -> Figures {
    (0..events).fold(Figures::default(), |figures, at| {
        figures.with(at < approved, at >= events - failed, if at < slow { 80_000 } else { 1_000 })
    })
}

#[test]
fn a_limit_is_broken_when_chance_does_not_explain_it() {
    let check = |rails: &str, of: Figures, against: Option<Figures>, expect: &[&str]| {
        let found = breaches(&guardrails(rails), &of, against.as_ref(), 0.005);
        assert_eq!(found.len(), expect.len(), "{found:?}");
        assert!(found.iter().zip(expect).all(|(found, expect)| found.words.contains(expect)), "{found:?}");
    };
    let errors = r#"{"error_share":0.02}"#;
    check(errors, figures(500, 400, 0, 0), None, &[]);
    check(errors, figures(500, 400, 12, 0), None, &[]);
    check(errors, figures(500, 400, 40, 0), None, &["no score for 8.0 % of 500 events, the limit is 2.0 %"]);
    check(errors, figures(0, 0, 0, 0), None, &[]);

    let latency = r#"{"latency_p99_ms":50}"#;
    check(latency, figures(500, 400, 0, 5), None, &[]);
    check(latency, figures(500, 400, 0, 20), None, &["81.9 ms over 500 events, the limit is 50 ms"]);
    check(r#"{"latency_p99_ms":90}"#, figures(500, 400, 0, 20), None, &[]);

    let approvals = r#"{"approval_rate_change":0.05}"#;
    check(approvals, figures(500, 450, 0, 0), Some(figures(4_000, 3_800, 0, 0)), &[]);
    check(approvals, figures(500, 400, 0, 0), Some(figures(4_000, 3_800, 0, 0)), &["a difference of 5.0 points"]);
    check(
        approvals,
        figures(500, 500, 0, 0),
        Some(figures(4_000, 3_200, 0, 0)),
        &["100.0 % of 500 events are approved, and 80.0 % of 4000"],
    );
    check(approvals, figures(500, 0, 0, 0), Some(figures(100, 100, 0, 0)), &[]);
    check(approvals, figures(500, 0, 0, 0), None, &[]);
    let all = r#"{"approval_rate_change":0.05,"latency_p99_ms":50,"error_share":0.02}"#;
    check(all, figures(500, 100, 100, 100), Some(figures(500, 500, 0, 0)), &["no score", "99th", "approved"]);
}

#[test]
fn a_window_after_many_has_to_break_a_limit_by_more() {
    let check = |level: f64, failed: u32, expect: usize| {
        let found = breaches(&guardrails(r#"{"error_share":0.02}"#), &figures(500, 400, failed, 0), None, level);
        assert_eq!(found.len(), expect, "{failed} at {level}: {found:?}");
    };
    check(0.005, 24, 1);
    check(0.000_01, 24, 0);
    check(0.000_01, 40, 1);
    // Limits that are looked at together share what chance may do.
    let two = guardrails(r#"{"error_share":0.02,"latency_p99_ms":50}"#);
    assert_eq!(breaches(&two, &figures(500, 400, 22, 0), None, 0.005), []);
    assert_eq!(breaches(&two, &figures(500, 400, 22, 0), None, 0.01).len(), 1);
}

#[test]
fn a_reason_says_what_was_broken_to_programs_too() {
    let all = r#"{"approval_rate_change":0.05,"latency_p99_ms":50,"error_share":0.02}"#;
    let mut broken = breaches(&guardrails(all), &figures(500, 100, 100, 100), Some(&figures(500, 500, 0, 0)), 0.01);
    // A reason keeps four digits.
    broken.iter_mut().for_each(|breach| breach.value = (breach.value * 1e4).round() / 1e4);
    let act = Act::Demote { version: 2, breaches: broken.clone() };
    assert_eq!((broken.len(), Breach::all_of(&act.reason())), (3, broken));
    for other in ["", "because", "it [was] so", "x [error_share 1]", "x [speed 1 > 2]", "x [error_share one > 2]"] {
        assert_eq!(Breach::all_of(other), [], "{other}");
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn experiment(planned_end: Option<Timestamp>) -> Experiment {
    Experiment {
        name: "x".to_owned(),
        model: "m".to_owned(),
        champion: 1,
        challenger: 2,
        share_percent: 10,
        guardrails: Some(guardrails(r#"{"error_share":0.02,"approval_rate_change":0.05,"minimum_events":100}"#)),
        planned_end,
    }
}

#[test]
fn two_windows_in_a_row_stop_a_challenger() {
    let seen = |champion: Figures, challenger: Figures| Seen {
        champion: Some((1, champion)),
        challengers: vec![(2, challenger)],
        running: vec![experiment(None)],
        ..Seen::default()
    };
    // The failures of so many windows of 200 events each, a minute apart; when it is stopped.
    let check = |failed: &[u32], expect: Option<usize>| {
        let mut keeper = Keeper::default();
        let mut challenger = figures(1_000, 0, 1_000, 0);
        assert_eq!(keeper.look(at(0), &seen(figures(9, 9, 0, 0), challenger.clone())), [], "what was before does not count");
        for (number, failed) in failed.iter().enumerate() {
            for event in 0..200 {
                challenger = challenger.with(true, event < *failed, 1_000);
            }
            let acts = keeper.look(at(60 * (number as i64 + 1)), &seen(figures(9, 9, 0, 0), challenger.clone()));
            assert_eq!(!acts.is_empty(), expect == Some(number), "{failed:?} {number}: {acts:?}");
            if let [act] = acts.as_slice() {
                assert!(matches!(act, Act::Stop { experiment, .. } if experiment == "x"), "{act:?}");
                let words = "no score for 15.0 % of 200 events, the limit is 2.0 % [error_share 0.1500 > 0.02]";
                assert_eq!(act.reason(), words);
                assert_eq!((act.breaches()[0].guardrail, act.breaches()[0].value), ("error_share", 0.15));
            }
        }
    };
    check(&[0, 0, 0], None);
    check(&[30, 0, 30, 0], None);
    check(&[0, 30, 30], Some(2));

    // What stops it in the first minutes is chance after two thousand windows.
    let stops = |quiet: u32| {
        let (mut keeper, mut challenger) = (Keeper::default(), Figures::default());
        assert_eq!(keeper.look(at(0), &seen(Figures::default(), challenger.clone())), []);
        (1..=quiet + 2).any(|minute| {
            for event in 0..200 {
                challenger = std::mem::take(&mut challenger).with(true, minute > quiet && event < 14, 1_000);
            }
            !keeper.look(at(60 * i64::from(minute)), &seen(Figures::default(), challenger.clone())).is_empty()
        })
    };
    assert!(stops(0) && !stops(2_000));

    // Neither a window that is too short nor one with too few events is judged.
    let mut keeper = Keeper::default();
    let start = Figures::default();
    assert_eq!(keeper.look(at(0), &seen(start.clone(), start.clone())), []);
    for second in 1..59 {
        assert_eq!(keeper.look(at(second), &seen(start.clone(), figures(500, 0, 500, 0))), [], "{second}");
    }
    let mut keeper = Keeper::default();
    for minute in 0..100 {
        assert_eq!(keeper.look(at(60 * minute), &seen(start.clone(), figures(99, 0, 99, 0).with(true, true, 1))), [], "{minute}");
    }
}

#[test]
fn what_falls_for_both_models_is_no_difference() {
    // Both approve all by day, and half of it by night; the third challenger does so alone.
    let check = |champion_by_night: u32, expect: bool| {
        let (mut keeper, mut champion, mut challenger) = (Keeper::default(), Figures::default(), Figures::default());
        let add = |all: &mut Figures, approved: u32| {
            *all = (0..300).fold(all.clone(), |all, at| all.with(at < approved, false, 1_000));
        };
        let mut is_stopped = false;
        for minute in 0..20 {
            let seen = Seen {
                champion: Some((1, champion.clone())),
                challengers: vec![(2, challenger.clone())],
                running: vec![Experiment {
                    guardrails: Some(guardrails(r#"{"approval_rate_change":0.05}"#)),
                    ..experiment(None)
                }],
                ..Seen::default()
            };
            is_stopped |= !keeper.look(at(60 * minute), &seen).is_empty();
            let by_day = minute < 10;
            add(&mut champion, if by_day { 300 } else { champion_by_night });
            add(&mut challenger, if by_day { 300 } else { 150 });
        }
        assert_eq!(is_stopped, expect, "{champion_by_night}");
    };
    check(150, false);
    check(300, true);
}

#[test]
fn an_experiment_ends_when_it_was_planned_to() {
    let seen = Seen { running: vec![experiment(Some(at(100)))], ..Seen::default() };
    let mut keeper = Keeper::default();
    assert_eq!(keeper.look(at(99), &seen), []);
    assert_eq!(keeper.look(at(100), &seen), [Act::End { experiment: "x".to_owned() }]);
}

#[test]
fn a_new_champion_on_probation_gives_its_place_back() {
    let probation =
        |length: i64| Probation { length: Duration::seconds(length), guardrails: guardrails(r#"{"approval_rate_change":0.05}"#) };
    let seen = |version: u32, figures: Figures, promoted_at: Option<Timestamp>, length: i64| Seen {
        champion: Some((version, figures)),
        promoted_at,
        probation: Some(probation(length)),
        ..Seen::default()
    };
    // The one before approved 95 of 100; this one a half.
    let check = |promoted_at: Option<Timestamp>, length: i64, expect: bool| {
        let mut keeper = Keeper::default();
        assert_eq!(keeper.look(at(0), &seen(1, figures(1_000, 950, 0, 0), None, length)), []);
        let mut acts = Vec::new();
        for minute in 1..5 {
            let events = 300 * (minute as u32 - 1);
            acts.extend(keeper.look(at(60 * minute), &seen(2, figures(events, events / 2, 0, 0), promoted_at, length)));
        }
        assert_eq!(!acts.is_empty(), expect, "{acts:?}");
        assert!(acts.iter().all(|act| matches!(act, Act::Demote { version: 2, .. })), "{acts:?}");
    };
    check(Some(at(60)), 3_600, true);
    check(Some(at(60)), 100, false);
    check(None, 3_600, false);

    // After a start nothing is known of the one before.
    let mut keeper = Keeper::default();
    for minute in 1..5_u32 {
        let events = 300 * minute;
        assert_eq!(keeper.look(at(60 * i64::from(minute)), &seen(2, figures(events, 0, 0, 0), Some(at(0)), 3_600)), []);
    }
}
