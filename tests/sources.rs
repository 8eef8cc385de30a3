//! Where training's events come from, as a user gives them: files in folders, the log, the warehouse, and tables beside them.

mod support;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use support::{Ended, HANDBOOK, Server, json_lines, run, run_well, text};

const DAYS: [&str; 4] = ["--train", "2018-05-01..2018-05-15", "--test", "2018-05-22..2018-05-29"];
const HOW: [&str; 5] = ["--learners", "boosting", "--by", "ada", "--json"];

/// Trains from somewhere into a registry folder.
fn train(pipeline: &str, from: &[&str], out: &Path) -> Ended {
    let fixed = ["train", "--pipeline", pipeline, "--out", text(out)];
    run_well(&[fixed.as_slice(), &DAYS, &HOW, from].concat())
}

/// A part of what was published last.
fn part(models: &Path, name: &str) -> Vec<u8> {
    fs::read(models.join("card_fraud/1").join(name)).expect("it is there")
}

/// Cuts a file into so many, which are named by `at`.
fn cut(whole: &Path, parts: usize, at: impl Fn(usize) -> PathBuf) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(whole).expect("a file")).expect("Parquet");
    let rows = usize::try_from(builder.metadata().file_metadata().num_rows()).expect("few");
    let all = builder.with_batch_size(rows).build().expect("Parquet").next().expect("a batch").expect("rows");
    for part in 0..parts {
        let (from, until) = (rows * part / parts, rows * (part + 1) / parts);
        let path = at(part);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let mut writer = ArrowWriter::try_new(File::create(path).expect("a file"), all.schema(), None).expect("Parquet");
        writer.write(&all.slice(from, until - from)).expect("write");
        writer.close().expect("close");
    }
}

#[test]
fn files_in_any_order_and_folders_teach_what_one_file_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    run_well(&["simulate", "--customers", "300", "--terminals", "600", "--days", "60", "--out", text(folder.path())]);
    let whole = at("transactions.parquet");
    let shards = at("shards");
    cut(&whole, 3, |part| shards.join(format!("shard={}/part-{part}.parquet", ["c", "a", "b"][part])));
    fs::write(shards.join("_SUCCESS"), "").expect("write");

    let of = |out: &str, pipeline: &str, data: &[&str]| {
        let ended = train(pipeline, &[["--data"].as_slice(), data].concat(), &at(out));
        (json_lines(&ended).remove(0), part(&at(out), "artifact.json"), part(&at(out), "model.json"))
    };
    let (_, one, model) = of("one", HANDBOOK, &[text(&whole)]);
    let (_, parts, same) = of("folder", HANDBOOK, &[text(&shards)]);
    assert!(model == same && one != parts, "the same model of other files");
    let files =
        ["a", "c", "b"].map(|shard| [1, 2, 3].map(|part| shards.join(format!("shard={shard}/part-{}.parquet", part - 1))));
    let files: Vec<PathBuf> = files.into_iter().flatten().filter(|path| path.exists()).collect();
    let files: Vec<&str> = files.iter().map(|path| text(path)).collect();
    assert!(of("files", HANDBOOK, &files).2 == model);
    fs::rename(&shards, at("moved")).expect("rename");
    let (all, elsewhere, _) = of("moved-models", HANDBOOK, &[text(&at("moved"))]);
    assert!(elsewhere == parts, "where the folder lies makes no difference");

    // What the name of a folder says is a column.
    let pipeline = at("sharded.toml");
    let more = "[event.attributes]\nshard = { json = \"shard\", column = \"shard\", type = \"text\" }\n\
        [training]\nwhere = \"\\\"attribute shard\\\" <> 'a'\"\n";
    fs::write(&pipeline, fs::read_to_string(HANDBOOK).expect("it ships with the program") + more).expect("write");
    let (fewer, ..) = of("sharded", text(&pipeline), &[text(&at("moved"))]);
    let rows = |line: &serde_json::Value| line["train_rows"].as_u64().expect("a number");
    assert!(rows(&fewer) < rows(&all) && rows(&fewer) > 0, "{fewer} {all}");

    let missing = run(&["train", "--pipeline", HANDBOOK, "--out", text(&at("x")), "--data", text(&whole), "none.csv"]);
    assert!(!missing.status.success(), "it needs days, too");
    let fixed = ["train", "--pipeline", HANDBOOK, "--out", text(folder.path()), "--data", text(&whole), "none.csv"];
    let missing = run(&[fixed.as_slice(), &DAYS].concat());
    assert!(missing.stderr.contains("there is no file none.csv"), "{}", missing.stderr);
}

#[test]
fn the_warehouse_teaches_what_the_log_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().join("data");
    let world = ["--customers", "300", "--terminals", "600", "--days", "60"];
    run_well(&[["demo", "--once", "--port", "0", "--data-dir", text(&at)].as_slice(), &world].concat());
    let warehouse = format!("--from-warehouse=parquet://{}", at.join("warehouse").display());
    let early = ["--as-of", "2018-05-30", "--maturity", "0d"];
    let unlabelled = ["--as-of", "2018-05-30"];
    for (name, more) in [("all", [].as_slice()), ("early", &early), ("unlabelled", &unlabelled)] {
        let of = |kind: &str, from: &[&str]| {
            let out = folder.path().join(format!("{name}-{kind}"));
            let more = [from, &["--data-dir", text(&at)], more].concat();
            let said = train(HANDBOOK, &more, &out).stderr;
            (["artifact.json", "model.json", "profile.json", "card.md"].map(|file| part(&out, file)), said)
        };
        let (log, said) = of("log", &["--from-log", "logged"]);
        let (warehouse, same) = of("warehouse", &[&warehouse]);
        assert!(log == warehouse, "{name}: the fingerprint of the rows, or what was learned from them, differs");
        let future = "labels were observed after --as-of";
        assert_eq!((said.contains(future), same.contains(future)), (name != "all", name != "all"), "{said} {same}");
        let unknown = "events have no label and are left out";
        assert_eq!(same.contains(unknown), name != "early", "{same}");
    }

    // A server that holds the warehouse is in nobody's way.
    let server = Server::start(&at);
    let out = folder.path().join("beside");
    train(HANDBOOK, &["--from-warehouse", "--data-dir", text(&at)], &out);
    server.stop();
    assert!(part(&out, "artifact.json") == part(&folder.path().join("all-log"), "artifact.json"));

    let fixed = ["train", "--pipeline", HANDBOOK, "--out", text(&out)];
    let check = |more: &[&str], expect: &str| {
        let ended = run(&[fixed.as_slice(), &DAYS, more].concat());
        assert!(!ended.status.success() && ended.stderr.contains(expect), "{more:?} said {}", ended.stderr);
    };
    check(&["--from-warehouse=kafka://there"], "there is no backend for kafka://, use parquet://");
    check(&["--from-warehouse", "--data-dir", text(folder.path())], "cannot read the warehouse in");
    check(&["--from-warehouse", "--data", "a.csv"], "cannot be used with");
    check(&["--data", "a.csv", "--maturity", "1d"], "--from-log");
}

#[test]
fn tables_choose_rows_and_name_segments() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let data = at("transactions.parquet");
    run_well(&["simulate", "--customers", "300", "--terminals", "600", "--days", "60", "--out", text(&data)]);
    let customers = |tier: &dyn Fn(u32) -> &'static str| {
        let rows: String = (0..300).map(|customer| format!("{customer},{}\n", tier(customer))).collect();
        fs::write(at("customers.csv"), format!("id,tier\n{rows}")).expect("write");
    };
    customers(&|customer| if customer % 3 == 0 { "gold" } else { "plain" });
    let handbook = fs::read_to_string(HANDBOOK).expect("it ships with the program");
    let pipeline = at("pipeline.toml");
    let write = |training: &str| fs::write(&pipeline, format!("{handbook}\n{training}")).expect("write");
    let line = handbook.lines().count() + 2;
    const TABLE: &str = "[[training.tables]]\nname = \"customers\"\npath = \"customers.csv\"\n";
    const TIER: &str = "(SELECT MAX(tier) FROM customers WHERE CAST(id AS VARCHAR) = rows.entity)";
    let segments = format!("[training.segment_sql]\ntier = \"{TIER}\"\nlarge = \"amount_minor > 10000\"\n");
    let wanted = "[training]\nwhere = \"entity IN (SELECT CAST(id AS VARCHAR) FROM customers WHERE tier = 'gold')\"\n";

    let of = |out: &str| {
        let ended = train(text(&pipeline), &["--data", text(&data)], &at(out));
        let artifact: serde_json::Value = serde_json::from_slice(&part(&at(out), "artifact.json")).expect("JSON");
        (json_lines(&ended)[0]["train_rows"].as_u64().expect("a number"), artifact["dataset"].clone())
    };
    write("");
    let (all, plain) = of("all");
    write(&[TABLE, &segments].concat());
    let (judged, with_table) = of("segments");
    assert!(judged == all && with_table != plain, "a table is part of what a model was made of");
    let out = at("evaluation");
    let test = ["--version", "1", "--test", "2018-05-22..2018-05-29", "--out", text(&out), "--json"];
    let models = at("all");
    let evaluate = ["evaluate", "--pipeline", text(&pipeline), "--data", text(&data), "--models", text(&models)];
    let evaluation = json_lines(&run_well(&[evaluate.as_slice(), &test].concat())).remove(0);
    let found = evaluation["segments"].to_string();
    assert!(["\"tier\"", "\"gold\"", "\"plain\"", "\"large\"", "\"true\""].iter().all(|part| found.contains(part)), "{found}");
    write(&[wanted, TABLE].concat());
    let (gold, _) = of("gold");
    assert!(gold > all / 5 && gold < all / 2, "a third of {all}, and not {gold}");
    customers(&|_| "gold");
    assert_eq!(of("every").0, all);

    let check = |training: &str, expect: &[&str]| {
        write(training);
        let fixed = ["train", "--pipeline", text(&pipeline), "--data", text(&data), "--out", text(&out)];
        let ended = run(&[fixed.as_slice(), &DAYS].concat());
        for part in expect {
            assert!(!ended.status.success() && ended.stderr.contains(part), "no {part} in {}", ended.stderr);
        }
    };
    let place = |lines: usize, column: usize| format!("pipeline.toml:{}:{column}: ", line + lines);
    check(
        &TABLE.replace("customers.csv", "none.csv"),
        &[&place(0, 1), "table customers of [training] cannot be read", "there is no file", "none.csv"],
    );
    check(wanted, &[&place(1, 9), "`where` in [training] cannot be used", "customers"]);
    let other = segments.replace("MAX(tier)", "MAX(rank)");
    check(&[TABLE, &other].concat(), &[&place(4, 8), "segment `tier` in [training] cannot be used", "rank"]);
    check("[training]\nsegment_sql = { a = \"1); SELECT (2\" }\n", &[&place(1, 21), "segment `a`"]);
}
