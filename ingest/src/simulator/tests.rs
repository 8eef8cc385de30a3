use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn small() -> Settings {
    Settings { customers: 200, terminals: 400, days: Some(40), seed: 3, radius: 10.0, ..Settings::default() }
}

fn run(settings: Settings) -> Vec<Vec<Transaction>> {
    Simulator::new(settings).unwrap().collect()
}

/// The same for the same transactions.
fn digest(days: &[Vec<Transaction>]) -> u64 {
    let numbers = days.iter().flatten().flat_map(|each| {
        let Transaction { transaction_id, occurred_at, customer_id, terminal_id, amount_minor, fraud: _, scenario } = *each;
        [transaction_id as i64, occurred_at.micros(), customer_id.into(), terminal_id.into(), amount_minor, scenario.into()]
    });
    xxhash_rust::xxh3::xxh3_64(&numbers.flat_map(i64::to_le_bytes).collect::<Vec<u8>>())
}

#[test]
fn equal_settings_give_equal_transactions() {
    let days = run(small());
    assert_eq!(days, run(small()));
    assert_ne!(digest(&days), digest(&run(Settings { seed: 4, ..small() })));
    let endless: Vec<_> = Simulator::new(Settings { days: None, ..small() }).unwrap().take(40).collect();
    assert_eq!(days, endless);
}

/// What a seed means must not change in silence: results that were published with it could not be had again.
#[test]
fn a_seed_keeps_its_meaning() {
    let days = run(small());
    assert_eq!((days.iter().map(Vec::len).sum::<usize>(), digest(&days)), (15_667, 12_242_025_044_492_961_981));
}

#[test]
fn days_follow_one_another() {
    let mut next_id = 0;
    for (day, transactions) in run(small()).iter().enumerate() {
        let midnight: Timestamp = "2018-04-01".parse().unwrap();
        let today = midnight.day() + day as i64;
        assert!(transactions.is_sorted_by_key(|transaction| transaction.occurred_at));
        for transaction in transactions {
            assert_eq!((transaction.transaction_id, transaction.occurred_at.day()), (next_id, today));
            assert!(transaction.customer_id < 200 && transaction.terminal_id < 400 && transaction.amount_minor >= 0);
            next_id += 1;
        }
    }
    let later = Simulator::new(small()).unwrap().number_from(7).next().unwrap();
    assert_eq!(later[0].transaction_id, 7);
}

#[test]
fn frauds_are_of_their_scenario() {
    for transactions in run(small()) {
        let of = |scenario: u8| transactions.iter().filter(move |transaction| transaction.scenario == scenario);
        let terminals: BTreeSet<u32> = of(2).map(|transaction| transaction.terminal_id).collect();
        let customers: BTreeSet<u32> = of(3).map(|transaction| transaction.customer_id).collect();
        assert!(terminals.len() <= 56 && customers.len() <= 42);
        assert!(of(0).all(|transaction| transaction.amount_minor <= 22_000 && !terminals.contains(&transaction.terminal_id)));
        assert!(of(1).all(|transaction| transaction.amount_minor > 22_000 && !terminals.contains(&transaction.terminal_id)));
        assert!(of(3).all(|transaction| transaction.amount_minor % 5 == 0));
        assert!(transactions.iter().all(|transaction| transaction.fraud == (transaction.scenario > 0)));
    }
}

/// The Handbook reports 1,754,155 transactions and a fraud rate of 0.84 % over its 183 days.
#[test]
fn the_default_has_the_handbooks_shape() {
    let days: Vec<_> = Simulator::new(Settings::default()).unwrap().take(45).collect();
    let daily = days.iter().map(Vec::len).sum::<usize>() as f64 / 45.0;
    assert!((9_200.0..10_000.0).contains(&daily), "{daily} transactions a day");

    // From the 28th day on as many terminals are compromised as ever will be.
    let mut scenarios = BTreeMap::from([(0, 0.0), (1, 0.0), (2, 0.0), (3, 0.0)]);
    let steady: Vec<_> = days[28..].iter().flatten().collect();
    for transaction in &steady {
        *scenarios.get_mut(&transaction.scenario).unwrap() += 100.0 / steady.len() as f64;
    }
    let check = |scenario: u8, percent: std::ops::Range<f64>| {
        let found = scenarios[&scenario];
        assert!(percent.contains(&found), "{found} % of scenario {scenario}");
    };
    check(1, 0.02..0.12);
    check(2, 0.40..0.72);
    check(3, 0.18..0.38);

    let amounts = days[0].iter().map(|transaction| transaction.amount_minor).sum::<i64>() as f64 / days[0].len() as f64;
    assert!((5_000.0..5_700.0).contains(&amounts), "{amounts} cents on average");
    let noonish = days[0].iter().filter(|transaction| (6..18).contains(&transaction.occurred_at.hour())).count();
    let share = noonish as f64 / days[0].len() as f64;
    assert!((0.70..0.78).contains(&share), "{share} between 6 and 18 h");
}

#[test]
fn a_setting_without_meaning_is_refused() {
    let check = |settings: Settings, expect: &str| {
        assert_eq!(Simulator::new(settings).unwrap_err().to_string(), expect);
    };
    check(Settings { customers: 0, ..small() }, "cannot simulate with 0 customers: it must be at least 1");
    check(Settings { terminals: 0, ..small() }, "cannot simulate with 0 terminals: it must be at least 1");
    check(Settings { radius: 0.0, ..small() }, "cannot simulate with a radius of 0: it must be above 0");
    check(Settings { radius: f64::NAN, ..small() }, "cannot simulate with a radius of NaN: it must be above 0");
}

#[cfg(feature = "parquet")]
mod files {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_appears_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("transactions.parquet");
        let mut done = Vec::new();
        let count = parquet::write(Simulator::new(small()).unwrap(), &mut Injection::none(), &path, &mut |days| {
            assert!(!path.exists());
            done.push(days);
        });
        assert_eq!(count.unwrap(), run(small()).iter().map(Vec::len).sum::<usize>() as u64);
        assert_eq!(done, (1..=40).collect::<Vec<u32>>());
        let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["transactions.parquet"]);

        let again = folder.path().join("again.parquet");
        parquet::write(Simulator::new(small()).unwrap(), &mut Injection::none(), &again, &mut |_| {}).unwrap();
        assert_eq!(fs::read(&path).unwrap(), fs::read(&again).unwrap());
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |settings: Settings, path: &std::path::Path| {
            parquet::write(Simulator::new(settings).unwrap(), &mut Injection::none(), path, &mut |_| {}).unwrap_err().to_string()
        };
        let endless = Settings { days: None, ..small() };
        let error = write(endless, &folder.path().join("a.parquet"));
        assert!(error.starts_with("cannot write days without end to ") && error.ends_with("/a.parquet: say how many"), "{error}");

        fs::write(folder.path().join("file"), "").unwrap();
        let error = write(small(), &folder.path().join("file").join("a.parquet"));
        assert!(error.starts_with("cannot create ") && error.ends_with("/file"), "{error}");

        let taken = folder.path().join("folder.parquet");
        fs::create_dir(&taken).unwrap();
        assert!(write(small(), &taken).ends_with("/folder.parquet"));
        assert!(!folder.path().join("folder.parquet.part").exists());
    }
}
