//! The Fraud Detection Handbook's baseline week on its own data: our learners against the published figures.

mod support;

use support::{HANDBOOK, json_lines, run_well, shared_data, text};

/// AUC and average precision as published (Fraud Detection Handbook, chapters 3 and 5): logistic regression, random forest of 100
/// trees, XGBoost.
const PUBLISHED: [(&str, f64, f64); 3] = [("logistic", 0.871, 0.606), ("forest", 0.867, 0.658), ("boosting", 0.862, 0.639)];

#[test]
fn learners_reach_the_published_figures() {
    let Some(data) = shared_data("fraud_fdh/transactions.parquet") else { return };
    let out = tempfile::tempdir().expect("a folder");
    let ended = run_well(&[
        "train",
        "--pipeline",
        HANDBOOK,
        "--data",
        text(&data),
        "--train",
        "2018-07-25..2018-08-01",
        "--delay",
        "7d",
        "--test",
        "2018-08-08..2018-08-15",
        "--out",
        text(out.path()),
        "--json",
    ]);
    let lines = json_lines(&ended);
    assert_eq!(lines.len(), PUBLISHED.len());
    for (line, (learner, auc, average_precision)) in lines.iter().zip(PUBLISHED) {
        let figure = |name: &str| line[name].as_f64().unwrap_or_else(|| panic!("{name} in {line}"));
        assert_eq!(line["learner"], learner);
        assert!(figure("auc") >= auc - 0.01, "{line} against an AUC of {auc}");
        assert!(
            figure("average_precision") >= average_precision - 0.02,
            "{line} against an average precision of {average_precision}"
        );
        assert!(figure("card_precision_100") > 0.2 && figure("fit_seconds") > 0.0, "{line}");
    }
    assert_eq!(lines[0]["train_rows"], 67_240, "the rows of the training week");
}
