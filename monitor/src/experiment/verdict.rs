//! What the evidence comes to: promote, keep, or wait for more labels. A plain function of figures, and every verdict gives its reasons.

use evaluation::{Contest, Figure, Lead};
use serde::{Deserialize, Serialize};

use super::guardrails::{Guardrail, State};
use super::inputs::Inputs;
use super::{Measure, Policy};

/// What is advised; people decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// The challenger is better beyond chance, and breaks nothing.
    Promote,
    /// It breaks something, or is not better by as much as would be worth the change.
    Keep,
    /// It is not known yet.
    NeedMore {
        /// So many more bad events must become known, if things stay as they are; `None` where that cannot be said.
        bad: Option<u64>,
        /// Among so many more judged events, at the present share of bad ones; `None` where that cannot be said.
        labels: Option<u64>,
    },
}

impl Verdict {
    /// Its word in the API and in the warehouse.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Keep => "keep",
            Self::NeedMore { .. } => "need_more",
        }
    }
}

/// A verdict with its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is advised.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// In a few words: `promote`, `keep`, `need 120 more labels`.
    pub summary: String,
    /// Why, and what to know beside it.
    pub reasons: Vec<String>,
}

/// A figure that models can be compared by.
#[derive(Clone, Copy, Debug)]
struct Measured<'a> {
    name: &'static str,
    lead: &'a Lead,
    /// From which lead on a change is worth it.
    least_gain: f64,
}

/// What the evidence comes to.
pub(super) fn finding(
    contest: &Contest,
    guardrails: &[Guardrail],
    inputs: &Inputs,
    maturity: (Figure, f64),
    policy: &Policy,
) -> Finding {
    let mut beside: Vec<String> = inputs.difference().into_iter().collect();
    if let (Some(share), mature_at) = (maturity.0.point(), maturity.1)
        && share < mature_at
    {
        beside.push(format!("only {:.0} % of the bad events are known by now", share * 100.0));
    }
    let measured = measured(contest, policy);
    let mut broken: Vec<String> =
        guardrails.iter().filter(|guardrail| guardrail.state == State::Broken).map(broken_text).collect();
    if !broken.is_empty() {
        broken.extend(measured.first().and_then(said));
        return Finding::new(Verdict::Keep, broken, beside);
    }
    let least = policy.sequential().least;
    if contest.outcomes() < least {
        let known = match contest.bad_entities {
            Some(entities) => format!("bad events of {entities} entities"),
            None => format!("{} bad events", contest.bad),
        };
        let reason = format!("{known} are known, and below {least} nothing is said");
        return Finding::new(need(Some(least - contest.outcomes()), contest), vec![reason], beside);
    }
    let [first, others @ ..] = measured.as_slice() else {
        return Finding::new(
            need(None, contest),
            vec!["events move no money, by which the two were to be compared".to_owned()],
            beside,
        );
    };
    let Some(interval) = first.lead.at_every_look.interval() else {
        return Finding::new(need(None, contest), vec![format!("{} cannot be compared", first.name)], beside);
    };
    let lead = first.lead.difference.point().unwrap_or_default();
    let said = said(first).unwrap_or_default();
    if interval.lower > 0.0 {
        let worse: Vec<String> = others.iter().filter(|other| is_worse(other.lead)).map(worse_text).collect();
        if !worse.is_empty() {
            return Finding::new(Verdict::Keep, [vec![said], worse].concat(), beside);
        }
        return Finding::new(Verdict::Promote, vec![said], beside);
    }
    if interval.upper < first.least_gain {
        let reason = format!("{said}: less than the {} that would be worth a change", first.least_gain);
        return Finding::new(Verdict::Keep, vec![reason], beside);
    }
    // Whichever it comes to sooner: that it is better, or that it is not by enough.
    let gap = lead.max(first.least_gain - lead);
    let error = first.lead.standard_error.unwrap_or_default();
    Finding::new(need(policy.sequential().more_needed(gap, error, contest.outcomes()), contest), vec![said], beside)
}

/// The figure to go by, and those that may not be worse.
fn measured<'a>(contest: &'a Contest, policy: &Policy) -> Vec<Measured<'a>> {
    let ranking = |name, lead| Measured { name, lead, least_gain: policy.least_gain };
    let auc = ranking("area under the curve", &contest.auc);
    let precision = ranking("average precision", &contest.average_precision);
    let money = contest.decisions.last().zip(contest.champion.decisions.last()).and_then(|(contested, champion)| {
        // A share of what the champion stops, so that it means the same in every currency.
        let stopped = champion.flagging.money_stopped_minor.point()?;
        let lead = &contested.money_saved_minor;
        Some(Measured { name: "money saved, in minor units", lead, least_gain: policy.least_gain * stopped })
    });
    match policy.measure {
        Measure::Auc => [auc, precision].into_iter().chain(money).collect(),
        Measure::AveragePrecision => [precision, auc].into_iter().chain(money).collect(),
        Measure::MoneySaved => money.into_iter().flat_map(|money| [money, precision, auc]).collect(),
    }
}

/// A lead in words; nothing where it has no interval that holds at every look.
fn said(measured: &Measured<'_>) -> Option<String> {
    let (lead, interval) = (measured.lead.difference.point()?, measured.lead.at_every_look.interval()?);
    let (name, lower, upper) = (measured.name, interval.lower, interval.upper);
    Some(format!("{name}: {lead:+.4}, with an interval that holds at every look from {lower:+.4} to {upper:+.4}"))
}

fn is_worse(lead: &Lead) -> bool {
    lead.at_every_look.interval().is_some_and(|interval| interval.upper < 0.0)
}

fn worse_text(other: &Measured<'_>) -> String {
    format!("{} is worse: {:+.4}", other.name, other.lead.difference.point().unwrap_or_default())
}

fn broken_text(guardrail: &Guardrail) -> String {
    let value = guardrail.value.point().unwrap_or_default();
    format!("guardrail {}: {value:.4}, where {} is the most", guardrail.name.text(), guardrail.limit)
}

/// So many more outcomes as events: those of an entity as many as now, and as many of all events bad.
fn need(outcomes: Option<u64>, contest: &Contest) -> Verdict {
    let scaled = |count: u64, to: u64, from: u64| (count as f64 * to as f64 / from as f64).ceil() as u64;
    let known = contest.outcomes();
    let bad = outcomes.map(|more| if known > 0 { scaled(more, contest.bad, known) } else { more });
    let labels = bad.filter(|_| contest.bad > 0).map(|bad| scaled(bad, contest.rows, contest.bad));
    Verdict::NeedMore { bad, labels }
}

impl Finding {
    fn new(verdict: Verdict, mut reasons: Vec<String>, beside: Vec<String>) -> Self {
        let summary = match verdict {
            Verdict::Promote => "promote".to_owned(),
            Verdict::Keep => "keep".to_owned(),
            Verdict::NeedMore { labels: Some(labels), bad: Some(bad) } => format!("need {labels} more labels, {bad} of them bad"),
            Verdict::NeedMore { bad: Some(bad), .. } => format!("need {bad} more bad labels"),
            Verdict::NeedMore { .. } => "need more labels".to_owned(),
        };
        reasons.extend(beside);
        Self { verdict, summary, reasons }
    }
}

/// By what two models are compared.
pub(super) mod measure {
    use super::{Deserialize, Serialize};

    /// By what two models are compared.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Measure {
        /// How well they rank at the top, where reviews and declines are.
        #[default]
        AveragePrecision,
        /// How well they rank everywhere.
        Auc,
        /// Bad money that declining stops, less what stopping good money costs.
        MoneySaved,
    }
}
