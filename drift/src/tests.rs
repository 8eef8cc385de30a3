//! The figures against those of scipy, numpy and evidently, which `tests/peers/drift.py` writes down.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Hysteresis, Kind, Levels, Rules, Severity, Sorted, adjusted, categories, chi_square, ks, numbers, severities};

#[derive(Deserialize)]
struct Fixture {
    numbers: Vec<Numbers>,
    categories: Vec<Categories>,
    chi_square: Vec<ChiSquare>,
    adjusted: Adjusted,
}

/// One pair of samples of numbers.
#[derive(Deserialize)]
struct Numbers {
    name: String,
    seed: u64,
    rows: (usize, usize),
    psi: f64,
    noise: f64,
    psi_p: f64,
    edges: Vec<f64>,
    js: f64,
    js_base_2: f64,
    ks: f64,
    ks_exact_p: Option<f64>,
    ks_limit_p: f64,
    ks_asymp_p: f64,
    wasserstein: f64,
    missing_p: f64,
    missing_rates: (f64, f64),
    /// By evidently, where its definition is the same.
    evidently_ks_p: f64,
    evidently_wasserstein: f64,
    deviation: f64,
}

#[derive(Deserialize)]
struct Categories {
    reference: BTreeMap<String, u64>,
    current: BTreeMap<String, u64>,
    missing: (u64, u64),
    statistic: f64,
    degrees: usize,
    p: f64,
    cramers_v: f64,
    psi: f64,
    js: f64,
}

#[derive(Deserialize)]
struct ChiSquare {
    table: (Vec<u64>, Vec<u64>),
    statistic: f64,
    degrees: usize,
    p: f64,
}

#[derive(Deserialize)]
struct Adjusted {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/figures.json")).unwrap()
}

/// The generator of the fixture: a linear congruence, so that both make the same numbers to the last bit.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = (1_103_515_245 * self.0 + 12_345) % (1 << 31);
        self.0 as f64 / 2_f64.powi(31)
    }
}

/// Two samples of a named shape.
fn samples(name: &str, seed: u64, rows: (usize, usize)) -> (Vec<f64>, Vec<f64>) {
    let mut draws = Draws(seed);
    let mut sample = |rows: usize, is_current: bool| {
        let shift = if is_current { 0.05 } else { 0.0 };
        let mut value = || {
            let (u, chance) = (draws.next(), draws.next());
            match name {
                "equal" => u,
                "shifted" => u + shift,
                "tailed" => (u + shift) * (u + shift) * (u + shift) * 1000.0,
                "ties" => ((u + shift) * 7.0).floor(),
                "gaps" if chance < (if is_current { 0.08 } else { 0.03 }) => f64::NAN,
                "gaps" => u - 0.5,
                other => panic!("no shape {other}"),
            }
        };
        (0..rows).map(|_| value()).collect::<Vec<f64>>()
    };
    (sample(rows.0, false), sample(rows.1, true))
}

/// Equal to so many parts of the larger.
fn close(got: f64, expect: f64, tolerance: f64) -> bool {
    (got - expect).abs() <= tolerance * got.abs().max(expect.abs()) || (got - expect).abs() < 1e-15
}

#[test]
fn numbers_are_compared_as_scipy_numpy_and_evidently_do() {
    for case in fixture().numbers {
        let (reference, current) = samples(&case.name, case.seed, case.rows);
        let feature = numbers(&reference, &current);
        let check = |what: &str, got: f64, expect: f64, tolerance: f64| {
            assert!(close(got, expect, tolerance), "{what} of {} {:?}: {got} is not {expect}", case.name, case.rows);
        };
        let Kind::Numbers { edges, ks: Some(ks), wasserstein: Some(wasserstein) } = &feature.kind else { panic!("{feature:?}") };
        let (psi, missing) = (feature.figures.psi.unwrap(), feature.figures.missing.unwrap());
        assert_eq!(edges, &case.edges, "{}", case.name);
        check("PSI", psi.value, case.psi, 1e-9);
        check("noise", psi.noise, case.noise, 1e-9);
        check("p of PSI", psi.p, case.psi_p, 1e-9);
        check("JS", feature.figures.js.unwrap(), case.js, 1e-9);
        check("JS to base 2", feature.figures.js.unwrap() / 2_f64.ln().sqrt(), case.js_base_2, 1e-9);
        check("KS", ks.statistic, case.ks, 1e-12);
        match case.ks_exact_p {
            Some(exact) => check("exact p of KS", ks.p, exact, 1e-9),
            None => {
                check("limit p of KS", ks.p, case.ks_limit_p, 1e-9);
                // scipy's has a correction for finite samples in it.
                check("p of KS", ks.p, case.ks_asymp_p, 0.05);
                check("evidently's p of KS", ks.p, case.evidently_ks_p, 0.05);
            }
        }
        check("Wasserstein", *wasserstein, case.wasserstein, 1e-9);
        check("evidently's Wasserstein", wasserstein / case.deviation.max(0.001), case.evidently_wasserstein, 1e-9);
        check("p of missing", missing.p, case.missing_p, 1e-9);
        assert_eq!((missing.reference_rate, missing.current_rate), case.missing_rates, "{}", case.name);
    }
}

#[test]
fn categories_are_compared_as_scipy_does() {
    for case in fixture().categories {
        let levels = |rows, missing| Levels { rows, missing };
        let feature = categories(&levels(case.reference, case.missing.0), &levels(case.current, case.missing.1));
        let Kind::Categories { chi_square: Some(test), .. } = &feature.kind else { panic!("{feature:?}") };
        assert_eq!(test.degrees, case.degrees);
        let figures = &feature.figures;
        for (got, expect) in [
            (test.statistic, case.statistic),
            (test.p, case.p),
            (test.cramers_v, case.cramers_v),
            (figures.psi.unwrap().value, case.psi),
            (figures.js.unwrap(), case.js),
        ] {
            assert!(close(got, expect, 1e-9), "{got} is not {expect}: {figures:?}");
        }
    }
    for case in fixture().chi_square {
        let test = chi_square(&case.table.0, &case.table.1).unwrap();
        assert_eq!(test.degrees, case.degrees);
        assert!(close(test.statistic, case.statistic, 1e-9) && close(test.p, case.p, 1e-9), "{test:?}");
    }
}

#[test]
fn many_looks_are_adjusted_as_scipy_does() {
    let Adjusted { p, adjusted: expect } = fixture().adjusted;
    assert!(adjusted(&p).into_iter().zip(expect).all(|(got, expect)| close(got, expect, 1e-12)));
}

/// Fifty features, two hundred windows of 300 rows, nothing changes: what is told is at most what was allowed.
#[test]
fn nothing_cries_wolf_while_nothing_changes() {
    let mut draws = Draws(11);
    let mut column = |rows: usize, shift: f64| (0..rows).map(|_| draws.next() + shift).collect::<Vec<f64>>();
    let reference = column(20_000, 0.0);
    let mut told = 0;
    for _ in 0..40 {
        let windows: Vec<_> = (0..20).map(|_| numbers(&reference, &column(300, 0.0)).figures).collect();
        let rules = Rules { watch: 1e-6, drift: 2e-6, ..Rules::default() };
        told += severities(&windows, &rules).into_iter().filter(|severity| *severity > Severity::Stable).count();
    }
    // Without thresholds, 800 looks at one in a hundred would be 8 alarms.
    assert!(told <= 3, "{told} false alarms");
    let moved: Vec<_> = (0..5).map(|_| numbers(&reference, &column(300, 0.4)).figures).collect();
    let found = severities(&moved, &Rules::default());
    assert_eq!(found, [Severity::Drift; 5]);
    assert_eq!(Hysteresis::default().smoothed(found)[1], Severity::Drift);
}

#[test]
fn the_order_of_rows_and_of_sides_changes_no_distance() {
    let (reference, mut current) = samples("ties", 5, (700, 900));
    let (before, other) = (Sorted::new(&current), Sorted::new(&reference));
    current.reverse();
    assert_eq!(ks(&other, &Sorted::new(&current)), ks(&other, &before));
    assert_eq!(ks(&other, &before).map(|ks| ks.statistic), ks(&before, &other).map(|ks| ks.statistic));
}
