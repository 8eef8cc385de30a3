//! The pipeline file: one TOML file that says what is scored and how. Each crate reads its own tables; here they are put together
//! and checked as a whole, and what is wrong is said with file, line and column.

use std::ops::Range;
use std::sync::Arc;

use features::{DefinitionFile, Plan, StateFile};
use ingest::decode::has_card_number;
use ingest::schema::{Schema, SchemaFile};
use ingest::{Duration, Event, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use crate::alerts;
use crate::control::Governance;
use crate::decide::names;
use crate::lists::{Declared, ListFile};
use crate::model::Scale;
use crate::policy::{Policy, ReasonFile, ReasonTable};
use crate::rules::{Rule, RuleSet};

/// What is scored and how, checked.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// What its events look like.
    pub schema: Schema,
    /// Its features.
    pub plan: Arc<Plan>,
    /// The model that scores it: a name in the registry.
    pub model: ModelSlot,
    /// From score to decision.
    pub policy: Policy,
    /// From a feature to a sentence for a person.
    pub reasons: ReasonTable,
    /// The lists that there are, without what is on them.
    pub lists: Vec<Declared>,
    /// The rules that the file has; others come while the program runs.
    pub rules: Vec<Rule>,
    /// Which decisions raise an alert.
    pub alerts: Vec<alerts::Policy>,
    /// Who has to agree to changes, and how a new champion is watched.
    pub governance: Governance,
    /// The points that its scores are told in, where it scores applications for credit.
    pub credit: Option<Scale>,
    /// How far ahead of the clock an event's time may be.
    pub max_skew: Duration,
}

/// The model that scores a pipeline.
#[derive(Clone, Debug)]
pub struct ModelSlot {
    /// The model's name in the registry.
    pub name: String,
    /// The entity whose suspicious ones are counted in precision at a capacity (`card_precision_100`).
    pub review_entity: String,
}

/// What is wrong with a pipeline file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct PipelineError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl PipelineError {
    /// Where a span of the text begins.
    pub fn at(text: &str, file: &str, message: String, span: Range<usize>) -> Self {
        let (line, column) = place(text, span.start);
        Self { file: file.to_owned(), line, column, message }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PipelineFile {
    name: String,
    event: Spanned<SchemaFile>,
    #[serde(default)]
    time: TimeFile,
    model: ModelFile,
    policy: Spanned<Policy>,
    #[serde(default)]
    features: Vec<DefinitionFile>,
    #[serde(default)]
    state: StateFile,
    #[serde(default)]
    reasons: Vec<ReasonFile>,
    #[serde(default)]
    lists: Vec<ListFile>,
    #[serde(default)]
    rules: Vec<Spanned<Rule>>,
    #[serde(default)]
    alerts: Vec<Spanned<alerts::Policy>>,
    #[serde(default)]
    governance: Option<Spanned<Governance>>,
    #[serde(default)]
    credit: Option<Spanned<Scale>>,
    /// Read where models are trained.
    #[serde(default, rename = "training")]
    _training: IgnoredAny,
    /// Read where decisions are watched.
    #[serde(default, rename = "monitoring")]
    _monitoring: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    name: Spanned<String>,
    review_entity: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeFile {
    #[serde(default = "one_hour")]
    allowed_lateness: Duration,
    #[serde(default = "five_minutes")]
    max_skew: Duration,
}

impl Default for TimeFile {
    fn default() -> Self {
        Self { allowed_lateness: one_hour(), max_skew: five_minutes() }
    }
}

const fn one_hour() -> Duration {
    Duration::seconds(3_600)
}

const fn five_minutes() -> Duration {
    Duration::seconds(300)
}

impl Pipeline {
    /// Reads and checks the text of a pipeline file; `file` is its name in messages.
    pub fn parse(text: &str, file: &str) -> Result<Self, PipelineError> {
        let fail = |message: String, span: Range<usize>| PipelineError::at(text, file, message, span);
        let read: PipelineFile =
            toml::from_str(text).map_err(|error| fail(error.message().to_owned(), error.span().unwrap_or(0..0)))?;
        let schema = read.event.into_inner().check().map_err(|error| fail(error.message, error.span))?;
        let definitions = features::definition::check(read.features, &schema).map_err(|error| fail(error.message, error.span))?;
        if definitions.is_empty() {
            return Err(fail("a pipeline needs at least one [[features]] table".to_owned(), 0..0));
        }
        let limits = read.state.check(&schema).map_err(|error| fail(error.message, error.span))?;
        let plan = Plan::new(definitions, &limits, &schema, read.time.allowed_lateness)
            .map_err(|error| fail(error.message, error.span))?;
        let ModelFile { name, review_entity } = read.model;
        if schema.entity(review_entity.as_ref()).is_none() {
            let message = format!("review_entity `{}` is not a declared entity", review_entity.as_ref());
            return Err(fail(message, review_entity.span()));
        }
        let word = |text: &str| !text.is_empty() && text.chars().all(|each| each.is_ascii_alphanumeric() || each == '_');
        if !word(name.as_ref()) {
            return Err(fail(format!("model name `{}` may have letters, digits and underscores", name.as_ref()), name.span()));
        }
        let model = ModelSlot { name: name.into_inner(), review_entity: review_entity.into_inner() };
        let policy_span = read.policy.span();
        let policy = read.policy.into_inner();
        policy.check().map_err(|message| fail(message, policy_span.clone()))?;
        let reasons = ReasonTable::check(read.reasons, &plan, schema.default_currency);
        let reasons = reasons.map_err(|(message, span)| fail(message, span))?;
        let max_skew = read.time.max_skew;
        let lists = ListFile::check(read.lists, &schema).map_err(|(message, span)| fail(message, span))?;
        let (spans, rules): (Vec<Range<usize>>, Vec<Rule>) =
            read.rules.into_iter().map(|rule| (rule.span(), rule.into_inner())).unzip();
        for (rule, span) in rules.iter().zip(&spans) {
            if let Some((field, _)) = rule.texts().into_iter().find(|(_, text)| has_card_number(text)) {
                let message = format!("rule `{}`: `{field}` has what looks like a card number in it", rule.id);
                return Err(fail(message, span.clone()));
            }
        }
        if let Some(said) = &read.governance {
            said.as_ref().check().map_err(|message| fail(message, said.span()))?;
        }
        let governance = read.governance.map(Spanned::into_inner).unwrap_or_default();
        let alerts = alerts::Policy::check(read.alerts, &schema, &rules).map_err(|(message, span)| fail(message, span))?;
        if let Some(said) = &read.credit {
            said.as_ref().check().map_err(|message| fail(message, said.span()))?;
            policy.gives_reasons().map_err(|message| fail(message, policy_span))?;
            if let Some((rule, span)) = rules.iter().zip(&spans).find(|(rule, _)| rule.lacks_reason()) {
                return Err(fail(format!("rule `{}`: {}", rule.id, Rule::NEEDS_REASON), span.clone()));
            }
        }
        let credit = read.credit.map(Spanned::into_inner);
        let plan = Arc::new(plan);
        let pipeline =
            Self { name: read.name, schema, plan, model, policy, reasons, lists, rules, alerts, governance, credit, max_skew };
        if let Err(errors) = RuleSet::compile(pipeline.rules.clone(), &names(&pipeline, &pipeline.list_names())) {
            let first = errors.into_iter().next().expect("nothing is wrong without an error");
            let place = pipeline.rules.iter().rposition(|rule| rule.id == *first.rule()).unwrap_or_default();
            return Err(fail(first.to_string(), spans[place].clone()));
        }
        Ok(pipeline)
    }

    /// The names of its lists, in their order.
    pub fn list_names(&self) -> Vec<String> {
        self.lists.iter().map(|list| list.name.clone()).collect()
    }

    /// How far ahead of `now` an event is, when that is more than is allowed.
    pub fn skew(&self, event: &Event, now: Timestamp) -> Option<Duration> {
        let ahead = event.occurred_at.since(now);
        (ahead > self.max_skew).then_some(ahead)
    }
}

/// Line and column, from 1, of a byte of a text.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = &text[..byte.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
