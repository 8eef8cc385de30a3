use proptest::prelude::*;

use super::*;
use crate::table::Categories;

fn numbers(name: &str, numbers: &[f64]) -> Column {
    Column { name: name.to_owned(), values: Values::Numbers(numbers.to_vec()) }
}

/// Categories as letters; `-` is missing.
fn categories(name: &str, letters: &str) -> Column {
    let rows: Vec<String> = letters.chars().map(String::from).collect();
    let rows = rows.iter().map(|letter| Some(letter.as_str()).filter(|letter| *letter != "-"));
    Column { name: name.to_owned(), values: Values::Categories(Categories::new(rows)) }
}

fn table(columns: Vec<Column>, labels: &[bool]) -> Table {
    Table::new(columns, labels.to_vec()).unwrap()
}

#[test]
fn gaps_are_filled_and_flagged_and_tails_clipped() {
    let mut amounts: Vec<f64> = (0..=1000).map(f64::from).collect();
    amounts[500] = f64::NAN;
    let labels: Vec<bool> = (0..=1000).map(|row| row % 2 == 0).collect();
    let train = table(vec![numbers("amount", &amounts), numbers("nothing", &[f64::NAN; 1001])], &labels);
    let (preparation, matrix) = Preparation::fit(Recipe::Linear, &train).unwrap();
    assert_eq!(matrix.names(), ["amount", "amount is missing", "nothing", "nothing is missing"]);
    assert_eq!(matrix.row(500), [500.0, 1.0, 0.0, 1.0]);
    assert!((matrix.columns()[0][1000] - 995.005).abs() < 1e-9, "{}", matrix.columns()[0][1000]);
    let other = table(vec![numbers("nothing", &[3.0]), numbers("amount", &[-1e9])], &[false]);
    let row = preparation.apply(&other).unwrap().row(0);
    assert!((row[0] - 4.995).abs() < 1e-9 && row[1..] == [0.0, 0.0, 0.0], "{row:?}");
}

#[test]
fn a_category_has_a_column_for_each_frequent_level() {
    let letters = format!("{}{}{}", "a".repeat(12), "b".repeat(10), "cde-");
    let train = table(vec![categories("kind", &letters)], &[true; 26]);
    let (preparation, matrix) = Preparation::fit(Recipe::Linear, &train).unwrap();
    assert_eq!(matrix.names(), ["kind is a", "kind is b", "kind is rare", "kind is missing"]);
    let other = table(vec![categories("kind", "abc-z")], &[true; 5]);
    let prepared = preparation.apply(&other).unwrap();
    let rows: Vec<_> = (0..5).map(|row| prepared.row(row).iter().position(|cell| *cell == 1.0)).collect();
    assert_eq!(rows, [Some(0), Some(1), Some(2), Some(3), Some(2)]);
}

#[test]
fn a_training_row_does_not_see_its_own_label() {
    // Every level occurs once: whatever a row sees must be the same whichever label it has.
    let letters = "abcdefghijklmnopqrstuvwxyz";
    let see = |flipped: usize| {
        let labels: Vec<bool> = (0..26).map(|row| (row % 3 == 0) != (row == flipped)).collect();
        Preparation::fit(Recipe::Trees, &table(vec![categories("kind", letters)], &labels)).unwrap().1.columns()[0].clone()
    };
    let none = see(usize::MAX);
    for (row, seen) in none.iter().enumerate() {
        assert_eq!(see(row)[row], *seen, "row {row}");
    }
}

#[test]
fn the_share_of_a_level_is_drawn_towards_that_of_all() {
    let letters = format!("{}{}", "a".repeat(90), "b".repeat(10));
    let labels: Vec<bool> = (0..100).map(|row| row >= 90).collect();
    let (preparation, _) = Preparation::fit(Recipe::Trees, &table(vec![categories("kind", &letters)], &labels)).unwrap();
    let seen = preparation.apply(&table(vec![categories("kind", "ab-z")], &[false; 4])).unwrap();
    // (0 + 10 x 0.1) / (90 + 10), (10 + 1) / (10 + 10), and the share of all.
    for (got, expect) in seen.columns()[0].iter().zip([0.01, 0.55, 0.1, 0.1]) {
        assert!((got - expect).abs() < 1e-12, "{got} is not {expect}");
    }
}

#[test]
fn weights_of_evidence_worked_by_hand() {
    // 40 rows of a with 10 bad, 60 of b with 30 bad: ln((10.5/40.5) / (30.5/60.5)) and ln((30.5/40.5) / (30.5/60.5)).
    let letters = format!("{}{}", "a".repeat(40), "b".repeat(60));
    let labels: Vec<bool> = (0..100).map(|row| !(10..70).contains(&row)).collect();
    let level_evidence = |letters: &str| match categories("kind", letters).values {
        Values::Categories(categories) => LevelEvidence::fit(&categories, &labels),
        Values::Numbers(_) => unreachable!("they are categories"),
    };
    let evidence = level_evidence(&letters);
    let [a, b] = [(10.5 / 40.5_f64) / (30.5 / 60.5), (30.5 / 40.5_f64) / (30.5 / 60.5)].map(f64::ln);
    assert!((evidence.bins[0].weight - a).abs() < 1e-12 && (evidence.bins[1].weight - b).abs() < 1e-12, "{evidence:?}");
    let expect = (10.5 / 40.5 - 30.5 / 60.5) * a + (30.5 / 40.5 - 30.5 / 60.5) * b;
    assert!((evidence.information_value - expect).abs() < 1e-12);
    let seen = [Some("b"), Some("a"), None, Some("z")].map(|level| evidence.weight(level));
    assert_eq!(seen, [evidence.bins[1].weight, evidence.bins[0].weight, 0.0, 0.0]);
}

#[test]
fn risk_that_rises_with_a_number_rises_from_bin_to_bin() {
    let amounts: Vec<f64> = (0..3000).map(|row| f64::from(row % 1000)).collect();
    let labels: Vec<bool> = (0..3000).map(|row| (row * 7919) % 1000 < row % 1000).collect();
    let evidence = evidence::fit(&amounts, &labels);
    assert!(evidence.bins.len() > 4, "{evidence:?}");
    assert!(evidence.bins.is_sorted_by(|a, b| a.weight <= b.weight), "{evidence:?}");
}

#[test]
fn a_thin_tail_has_a_bin_of_its_own_and_noise_has_one_alone() {
    // One row in a hundred is far out, and bad.
    let amounts: Vec<f64> =
        (0..5_000).map(|row| if row % 100 == 7 { 1e6 + f64::from(row) } else { f64::from(row * 7919 % 5_000) }).collect();
    let labels: Vec<bool> = (0..5_000).map(|row| row % 100 == 7 || row % 20 == 3).collect();
    let evidence = evidence::fit(&amounts, &labels);
    let last = evidence.bins.last().unwrap();
    assert!(last.rows >= 45 && last.bad == last.rows, "{evidence:?}");
    let noise: Vec<f64> = (0..5_000).map(|row| f64::from(row * 4_001 % 5_000)).collect();
    let labels: Vec<bool> = (0..5_000_u64).map(|row| row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 61 == 0).collect();
    let evidence = evidence::fit(&noise, &labels);
    assert!(evidence.bins.len() <= 2, "{evidence:?}");
}

#[test]
fn what_is_unlike_training_is_named() {
    let labels: Vec<bool> = (0..20).map(|row| row % 2 == 0).collect();
    let train = table(vec![numbers("age", &[1.0; 20]), categories("kind", &"a".repeat(20))], &labels);
    for recipe in [Recipe::Linear, Recipe::Evidence, Recipe::Trees] {
        let (preparation, matrix) = Preparation::fit(recipe, &train).unwrap();
        assert_eq!(preparation.apply(&train).unwrap().names(), matrix.names());
        assert_eq!(preparation.is_on_scale().len(), matrix.width());
        let check = |columns: Vec<Column>, expect: &str| {
            let error = preparation.apply(&table(columns, &[true])).unwrap_err();
            assert_eq!(error.to_string(), expect, "{recipe:?}");
        };
        check(vec![numbers("age", &[1.0])], "there is no column kind, which the model was trained on");
        check(vec![categories("age", "x"), categories("kind", "a")], "column age had numbers in training and has others now");
        check(vec![numbers("age", &[1.0]), numbers("kind", &[1.0])], "column kind had categories in training and has others now");
        let text = serde_json::to_string(&preparation).unwrap();
        assert_eq!(serde_json::from_str::<Preparation>(&text).unwrap(), preparation);
    }
}

proptest! {
    #[test]
    fn bins_hold_every_row_once_and_enough_of_them(
        rows in prop::collection::vec((prop_oneof![1 => Just(f64::NAN), 4 => (0..20u8).prop_map(f64::from), 4 => -1e3..1e3], any::<bool>()), 2..300),
    ) {
        let (amounts, labels): (Vec<f64>, Vec<bool>) = rows.into_iter().unzip();
        let evidence = evidence::fit(&amounts, &labels);
        let present = amounts.iter().filter(|amount| !amount.is_nan()).count();
        let ends = &evidence.ends;
        prop_assert!(ends.is_sorted_by(|a, b| a < b));
        prop_assert!(evidence.bins.len() <= 8 && (present == 0 || ends.len() + 1 == evidence.bins.len()));
        prop_assert!(evidence.bins.iter().all(|bin| bin.rows as usize >= present.min(20)));
        prop_assert!(evidence.information_value >= 0.0);
        // Counted again, row by row.
        for (place, bin) in evidence.bins.iter().enumerate() {
            let holds = |amount: f64| !amount.is_nan() && ends.partition_point(|end| *end < amount) == place;
            let inside: Vec<usize> = (0..amounts.len()).filter(|row| holds(amounts[*row])).collect();
            prop_assert_eq!(inside.len() as u64, bin.rows);
            prop_assert_eq!(inside.iter().filter(|row| labels[**row]).count() as u64, bin.bad);
        }
        prop_assert_eq!(evidence.missing.map_or(0, |bin| bin.rows) as usize, amounts.len() - present);
    }
}
