//! Backtests of a small history that the engine decided, against plain loops over what was logged.

use std::collections::BTreeMap;
use std::sync::Arc;

use ingest::log::file::{FileLog, Options, SyncPolicy};
use ingest::log::{Log, Topic};
use ingest::{Amount, Currency, Event, EventId, Label, LabelSource, ManualClock, Outcome};

use super::*;
use crate::control::Control;
use crate::decision::{Decision, Verdict};
use crate::engine::{Engine, Settings, Terms};
use crate::model::{Linear, Model, Scorer};
use crate::registry::{Artifact, FileRegistry, Published, Registry};
use crate::rules::Rule;

const PIPELINE: &str = r#"
    name = "tests"
    [event]
    type = "card_payment"
    event_id = {}
    event_time = {}
    amount_minor = {}
    currency = {}
    [event.entities]
    customer = {}
    [model]
    name = "card_fraud"
    review_entity = "customer"
    [policy]
    review = 600
    decline = 700
    on_failure = "review"
    [[features]]
    name = "amount_minor"
    kind = "value"
    of = "amount_minor"
    [[features]]
    name = "customer_tx_count_{window}"
    kind = "count"
    entity = "customer"
    windows = ["1d"]
    [[lists]]
    name = "stolen"
    kind = "block"
    of = "customer"
"#;

const DAY: i64 = 86_400;
const EVENTS: i64 = 600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

fn parse(text: &str) -> Arc<Pipeline> {
    Arc::new(Pipeline::parse(text, "tests.toml").expect("the pipeline above"))
}

/// Its score rises with the amount, by another slope in each version.
fn artifact(pipeline: &Pipeline, weight: f64) -> Artifact {
    let features: Vec<String> = pipeline.plan.definitions().iter().map(|definition| definition.name.clone()).collect();
    let width = features.len();
    let mut weights = vec![0.0; width];
    if let Some(place) = pipeline.plan.feature("amount_minor") {
        weights[place] = weight;
    }
    let linear = Linear { intercept: -9.0, weights, means: vec![0.0; width], deviations: vec![1.0; width] };
    let published = Published { at: at(0), by: "tests".to_owned() };
    let scorer = Scorer::plain(Model::Linear(linear));
    Artifact::foreign("card_fraud", "tests", features, &pipeline.plan, scorer, published).expect("they are the plan's")
}

/// A history that was decided, with some labels.
struct World {
    folder: tempfile::TempDir,
    pipeline: Arc<Pipeline>,
    engine: Arc<Engine>,
    log: Arc<dyn Log>,
}

fn event(number: i64, has_amount: bool) -> Event {
    let currency = Currency::new(if number % 7 == 0 { "USD" } else { "EUR" }).expect("a code");
    Event {
        event_id: EventId::new(&format!("e{number}")).expect("short"),
        occurred_at: at(number * 720),
        amount: has_amount.then(|| Amount::new(number * 7_919 % 20_000, currency).expect("small")),
        entities: vec![Some(format!("c{}", number % 13).into())],
        attributes: Vec::new(),
        supersedes: None,
    }
}

/// Of ten events two are fraud, which is known a day later, one is legit, and of the others nobody says anything. Some frauds are taken back.
fn labels(number: i64) -> Vec<(Outcome, i64)> {
    match number * 31 % 10 {
        0 if number % 20 == 0 => vec![(Outcome::Fraud, DAY), (Outcome::Legit, 2 * DAY)],
        0 | 1 => vec![(Outcome::Fraud, DAY)],
        2 => vec![(Outcome::Legit, DAY)],
        _ => Vec::new(),
    }
}

impl World {
    async fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let pipeline = parse(text);
        let options = Options { sync: SyncPolicy::Async, ..Options::default() };
        let (log, _) = FileLog::open(&folder.path().join("log"), options).expect("a log");
        let log: Arc<dyn Log> = Arc::new(log);
        let registry = FileRegistry::open(&folder.path().join("registry")).expect("a registry");
        registry.publish(&artifact(&pipeline, 0.0004)).expect("published");
        registry.publish(&artifact(&pipeline, 0.0008)).expect("published");
        let clock = Arc::new(ManualClock::at(at(0)));
        let settings = Settings { queue: 16, patience: std::time::Duration::from_secs(60), snapshots: None };
        let engine = Engine::start(Arc::clone(&pipeline), Arc::clone(&log), Arc::new(registry), clock, settings, &mut |_| {})
            .expect("it starts");
        engine.promote("card_fraud", 1, "tests", "to have one").await.expect("promoted");
        let has_amount = pipeline.schema.amount_minor.is_some();
        for number in 0..EVENTS {
            let event = event(number, has_amount);
            engine.score(event.clone(), event.occurred_at, Terms::replay()).await.expect("scored");
            for (label, later) in labels(number) {
                let (event_id, observed_at) = (event.event_id.clone(), event.occurred_at + Duration::seconds(later));
                let (source, category, amount_minor) = (LabelSource::Chargeback, None, None);
                let label = Label { event_id, label, source, category, observed_at, amount_minor };
                engine.label(label, observed_at).await.expect("taken");
            }
        }
        Self { folder, pipeline, engine, log }
    }

    fn run(&self, request: Request) -> Result<Report, Error> {
        self.run_as(&self.pipeline, request)
    }

    fn run_as(&self, pipeline: &Arc<Pipeline>, request: Request) -> Result<Report, Error> {
        self.log.flush().expect("flushed");
        let registry = FileRegistry::open(&self.folder.path().join("registry")).expect("a registry");
        let mut models = |name: &str, version: u32| LoadedModel::load(&registry, name, version, pipeline);
        run(&*self.log, pipeline, &mut models, request, &mut |_| Ok(()))
    }

    /// Every event with the decision that was logged.
    fn decisions(&self) -> BTreeMap<i64, Decision> {
        self.log.flush().expect("flushed");
        let records = self.log.read(Position(0)).expect("it reads").map(|record| record.expect("a record"));
        let decided = records.filter(|record| record.topic == Topic::Decision);
        let decision = |payload: &[u8]| Decision::decode(payload).expect("a decision");
        decided
            .map(|record| decision(&record.payload))
            .map(|decision| (decision.event_id.as_str()[1..].parse().expect("a number"), decision))
            .collect()
    }
}

fn request(changes: Vec<Change>) -> Request {
    Request {
        from: at(DAY),
        until: at(4 * DAY),
        as_of: at(5 * DAY - DAY / 2),
        maturity: None,
        against: Against::Logged,
        changes,
        threads: 1,
    }
}

fn rule(when: &str, rest: &str) -> Rule {
    let text = format!("id = \"r\"\nname = \"r\"\nauthor = \"ada\"\nwhen = '{when}'\n{rest}");
    toml::from_str(&text).expect("a rule")
}

/// What a report must be but for its times.
fn timeless(report: Report) -> Report {
    Report { seconds: 0.0, events_per_second: 0.0, ..report }
}

/// What a plain loop says of one group of events.
#[derive(Debug, Default, PartialEq, Eq)]
struct Naive {
    events: u64,
    bad: u64,
    good: u64,
    presumed: u64,
    /// By currency: of bad, good and other events.
    money: BTreeMap<String, [u64; 3]>,
}

impl Naive {
    fn of(made: &[&Made], wanted: &dyn Fn(&Made) -> bool) -> Self {
        let mut naive = Self::default();
        for made in made.iter().filter(|made| wanted(made)) {
            naive.events += 1;
            naive.bad += u64::from(made.is_bad == Some(true));
            naive.good += u64::from(made.is_bad == Some(false));
            naive.presumed += u64::from(made.is_presumed);
            if let Some(amount) = made.event.amount {
                let place = made.is_bad.map_or(2, |is_bad| usize::from(!is_bad));
                naive.money.entry(amount.currency().to_string()).or_default()[place] += amount.minor().unsigned_abs();
            }
        }
        naive
    }
}

/// An event with everything that is known of it.
struct Made {
    event: Event,
    is_bad: Option<bool>,
    is_presumed: bool,
    before: Verdict,
    after: Verdict,
    hits: bool,
}

/// What plain loops say: the whole range, then each day.
fn made(world: &World, request: &Request, after: &dyn Fn(&Event, &Decision) -> (Verdict, bool)) -> Vec<Made> {
    let decisions = world.decisions();
    let of = |number: i64| {
        let event = event(number, world.pipeline.schema.amount_minor.is_some());
        let decision = &decisions[&number];
        let known = labels(number).into_iter().rfind(|(_, later)| event.occurred_at + Duration::seconds(*later) <= request.as_of);
        let labelled = known.map(|(label, _)| label == Outcome::Fraud);
        let is_mature = request.maturity.is_some_and(|maturity| request.as_of.since(event.occurred_at) >= maturity);
        let is_presumed = labelled.is_none() && is_mature && decision.decision != Verdict::Decline;
        let (after, hits) = after(&event, decision);
        let is_bad = labelled.or(is_presumed.then_some(false));
        Made { is_bad, is_presumed, before: decision.decision, after, hits, event }
    };
    let in_range = |made: &Made| made.event.occurred_at >= request.from && made.event.occurred_at < request.until;
    (0..EVENTS).map(of).filter(in_range).collect()
}

fn check_picked(found: &Picked, naive: &Naive, all_bad: u64, what: &str) {
    let Naive { events, bad, good, money, .. } = naive;
    assert_eq!((found.events, found.bad, found.good, found.unlabelled), (*events, *bad, *good, events - bad - good), "{what}");
    let over = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let points = (found.precision.map(|share| share.point), found.recall.map(|share| share.point));
    assert_eq!(points, (over(*bad, bad + good), over(*bad, all_bad)), "{what}");
    for share in [found.precision, found.recall].into_iter().flatten() {
        assert!(share.lower <= share.point && share.point <= share.upper && share.lower < share.upper, "{share:?}");
    }
    check_money(found.money.as_ref(), money, what);
}

fn check_money(found: Option<&BTreeMap<String, Money>>, naive: &BTreeMap<String, [u64; 3]>, what: &str) {
    let plain = |money: &Money| [money.stopped_minor, money.wrongly_stopped_minor, money.unlabelled_minor];
    let found: BTreeMap<_, _> =
        found.expect("there are amounts").iter().map(|(name, money)| (name.clone(), plain(money))).collect();
    assert_eq!(&found, naive, "{what}");
}

fn check_figures(found: &Figures, made: &[&Made], has_rule: bool) {
    let all = Naive::of(made, &|_| true);
    let bad = all.bad;
    assert_eq!((found.events, found.bad, found.good, found.presumed_good), (all.events, bad, all.good, all.presumed));
    assert_eq!(found.unlabelled, all.events - bad - all.good);
    assert_eq!(found.flips, Naive::of(made, &|made| made.before != made.after).events);
    let mut moved = 0;
    for (from, to) in Verdict::ALL.into_iter().flat_map(|from| Verdict::ALL.map(|to| (from, to))) {
        let naive = Naive::of(made, &|made| (made.before, made.after) == (from, to));
        let found = found.moves.iter().find(|moved| (moved.from, moved.to) == (from, to));
        assert_eq!(found.is_some(), naive.events > 0, "{from} to {to}");
        if let Some(found) = found {
            moved += 1;
            assert_eq!((found.events, found.bad, found.good), (naive.events, naive.bad, naive.good), "{from} to {to}");
            check_money(found.money.as_ref(), &naive.money, "a move");
        }
    }
    assert_eq!(found.moves.len(), moved);
    let of = |wanted: &dyn Fn(&Made) -> bool| Naive::of(made, wanted);
    check_picked(&found.baseline.declined, &of(&|made| made.before == Verdict::Decline), bad, "declined before");
    check_picked(&found.baseline.not_approved, &of(&|made| made.before != Verdict::Approve), bad, "not approved before");
    check_picked(&found.candidate.declined, &of(&|made| made.after == Verdict::Decline), bad, "declined after");
    check_picked(&found.candidate.not_approved, &of(&|made| made.after != Verdict::Approve), bad, "not approved after");
    assert_eq!(found.rules.len(), usize::from(has_rule));
    if let Some(rule) = found.rules.first() {
        check_picked(&rule.hits, &of(&|made| made.hits), bad, "the rule");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_those_of_plain_loops() {
    let world = World::new(PIPELINE).await;
    let amount = |event: &Event| event.amount.map_or(0, Amount::minor);
    let score = |decision: &Decision| decision.score.expect("a model scored");
    let by_score = |score: u16, review: u16, decline: u16| match score {
        score if score >= decline => Verdict::Decline,
        score if score >= review => Verdict::Review,
        _ => Verdict::Approve,
    };
    let check = |changes: Vec<Change>, least_flips: u64, after: &dyn Fn(&Event, &Decision) -> (Verdict, bool)| {
        let has_rule = changes.iter().any(|change| matches!(change, Change::Rule(_)));
        for maturity in [None, Some(Duration::days(2))] {
            let request = Request { maturity, ..request(changes.clone()) };
            let made = made(&world, &request, after);
            let report = world.run(request.clone()).expect("a report");
            assert_eq!((report.not_reproduced, report.other_definitions, report.undecided), (0, 0, 0));
            assert!(report.total.flips >= least_flips && report.total.bad > 50, "{:?}", report.total);
            check_figures(&report.total, &made.iter().collect::<Vec<_>>(), has_rule);
            let days: Vec<&str> = report.days.iter().map(|day| day.day.as_str()).collect();
            assert_eq!(days, ["1970-01-02", "1970-01-03", "1970-01-04"]);
            for (number, day) in (1..).zip(&report.days) {
                let of_day: Vec<_> = made.iter().filter(|made| made.event.occurred_at.day() == number).collect();
                check_figures(&day.figures, &of_day, has_rule);
            }
            let in_parallel = world.run(Request { threads: 3, ..request }).expect("a report");
            assert_eq!(timeless(in_parallel), timeless(report), "the same on any number of threads");
        }
    };
    check(vec![], 0, &|_, decision| (decision.decision, false));
    let large = |rest: &str| vec![Change::Rule(rule("event.amount_minor > 9000 && customer_tx_count_1d > 2.0", rest))];
    let hits = |event: &Event, decision: &Decision| amount(event) > 9_000 && decision.vector[1] > 2.0;
    let at_least = |least: Verdict| {
        move |event: &Event, decision: &Decision| {
            let hits = hits(event, decision);
            (if hits { decision.decision.max(least) } else { decision.decision }, hits)
        }
    };
    check(large("action = \"decline\"\nstate = \"active\""), 50, &at_least(Verdict::Decline));
    check(large("action = \"challenge\"\nstate = \"draft\""), 10, &at_least(Verdict::Challenge));
    check(large("action = \"review\"\nstate = \"shadow\""), 10, &at_least(Verdict::Review));
    check(large("action = \"decline\"\nstate = \"paused\""), 0, &|_, decision| (decision.decision, false));
    check(large("score_modifier = 80\nstate = \"active\""), 50, &|event, decision| {
        let hits = hits(event, decision);
        let points = if hits { 80 } else { 0 };
        (by_score((score(decision) + points).min(1_000), 600, 700), hits)
    });
    check(vec![Change::Rule(rule("true", "action = \"decline\"\nstate = \"active\""))], 200, &|_, _| (Verdict::Decline, true));
    check(vec![Change::Thresholds { review: Some(500), decline: None }], 30, &|_, decision| {
        (by_score(score(decision), 500, 700), false)
    });
    check(vec![Change::Thresholds { review: Some(650), decline: Some(900) }], 30, &|_, decision| {
        (by_score(score(decision), 650, 900), false)
    });
    let listed = crate::lists::import::entries("value\nc3\nc11\n", "ada", false).expect("entries");
    let on_it = |event: &Event| ["c3", "c11"].contains(&event.entities[0].as_deref().expect("a customer"));
    check(vec![Change::Listed { list: "stolen".to_owned(), entries: listed }], 20, &|event, decision| {
        (if on_it(event) { Verdict::Decline } else { decision.decision }, false)
    });
    check(vec![Change::Model { name: "card_fraud".to_owned(), version: 2 }], 50, &|event, _| {
        let margin = 0.0008_f64.mul_add(amount(event) as f64, -9.0);
        (by_score(crate::model::score(crate::model::sigmoid(margin)), 600, 700), false)
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_decides_otherwise_since_is_counted_apart() {
    let world = World::new(PIPELINE).await;
    let present = rule("event.amount_minor > 15000", "action = \"decline\"\nstate = \"active\"");
    let control = Control::Ruled { rules: vec![present.clone()], by: "ada".to_owned(), at: at(0) };
    world.engine.change(control).await.expect("changed");
    let logged = world.run(request(vec![])).expect("a report");
    assert!(logged.not_reproduced > 0 && logged.total.flips == logged.not_reproduced);
    assert!(logged.notes.iter().any(|note| note.contains("come out otherwise at present")), "{:?}", logged.notes);
    let same = Request { against: Against::Present, ..request(vec![Change::Rule(present)]) };
    let same = world.run(same).expect("a report");
    assert_eq!((same.total.flips, same.not_reproduced), (0, logged.not_reproduced));
    let rule = &same.total.rules[0];
    assert!(rule.present.as_ref() == Some(&rule.hits) && rule.hits.events > 0);
    // The engine that serves says the same as a reader of its log.
    let beside = world.engine.backtest(request(vec![]), &mut |_| Ok(())).expect("a report");
    assert_eq!(timeless(beside), timeless(logged));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_fail_or_are_for_some_are_counted() {
    let world = World::new(PIPELINE).await;
    let of = |when: &str, state: &str| {
        let rule = rule(when, &format!("action = \"decline\"\nstate = {state}"));
        let total = world.run(request(vec![Change::Rule(rule)])).expect("a report").total;
        let rule = total.rules.into_iter().next().expect("it was tried");
        assert_eq!(rule.present, None);
        (rule.hits.events, rule.snoozed, rule.errors, total.events)
    };
    let (hits, snoozed, errors, events) = of("true", "{ rollout = { percent = 40, by = \"customer\" } }");
    assert!(hits > 0 && snoozed > 0 && hits + snoozed == events && errors == 0);
    let zero = "1 / (event.amount_minor - event.amount_minor) > 0";
    let (hits, snoozed, errors, events) = of(zero, "\"active\"");
    assert_eq!((hits, snoozed, errors), (0, 0, events));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_amounts_there_is_no_money() {
    let text = PIPELINE.replace("    amount_minor = {}\n    currency = {}\n", "");
    let text =
        text.replace("    [[features]]\n    name = \"amount_minor\"\n    kind = \"value\"\n    of = \"amount_minor\"\n", "");
    let world = World::new(&text).await;
    let always = Change::Rule(rule("true", "action = \"decline\"\nstate = \"active\""));
    let report = serde_json::to_value(world.run(request(vec![always])).expect("a report")).expect("JSON");
    assert_eq!(report["total"]["candidate"]["declined"]["recall"]["point"], 1.0);
    assert!(!report.to_string().contains("money"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_answered_is_said() {
    let world = World::new(PIPELINE).await;
    let check = |request: Request, expect: &str| {
        let said = world.run(request).expect_err("it cannot be answered").to_string();
        assert_eq!(said, expect);
    };
    let later = Request { from: at(90 * DAY), until: at(91 * DAY), ..request(vec![]) };
    check(
        later,
        "no event from 1970-04-01T00:00:00Z to 1970-04-02T00:00:00Z was decided: the log has events from 1970-01-01T00:00:00Z to 1970-01-05T23:48:00Z",
    );
    let unknown = rule("event.amount_mino > 5", "state = \"active\"");
    let said = world.run(request(vec![Change::Rule(unknown)])).expect_err("no such field").to_string();
    assert!(said.contains("rule `r`") && said.contains("did you mean `event.amount_minor`?"), "{said}");
    check(
        request(vec![Change::Thresholds { review: Some(701), decline: None }]),
        "the thresholds cannot be used: decline = 700 is below review = 701: nothing would be reviewed",
    );
    let list = Change::Listed { list: "stole".to_owned(), entries: vec![] };
    check(request(vec![list]), "there is no list `stole` in the pipeline file, there are: stolen");
    let model = Change::Model { name: "card_fraud".to_owned(), version: 9 };
    let said = world.run(request(vec![model])).expect_err("no such version").to_string();
    assert!(said.starts_with("model card_fraud has no version 9"), "{said}");

    let wider = parse(&PIPELINE.replace("windows = [\"1d\"]", "windows = [\"1d\", \"7d\"]"));
    let said = world.run_as(&wider, request(vec![])).expect_err("other definitions").to_string();
    assert!(said.ends_with("was decided: 360 were, with other feature definitions than the pipeline has"), "{said}");

    let registry = FileRegistry::open(&world.folder.path().join("registry")).expect("a registry");
    let pipeline = &world.pipeline;
    let mut models = |name: &str, version: u32| LoadedModel::load(&registry, name, version, pipeline);
    for threads in [1, 2] {
        let request = Request { threads, ..request(vec![]) };
        let ended = run(&*world.log, &world.pipeline, &mut models, request, &mut |_| Err(Refused::Abandoned.into()));
        assert!(matches!(ended, Err(Error::Backtest(Refused::Abandoned))), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_say_how_to_read_it() {
    let world = World::new(PIPELINE).await;
    let notes = |request: Request| world.run(request).expect("a report").notes.join("\n");
    let check = |request: Request, expect: &[&str]| {
        let notes = notes(request);
        assert!(expect.iter().all(|part| notes.contains(part)), "{notes}");
    };
    check(request(vec![]), &["events have no label and are in no precision and no recall", "labels were observed after"]);
    let mature = Request { maturity: Some(Duration::days(1)), ..request(vec![]) };
    check(mature, &["they are younger than 1d, or were declined"]);
    let early = Request { as_of: at(0), ..request(vec![]) };
    check(early, &["no event is known to be bad"]);
}
