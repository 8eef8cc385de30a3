//! Training as a user runs it: the same bytes whenever and on however many threads, and plain words where nothing can be learned.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{HANDBOOK, json_lines, run, run_well, text};

/// A small world's payments, as Parquet.
fn payments(folder: &Path) -> PathBuf {
    run_well(&["simulate", "--customers", "300", "--terminals", "600", "--days", "60", "--out", text(folder)]);
    folder.join("transactions.parquet")
}

fn train<'a>(data: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["train", "--pipeline", HANDBOOK, "--data", data, "--out", out, "--json"];
    let days = ["--train", "2018-05-01..2018-05-15", "--test", "2018-05-22..2018-05-29"];
    [fixed.as_slice(), &days, more].concat()
}

/// What was published under a version, without when.
fn parts(models: &Path, version: u32) -> Vec<(String, Vec<u8>)> {
    let folder = models.join("card_fraud").join(version.to_string());
    let names = ["artifact.json", "model.json", "profile.json", "card.md"];
    names.map(|name| (name.to_owned(), fs::read(folder.join(name)).expect("it is there"))).to_vec()
}

#[test]
fn equal_data_and_seed_give_equal_bytes_on_any_number_of_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = payments(folder.path());
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let lines = json_lines(&run_well(&train(text(&data), text(&one), &["--threads", "1", "--by", "ada"])));
    run_well(&train(text(&data), text(&two), &["--threads", "2", "--by", "ada"]));
    for version in 1..=lines.len() as u32 {
        for ((name, one), (_, two)) in parts(&one, version).into_iter().zip(parts(&two, version)) {
            assert!(one == two, "{name} of version {version} differs between one thread and two");
        }
    }
    let card = String::from_utf8(parts(&one, 3).remove(3).1).expect("text");
    for expect in ["# card_fraud: boosting", "Trained by ada", "7d after their event", "| amount_minor |", "\"trees\": 100"] {
        assert!(card.contains(expect), "no {expect} in {card}");
    }
    let other = folder.path().join("other");
    run_well(&train(text(&data), text(&other), &["--learners", "forest", "--seed", "1"]));
    assert_ne!(parts(&other, 1)[1], parts(&one, 2)[1], "another seed, another forest");
}

#[test]
fn what_cannot_be_learned_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.csv");
    let models = folder.path().join("models");
    let mut rows = vec!["TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT_CENTS,TX_FRAUD".to_owned()];
    rows.extend((0..58_u32).map(|day| {
        let (month, day_of_month) = if day < 30 { (4, day + 1) } else { (5, day - 29) };
        format!("{day},2018-{month:02}-{day_of_month:02}T10:00:00Z,{},9,1200,0", day % 7)
    }));
    fs::write(&file, rows.join("\n")).expect("write");
    let check = |more: &[&str], expect: &[&str]| {
        let ended = run(&train(text(&file), text(&models), more));
        assert_eq!(ended.status.code(), Some(1), "{more:?}");
        assert!(expect.iter().all(|part| ended.stderr.contains(part)), "{more:?} said {}", ended.stderr);
    };
    check(&[], &["logistic cannot learn from these rows: all 14 rows have the label legit"]);
    check(&["--delay", "9d"], &["the test begins on 2018-05-22, before the labels of the training days are known"]);
    let settings = folder.path().join("settings.toml");
    fs::write(&settings, "[training.boosting]\nleafs = 3\n").expect("write");
    check(&["--settings", text(&settings)], &["settings.toml:2:1: unknown field `leafs`"]);
    assert!(!models.join("card_fraud").exists(), "nothing was published");
}
