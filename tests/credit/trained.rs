//! A scorecard that was trained, and what it scores.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use scoring::{FileRegistry, Registry};
use serde_json::{Value, json};

use super::support::{Ended, json_lines, run_well, text};
use super::{CREDIT, application, pipeline, promote, score, serve, with};

pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
    }
}

/// Learns from the applications in a folder.
pub(super) fn train(folder: &Path, registry: &Path, learners: &str) -> Ended {
    let data = folder.join("applications.parquet");
    let from = ["train", "--pipeline", CREDIT, "--data", text(&data), "--out", text(registry), "--learners", learners, "--json"];
    run_well(&[&from[..], &["--train", "2018-04-01..2018-07-10", "--test", "2019-01-07..2019-02-05"]].concat())
}

/// A registry with a scorecard, version 1, and boosting, version 2, both trained on simulated applications, once for all tests.
pub(super) fn trained() -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        run_well(&["simulate", "--use", "credit", "--customers", "20000", "--days", "310", "--out", text(folder.path())]);
        let ended = train(folder.path(), folder.path(), "scorecard,boosting");
        assert!(!ended.stderr.contains("for comparison only"), "{}", ended.stderr);
        std::fs::write(folder.path().join("lines.jsonl"), ended.stdout).expect("write");
        folder
    });
    folder.path().to_owned()
}

#[test]
fn a_trained_scorecard_scores_as_its_own_table_says() {
    let trained = trained();
    let lines = std::fs::read_to_string(trained.join("lines.jsonl")).expect("it was written");
    for line in lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")) {
        assert!(line["auc"].as_f64() > Some(0.72), "{line}");
    }
    let shown = |more: &[&str]| {
        let show = ["model", "show", "--models", text(&trained), "--version", "1"];
        run_well(&[show.as_slice(), more].concat())
    };
    let card = shown(&[]).stdout;
    for expect in [
        "600 at odds of 30 good ones for a bad one, and 20 more double the odds",
        "| feature | bin | rows | share | bad rate | weight of evidence | points |",
        "| purpose | home_improvement | ",
        "| utilisation | missing | ",
    ] {
        assert!(card.contains(expect), "no {expect} in {card}");
    }
    let said = json_lines(&shown(&["--json"])).remove(0);
    assert_eq!(said["calibration"], json!({"kind": "identity"}), "nothing stands between points and probability");
    let scorecard = &said["scorecard"];
    assert_eq!(scorecard["scale"], json!({"base_points": 600.0, "base_odds": 30.0, "points_to_double": 20.0}));
    // Along every feature with a direction points go one way; bins are few and not too thin.
    let training = riskflow::read_training(Path::new(CREDIT), &pipeline()).expect("it ships with the program");
    let features = scorecard["features"].as_array().expect("features");
    let points = |feature: &Value| -> Vec<f64> {
        let entries = feature["entries"].as_array().expect("entries");
        entries[..entries.len() - 1].iter().map(|entry| entry["points"].as_f64().expect("points")).collect()
    };
    let feature = |name: &str| features.iter().find(|feature| feature["feature"] == name).unwrap_or_else(|| panic!("no {name}"));
    for (name, direction) in &training.settings.directions {
        let points = points(feature(name));
        assert!(points.len() <= 6, "{name}: {points:?}");
        let falls = format!("{direction:?}") == "Rising";
        let ordered = if falls { points.is_sorted_by(|a, b| a >= b) } else { points.is_sorted() };
        assert!(ordered, "{name} is {direction:?}: {points:?}");
    }

    let folder = tempfile::tempdir().expect("a folder");
    copy(&trained.join("credit/1"), &folder.path().join("registry/credit/1"));
    promote(folder.path(), "1");
    let artifact =
        FileRegistry::open(&folder.path().join("registry")).and_then(|registry| registry.load("credit", 1)).expect("it is there");
    let scale = artifact.about.points();
    assert_eq!(Some(scale), pipeline().credit);
    let table = artifact.scorer.scorecard(&artifact.about.features, scale).expect("a scorecard");
    let server = serve(folder.path());
    for (number, changes) in [
        vec![],
        vec![("bureau.delinquencies_24m", json!(4)), ("bureau.utilisation", json!(0.97))],
        vec![
            ("bureau.oldest_line_months", json!(null)),
            ("loan.purpose", json!("business")),
            ("applicant.housing", json!("tenant")),
        ],
        vec![
            ("bureau.inquiries_6m", json!(9)),
            ("applicant.employment_months", json!(0)),
            ("loan.amount_minor", json!(3_000_000)),
        ],
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("app_{number}");
        let said = score(&server, &with(&application(&id), &[&[("application_id", json!(id))], changes.as_slice()].concat()));
        let page = server.get(&format!("/v1/decisions/{id}")).json();
        let vector: Vec<f64> = page["features"]
            .as_array()
            .expect("features")
            .iter()
            .map(|each| each["value"].as_f64().unwrap_or(f64::NAN))
            .collect();
        let sum =
            table.base_points + artifact.scorer.contributions(&vector).into_iter().map(|part| scale.part(part)).sum::<f64>();
        assert_eq!(said["score"].as_f64(), Some(sum.round()), "{id}: {said}");
        let probability = artifact.scorer.probability(&vector);
        assert_eq!(said["probability_of_default"].as_f64(), Some(probability), "{id}");
        assert!((scale.points((probability / (1.0 - probability)).ln()) - sum).abs() < 1e-6, "{id}");
        let reasons = said["principal_reasons"].as_array().expect("reasons");
        let lost: Vec<f64> = reasons.iter().map(|reason| reason["points_lost"].as_f64().expect("points")).collect();
        assert!(lost.len() <= 4 && lost.iter().all(|points| *points > 0.0) && lost.is_sorted_by(|a, b| a >= b), "{id}: {lost:?}");
        assert_eq!(reasons.is_empty(), said["decision"] == "approve", "{id}: {said}");
        assert_eq!(server.get(&format!("/v1/decisions/{id}/replay")).json()["identical"], true, "{id}");
    }
    server.stop();
}
