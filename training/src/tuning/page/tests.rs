use std::collections::BTreeMap;

use super::super::{Dimension, Range, Task, Value};
use super::*;
use crate::page::tests::{check_alone, check_tags};

fn search() -> Search {
    let dimension = |name: &str, range: Range| Dimension { name: name.to_owned(), range };
    let space = vec![
        dimension("rate", Range::Log(0.01, 1.0)),
        dimension("a<b", Range::WholeLog(2, 64)),
        dimension("share", Range::Linear(0.5, 1.0)),
        dimension("history_days", Range::OneOf(vec![7.0, 14.0, 28.0])),
    ];
    Search { space, folds: 4, objective: Objective::AveragePrecision, seed: 1 }
}

fn metrics(task: &Task) -> Metrics {
    let number = |name: &str| task.settings[name].number().unwrap();
    let off = (number("rate") / 0.1).ln().abs() + (number("a<b") / 16.0).ln().abs();
    let reached = 0.9 - off / 10.0 - f64::from(task.fold) / 20.0;
    Metrics { auc: Some(0.5 + reached / 3.0), average_precision: Some(reached), card_precision_100: None }
}

/// What a search of so many rounds found.
fn found(rounds: u32) -> (Vec<Outcome>, Vec<Finalist>) {
    let mut outcomes = Vec::new();
    let finalists = search().run(rounds, |tasks| {
        let outcome = |task: &Task| {
            let Task { trial, fold, settings } = task.clone();
            Outcome { trial, fold, settings, metrics: metrics(task), seconds: 1.5 }
        };
        outcomes.extend(tasks.iter().map(outcome));
        Ok::<_, ()>(Some(tasks.iter().map(metrics).collect()))
    });
    (outcomes, finalists.unwrap())
}

fn about() -> About {
    let test = Some(Metrics { auc: Some(0.8), average_precision: Some(0.7), card_precision_100: None });
    let (model, learner, data) = ("card <fraud>".to_owned(), "boosting".to_owned(), "a & b".to_owned());
    About { model, learner, data, validated_on: "2018".to_owned(), tested_on: Some("2019".to_owned()), test }
}

#[test]
fn the_page_is_whole_and_alone() {
    let (mut outcomes, finalists) = found(3);
    let page = html(&search(), &outcomes, &finalists, &about());
    check_tags(&page);
    check_alone(&page);
    for part in ["Best so far", "Halving", "rate", "a&lt;b", "share", "history_days", "Chosen settings", "Finalists"] {
        assert!(page.contains(&format!("<h2>{part}</h2>")), "{part} is missing");
    }
    for part in ["card &lt;fraud&gt;", "a &amp; b", "1 fold: 27 trials", "2 folds: 9 trials", "4 folds: 3 trials", "0.8000"] {
        assert!(page.contains(part), "{part} is missing");
    }
    assert_eq!(page.matches("<tr><th scope=\"row\">").count(), 4 + 3, "a row for each setting and each finalist");
    outcomes.reverse();
    assert_eq!(page, html(&search(), &outcomes, &finalists, &about()), "the order of results says nothing");
}

#[test]
fn a_search_that_has_hardly_begun_leaves_no_hole() {
    let (outcomes, _) = found(1);
    let check = |outcomes: &[Outcome], expect: &str| {
        let page = html(&search(), outcomes, &[], &About::default());
        check_tags(&page);
        check_alone(&page);
        assert!(page.contains(expect) && !page.contains("Finalists"), "{expect}");
    };
    check(&[], "<dd>0</dd>");
    check(&outcomes[..1], "Nothing is chosen yet");
    check(&outcomes[..9], "1 fold: 9 trials");
}

#[test]
fn a_choice_at_the_end_of_its_range_is_pointed_out() {
    let settings = BTreeMap::from([("rate", 0.0101), ("a<b", 16.0), ("share", 0.75), ("history_days", 7.0)]);
    let settings: BTreeMap<String, Value> =
        settings.into_iter().map(|(name, value)| (name.to_owned(), Value::Number(value))).collect();
    let task = Task { trial: 0, fold: 0, settings: settings.clone() };
    let outcome = |fold: u32| Outcome { trial: 0, fold, settings: settings.clone(), metrics: metrics(&task), seconds: 1.0 };
    let outcomes: Vec<Outcome> = (0..4).map(outcome).collect();
    let finalist = Finalist { trial: 0, settings: settings.clone(), metrics: vec![metrics(&task); 4], figure: 0.5 };
    let page = html(&search(), &outcomes, &[finalist], &about());
    check_tags(&page);
    assert_eq!(page.matches("at an end of what was searched").count(), 1);
    assert_eq!(page.matches("<span class=\"wrong\">at an end</span>").count(), 1);
}
