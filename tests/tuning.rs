//! The search for settings as a user runs it: stopped and gone on with, and on real data against what is published.

mod support;

use std::fs;
use std::path::Path;

use support::{HANDBOOK, json_lines, run, run_well, shared_data, text};

const TEST: &str = "2018-05-27..2018-06-10";

/// A simulated history of ten weeks, small enough to search in seconds.
fn history(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("history.parquet");
    run_well(&["simulate", "--customers", "300", "--terminals", "600", "--days", "70", "--out", text(&file)]);
    file
}

fn tune<'a>(data: &'a Path, out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["tune", "--pipeline", HANDBOOK, "--data", text(data), "--learner", "boosting", "--out", text(out), "--json"];
    let days = ["--validate", "2018-05-06..2018-05-20", "--folds", "2", "--minutes", "10"];
    [fixed.as_slice(), days.as_slice(), more].concat()
}

#[test]
fn a_search_goes_on_where_it_was_and_its_best_settings_train() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = history(folder.path());
    let space = folder.path().join("space.toml");
    let dimensions =
        "boosting = [{ name = 'trees', range = { whole_log = [5, 40] } }, { name = 'rate', range = { log = [0.05, 0.5] } }]";
    fs::write(&space, dimensions).expect("write");
    let out = folder.path().join("tuned");
    let search = |rounds: &str| {
        json_lines(&run_well(&tune(&data, &out, &["--space", text(&space), "--rounds", rounds, "--test", TEST]))).remove(0)
    };
    let first = search("1");
    assert_eq!((&first["trials"], &first["finalists"]), (&9.into(), &3.into()), "{first}");
    let best = first["validation"]["average_precision"].as_f64().expect("a figure");
    assert!(best > 0.1 && first["test"]["auc"].as_f64().expect("a figure") > 0.6, "{first}");

    // A line that was cut off in mid-write is done again; all others are read.
    let path = out.join("history.jsonl");
    let whole = fs::read_to_string(&path).expect("history");
    fs::write(&path, &whole[..whole.len() - 40]).expect("write");
    let second = search("2");
    assert_eq!(second["trials"], 18, "{second}");
    assert!(second["validation"]["average_precision"].as_f64() >= Some(best), "{second}");
    let lines =
        |text: &str| text.lines().map(|line| line.split("\"seconds\"").next().expect("a part").to_owned()).collect::<Vec<_>>();
    let grown = lines(&fs::read_to_string(&path).expect("history"));
    let before = lines(&whole);
    assert_eq!(grown[..before.len() - 1], before[..before.len() - 1], "what was found stays");
    assert!(before.iter().all(|line| grown.contains(line)), "what was cut off is found again, the same");

    let models = folder.path().join("models");
    let best = out.join("best.toml");
    let train = ["train", "--pipeline", HANDBOOK, "--data", text(&data), "--settings", text(&best), "--learners", "boosting"];
    let days = ["--train", "2018-05-01..2018-05-15", "--test", "2018-05-27..2018-06-03", "--out", text(&models), "--json"];
    let trained = json_lines(&run_well(&[train.as_slice(), days.as_slice()].concat())).remove(0);
    assert!(trained["average_precision"].as_f64() > Some(0.1), "{trained}");

    for (more, expect) in [
        (vec!["--space", text(&space), "--seed", "7"], "another space, objective, seed or number of folds"),
        (vec!["--space", text(&space), "--delay", "3d"], "other data, features or days"),
        (vec!["--space", text(&best)], "invalid type: map, expected a sequence"),
        (vec!["--test", "2018-05-13..2018-05-20"], "the test begins on 2018-05-13, before the days to validate on end"),
    ] {
        let ended = run(&tune(&data, &out, &more));
        assert!(!ended.status.success() && ended.stderr.contains(expect), "{more:?} said {}", ended.stderr);
    }
}

#[test]
fn a_search_tries_words_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = history(folder.path());
    let space = folder.path().join("space.toml");
    let dimensions = "logistic = [{ name = 'preparation', range = { words = ['none', 'linear', 'evidence'] } }]";
    fs::write(&space, dimensions).expect("write");
    let out = folder.path().join("tuned");
    let more = ["--space", text(&space), "--rounds", "1"];
    let arguments: Vec<&str> =
        tune(&data, &out, &more).into_iter().map(|argument| if argument == "boosting" { "logistic" } else { argument }).collect();
    let found = json_lines(&run_well(&arguments)).remove(0);
    let word = found["best"]["settings"]["preparation"].as_str().expect("a word").to_owned();
    let best = fs::read_to_string(out.join("best.toml")).expect("settings");
    assert!(best.contains(&format!("preparation = \"{word}\"")), "{best}");
    let history = fs::read_to_string(out.join("history.jsonl")).expect("history");
    for word in ["none", "linear", "evidence"] {
        assert!(history.contains(&format!("\"settings\":{{\"preparation\":\"{word}\"}}")), "no {word} in {history}");
    }
    assert_eq!(json_lines(&run_well(&arguments)).remove(0)["best"], found["best"], "the history is read again");
}

/// The best that the Fraud Detection Handbook publishes for each figure, as means over its four test folds (chapters 5 and 7).
const PUBLISHED: [(&str, f64); 3] = [("auc", 0.879), ("average_precision", 0.694), ("card_precision_100", 0.305)];

#[test]
fn one_round_finds_more_than_is_published() {
    let Some(data) = shared_data("fraud_fdh/transactions.parquet") else { return };
    let out = tempfile::tempdir().expect("a folder");
    let pipeline = concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines/card_fraud.toml");
    let search = ["tune", "--pipeline", pipeline, "--data", text(&data), "--learner", "boosting", "--out", text(out.path())];
    let days = [
        "--validate",
        "2018-07-04..2018-08-01",
        "--test",
        "2018-08-08..2018-09-05",
        "--rounds",
        "1",
        "--minutes",
        "60",
        "--json",
    ];
    let found = json_lines(&run_well(&[search.as_slice(), days.as_slice()].concat())).remove(0);
    assert_eq!(found["test_folds"].as_array().map(Vec::len), Some(4));
    for (figure, published) in PUBLISHED {
        let reached = found["test"][figure].as_f64().unwrap_or_else(|| panic!("{figure} in {found}"));
        assert!(reached >= published, "{figure} {reached} against {published}: {found}");
    }
}
