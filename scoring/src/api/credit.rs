//! `POST /v1/credit/score`: an application for credit, decided by the very path of `POST /v1/score` and told in a lender's words: points that
//! rise with how likely the applicant is to pay, and the principal reasons of what went against them.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{EngineAnswer, ModelAnswer, Versions, decision_id};
use super::problem::Problem;
use super::score::{Asked, Traced, decided};
use super::{Api, Body};
use crate::decision::{Decision, Ground, Reason, Reasons, Thresholds, Verdict};
use crate::engine::{Scored, Status};
use crate::lists;
use crate::model::calibration::log_odds;
use crate::model::{Scale, probability_at};
use crate::pipeline::Pipeline;
use crate::rules::{RuleHit, RuleReason};

/// The most principal reasons: more are "not likely to be helpful to the applicant" (comment 9(b)(2)-1 on 12 CFR 1002.9).
const MOST_REASONS: usize = 4;

/// What becomes of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CreditDecision {
    /// It is granted.
    Approve,
    /// A person decides.
    Refer,
    /// It is not granted.
    Decline,
}

impl From<Verdict> for CreditDecision {
    /// The one place where the words of decisions become a lender's.
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Approve => Self::Approve,
            Verdict::Challenge | Verdict::Review => Self::Refer,
            Verdict::Decline => Self::Decline,
        }
    }
}

/// The answer to `POST /v1/credit/score`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct CreditAnswer {
    decision_id: String,
    application_id: String,
    status: Status,
    decision: CreditDecision,
    /// Points; more are better. `null` where no model scored it.
    score: Option<i64>,
    /// The probability that the applicant does not pay, 0 to 1.
    probability_of_default: Option<f64>,
    /// What went against the applicant, the weightiest first: at most four, none where the application is approved.
    principal_reasons: Vec<PrincipalReason>,
    /// What had the last word.
    decided_by: Ground,
    thresholds: PointThresholds,
    scale: Scale,
    model: Option<ModelAnswer>,
    engine: EngineAnswer,
    versions: Versions,
}

/// One specific reason, for the applicant to read.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
struct PrincipalReason {
    code: String,
    text: String,
    /// The feature that it is about; a rule and a list have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    feature: Option<String>,
    /// The feature's value: a number, or the word that it stands for; `null` where it is missing.
    #[schema(value_type = Option<serde_json::Value>)]
    value: serde_json::Value,
    /// How many points fewer the applicant has by it than the mean of all whose applications the model has learned from.
    #[serde(skip_serializing_if = "Option::is_none")]
    points_lost: Option<f64>,
}

/// The points from which on applications fare better, to a tenth: decisions are taken on the probability itself, and points are rounded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
struct PointThresholds {
    /// From here on they are approved.
    approve_from: f64,
    /// From here on a person decides; below they are declined.
    refer_from: f64,
}

impl PointThresholds {
    fn of(thresholds: Thresholds, scale: Scale) -> Self {
        let above = |risk: u16| tenth(scale.points(log_odds(probability_at(risk))));
        Self { approve_from: above(thresholds.review), refer_from: above(thresholds.decline) }
    }
}

impl CreditAnswer {
    fn new(scored: Scored, pipeline: &Pipeline, scale: Scale) -> Self {
        let Scored { status, decision, commit_us } = scored;
        let probability = decision.champion.as_ref().map(|model| model.probability);
        let points = |probability: f64| scale.points(log_odds(probability)) + points_of_rules(&decision, scale);
        Self {
            decision_id: decision_id(&decision),
            application_id: decision.event_id.to_string(),
            status,
            decision: decision.decision.into(),
            score: probability.map(|probability| points(probability).round() as i64),
            probability_of_default: probability,
            principal_reasons: principal_reasons(&decision, pipeline, scale),
            thresholds: PointThresholds::of(decision.thresholds, scale),
            scale,
            model: ModelAnswer::of(&decision),
            engine: EngineAnswer::of(&decision, commit_us),
            versions: Versions::of(&decision),
            decided_by: decision.ground,
        }
    }
}

/// What rules have added, of points that rise with the risk, in points of another scale.
fn points_of_rules(decision: &Decision, scale: Scale) -> f64 {
    let added =
        decision.rules.iter().filter(|hit| hit.is_effective()).map(|hit| f64::from(hit.score_modifier.get())).sum::<f64>();
    in_points(added, scale)
}

/// Points of the scale of risk, in those of another one.
fn in_points(of_risk: f64, scale: Scale) -> f64 {
    of_risk * scale.points_to_double / Scale::RISK.points_to_double
}

/// Why an application was not approved: the list or the rules that came to that, and where the score would have come to the same, what it lost most points by.
fn principal_reasons(decision: &Decision, pipeline: &Pipeline, scale: Scale) -> Vec<PrincipalReason> {
    let of_last_word: Vec<PrincipalReason> = match &decision.ground {
        _ if decision.decision == Verdict::Approve => Vec::new(),
        // A cut-off has to be told, also where the score alone would have come to the same.
        Ground::Score | Ground::OnFailure | Ground::Rule(_) => {
            decision.rules.iter().filter(|hit| decides(hit, decision.decision)).map(of_rule).collect()
        }
        Ground::List(name) => decision.lists.iter().filter(|found| found.list == *name).map(of_list).collect(),
    };
    let Thresholds { review, decline } = decision.thresholds;
    let by_score = decision.score.map(|score| match score {
        score if score >= decline => Verdict::Decline,
        score if score >= review => Verdict::Review,
        _ => Verdict::Approve,
    });
    let is_asked_for = matches!(decision.reasons_wanted, Reasons::Top | Reasons::All);
    let is_wanted = is_asked_for || (decision.decision != Verdict::Approve && by_score == Some(decision.decision));
    let of_features = decision.reasons.iter().filter(|reason| reason.contribution > 0.0);
    let adds = |hit: &&RuleHit| hit.is_effective() && hit.score_modifier.get() > 0 && !decides(hit, decision.decision);
    let of_rules = decision.rules.iter().filter(adds).map(|hit| PrincipalReason {
        points_lost: Some(tenth(-in_points(f64::from(hit.score_modifier.get()), scale))),
        ..of_rule(hit)
    });
    let mut of_score: Vec<PrincipalReason> =
        of_features.map(|reason| of_feature(reason, pipeline, scale)).chain(of_rules).filter(|_| is_wanted).collect();
    of_score.sort_by(|one, other| other.points_lost.partial_cmp(&one.points_lost).expect("points are numbers"));
    of_last_word.into_iter().chain(of_score).take(MOST_REASONS).collect()
}

fn decides(hit: &RuleHit, verdict: Verdict) -> bool {
    hit.is_effective() && hit.action == Some(verdict)
}

fn of_rule(hit: &RuleHit) -> PrincipalReason {
    let RuleReason { code, text } = hit.reason.clone().unwrap_or_else(|| RuleReason {
        code: hit.rule_id.to_string().to_uppercase(),
        text: format!("the rule {} asks for a person to decide", hit.rule_id),
    });
    PrincipalReason { code, text, feature: None, value: serde_json::Value::Null, points_lost: None }
}

fn of_list(found: &lists::Match) -> PrincipalReason {
    let text =
        if found.reason.is_empty() { format!("the {} is on the list {}", found.of, found.list) } else { found.reason.clone() };
    PrincipalReason { code: found.list.to_uppercase(), text, feature: None, value: serde_json::Value::Null, points_lost: None }
}

fn of_feature(reason: &Reason, pipeline: &Pipeline, scale: Scale) -> PrincipalReason {
    let definition = pipeline.plan.definitions().iter().find(|definition| definition.name == reason.feature);
    let word = |value: f64| definition.and_then(|definition| definition.word(value)).map(serde_json::Value::from);
    let value = reason.value.map_or(serde_json::Value::Null, |value| word(value).unwrap_or_else(|| value.into()));
    PrincipalReason {
        code: reason.code.clone(),
        text: reason.text.clone(),
        feature: Some(reason.feature.clone()),
        value,
        points_lost: Some(tenth(-scale.part(reason.contribution))),
    }
}

fn tenth(points: f64) -> f64 {
    (points * 10.0).round() / 10.0
}

/// Decides about an application for credit.
#[utoipa::path(
    post,
    path = "/v1/credit/score",
    tag = "decisions",
    params(("reasons" = inline(Option<Reasons>), Query, description = "which reasons are computed")),
    request_body(content = Object, description = "an application, as `components.schemas.Event` describes it for this pipeline"),
    responses(
        (status = 200, description = "the decision", body = CreditAnswer),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "the pipeline scores no applications", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "the id is taken by another application", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn score(
    State(api): State<Api>,
    traced: Option<Extension<Traced>>,
    asked: Asked,
    body: Body,
) -> Result<Response, Problem> {
    let (asked, pipeline) = (Ok(asked?), api.engine.pipeline());
    let Some(scale) = pipeline.credit else {
        let detail = format!("pipeline {} scores no applications for credit: it has no [credit] table", pipeline.name);
        return Err(Problem::not_found(detail));
    };
    decided(&api.engine, traced.is_some(), asked, body.map_err(Problem::body), |scored| {
        CreditAnswer::new(scored, pipeline, scale)
    })
    .await
}
