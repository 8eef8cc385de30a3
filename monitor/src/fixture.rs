//! Records and warehouses for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use ingest::log::record::{encode_event, encode_label};
use ingest::log::{Position, Record, Topic};
use ingest::{Amount, Currency, Event, EventId, Label, LabelSource, Outcome, Schema, Timestamp, Value};
use scoring::alerts::{Alert, AlertId, Did, Hit, Raise, Severity, Stage, Step};
use scoring::engine::ShadowScores;
use scoring::rules::{Outcome as RuleOutcome, Points, RuleHit, RuleId};
use scoring::{
    Control, Decision, EngineMode, FeatureState, Ground, ModelScore, Reason, Reasons, Role, Thresholds, TimingsUs, Verdict,
};

use crate::points::{DriftPoint, ExperimentPoint, MetricPoint};
use crate::projection::Projection;
use crate::tables::Projected;
use crate::warehouse::{Address, ClickHouseWarehouse, KeepDays, ParquetWarehouse, Warehouse, bridge};

pub(crate) fn record(position: u64, topic: Topic, payload: &[u8]) -> Record {
    Record { position: Position(position), topic, payload: payload.to_vec() }
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn id(text: &str) -> EventId {
    EventId::new(text).unwrap()
}

/// Events with a card and an optional terminal, a channel and a number of items.
pub(crate) fn schema() -> Schema {
    let table = r#"
        type = "card_payment"
        event_id = {}
        event_time = {}
        amount_minor = {}
        [entities]
        card = { token = false }
        terminal = { required = false }
        [attributes]
        channel = { type = "text" }
        items = { type = "integer" }
    "#;
    toml::from_str(table).unwrap()
}

pub(crate) fn event(position: u64, event_id: &str, occurred_at: &str, minor: i64) -> Record {
    event_at(position, event_id, time(occurred_at), minor)
}

pub(crate) fn event_at(position: u64, event_id: &str, occurred_at: Timestamp, minor: i64) -> Record {
    event_of(position, event_id, occurred_at, minor, "card_1")
}

pub(crate) fn event_of(position: u64, event_id: &str, occurred_at: Timestamp, minor: i64, card: &str) -> Record {
    happened(position, event_id, occurred_at, Amount::new(minor, Currency::default()), card)
}

/// An event in a currency of its own.
pub(crate) fn event_in(position: u64, event_id: &str, occurred_at: &str, minor: i64, currency: &str) -> Record {
    happened(position, event_id, time(occurred_at), Amount::new(minor, Currency::new(currency).unwrap()), "card_1")
}

fn happened(position: u64, event_id: &str, occurred_at: Timestamp, amount: Option<Amount>, card: &str) -> Record {
    let event = Event {
        event_id: id(event_id),
        occurred_at,
        amount,
        entities: vec![Some(card.into()), None],
        attributes: vec![Some(Value::Text("ecom".into())), Some(Value::Integer(3))],
        supersedes: None,
    };
    record(position, Topic::Event, &encode_event(&event, occurred_at, &schema()))
}

/// An approval of 1000 minor units with score 100 after 10 us.
pub(crate) fn decision(position: u64, event_position: u64, event_id: &str, occurred_at: &str) -> Record {
    decided(position, &sample(event_position, event_id, occurred_at))
}

pub(crate) fn decided(position: u64, decision: &Decision) -> Record {
    record(position, Topic::Decision, &decision.encode())
}

/// What became of a rule, without an action of its own.
pub(crate) fn rule_hit(rule: &str, outcome: RuleOutcome, shadow: bool) -> RuleHit {
    RuleHit {
        rule_id: RuleId::new(rule).unwrap(),
        version: 1,
        outcome,
        shadow,
        action: None,
        score_modifier: Points::default(),
        reason: None,
        evidence: Vec::new(),
    }
}

pub(crate) fn sample(event_position: u64, event_id: &str, occurred_at: &str) -> Decision {
    Decision {
        event_id: id(event_id),
        event_position: Position(event_position),
        occurred_at: time(occurred_at),
        received_at: time(occurred_at),
        decided_at: time(occurred_at),
        amount_minor: Some(1_000),
        decision: Verdict::Approve,
        score: Some(100),
        champion: Some(ModelScore {
            name: "card_fraud".to_owned(),
            version: 7,
            role: Role::Champion,
            raw_probability: 0.125,
            probability: 0.125,
        }),
        thresholds: Thresholds { review: 700, decline: 900 },
        vector: vec![1.5, f64::NAN],
        features_version: "abc".to_owned(),
        reasons: Vec::new(),
        reasons_wanted: Reasons::Needed,
        engine_mode: EngineMode::Normal,
        timings_us: TimingsUs { queue: 1, features: 2, model: 3, policy: 4 },
        feature_state: FeatureState::default(),
        ground: Ground::Score,
        degradation: None,
        lists: Vec::new(),
        rules: Vec::new(),
        control_version: Position(0),
        supersedes: None,
    }
}

pub(crate) fn reason() -> Reason {
    Reason {
        code: "VELOCITY".to_owned(),
        text: "6 payments in 1 h".to_owned(),
        feature: "card_tx_count_1h".to_owned(),
        value: Some(6.0),
        usual: None,
        contribution: 0.41,
    }
}

/// What two models that looked on say.
pub(crate) fn shadow(position: u64, event_position: u64, event_id: &str, occurred_at: &str) -> Record {
    let said = |version, probability| ModelScore {
        name: "card_fraud".to_owned(),
        version,
        role: Role::Challenger,
        raw_probability: probability,
        probability,
    };
    let shadow = ShadowScores {
        event_id: id(event_id),
        event_position: Position(event_position),
        occurred_at: time(occurred_at),
        scores: vec![said(8, 0.5), said(9, 0.25)],
    };
    record(position, Topic::Shadow, &shadow.encode())
}

/// Somebody wants training.
pub(crate) fn change(position: u64, at: &str) -> Record {
    let control = Control::RetrainWanted { by: "drift".to_owned(), reason: "amounts doubled".to_owned(), at: time(at) };
    record(position, Topic::Control, &control.encode())
}

/// Something that happened at the alert desk.
pub(crate) fn at_desk(position: u64, step: Step, by: &str, at: &str) -> Record {
    let control = Control::Alerts { steps: vec![step], by: by.to_owned(), at: time(at) };
    record(position, Topic::Control, &control.encode())
}

/// An alert is raised by the decision at a position.
pub(crate) fn opened(decision: u64, at: &str, minor: i64) -> Step {
    let hit = Hit {
        event_id: id("a"),
        decision: Position(decision),
        occurred_at: time(at),
        amount_minor: Some(minor),
        verdict: Verdict::Decline,
        score: Some(950),
        rules: Vec::new(),
    };
    let alert = Alert {
        id: AlertId::new("declined", Position(decision)),
        policy: "declined".to_owned(),
        severity: Severity::High,
        group: None,
        subject: None,
        entities: BTreeMap::new(),
        currency: None,
        hits: vec![hit],
        opened_at: time(at),
        stage: Stage::Open,
        entries: Vec::new(),
        version: 1,
    };
    let (until, from) = (Position(decision + 1), Position(decision + 1));
    Step::Looked { raised: vec![Raise::Open(Box::new(alert))], until, from }
}

/// Somebody does something with the alert that the decision at a position raised.
pub(crate) fn did(decision: u64, did: Did) -> Step {
    let id = AlertId::new("declined", Position(decision));
    Step::Did { id, did, next: Stage::Open, before: None, whole: None }
}

pub(crate) fn label(position: u64, event_id: &str, outcome: &str, observed_at: &str) -> Record {
    label_of(position, event_id, outcome, observed_at, None)
}

pub(crate) fn label_of(position: u64, event_id: &str, outcome: &str, observed_at: &str, loss: Option<i64>) -> Record {
    let label = Label {
        event_id: id(event_id),
        label: match outcome {
            "fraud" => Outcome::Fraud,
            "legit" => Outcome::Legit,
            "default" => Outcome::Default,
            other => panic!("{other}"),
        },
        source: LabelSource::Chargeback,
        category: Some("10.4".to_owned()),
        observed_at: time(observed_at),
        amount_minor: loss,
    };
    record(position, Topic::Label, &encode_label(&label, time(observed_at)))
}

/// How far a feature has moved, beyond what is told.
pub(crate) fn drift_point(name: &str, value: Option<f64>) -> DriftPoint {
    DriftPoint {
        reference: "training".to_owned(),
        kind: "feature".to_owned(),
        name: name.to_owned(),
        segment: String::new(),
        model: Some("card_fraud".to_owned()),
        model_version: Some(7),
        statistic: "psi".to_owned(),
        value,
        threshold: Some(0.1),
        n_reference: 1_000,
        n_current: 24,
        severity: "none".to_owned(),
        detail: "{}".to_owned(),
    }
}

/// A figure of all versions of a model.
pub(crate) fn metric_point() -> MetricPoint {
    MetricPoint {
        model: "card_fraud".to_owned(),
        model_version: None,
        segment: String::new(),
        metric: "auc".to_owned(),
        value: Some(0.88),
        low: Some(0.86),
        high: None,
        n: u64::MAX,
        bad: 3,
        maturity: Some(1.0),
        estimated: false,
        detail: r#"{"curve":[1,2]}"#.to_owned(),
    }
}

/// A figure of two versions.
pub(crate) fn experiment_point() -> ExperimentPoint {
    ExperimentPoint {
        experiment: "e".to_owned(),
        champion: "card_fraud".to_owned(),
        champion_version: Some(7),
        challenger: "card_fraud".to_owned(),
        challenger_version: Some(8),
        metric: "auc".to_owned(),
        champion_value: Some(0.5),
        challenger_value: Some(-0.5),
        difference: Some(-1.0),
        low: None,
        high: None,
        p_value: Some(1e-300),
        n: 10,
        bad: 0,
        verdict: String::new(),
        detail: "{}".to_owned(),
    }
}

/// The rows of records that follow on one another.
pub(crate) fn project(records: &[Record]) -> Projected {
    let mut projection = Projection::at(records[0].position);
    for record in records {
        projection.take(record, &schema()).unwrap();
    }
    projection.finish()
}

/// A kind of warehouse, and an empty one of it.
pub(crate) struct Backend {
    pub(crate) name: &'static str,
    pub(crate) warehouse: Arc<dyn Warehouse>,
    place: Kept,
}

enum Kept {
    Folder(tempfile::TempDir),
    Server(Address),
    Cluster(Address),
}

impl Backend {
    fn at(place: Kept) -> Self {
        let (name, warehouse): (_, Arc<dyn Warehouse>) = match &place {
            Kept::Folder(folder) => ("parquet", Arc::new(ParquetWarehouse::open(folder.path()).unwrap())),
            Kept::Server(address) => ("clickhouse", on_server(address)),
            Kept::Cluster(address) => ("a cluster", on_server(address)),
        };
        Self { name, warehouse, place }
    }

    /// The same one, opened again.
    pub(crate) fn reopened(self) -> Self {
        let Self { warehouse, place, .. } = self;
        drop(warehouse);
        Self::at(place)
    }
}

fn on_server(address: &Address) -> Arc<dyn Warehouse> {
    Arc::new(ClickHouseWarehouse::open(address.clone(), KeepDays::new()).unwrap())
}

/// An empty warehouse of each kind; without those of ClickHouse, which is said, where there is none.
pub(crate) fn backends() -> impl Iterator<Item = Backend> {
    let folder = Kept::Folder(tempfile::tempdir().unwrap());
    let server = bridge::database().map(Kept::Server);
    let cluster = bridge::cluster("one").map(Kept::Cluster);
    [Some(folder), server, cluster].into_iter().flatten().map(Backend::at)
}
