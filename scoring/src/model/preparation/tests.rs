use proptest::prelude::*;

use super::*;
use crate::model::scorecard::{Characteristic, Holds};
use crate::model::trees::Combine;
use crate::model::{Calibration, Linear, Model, Node, Scale, Scorer, Trees, score, sigmoid};

fn filled(flag: bool) -> Filled {
    Filled { median: 3.0, range: (-1.0, 10.0), flag }
}

fn bin(rows: u64, bad: u64, weight: f64) -> Bin {
    Bin { rows, bad, weight }
}

/// Up to 0, up to 5, above; seldom missing.
fn evidence() -> Evidence {
    let bins = vec![bin(50, 1, -1.5), bin(30, 3, 0.25), bin(20, 10, 2.0)];
    Evidence {
        ends: vec![0.0, 5.0],
        bins,
        words: vec![],
        special: vec![],
        missing: Some(bin(10, 2, 0.75)),
        information_value: 0.8,
    }
}

/// Of a feature that training never had.
fn nothing() -> Evidence {
    Evidence {
        ends: vec![],
        bins: vec![],
        words: vec![],
        special: vec![],
        missing: Some(bin(110, 16, 0.0)),
        information_value: 0.0,
    }
}

fn linear(weights: &[f64]) -> Linear {
    let width = weights.len();
    Linear { intercept: -3.0, weights: weights.to_vec(), means: vec![0.4; width], deviations: vec![1.5; width] }
}

fn scorer(preparation: Preparation, model: Model) -> Scorer {
    let scorer = Scorer { preparation: Some(preparation), model, calibration: Calibration::Identity };
    assert_eq!(scorer.check(), Ok(()));
    scorer
}

#[test]
fn numbers_become_what_a_model_reads() {
    let linear = Preparation::Linear(vec![filled(true), filled(false)]);
    let weights = Preparation::Evidence(vec![evidence(), nothing()]);
    let check = |values: [f64; 2], filled: &[f64], weighed: &[f64]| {
        assert_eq!(linear.row(&values), filled, "{values:?}");
        assert_eq!(weights.row(&values), weighed, "{values:?}");
    };
    check([2.0, 2.0], &[2.0, 0.0, 2.0], &[0.25, 0.0]);
    check([f64::NAN, f64::NAN], &[3.0, 1.0, 3.0], &[0.75, 0.0]);
    check([-0.0, 0.0], &[-0.0, 0.0, 0.0], &[-1.5, 0.0]);
    check([5.0, 5.0], &[5.0, 0.0, 5.0], &[0.25, 0.0]);
    check([5.0_f64.next_up(), 11.0], &[5.0_f64.next_up(), 0.0, 10.0], &[2.0, 0.0]);
    check([1e308, -1e308], &[10.0, 0.0, -1.0], &[2.0, 0.0]);
    check([f64::NEG_INFINITY, f64::INFINITY], &[-1.0, 0.0, 10.0], &[-1.5, 0.0]);
    let never_missing = Evidence { missing: None, ..evidence() };
    assert_eq!(never_missing.bin(f64::NAN), Bin::default(), "a gap where training had none speaks neither way");
}

#[test]
fn numbers_become_the_pieces_that_they_lie_in() {
    let piece = |above, up_to, missing| Piece { above, up_to, missing };
    let pieces = vec![piece(None, Some(1.0), false), piece(Some(1.0), Some(2.0), false), piece(None, None, true)];
    let both = Encoded { number: true, pieces: pieces.clone() };
    let preparation = Preparation::Encoded(vec![both, Encoded { number: false, pieces }]);
    let scorer = scorer(preparation.clone(), Model::Linear(linear(&[1.0; 7])));
    let check = |values: [f64; 2], expect: [f64; 7]| {
        let same = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
        let made: Vec<f64> = preparation.columns(&values.map(|value| vec![value])).concat();
        assert!(same(&preparation.row(&values), &expect) && same(&made, &expect), "{values:?}");
        let sum = scorer.expected_output() + scorer.contributions(&values).iter().sum::<f64>();
        assert!((scorer.probability(&values) - sigmoid(sum)).abs() < 1e-12);
    };
    check([0.5, 1.0], [0.5, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    check([2.0, 1.0_f64.next_up()], [2.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
    check([7.0, f64::INFINITY], [7.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    check([f64::NAN, f64::NAN], [f64::NAN, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
}

#[test]
fn a_broken_preparation_is_named() {
    let check = |preparation: Preparation, expect: &str| {
        let width = preparation.spans().sum();
        let scorer = Scorer { preparation: Some(preparation), ..Scorer::plain(Model::Linear(linear(&vec![1.0; width]))) };
        assert_eq!(scorer.check().unwrap_err().to_string(), expect);
    };
    let unusable = |what: &str| format!("{what} of the model is not a usable number");
    let numbers = |filled: Filled| Preparation::Linear(vec![filled]);
    let bins = |evidence: Evidence| Preparation::Evidence(vec![evidence]);
    check(numbers(Filled { range: (1.0, 0.0), ..filled(false) }), &unusable("a median or a range of the preparation"));
    check(numbers(Filled { range: (0.0, f64::NAN), ..filled(true) }), &unusable("a median or a range of the preparation"));
    check(numbers(Filled { median: f64::INFINITY, ..filled(true) }), &unusable("a median or a range of the preparation"));
    check(bins(Evidence { ends: vec![5.0, 0.0], ..evidence() }), &unusable("an end of a bin"));
    check(bins(Evidence { ends: vec![0.0, f64::NAN], ..evidence() }), &unusable("an end of a bin"));
    check(bins(Evidence { ends: vec![0.0], ..evidence() }), "the preparation of the model has 3 bins with 1 ends between them");
    check(bins(Evidence { bins: vec![], ..evidence() }), "the preparation of the model has 0 bins with 2 ends between them");
    check(bins(Evidence { missing: Some(bin(1, 0, f64::NAN)), ..evidence() }), &unusable("a weight of evidence"));
    check(bins(Evidence { information_value: f64::NAN, ..evidence() }), &unusable("an information value"));
    let narrow = Scorer { preparation: Some(numbers(filled(true))), ..Scorer::plain(Model::Linear(linear(&[1.0]))) };
    assert_eq!(narrow.check().unwrap_err().to_string(), "the preparation makes 2 columns, the model reads 1");
}

#[test]
fn only_a_weighted_sum_of_weights_of_evidence_is_a_scorecard() {
    let names = ["amount".to_owned()];
    let model = Model::Linear(linear(&[0.9]));
    assert_eq!(Scorer::plain(model.clone()).scorecard(&names, Scale::RISK), None);
    assert_eq!(scorer(Preparation::Linear(vec![filled(false)]), model.clone()).scorecard(&names, Scale::RISK), None);
    let leaf = Trees { width: 1, combine: Combine::Mean, base: 0.0, roots: vec![0], nodes: vec![Node::leaf(0, 0.5, 1.0)] };
    assert_eq!(scorer(Preparation::Evidence(vec![evidence()]), Model::Trees(leaf)).scorecard(&names, Scale::RISK), None);
    let card = scorer(Preparation::Evidence(vec![evidence()]), model).scorecard(&names, Scale::RISK).unwrap();
    // 500 + 60 log2(100) - 3 x 60 / ln 2, and 0.9 x (weight - 0.4) / 1.5 x 60 / ln 2.
    assert!((card.base_points - 638.946_3).abs() < 1e-3, "{card:?}");
    let [amount] = card.features.as_slice() else { panic!("{card:?}") };
    assert_eq!((amount.feature.as_str(), amount.information_value), ("amount", 0.8));
    let numbers = |above, up_to| Holds::Numbers { above, up_to };
    let expect = [
        (numbers(None, Some(0.0)), 50, 0.02, -98.680),
        (numbers(Some(0.0), Some(5.0)), 30, 0.1, -7.791),
        (numbers(Some(5.0), None), 20, 0.5, 83.099),
        (Holds::Missing, 10, 0.2, 18.178),
    ];
    assert_eq!(amount.entries.len(), expect.len());
    for (entry, (holds, rows, bad_rate, points)) in amount.entries.iter().zip(expect) {
        assert_eq!((&entry.holds, entry.rows, entry.bad_rate), (&holds, rows, Some(bad_rate)));
        assert!((entry.points - points).abs() < 1e-3, "{entry:?}");
    }
    let none =
        scorer(Preparation::Evidence(vec![nothing()]), Model::Linear(linear(&[0.9]))).scorecard(&names, Scale::RISK).unwrap();
    let [any, missing] = none.features[0].entries.as_slice() else { panic!("{none:?}") };
    assert_eq!((&any.holds, any.rows, any.bad_rate), (&numbers(None, None), 0, None));
    assert_eq!((&missing.holds, missing.rows), (&Holds::Missing, 110));
}

/// Often a bound or missing, sometimes huge.
fn value() -> impl Strategy<Value = f64> {
    let odd = prop::sample::select(vec![f64::NAN, 0.0, -0.0, 5.0, 1e308, -1e308, f64::INFINITY, f64::NEG_INFINITY]);
    prop_oneof![odd, -20.0..20.0_f64]
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let weight = || -2.0..2.0_f64;
    let any_bin = (1..1000_u64, 0..1000_u64, weight()).prop_map(|(rows, bad, weight)| bin(rows, bad.min(rows), weight));
    let bins = prop::collection::vec((-20.0..20.0_f64, any_bin.clone()), 0..7);
    (bins, prop::option::of(any_bin)).prop_map(|(mut bins, missing)| {
        bins.sort_by(|a, b| a.0.total_cmp(&b.0));
        bins.dedup_by_key(|(end, _)| *end);
        let ends = bins.iter().skip(1).map(|(end, _)| *end).collect();
        Evidence {
            ends,
            bins: bins.into_iter().map(|(_, bin)| bin).collect(),
            words: vec![],
            special: vec![],
            missing,
            information_value: 0.1,
        }
    })
}

fn any_filled() -> impl Strategy<Value = Filled> {
    (-20.0..20.0_f64, 0.0..20.0_f64, any::<bool>()).prop_map(|(low, width, flag)| Filled {
        median: low + width / 2.0,
        range: (low, low + width),
        flag,
    })
}

fn any_preparation() -> impl Strategy<Value = Preparation> {
    prop_oneof![
        prop::collection::vec(any_filled(), 4).prop_map(Preparation::Linear),
        prop::collection::vec(any_evidence(), 4).prop_map(Preparation::Evidence),
    ]
}

#[test]
fn points_of_words_are_named_and_sum_to_any_scale() {
    let words = vec!["car".to_owned(), "boat".to_owned(), "house".to_owned()];
    let of_words = Evidence { ends: vec![0.0, 1.0], words: words.clone(), ..evidence() };
    let scorer = scorer(Preparation::Evidence(vec![of_words.clone()]), Model::Linear(linear(&[0.9])));
    let scale = Scale { base_points: 600.0, base_odds: 50.0, points_to_double: 20.0 };
    let card = scorer.scorecard(&["purpose".to_owned()], scale).unwrap();
    for (place, word) in words.iter().enumerate() {
        let entry = &card.features[0].entries[place];
        assert_eq!(entry.holds, Holds::Word(word.clone()));
        let probability = scorer.probability(&[place as f64]);
        let expect = scale.points((probability / (1.0 - probability)).ln());
        assert!((card.base_points + entry.points - expect).abs() < 1e-9, "{word}");
    }
    let entries = &card.features[0].entries;
    assert!((entries.iter().map(|entry| entry.share).sum::<f64>() - 1.0).abs() < 1e-12, "{entries:?}");
    let few = Preparation::Evidence(vec![Evidence { words: vec!["car".to_owned()], ..of_words }]);
    assert_eq!(few.check().unwrap_err().to_string(), "the preparation of the model has 3 bins for 1 words");
}

proptest! {
    #[test]
    fn contributions_sum_to_the_margin_and_rows_to_columns(
        preparation in any_preparation(),
        weights in prop::collection::vec(-2.0..2.0_f64, 8),
        rows in prop::collection::vec(prop::collection::vec(value(), 4), 1..20),
    ) {
        let width = preparation.spans().sum();
        let linear = linear(&weights[..width]);
        let scorer = scorer(preparation.clone(), Model::Linear(linear.clone()));
        prop_assert_eq!(scorer.width(), 4);
        for values in &rows {
            let prepared = preparation.row(values);
            prop_assert!(prepared.iter().all(|number| number.is_finite()), "{:?}", prepared);
            let contributions = scorer.contributions(values);
            prop_assert_eq!(contributions.len(), 4);
            let sum = scorer.expected_output() + contributions.iter().sum::<f64>();
            prop_assert!((sum - linear.margin(&prepared)).abs() < 1e-9);
            prop_assert!((sigmoid(sum) - scorer.probability(values)).abs() < 1e-9);
        }
        let columns: Vec<Vec<f64>> = (0..4).map(|feature| rows.iter().map(|row| row[feature]).collect()).collect();
        let one_by_one: Vec<u64> = rows.iter().map(|row| scorer.probability(row).to_bits()).collect();
        let at_once: Vec<u64> = scorer.probabilities(&columns).into_iter().map(f64::to_bits).collect();
        prop_assert_eq!(at_once, one_by_one);
        let text = serde_json::to_string(&scorer).unwrap();
        prop_assert_eq!(serde_json::from_str::<Scorer>(&text).unwrap(), scorer);
    }

    #[test]
    fn points_sum_to_the_score(
        features in prop::collection::vec(any_evidence(), 4),
        weights in prop::collection::vec(-1.0..1.5_f64, 4),
        values in prop::collection::vec(value(), 4),
    ) {
        let scorer = scorer(Preparation::Evidence(features), Model::Linear(linear(&weights)));
        let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let card = scorer.scorecard(&names, Scale::RISK).unwrap();
        let found = |characteristic: &Characteristic, value: f64| {
            let falls = |holds: &Holds| match *holds {
                Holds::Word(_) | Holds::Special(_) => false,
                Holds::Missing => value.is_nan(),
                Holds::Numbers { above, up_to } => above.is_none_or(|above| value > above) && up_to.is_none_or(|up_to| value <= up_to)
                    && !value.is_nan(),
            };
            let entries: Vec<f64> = characteristic.entries.iter().filter(|entry| falls(&entry.holds)).map(|entry| entry.points).collect();
            assert_eq!(entries.len(), 1, "every value has one entry");
            entries[0]
        };
        let entries: Vec<f64> = card.features.iter().zip(&values).map(|(feature, value)| found(feature, *value)).collect();
        let sum = card.base_points + entries.iter().sum::<f64>();
        let score = f64::from(score(scorer.probability(&values)));
        // Exact before rounding, and half a point for each number once all are whole.
        prop_assert!((sum.clamp(0.0, 1000.0) - score).abs() <= 0.5 + 1e-6, "{} is not {}", sum, score);
        let whole = card.base_points.round() + entries.iter().map(|points| points.round()).sum::<f64>();
        prop_assert!((whole.clamp(0.0, 1000.0) - score).abs() <= 3.0 + 1e-6, "{} is not {}", whole, score);
    }
}
