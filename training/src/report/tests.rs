use evaluation::{Feature, Judged, Settings, Threshold, evaluate, stability};
use proptest::prelude::*;

use super::*;
use crate::page::tests::{check_alone, check_tags};

/// Days of payments where what is risky is bad more often, with a champion that knows less.
struct Rows {
    scores: Vec<f64>,
    champion: Vec<f64>,
    labels: Vec<bool>,
    minor: Vec<i64>,
    days: Vec<i32>,
    ages: Vec<&'static str>,
}

impl Rows {
    /// From a risk and a chance of each, in hundredths.
    fn new(draws: &[(u8, u8)]) -> Self {
        let of = |score: fn(&(u8, u8)) -> u8| draws.iter().map(|draw| f64::from(score(draw)) / 100.0).collect();
        let rows = || 0..draws.len();
        Self {
            scores: of(|draw| draw.0),
            champion: of(|draw| draw.0 / 2 + draw.1 / 2),
            labels: draws.iter().map(|(risk, chance)| chance < risk).collect(),
            minor: rows().map(|row| (row as i64 * 37) % 1000).collect(),
            days: rows().map(|row| 17_700 + row as i32 / 5).collect(),
            ages: rows().map(|row| ["<b>", "", "older"][row % 3]).collect(),
        }
    }

    fn many() -> Self {
        Self::new(&(0..600_u32).map(|row| ((row * 37 % 101) as u8, (row * 61 % 101) as u8)).collect::<Vec<_>>())
    }

    fn judged(&self) -> Judged<'_> {
        let judged = Judged::new(&self.scores, &self.labels).unwrap();
        let judged = judged.with_amounts(&self.minor).unwrap().with_days(&self.days).unwrap();
        let judged = judged.with_segment("age", &self.ages).unwrap().with_protected("age", &self.ages).unwrap();
        judged.with_champion(&self.champion).unwrap()
    }
}

fn settings() -> Settings {
    let threshold = |name: &str, at| Threshold { name: name.to_owned(), at };
    Settings { thresholds: vec![threshold("review", 0.6), threshold("decline", 0.9)], capacity_a_day: 5, ..Settings::default() }
}

fn about() -> About {
    About {
        model: "card <fraud>".to_owned(),
        version: "3 & more".to_owned(),
        learner: "trees".to_owned(),
        champion: Some("\"old\" <script>".to_owned()),
        currency: Currency::new("EUR"),
        ..About::default()
    }
}

fn whole_page() -> String {
    let rows = Rows::many();
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
fn money_is_in_the_units_of_its_currency() {
    let rows = Rows::many();
    let evaluation = evaluate(&rows.judged(), &settings()).unwrap();
    let page = |currency: &str, other_currency: u64| {
        html(&evaluation, &About { currency: Currency::new(currency), other_currency, ..about() })
    };
    let stopped = evaluation.by_score[0].money_stopped_minor.unwrap();
    assert!(stopped > 100_000, "so that euros have no cents, and dinars have fils: {stopped}");
    let check = |currency: &str, expect: String| {
        let page = page(currency, 0);
        assert!(page.contains(&format!("money stopped, {currency}")) && page.contains(&expect), "{currency} {expect}");
        assert!(!page.contains("other currencies"), "{currency}");
    };
    check("EUR", count((stopped as f64 / 100.0).round() as u64));
    check("JPY", count(stopped));
    check("KWD", format!("{:.3}", stopped as f64 / 1_000.0));
    assert!(page("EUR", 1_234).contains("Rows in other currencies, which are not in the money: 1,234."));
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_rows_have_a_page(draws in prop::collection::vec((0..=100_u8, 0..=100_u8), 0..60)) {
        let rows = Rows::new(&draws);
        let settings = Settings { rounds: 10, least_bad: 3, least_rows: 5, ..settings() };
        let page = html(&evaluate(&rows.judged(), &settings).unwrap(), &about());
        prop_assert!(!page.contains("NaN") && !page.contains("inf"));
    }
}
