//! Credit: a scorecard trained by the pipeline, applications scored over HTTP, and what is said to whoever is declined.

mod applications;
mod reasons;
#[path = "../support/mod.rs"]
mod support;
mod trained;

use std::path::Path;

use ingest::decode::arrow::Decoder;
use ingest::simulator::credit::{self, Settings, Simulator};
use scoring::model::preparation::{Bin, Evidence};
use scoring::model::{Linear, Model, Preparation, Scale};
use scoring::profile::Profile;
use scoring::registry::Published;
use scoring::{Artifact, FileRegistry, Pipeline, Registry, Scorer};
use serde_json::{Value, json};

use support::{Server, run, run_well, text};

const CREDIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines/credit.toml");

fn pipeline() -> Pipeline {
    riskflow::read_pipeline(Path::new(CREDIT)).expect("it ships with the program")
}

/// An application that a lender would like.
fn application(id: &str) -> Value {
    json!({
        "application_id": id, "event_type": "credit_application", "applied_at": "2026-04-23T12:00:00Z",
        "loan": {"amount_minor": 800_000, "currency": "USD", "term_months": 36, "purpose": "car"},
        "applicant": {
            "id": "per_1", "address_id": "adr_1", "age": 41, "monthly_income_minor": 420_000, "monthly_debt_payments_minor": 42_000,
            "employment": "permanent", "employment_months": 96, "housing": "mortgage",
        },
        "bureau": {
            "delinquencies_24m": 0, "inquiries_6m": 0, "open_lines": 5, "utilisation": 0.12, "oldest_line_months": 150, "insolvent": false,
        },
        "device": {"id": "dev_1"},
    })
}

/// The same with other values, by their paths.
fn with(application: &Value, changes: &[(&str, Value)]) -> Value {
    let mut changed = application.clone();
    for (path, value) in changes {
        let place = changed.pointer_mut(&format!("/{}", path.replace('.', "/"))).unwrap_or_else(|| panic!("no {path}"));
        *place = value.clone();
    }
    changed
}

fn without(application: &Value, group: &str, member: &str) -> Value {
    let mut changed = application.clone();
    changed[group].as_object_mut().expect("a group").remove(member).unwrap_or_else(|| panic!("no {member}"));
    changed
}

/// A scorecard that a person can add up: at its base 600 points; a high debt costs 40 of them, late payments 20 or 60, a business 10, and
/// long employment gives 10.
fn by_hand(data: &Path) {
    let pipeline = pipeline();
    let scale = pipeline.credit.expect("it scores applications");
    // So many points lost, as log-odds.
    let lost = |points: f64| points * std::f64::consts::LN_2 / scale.points_to_double;
    let bin = |points: f64| Bin { rows: 100, bad: 10, weight: lost(points) };
    let numbers = |ends: &[f64], points: &[f64], missing: f64| Evidence {
        ends: ends.to_vec(),
        bins: points.iter().map(|points| bin(*points)).collect(),
        words: Vec::new(),
        special: Vec::new(),
        missing: Some(bin(missing)),
        information_value: 0.1,
    };
    let words = pipeline.schema.attributes[pipeline.schema.attribute("purpose").expect("declared")].allowed.words().to_vec();
    let features = [
        ("debt_to_income", numbers(&[0.3], &[0.0, 40.0], 5.0)),
        ("delinquencies_24m", numbers(&[0.0, 2.0], &[0.0, 20.0, 60.0], 0.0)),
        ("employment_months", numbers(&[60.0], &[0.0, -10.0], 0.0)),
        (
            "purpose",
            Evidence {
                ends: (0..words.len() - 1).map(|place| place as f64).collect(),
                bins: words.iter().map(|word| bin(if word == "business" { 10.0 } else { 0.0 })).collect(),
                words,
                special: Vec::new(),
                missing: None,
                information_value: 0.1,
            },
        ),
    ];
    let names: Vec<String> = features.iter().map(|(name, _)| (*name).to_owned()).collect();
    let evidence = features.into_iter().map(|(_, evidence)| evidence).collect();
    let linear =
        Linear { intercept: -scale.base_odds.ln(), weights: vec![1.0; 4], means: vec![0.0; 4], deviations: vec![1.0; 4] };
    let scorer = Scorer { preparation: Some(Preparation::Evidence(evidence)), ..Scorer::plain(Model::Linear(linear)) };
    assert_eq!(scorer.check(), Ok(()));
    let published = Published { at: ingest::Timestamp::from_micros(0), by: "tests".to_owned() };
    let artifact = Artifact::foreign("credit", "tests", names, &pipeline.plan, scorer, published).expect("features of the plan");
    let registry = FileRegistry::open(&data.join("registry")).expect("a registry");
    registry.publish(&Artifact { profile: Profile::default(), ..artifact }).expect("published");
    promote(data, "1");
}

fn promote(data: &Path, version: &str) {
    let by = ["--by", "tests", "--reason", "to have one"];
    run_well(&[&["promote", "--pipeline", CREDIT, "--data-dir", text(data), "--version", version], by.as_slice()].concat());
}

fn serve(data: &Path) -> Server {
    Server::start_with(data, Path::new(CREDIT), &[])
}

fn score(server: &Server, application: &Value) -> Value {
    let answer = server.post("/v1/credit/score", &application.to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

#[test]
fn the_simulator_and_the_pipeline_fit() {
    let pipeline = pipeline();
    let mut rows = 0;
    for day in Simulator::new(Settings { days: Some(60), ..Settings::default() }).expect("it can be simulated") {
        let batch = credit::parquet::batch(&day);
        for row in Decoder::new(&batch.schema(), &pipeline.schema).expect("the columns are there").decode(&batch) {
            let historical = row.unwrap_or_else(|rejected| panic!("{rejected}"));
            let label = historical.label.expect("every application has one");
            assert!(matches!(label, ingest::Outcome::Default | ingest::Outcome::Repaid), "{label:?}");
            rows += 1;
        }
    }
    assert!(rows > 10_000, "{rows}");
    let words =
        |name: &str| pipeline.schema.attributes[pipeline.schema.attribute(name).expect("declared")].allowed.words().to_vec();
    assert_eq!(words("purpose"), credit::PURPOSES);
    assert_eq!(words("employment"), credit::EMPLOYMENTS);
    assert_eq!(words("housing"), credit::HOUSINGS);
}

#[test]
fn a_downturn_is_of_applications_and_drift_of_payments() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |more: &[&str], expect: &str| {
        let ended = run(&[["simulate", "--days", "3", "--out", text(folder.path())].as_slice(), more].concat());
        assert!(!ended.status.success() && ended.stderr.contains(expect), "{more:?}: {}", ended.stderr);
    };
    check(&["--downturn", "2018-04-02"], "--downturn is of applications: say --use credit");
    check(&["--use", "credit", "--drift", "spending:2@2018-04-02"], "--drift is of card transactions");
    check(&["--use", "loans"], "[possible values: cards, credit]");
    check(&["--use", "credit", "--customers", "0"], "cannot simulate with 0 applicants");
}

#[test]
fn the_scale_of_the_shipped_pipeline_is_the_textbooks() {
    let scale = pipeline().credit.expect("it scores applications");
    assert_eq!(scale, Scale { base_points: 600.0, base_odds: 30.0, points_to_double: 20.0 });
    // 60 good ones for a bad one are twice as good as 30.
    assert!((scale.points(-(60_f64).ln()) - 620.0).abs() < 1e-9);
}
