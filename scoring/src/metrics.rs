//! The metrics of scoring, declared in one place.

use features::{Plan, Usage};
use ingest::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::alerts::{Desk, Outcome, STATES, Severity};
use crate::decision::{Decision, TimingsUs};
use crate::rules::RuleSet;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionKind {
    decision: &'static str,
    engine_mode: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kept {
    entity: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Placed {
    placement: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cause {
    cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stage {
    stage: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleOutcome {
    rule: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AtDesk {
    severity: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClosedAs {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OnList {
    list: String,
}

/// What scoring counts and times.
pub struct Metrics {
    registry: Registry,
    pub(crate) events: Counter,
    pub(crate) duplicates: Counter,
    refused: Family<Cause, Counter>,
    pub(crate) labels: Counter,
    pub(crate) shadow_shed: Counter,
    pub(crate) under_way: Gauge,
    pub(crate) clock_behind: Gauge,
    pub(crate) too_late: Gauge,
    feature_keys: Family<Kept, Gauge>,
    feature_bytes: Family<Kept, Gauge>,
    feature_refused: Family<Kept, Gauge>,
    feature_coarse: Family<Kept, Counter>,
    feature_events: Family<Placed, Counter>,
    pub(crate) features_warming: Gauge,
    decisions: Family<DecisionKind, Counter>,
    degraded: Family<Cause, Counter>,
    rules: Family<RuleOutcome, Counter>,
    rules_asked: Gauge,
    lists: Family<OnList, Counter>,
    alerts: Family<AtDesk, Gauge>,
    alerts_oldest: Gauge,
    alerts_full: Gauge,
    alerts_opened: Counter,
    alerts_closed: Family<ClosedAs, Counter>,
    /// Those of [`TimingsUs::named`], in its order.
    stages: [Histogram; 4],
    decide: Histogram,
    commit: Histogram,
}

impl Metrics {
    /// All of them at zero.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("riskflow_scoring");
        let counter = |registry: &mut Registry, name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let events = counter(&mut registry, "events", "Events accepted");
        let duplicates = counter(&mut registry, "duplicates", "Events sent again with the same content");
        let refused = Family::default();
        registry.register("refused", "Events that got no decision and labels that were not taken, by why not", refused.clone());
        let labels = counter(&mut registry, "labels", "Labels taken");
        let shadow_shed = counter(
            &mut registry,
            "shadow_shed",
            "Decisions that models beside the champion did not score, since too many waited",
        );
        let under_way = Gauge::default();
        registry.register("under_way", "Events and labels accepted whose answers are not durable yet", under_way.clone());
        let clock_behind = Gauge::default();
        registry.register_with_unit(
            "clock_behind",
            "By how much the clock is behind the latest time that it has shown: it was set back",
            Unit::Seconds,
            clock_behind.clone(),
        );
        let too_late = Gauge::default();
        registry.register("too_late", "Events of the whole log that came too late to enter the history", too_late.clone());
        let (feature_keys, feature_bytes, feature_refused) = (Family::default(), Family::default(), Family::default());
        registry.register(
            "feature_keys",
            "Keys whose history is kept; `labels` are events that a label can still find",
            feature_keys.clone(),
        );
        registry.register("feature_bytes", "Bytes of feature state", feature_bytes.clone());
        registry.register("feature_keys_refused", "Keys that were not taken since memory was full", feature_refused.clone());
        let feature_coarse = Family::default();
        registry.register(
            "feature_coarse",
            "Events whose windows were coarse: tiles, forgotten events, or estimates",
            feature_coarse.clone(),
        );
        let feature_events = Family::default();
        registry.register("feature_events", "Events by their place in the history of their keys", feature_events.clone());
        let features_warming = Gauge::default();
        registry.register("features_warming", "Features whose window is not covered yet", features_warming.clone());
        let decisions = Family::default();
        registry.register("decisions", "Decisions by what was decided and in which engine mode", decisions.clone());
        let (degraded, rules, lists) = (Family::default(), Family::default(), Family::default());
        registry.register("degraded", "Decisions that no model scored, by why not", degraded.clone());
        registry.register(
            "rule_outcomes",
            "Rules that hit, were snoozed or failed; what is left of the decisions is no hit",
            rules.clone(),
        );
        registry.register("list_matches", "Events that were on a list", lists.clone());
        let alerts = Family::default();
        registry.register("alerts", "Alerts that are not closed, by severity and state", alerts.clone());
        let (alerts_oldest, alerts_full) = (Gauge::default(), Gauge::default());
        registry.register_with_unit(
            "alerts_oldest",
            "How long ago the oldest alert that is not closed was raised",
            Unit::Seconds,
            alerts_oldest.clone(),
        );
        registry.register(
            "alerts_full",
            "1 while so many alerts are not closed that decisions wait in the log to be looked at",
            alerts_full.clone(),
        );
        let alerts_opened = counter(&mut registry, "alerts_opened", "Alerts raised");
        let alerts_closed = Family::default();
        registry.register("alerts_closed", "Alerts closed, by their outcome", alerts_closed.clone());
        let rules_asked = Gauge::default();
        registry.register("rules_asked", "Rules that are asked about every event", rules_asked.clone());
        let seconds: fn() -> Histogram =
            || Histogram::new([2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 5e-2, 0.25, 1.0]);
        let stages = Family::new_with_constructor(seconds);
        registry.register_with_unit(
            "stage",
            "Each stage on the way to the decision: waiting for the engine, features, model, policy with rules and reasons",
            Unit::Seconds,
            stages.clone(),
        );
        let stages = TimingsUs::default().named().map(|(stage, _)| stages.get_or_create(&Stage { stage }).clone());
        let (decide, commit) = (seconds(), seconds());
        registry.register_with_unit(
            "decide",
            "From the door to the decision, without the wait for durability",
            Unit::Seconds,
            decide.clone(),
        );
        registry.register_with_unit("commit", "The wait for durability", Unit::Seconds, commit.clone());
        Self {
            registry,
            events,
            duplicates,
            refused,
            labels,
            shadow_shed,
            under_way,
            clock_behind,
            too_late,
            feature_keys,
            feature_bytes,
            feature_refused,
            feature_coarse,
            feature_events,
            features_warming,
            decisions,
            degraded,
            rules,
            rules_asked,
            lists,
            alerts,
            alerts_oldest,
            alerts_full,
            alerts_opened,
            alerts_closed,
            stages,
            decide,
            commit,
        }
    }

    /// What is kept of each entity.
    pub(crate) fn kept(&self, usage: Vec<Usage>) {
        let gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        for Usage { what, keys, bytes, refused } in usage {
            let entity = Kept { entity: what };
            self.feature_keys.get_or_create(&entity).set(gauge(keys));
            self.feature_bytes.get_or_create(&entity).set(gauge(bytes));
            self.feature_refused.get_or_create(&entity).set(gauge(refused));
        }
    }

    /// What is at the desk.
    pub(crate) fn desk(&self, desk: &Desk, now: Timestamp) {
        let counts = desk.counts();
        for severity in Severity::ALL {
            for state in STATES.into_iter().take(3) {
                let count = counts.get(&(severity, state)).copied().unwrap_or(0);
                let labels = AtDesk { severity: severity.name(), state };
                self.alerts.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
        let oldest = desk.oldest().map_or(0, |oldest| now.since(oldest).micros() / 1_000_000);
        self.alerts_oldest.set(oldest.max(0));
        self.alerts_full.set(i64::from(desk.is_full()));
    }

    /// Alerts were raised.
    pub(crate) fn opened(&self, alerts: u64) {
        self.alerts_opened.inc_by(alerts);
    }

    /// An alert was closed.
    pub(crate) fn closed(&self, outcome: Option<Outcome>) {
        self.alerts_closed.get_or_create(&ClosedAs { outcome: outcome.map_or("dismissed", Outcome::name) }).inc();
    }

    /// Other rules are asked from now on.
    pub(crate) fn rules_changed(&self, rules: &RuleSet) {
        self.rules_asked.set(i64::try_from(rules.asked().len()).unwrap_or(i64::MAX));
    }

    /// How an event's vector came about.
    pub(crate) fn placed(&self, outcome: features::Outcome, plan: &Plan) {
        self.feature_events.get_or_create(&Placed { placement: outcome.placement.name() }).inc();
        for entity in plan.named(outcome.coarse) {
            self.feature_coarse.get_or_create(&Kept { entity: entity.to_owned() }).inc();
        }
    }

    /// An event got no decision.
    pub(crate) fn refused(&self, cause: &'static str) {
        self.refused.get_or_create(&Cause { cause }).inc();
    }

    pub(crate) fn decided(&self, decision: &Decision, commit_us: u32) {
        let engine_mode = decision.engine_mode.name();
        self.decisions.get_or_create(&DecisionKind { decision: decision.decision.name(), engine_mode }).inc();
        if let Some(degradation) = decision.degradation {
            self.degraded.get_or_create(&Cause { cause: degradation.name() }).inc();
        }
        for hit in &decision.rules {
            let labels = RuleOutcome { rule: hit.rule_id.to_string(), outcome: hit.outcome.name() };
            self.rules.get_or_create(&labels).inc();
        }
        for found in &decision.lists {
            self.lists.get_or_create(&OnList { list: found.list.clone() }).inc();
        }
        for (histogram, (_, us)) in self.stages.iter().zip(decision.timings_us.named()) {
            histogram.observe(f64::from(us) * 1e-6);
        }
        self.decide.observe(f64::from(decision.timings_us.total()) * 1e-6);
        self.commit.observe(f64::from(commit_us) * 1e-6);
    }

    /// All of them in the OpenMetrics text format, without the closing line, so that others can follow.
    pub fn encode(&self, text: &mut String) {
        prometheus_client::encoding::text::encode_registry(text, &self.registry).expect("writing to a string cannot fail");
    }
}
