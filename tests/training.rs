//! Training as a user runs it: the same bytes whenever and on however many threads, and plain words where nothing can be learned.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{HANDBOOK, Server, json_lines, run, run_well, text};

/// The pipeline of the handbook.
const HANDBOOK_TEXT: &str = include_str!("../pipelines/card_fraud_handbook.toml");

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
    // What scores are held against later is of the week of the test, half as long as what was learned from.
    for (version, line) in (1..).zip(&lines) {
        let profile: serde_json::Value = serde_json::from_slice(&parts(&one, version).remove(2).1).expect("JSON");
        let counts = profile["score"]["counts"].as_array().expect("bins").iter().map(|count| count.as_u64().expect("rows"));
        let (held_against, learned) = (counts.sum::<u64>(), line["train_rows"].as_u64().expect("a number"));
        assert!((1_000..learned / 2).contains(&held_against), "{held_against} of a week, {line}");
    }
    let card = String::from_utf8(parts(&one, 3).remove(3).1).expect("text");
    for expect in ["# card_fraud: boosting", "Trained by ada", "7d after their event", "| amount_minor |", "\"trees\": 100"] {
        assert!(card.contains(expect), "no {expect} in {card}");
    }
    let other = folder.path().join("other");
    run_well(&train(text(&data), text(&other), &["--learners", "forest", "--seed", "1"]));
    assert_ne!(parts(&other, 1)[1], parts(&one, 2)[1], "another seed, another forest");
    let settings = folder.path().join("settings.toml");
    fs::write(&settings, "[training]\nwhere = \"amount_minor >= 2000 AND \\\"feature night\\\" = 0\"\n").expect("write");
    let fewer =
        json_lines(&run_well(&train(text(&data), text(&other), &["--learners", "logistic", "--settings", text(&settings)])));
    let rows = |line: &serde_json::Value| line["train_rows"].as_u64().expect("a number");
    assert!(rows(&fewer[0]) < rows(&lines[0]) && rows(&fewer[0]) > 1_000, "{fewer:?}");
}

/// All that learn.
const ALL: &str = "logistic,forest,extra_trees,boosting,naive_bayes,svm,isolation";

#[test]
fn every_learner_gives_equal_bytes_from_weighted_rows_of_a_sample() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = payments(folder.path());
    let settings = folder.path().join("settings.toml");
    let text_of = "[training]\nsample_good = 0.5\nbad_weight = \"balanced\"\n[training.logistic]\nl1_share = 0.5\n";
    fs::write(&settings, text_of).expect("write");
    let run = |name: &str, threads: &str| {
        let out = folder.path().join(name);
        let more = ["--learners", ALL, "--settings", text(&settings), "--threads", threads, "--by", "ada"];
        (json_lines(&run_well(&train(text(&data), text(&out), &more))), out)
    };
    let ((lines, one), (_, two)) = (run("one", "1"), run("two", "2"));
    assert_eq!(lines.len(), 7);
    for version in 1..=7 {
        for ((name, one), (_, two)) in parts(&one, version).into_iter().zip(parts(&two, version)) {
            assert!(one == two, "{name} of version {version} differs between one thread and two");
        }
    }
    for line in &lines {
        let auc = line["auc"].as_f64().expect("a figure");
        assert!(auc > if line["learner"] == "isolation" { 0.4 } else { 0.6 }, "{line}");
    }
    let all = json_lines(&run_well(&train(text(&data), text(&folder.path().join("all")), &["--learners", "logistic"])));
    let figure = |line: &serde_json::Value, name: &str| line[name].as_u64().expect("a number");
    assert_eq!(figure(&lines[0], "train_bad_rows"), figure(&all[0], "train_bad_rows"), "no bad row is left out");
    let share = figure(&lines[0], "train_rows") as f64 / figure(&all[0], "train_rows") as f64;
    assert!((0.4..0.62).contains(&share), "{share} of the rows");
    let artifact = |folder: &Path| -> serde_json::Value { serde_json::from_slice(&parts(folder, 1)[0].1).expect("JSON") };
    let (sampled, whole) = (artifact(&one), artifact(&folder.path().join("all")));
    assert_eq!(sampled["settings"]["sample_good"], 0.5, "{sampled}");
    assert_eq!(sampled["settings"]["bad_weight"], "balanced");
    assert_ne!(sampled["dataset"], whole["dataset"], "a sample is another dataset");
    let card = String::from_utf8(parts(&one, 1).remove(3).1).expect("text");
    assert!(card.contains("50 % of them, each for 2.0000 events"), "{card}");
}

#[test]
fn what_is_strange_needs_no_labels() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, pipeline) = (folder.path().join("history.csv"), folder.path().join("pipeline.toml"));
    let mut rows = vec!["TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT_CENTS".to_owned()];
    rows.extend((0..2_000_u32).map(|row| {
        let (day, minute) = (row / 70, row % 70 * 20);
        let amount = if row % 400 == 399 { 9_000_000 } else { 1_000 + row * 37 % 900 };
        let at = format!("2018-05-{:02}T{:02}:{:02}:00Z", day + 1, minute / 60, minute % 60);
        format!("{row},{at},{},{},{amount}", row % 50, row % 20)
    }));
    fs::write(&file, rows.join("\n")).expect("write");
    let without: Vec<&str> = HANDBOOK_TEXT.lines().filter(|line| !line.starts_with("label =")).collect();
    fs::write(&pipeline, without.join("\n")).expect("write");
    let days = ["--train", "2018-05-01..2018-05-15", "--test", "2018-05-22..2018-05-29", "--delay", "7d"];
    let models = folder.path().join("models");
    let fixed = ["train", "--pipeline", text(&pipeline), "--data", text(&file), "--out", text(&models), "--json", "--learners"];
    let refused = run(&[fixed.as_slice(), &["logistic"], &days].concat());
    assert!(refused.stderr.contains("names no label column"), "{}", refused.stderr);
    let lines = json_lines(&run_well(&[fixed.as_slice(), &["isolation"], &days].concat()));
    assert_eq!((&lines[0]["learner"], &lines[0]["auc"]), (&"isolation".into(), &serde_json::Value::Null), "{lines:?}");
    let card = String::from_utf8(parts(&models, 1).remove(3).1).expect("text");
    for expect in ["which saw no labels", "a degree of strangeness in place of a probability"] {
        assert!(card.contains(expect), "no {expect} in {card}");
    }
    let profile: serde_json::Value = serde_json::from_slice(&parts(&models, 1)[2].1).expect("JSON");
    assert!(profile["score"]["mean"].as_f64().is_some_and(|mean| (0.3..0.6).contains(&mean)), "{}", profile["score"]);
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
    for (condition, expect) in [
        ("channel = 'ecom'", "`where` in [training] cannot be used: channel = 'ecom': "),
        ("amount_minor > ", "`where` in [training] cannot be used"),
        ("1 = 1); DROP TABLE rows; SELECT (1", "`where` in [training] cannot be used"),
        ("amount_minor > 5000", "no rows to train on from 2018-05-01T00:00:00Z"),
    ] {
        fs::write(&settings, format!("[training]\nwhere = \"{condition}\"\n")).expect("write");
        check(&["--settings", text(&settings)], &[expect]);
    }
    assert!(!models.join("card_fraud").exists(), "nothing was published");
}

#[test]
fn a_model_is_judged_compared_shown_and_exported() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = payments(folder.path());
    let registry = folder.path().join("data/registry");
    run_well(&train(text(&data), text(&registry), &["--learners", "logistic,boosting", "--by", "ada"]));

    let out = folder.path().join("evaluation");
    let evaluate = ["evaluate", "--pipeline", HANDBOOK, "--models", text(&registry), "--version", "2", "--against", "1"];
    let rows = ["--data", text(&data), "--test", "2018-05-22..2018-05-29", "--out", text(&out), "--json"];
    let first = json_lines(&run_well(&[evaluate.as_slice(), &rows].concat())).remove(0);
    let trained = json_lines(&run_well(&["model", "list", "--models", text(&registry), "--json"]));
    let auc = trained[1]["metrics"]["auc"].as_f64().expect("a figure");
    let figure = &first["figures"]["auc"];
    let [point, lower, upper] = ["point", "lower", "upper"].map(|name| figure[name].as_f64().expect("a figure"));
    assert!((point - auc).abs() < 1e-12, "the rows are those of `riskflow train`: {point} {auc}");
    assert!(lower < point && point < upper, "{figure}");
    let other = first["comparison"]["champion_auc"]["point"].as_f64().expect("a figure");
    assert!((other - trained[0]["metrics"]["auc"].as_f64().expect("a figure")).abs() < 1e-12, "{}", first["comparison"]);
    assert_eq!(first["decisions"].as_array().map(Vec::len), Some(2));
    assert!(first["stability"]["hurts_most"].is_string() && first["months"].as_array().is_some_and(|months| !months.is_empty()));
    let page = fs::read_to_string(out.join("evaluation.html")).expect("a page");
    assert!(page.contains("card_fraud") && !page.contains("<script") && !page.contains("NaN"));
    let written = fs::read_to_string(out.join("evaluation.json")).expect("figures");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&written).expect("JSON"), first);
    assert!(
        run(&[evaluate.as_slice(), &["--data", "none.parquet"], &rows[2..]].concat())
            .stderr
            .contains("there is no file none.parquet")
    );

    // Roles come from the log.
    let at = folder.path().join("data");
    for version in ["1", "2"] {
        let promote =
            ["promote", "--pipeline", HANDBOOK, "--data-dir", text(&at), "--by", "ada", "--reason", "better", "--version"];
        run_well(&[promote.as_slice(), &[version]].concat());
    }
    // The second waits for another person.
    run_well(&["changes", "approve", "1", "--pipeline", HANDBOOK, "--data-dir", text(&at), "--by", "bob"]);
    run_well(&train(text(&data), text(&registry), &["--learners", "logistic", "--seed", "5"]));
    let listed = json_lines(&run_well(&["model", "list", "--data-dir", text(&at), "--json"]));
    let roles: Vec<_> = listed.iter().map(|line| line["role"].as_str().expect("a role")).collect();
    assert_eq!(roles, ["retired", "champion", "candidate"]);

    let shown = run_well(&["model", "show", "--data-dir", text(&at), "--version", "2"]).stdout;
    assert!(shown.starts_with("# card_fraud: boosting") && shown.contains("by ada"), "{shown}");
    let differences = json_lines(&run_well(&["model", "diff", "1", "2", "--data-dir", text(&at), "--json"]));
    let what: Vec<_> = differences.iter().map(|line| line["what"].as_str().expect("a name")).collect();
    assert!(what.contains(&"learner") && what.contains(&"figure auc") && !what.contains(&"dataset"), "{what:?}");

    let exported = folder.path().join("model.onnx");
    run_well(&["model", "export", "--data-dir", text(&at), "--version", "2", "--out", text(&exported)]);
    let imported = training::import::read(&fs::read(&exported).expect("the file")).expect("it is read");
    assert_eq!(imported.features.len(), 15);

    // It comes back with rows that it predicts, and not with one that it does not.
    let golden = folder.path().join("golden.csv");
    let values: Vec<f64> = (0..15).map(|feature| f64::from(feature) / 3.0).collect();
    let row = |prediction: f64| {
        let cells: Vec<String> = values.iter().chain([&prediction]).map(ToString::to_string).collect();
        format!("{},prediction\n{}\n", imported.features.join(","), cells.join(","))
    };
    let import = ["model", "import", "--pipeline", HANDBOOK, "--data-dir", text(&at), "--file", text(&exported)];
    let arguments = [import.as_slice(), &["--golden", text(&golden), "--by", "bob", "--json"]].concat();
    let probability = imported.scorer.model.probability(&values);
    fs::write(&golden, row(probability + 1e-3)).expect("write");
    let refused = run(&arguments);
    assert!(!refused.status.success() && refused.stderr.contains("row 1"), "{}", refused.stderr);
    fs::write(&golden, row(probability)).expect("write");
    let line = json_lines(&run_well(&arguments)).remove(0);
    assert_eq!((&line["version"], &line["source"]), (&4.into(), &"ONNX".into()), "{line}");
    fs::write(&golden, "amount_minor,prediction\n1,0.5\n").expect("write");
    assert!(run(&arguments).stderr.contains("weekend"), "a feature that the rows lack is named");

    // A flipped byte, and a disk without room.
    let model = registry.join("card_fraud/2/model.json");
    let mut bytes = fs::read(&model).expect("the model");
    bytes[40] ^= 1;
    fs::write(&model, bytes).expect("write");
    assert!(run(&["model", "show", "--data-dir", text(&at), "--version", "2"]).stderr.contains("model.json is damaged"));
    if Path::new("/dev/full").exists() {
        let out = folder.path().join("full");
        fs::create_dir(&out).expect("a folder");
        std::os::unix::fs::symlink("/dev/full", out.join("evaluation.json")).expect("a link");
        let rows = ["--data", text(&data), "--test", "2018-05-22..2018-05-29", "--out", text(&out)];
        let judged = ["evaluate", "--pipeline", HANDBOOK, "--models", text(&registry), "--version", "1"];
        let full = run(&[judged.as_slice(), &rows].concat());
        assert!(!full.status.success() && full.stderr.contains("No space left on device"), "{}", full.stderr);
    }
}

#[test]
fn a_scorecard_is_learned_shown_judged_and_not_exported() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = payments(folder.path());
    let settings = folder.path().join("settings.toml");
    let wish = |preparation: &str| {
        let text = format!("[training.logistic]\npreparation = \"{preparation}\"\n");
        fs::write(&settings, text).expect("write");
    };
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let learn = |models: &Path, threads: &str| {
        let more = ["--learners", "logistic", "--settings", text(&settings), "--threads", threads, "--by", "ada"];
        json_lines(&run_well(&train(text(&data), text(models), &more))).remove(0)
    };
    wish("evidence");
    let line = learn(&one, "1");
    assert!(line["auc"].as_f64() > Some(0.7), "{line}");
    learn(&two, "2");
    for ((name, one), (_, two)) in parts(&one, 1).into_iter().zip(parts(&two, 1)) {
        assert!(one == two, "{name} differs between one thread and two");
    }
    wish("linear");
    learn(&one, "2");

    let show = |version: &str, more: &[&str]| {
        run_well(&[["model", "show", "--models", text(&one), "--version", version].as_slice(), more].concat()).stdout
    };
    let card = show("1", &[]);
    for expect in [
        "replaced by the weight of evidence of its bin",
        "## Scorecard",
        "| feature | information value | points |",
        "| feature | bin | rows | share | bad rate | weight of evidence | points |",
        "| amount_minor | up to ",
        "| amount_minor | missing | 0 | 0.0 % | - | +0.000 | ",
        "\"preparation\": \"evidence\"",
    ] {
        assert!(card.contains(expect), "no {expect} in {card}");
    }
    let linear = show("2", &[]);
    assert!(linear.contains("which are made of 15: gaps are filled") && !linear.contains("## Scorecard"), "{linear}");
    let shown: serde_json::Value = serde_json::from_str(&show("1", &["--json"])).expect("JSON");
    let features = shown["scorecard"]["features"].as_array().expect("features");
    assert_eq!(features.len(), 15);
    let rows = |feature: &serde_json::Value| {
        let entries = feature["entries"].as_array().expect("entries").iter();
        entries.map(|entry| entry["rows"].as_u64().expect("a number")).sum::<u64>()
    };
    assert!(features.iter().all(|feature| rows(feature) == line["train_rows"].as_u64().expect("a number")));

    let differences = json_lines(&run_well(&["model", "diff", "1", "2", "--models", text(&one), "--json"]));
    let what: Vec<_> = differences.iter().map(|line| line["what"].as_str().expect("a name")).collect();
    assert!(what.contains(&"preparation") && what.contains(&"points amount_minor"), "{what:?}");

    let exported = folder.path().join("model.onnx");
    let refused = run(&["model", "export", "--models", text(&one), "--version", "1", "--out", text(&exported)]);
    assert!(!refused.status.success() && !exported.exists());
    assert!(refused.stderr.contains("a model with the preparation `evidence` cannot be written as ONNX"), "{}", refused.stderr);

    let out = folder.path().join("evaluation");
    let evaluate = ["evaluate", "--pipeline", HANDBOOK, "--models", text(&one), "--version", "1", "--against", "2"];
    let rows = ["--data", text(&data), "--test", "2018-05-22..2018-05-29", "--out", text(&out), "--json"];
    let judged = json_lines(&run_well(&[evaluate.as_slice(), &rows].concat())).remove(0);
    let auc = judged["figures"]["auc"]["point"].as_f64().expect("a figure");
    assert!((auc - line["auc"].as_f64().expect("a figure")).abs() < 1e-12, "{auc} is not that of {line}");
    let disturbed = judged["stability"]["features"].as_array().expect("features");
    assert_eq!(disturbed.len(), 15, "of features, not of what they are prepared as");
    assert!(judged["stability"]["hurts_most"].is_string());
}

#[test]
fn a_disk_that_fills_in_mid_write_leaves_no_version() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = payments(folder.path());
    let models = folder.path().join("models");
    let arguments = train(text(&data), text(&models), &["--learners", "boosting"]);
    // No file may grow beyond 40 kB; the model is larger.
    let limited = format!("trap '' XFSZ; ulimit -f 40; exec {} {}", env!("CARGO_BIN_EXE_riskflow"), arguments.join(" "));
    let ended = Command::new("bash").args(["-c", &limited]).output().expect("bash starts");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write") && said.contains("model.json") && said.contains("File too large"), "{said}");
    assert_eq!(json_lines(&run_well(&["model", "list", "--models", text(&models), "--json"])), Vec::<serde_json::Value>::new());
    let line = json_lines(&run_well(&arguments)).remove(0);
    assert_eq!(line["version"], 1, "what was left over is in nobody's way");
}

#[test]
fn logged_and_replayed_vectors_teach_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().join("data");
    let world = ["--customers", "300", "--terminals", "600", "--days", "60"];
    run_well(&[["demo", "--once", "--port", "0", "--data-dir", text(&at)].as_slice(), &world].concat());
    // It reads the log beside the server that holds it.
    let server = Server::start(&at);
    let from_log = |vectors: &str, models: &Path, more: &[&str]| {
        let fixed =
            ["train", "--pipeline", HANDBOOK, "--from-log", vectors, "--data-dir", text(&at), "--out", text(models), "--json"];
        let days =
            ["--train", "2018-05-01..2018-05-15", "--test", "2018-05-22..2018-05-29", "--learners", "boosting", "--by", "ada"];
        let ended = run_well(&[fixed.as_slice(), &days, more].concat());
        (json_lines(&ended).remove(0), ended.stderr)
    };
    let (logged, replayed) = (folder.path().join("logged"), folder.path().join("replayed"));
    let (line, _) = from_log("logged", &logged, &[]);
    assert!(line["train_rows"].as_u64() > Some(3_000) && line["auc"].as_f64() > Some(0.6), "{line}");
    from_log("replayed", &replayed, &[]);
    for ((name, logged), (_, replayed)) in parts(&logged, 1).into_iter().zip(parts(&replayed, 1)) {
        assert!(logged == replayed, "{name} differs, and with it the fingerprint of the rows or what was learned from them");
    }

    // As of the middle of the test week its labels are not known: they come a week after their events.
    let early = folder.path().join("early");
    let (fewer, said) = from_log("logged", &early, &["--as-of", "2018-05-30", "--maturity", "0d"]);
    assert!(said.contains("labels were observed after --as-of and are not known yet"), "{said}");
    assert_eq!(fewer["train_rows"], line["train_rows"], "those to learn from were");
    assert_ne!(parts(&early, 1)[0], parts(&logged, 1)[0], "the fraud of the test is not known yet");
    let (left_out, said) = from_log("logged", &folder.path().join("left"), &["--as-of", "2018-05-30"]);
    assert!(said.contains("events have no label and are left out"), "{said}");
    assert_eq!(left_out["train_rows"], line["train_rows"]);
    server.stop();
}

#[test]
fn a_feature_that_knows_the_label_is_refused_unless_allowed() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = payments(folder.path());
    let models = folder.path().join("models");
    let leaking = folder.path().join("leaking.toml");
    let more = r#"
[event.attributes]
disputed = { json = "disputed", column = "TX_FRAUD", type = "flag" }
[[features]]
name = "disputed"
kind = "value"
of = "disputed"
"#;
    let pipeline =
        |training: &str| format!("{}{more}{training}", fs::read_to_string(HANDBOOK).expect("it ships with the program"));
    fs::write(&leaking, pipeline("")).expect("write");
    let arguments: Vec<&str> = train(text(&data), text(&models), &["--learners", "logistic"])
        .into_iter()
        .map(|argument| if argument == HANDBOOK { text(&leaking) } else { argument })
        .collect();
    let refused = run(&arguments);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.stderr);
    for expect in ["a feature seems to know the label", "disputed", "allowed_leaks"] {
        assert!(refused.stderr.contains(expect), "no {expect} in {}", refused.stderr);
    }
    fs::write(&leaking, pipeline("[training]\nallowed_leaks = [\"disputed\"]\n")).expect("write");
    let line = json_lines(&run_well(&arguments)).remove(0);
    assert!(line["auc"].as_f64() > Some(0.999), "it knows the label: {line}");

    let select = ["features", "select", "--pipeline", text(&leaking), "--data", text(&data), "--json"];
    let days = ["--train", "2018-04-20..2018-05-08", "--judge", "2018-05-08..2018-05-29"];
    let ended = run_well(&[select.as_slice(), &days].concat());
    assert!(ended.stderr.contains("disputed"), "the leak is named: {}", ended.stderr);
    let selection = json_lines(&ended).remove(0);
    let features = selection["features"].as_array().expect("features");
    assert_eq!(features.len(), 16);
    let of = |name: &str| features.iter().find(|feature| feature["name"] == name).expect("it is there");
    assert_eq!(of("disputed")["verdict"], "kept", "nothing tells more");
    assert!(of("disputed")["importance"]["average_precision"]["mean"].as_f64() > Some(0.5));
    let dropped = features.iter().filter(|feature| feature["verdict"]["dropped"] != serde_json::Value::Null).count();
    assert!(dropped > 8, "beside it nothing helps: {selection}");
}
