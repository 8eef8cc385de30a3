//! `riskflow drift` as people meet it: what it prints, and what it says of files that cannot be compared.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn drift(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_riskflow"))
        .current_dir(folder)
        .args(["drift", "--reference", "then.csv", "--current", "now.csv"])
        .args(arguments)
        .output()
        .unwrap()
}

/// Payments; now amounts are half as high again, a third of the cards come without a country, and there is a new channel.
fn payments(folder: &Path) {
    for (file, is_now) in [("then.csv", false), ("now.csv", true)] {
        let mut text = "amount,hour,country,channel,id\n".to_owned();
        for row in 0..1_200_usize {
            let amount = (row * 7_919 % 1_000) as f64 * if is_now { 1.5 } else { 1.0 };
            let country = if is_now && row % 3 == 0 { "" } else { ["DE", "FR", "PL"][row % 7 / 3] };
            let channel = if is_now && row % 5 == 0 { "wallet" } else { ["ecom", "pos"][row % 2] };
            writeln!(text, "{amount},{},{country},{channel},txn_{row}", row * 31 % 24).unwrap();
        }
        std::fs::write(folder.join(file), text).unwrap();
    }
}

#[test]
fn each_feature_gets_a_line() {
    let folder = tempfile::tempdir().unwrap();
    payments(folder.path());
    let output = drift(folder.path(), &["--json"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(errors.contains("passed over: id has a text of its own in most rows"), "{errors}");
    let lines: Vec<Value> =
        String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = lines.iter().map(|line| line["feature"].as_str().unwrap()).collect();
    assert_eq!(names, ["amount", "hour", "country", "channel"]);
    let severities: Vec<&str> = lines.iter().map(|line| line["severity"].as_str().unwrap()).collect();
    assert_eq!(severities, ["drift", "stable", "drift", "drift"]);
    let [amount, hour, country, channel] = lines.as_slice() else { panic!("{lines:?}") };
    assert!((amount["wasserstein"].as_f64().unwrap() - 249.75).abs() < 1.0, "{amount}");
    assert!((amount["ks"].as_f64().unwrap() - 1.0 / 3.0).abs() < 0.01 && amount["ks_method"] == "exact", "{amount}");
    assert_eq!((&hour["psi"], &hour["ks"], &hour["js"]), (&0.0.into(), &0.0.into(), &0.0.into()));
    assert_eq!((&country["missing_rate_reference"], &country["ks"]), (&0.0.into(), &Value::Null));
    assert!((country["missing_rate_current"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!((&channel["kind"], &channel["levels"]), (&"categories".into(), &serde_json::json!(["ecom", "pos"])));
    assert_eq!(channel["counts_current"].as_array().unwrap()[3], 240);

    let output = drift(folder.path(), &["--minimum-rows", "5000"]);
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.lines().filter(|line| line.ends_with("insufficient data")).count() == 4, "{table}");
    assert!(table.contains("0 of 4 features moved; 1,200 rows now against 1,200"), "{table}");
}

#[test]
fn what_cannot_be_compared_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let check = |then: &str, now: &str, arguments: &[&str], expect: &str| {
        std::fs::write(folder.path().join("then.csv"), then).unwrap();
        std::fs::write(folder.path().join("now.csv"), now).unwrap();
        let output = drift(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{expect}");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains(expect), "{message}, not {expect}");
        assert!(output.stdout.is_empty());
    };
    check(
        "a,b\n1,2\n",
        "a,c\n1,2\n",
        &[],
        "columns that one file lacks: b in then.csv only; c in now.csv only; leave them out with --ignore",
    );
    check("a\n1\n", "a\n", &[], "now.csv has no rows");
    check("", "a\n1\n", &[], "then.csv has no rows");
    check("at\n2020-01-01\n", "at\n2020-01-01\n", &[], "then.csv has no column of numbers or categories that can be compared");
    check("a\n1\n", "a\nx\n", &[], "column a holds numbers in then.csv and texts in now.csv");
    check("a\nx\n", "a\n1\n", &[], "column a holds numbers in now.csv and texts in then.csv");
    check("a\n1\n", "a\n1\n", &["--ignore", "b"], "there is no column b to ignore, in neither file");
    check("a\n1\n", "a\n1\n", &["--watch", "0.5"], "`watch` is 0.5 and `drift` is 0.25");
    check("a\n1\n", "a\ninf\n", &[], "column a is infinite in row 1");
    std::fs::remove_file(folder.path().join("now.csv")).unwrap();
    let message = String::from_utf8_lossy(&drift(folder.path(), &[]).stderr).into_owned();
    assert!(message.contains("there is no file now.csv"), "{message}");
}
