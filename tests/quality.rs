//! The learners on public sets, against what others reach with the same split: those that learn in a second, and the scorecard on every set
//! of credit.

mod support;

use support::{json_lines, run, run_well, shared_data, text};

/// How far below a reference a figure may lie: AUC, average precision.
const TOLERANCE: (f64, f64) = (0.003, 0.01);

#[test]
fn learners_reach_the_figures_of_others() {
    let Some(german) = shared_data("credit_german/german.csv") else { return };
    let data = german.parent().and_then(|folder| folder.parent()).expect("it lies in a folder of the set");
    let sets = ["credit_german", "credit_australian", "credit_hmeq", "threat_registration_aws20k"];
    let lines = json_lines(&run_well(&["bench", "quality", "--data", text(data), "--sets", &sets.join(","), "--json"]));
    assert_eq!(lines.len(), 3 * sets.len());
    for line in lines {
        let figure = |name: &str| line[name].as_f64().unwrap_or_else(|| panic!("{name} in {line}"));
        assert!(figure("auc") >= figure("reference_auc") - TOLERANCE.0, "{line}");
        assert!(figure("average_precision") >= figure("reference_average_precision") - TOLERANCE.1, "{line}");
    }
}

/// The scorecard that a pipeline trains, on the sets of consumer credit, against a regression on the weights of evidence of tree bins.
#[test]
fn the_scorecard_reaches_the_figures_of_others() {
    let Some(german) = shared_data("credit_german/german.csv") else { return };
    let data = german.parent().and_then(|folder| folder.parent()).expect("it lies in a folder of the set");
    let sets = ["credit_german", "credit_taiwan", "credit_gmsc", "credit_hmeq"];
    let only = ["--sets", &sets.join(","), "--learners", "scorecard", "--json"];
    let lines = json_lines(&run_well(&[&["bench", "quality", "--data", text(data)], only.as_slice()].concat()));
    assert_eq!(lines.len(), sets.len());
    for line in lines {
        let figure = |name: &str| line[name].as_f64().unwrap_or_else(|| panic!("{name} in {line}"));
        assert!(line["learner"] == "scorecard" && figure("auc") >= figure("reference_auc") - TOLERANCE.0, "{line}");
    }
}

#[test]
fn a_set_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |arguments: &[&str], expect: &str| {
        let all = [&["bench", "quality", "--data", text(folder.path())], arguments].concat();
        let ended = run(&all);
        assert_eq!(ended.status.code(), Some(1), "{arguments:?}");
        assert!(ended.stderr.contains(expect), "{}", ended.stderr);
    };
    check(&["--sets", "credit_german"], "credit_german/german.csv");
    check(&["--sets", "nowhere"], "there is no set nowhere; there are: fraud_vehicle_claims, ");
    check(&[], "none of the sets lies below");
    let definitions = folder.path().join("sets.toml");
    std::fs::write(&definitions, "[[set]]\nname = \"loans\"\nlabel = \"bad\"\nquery = \"SELECT 1\"\n").expect("write");
    check(&["--definitions", text(&definitions)], "missing field `files`");
    let set = "[[set]]\nname = \"loans\"\nlabel = \"bad\"\nfiles = { loans = \"loans.csv\" }\nquery = \"SELECT * FROM loans\"\n";
    std::fs::write(&definitions, set).expect("write");
    std::fs::write(folder.path().join("loans.csv"), "amount,bad\n1,0\n2,7\n").expect("write");
    check(&["--definitions", text(&definitions)], "column bad is neither 0 nor 1 in row 2");
    std::fs::write(folder.path().join("loans.csv"), "amount,test,bad\n1,yes,0\n2,no,1\n").expect("write");
    check(&["--definitions", text(&definitions)], "column test is neither 0 nor 1 in row 1");
    std::fs::write(folder.path().join("loans.csv"), "amount,test,bad\n1,0,0\n2,0,1\n3,1,1\n").expect("write");
    check(&["--definitions", text(&definitions)], "the test rows have one label only");
}
