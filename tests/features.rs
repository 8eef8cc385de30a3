//! `riskflow features` and `riskflow bench` as their users meet them: on simulated and on real payments, and with what goes wrong.

mod support;

use std::fs;
use std::path::Path;

use support::{HANDBOOK, json_lines, peer, run, run_well, shared_data, text};

/// A small world's payments, as Parquet.
fn payments(folder: &Path) -> std::path::PathBuf {
    let out = text(folder);
    run_well(&["simulate", "--customers", "150", "--terminals", "300", "--days", "60", "--out", out]);
    folder.join("transactions.parquet")
}

fn materialize<'a>(data: &'a str, out: &'a str) -> Vec<&'a str> {
    vec!["features", "materialize", "--pipeline", HANDBOOK, "--data", data, "--out", out, "--json"]
}

#[test]
fn materialized_features_are_those_of_an_independent_computation() {
    let folder = tempfile::tempdir().expect("a folder");
    let simulated = payments(folder.path());
    let real = shared_data("fraud_fdh/transactions.parquet");
    for (name, data) in [("simulated", Some(simulated)), ("real", real)] {
        let Some(data) = data else { continue };
        let out = folder.path().join(format!("{name}.parquet"));
        let line = json_lines(&run_well(&materialize(text(&data), text(&out)))).remove(0);
        assert_eq!((&line["rows"], &line["duplicates"], &line["rejected"]), (&line["events"], &0.into(), &0.into()), "{line}");
        if name == "real" {
            assert_eq!(line["rows"], 1_754_155);
        }
        if let Some((agrees, said)) = peer("handbook_features.py", &["--data", text(&data), "--features", text(&out)]) {
            assert!(agrees, "{name}: {said}");
        }
    }
}

#[test]
fn periods_labels_and_files_are_chosen() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = payments(folder.path());
    let (all, part) = (folder.path().join("all.parquet"), folder.path().join("part.parquet"));
    let whole = json_lines(&run_well(&materialize(text(&data), text(&all)))).remove(0);
    let period = ["--from", "2018-05-01", "--to", "2018-05-08"];
    let week = json_lines(&run_well(&[materialize(text(&data), text(&part)), period.to_vec()].concat())).remove(0);
    let rows = |line: &serde_json::Value| line["rows"].as_u64().expect("a number");
    assert!(rows(&week) > 0 && rows(&week) * 4 < rows(&whole), "{week} of {whole}");

    // Two files of the same events have them once.
    let copy = folder.path().join("copy.parquet");
    fs::copy(&data, &copy).expect("copied");
    let mut twice = materialize(text(&data), text(&part));
    twice.insert(6, text(&copy));
    let line = json_lines(&run_well(&twice)).remove(0);
    assert_eq!((rows(&line), &line["duplicates"]), (rows(&whole), &whole["rows"]));

    // Labels of their own instead of those in the data: two, of which one is known at once.
    let labels = folder.path().join("labels.csv");
    fs::write(&labels, "event_id,label,observed_at\n3,fraud,2018-04-02T00:00:00\n4,legit,2018-04-03T00:00:00\n")
        .expect("written");
    let arguments = [materialize(text(&data), text(&part)), vec!["--labels", text(&labels)]].concat();
    let line = json_lines(&run_well(&arguments)).remove(0);
    assert_eq!((&line["labels"], rows(&line)), (&2.into(), rows(&whole)));
    fs::write(&labels, "event_id,label,observed_at\n3,stolen,2018-04-02T00:00:00\n").expect("written");
    let ended = run(&arguments);
    assert!(
        !ended.status.success() && ended.stderr.contains("label 1 of") && ended.stderr.contains("must be fraud"),
        "{ended:?}"
    );
}

#[test]
fn what_cannot_be_materialized_is_said_and_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = payments(folder.path());
    let out = folder.path().join("out.parquet");
    let check = |arguments: &[&str], expect: &str| {
        let ended = run(arguments);
        assert!(!ended.status.success() && ended.stderr.contains(expect), "{arguments:?} said {}", ended.stderr);
        assert!(!out.exists(), "{arguments:?} left a file");
    };
    check(&materialize("none.parquet", text(&out)), "there is no file none.parquet");
    check(&[materialize(text(&data), text(&out)), vec!["--from", "2018-05-01", "--to", "2018-05-01"]].concat(), "is not before");
    let nowhere = folder.path().join("no/folder/out.parquet");
    check(&materialize(text(&data), text(&nowhere)), "cannot create");
    // A full disk.
    if Path::new("/dev/full").exists() {
        std::os::unix::fs::symlink("/dev/full", folder.path().join("out.unfinished")).expect("a link");
        check(&materialize(text(&data), text(&out)), "No space left on device");
    }
}

#[test]
fn logged_vectors_are_verified_from_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let world = ["--customers", "150", "--terminals", "300", "--days", "45", "--port", "0"];
    run_well(&[["demo", "--once", "--json", "--data-dir", text(&data)].as_slice(), &world].concat());
    let verify = ["features", "verify", "--pipeline", HANDBOOK, "--data-dir", text(&data), "--json"];
    let lines = json_lines(&run_well(&verify));
    assert_eq!(lines.len(), 15);
    for line in &lines {
        assert!(line["checked"].as_u64().is_some_and(|checked| checked > 3_000), "{line}");
        assert_eq!(line["mismatches"], 0, "{line}");
    }
    // Under other definitions nothing is compared, and that is said.
    let other = folder.path().join("other.toml");
    let changed = fs::read_to_string(HANDBOOK).expect("it ships").replace("\"30d\"]\ndelay = \"7d\"", "\"31d\"]\ndelay = \"7d\"");
    let changed = changed
        .replace("terminal_tx_count_30d", "terminal_tx_count_31d")
        .replace("terminal_fraud_rate_30d", "terminal_fraud_rate_31d");
    fs::write(&other, changed).expect("written");
    let ended = run_well(&["features", "verify", "--pipeline", text(&other), "--data-dir", text(&data), "--json"]);
    assert!(ended.stderr.contains("are of other definitions"), "{}", ended.stderr);
    assert_eq!(json_lines(&ended)[0]["checked"], 0);
}

#[test]
fn a_plan_is_explained_and_measured() {
    let explained = json_lines(&run_well(&["features", "explain", "--pipeline", HANDBOOK, "--json"])).remove(0);
    assert_eq!(explained["features"], 15);
    let customer = &explained["entities"][0];
    assert_eq!(
        (&customer["entity"], &customer["cursors"], &customer["event_bytes"]),
        (&"customer".into(), &4.into(), &16.into())
    );
    let page = run_well(&["features", "explain", "--pipeline", HANDBOOK]).stdout;
    assert!(page.contains("customer: count, sliding, mean") && page.contains("cursors at 7d, 8d, 14d, 37d"), "{page}");

    let folder = tempfile::tempdir().expect("a folder");
    let data = payments(folder.path());
    let bench = ["bench", "features", "--pipeline", HANDBOOK, "--data", text(&data), "--keys", "2000", "--json"];
    let measured = json_lines(&run_well(&bench)).remove(0);
    for figure in [
        "events",
        "events_per_core_second",
        "p50_us",
        "p99_us",
        "p999_us",
        "bytes_per_key",
        "snapshot_mb_per_second",
        "recovery_seconds_per_million_keys",
    ] {
        assert!(measured[figure].as_f64().is_some_and(|figure| figure > 0.0), "{figure} in {measured}");
    }
    assert_eq!(measured["recovered_keys"], 2_000);
}

#[test]
fn a_wrong_pipeline_is_said_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = folder.path().join("wrong.toml");
    let whole = fs::read_to_string(HANDBOOK).expect("it ships");
    let check = |from: &str, to: &str, expect: &[&str]| {
        assert!(whole.contains(from), "{from}");
        fs::write(&pipeline, whole.replacen(from, to, 1)).expect("written");
        let ended = run(&["features", "explain", "--pipeline", text(&pipeline)]);
        assert!(!ended.status.success());
        for part in expect {
            assert!(ended.stderr.contains(part), "{to}: {}", ended.stderr);
        }
    };
    let line = |needle: &str| whole[..whole.find(needle).expect("it is there")].lines().count();
    let count = line("name = \"customer_tx_count_{window}\"");
    check(
        "windows = [\"1d\", \"7d\", \"30d\"]",
        "windows = [\"0s\", \"7d\", \"30d\"]",
        &[&format!("wrong.toml:{}", count + 4), "a window of 0s holds nothing"],
    );
    check("of = \"amount_minor\"", "of = \"size\"", &["wrong.toml:", "field `size` is not declared"]);
    check("name = \"night\"", "name = \"weekend\"", &["wrong.toml:", "two features have the name `weekend`"]);
    check(
        "[[features]]",
        "[state.entities.card]\nmax_events = 100\n\n[[features]]",
        &["wrong.toml:", "entity `card` is not declared"],
    );
}
