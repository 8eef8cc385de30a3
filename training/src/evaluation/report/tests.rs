use super::*;
use crate::evaluation::tests::{Rows, settings};
use crate::evaluation::{Feature, Judged, Settings, evaluate, stability};
use crate::page::tests::{check_alone, check_tags};

fn about() -> About {
    About {
        model: "card <fraud>".to_owned(),
        version: "3 & more".to_owned(),
        learner: "trees".to_owned(),
        champion: Some("\"old\" <script>".to_owned()),
        currency: Some("EUR".to_owned()),
        ..About::default()
    }
}

fn whole_page() -> String {
    let mut rows = Rows::of_fixtures();
    rows.segments[0] = "<b>".to_owned();
    rows.segments[1] = String::new();
    let mut evaluation = evaluate(&rows.judged(), &settings()).unwrap();
    let feature = Feature { name: "a<b", values: &rows.champion };
    let score = |row: &[f64]| if row[0].is_nan() { 0.1 } else { row[0].clamp(0.0, 1.0) };
    evaluation.stability = Some(stability(&[feature], &rows.labels, score, &settings()).unwrap());
    html(&evaluation, &about())
}

#[test]
fn the_page_is_whole_and_alone() {
    let page = whole_page();
    check_tags(&page);
    for part in [
        "ROC curve",
        "Precision and recall",
        "Cumulative gains",
        "Lift",
        "Calibration",
        "Scores",
        "AUC by month",
        "Bad rate by month",
        "Decisions",
        "Thresholds by review rate",
        "Thresholds by score",
        "Segments",
        "Fairness",
        "Stability",
    ] {
        assert!(page.contains(&format!("<h2>{part}</h2>")), "{part} is missing");
    }
    check_alone(&page);
    assert_eq!(page, whole_page());
}

#[test]
fn what_others_wrote_is_only_text() {
    let page = whole_page();
    for text in ["card &lt;fraud&gt;", "3 &amp; more", "Against &quot;old&quot; &lt;script&gt;", "&lt;b&gt;", "a&lt;b", ">empty<"]
    {
        assert!(page.contains(text), "{text}");
    }
    for text in ["<fraud>", "\"old\"", "<b>\u{a0}", "a<b"] {
        assert!(!page.contains(text), "{text}");
    }
}

#[test]
fn what_is_not_known_leaves_no_hole() {
    let check = |scores: &[f64], labels: &[bool], expect: &str| {
        let evaluation = evaluate(&Judged::new(scores, labels).unwrap(), &Settings::default()).unwrap();
        let page = html(&evaluation, &About::default());
        check_tags(&page);
        assert!(page.contains(expect) && !page.contains("NaN") && !page.contains("by month"), "{expect}");
        assert!(!page.contains("money"), "money of which nothing is known");
    };
    check(&[], &[], "no rows");
    check(&[0.0, 1.0], &[false, false], "no bad rows");
    check(&[0.5], &[true], "no good rows");
    check(&[0.5, 0.5], &[true, false], "one score only");
}
