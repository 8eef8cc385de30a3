//! What a challenger may not break, however well it ranks: approvals, speed, and that it answers at all.

use evaluation::{Figure, Missing, proportion};
use scoring::Verdict;
use serde::{Deserialize, Serialize};

use super::Policy;
use super::flips::verdict;
use super::rows::Rows;

/// A guardrail and how it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guardrail {
    /// Which.
    pub name: Name,
    /// How it stands.
    pub state: State,
    /// What is measured.
    pub value: Figure,
    /// What it may be at most.
    pub limit: f64,
}

/// Which guardrail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// The challenger's share of approvals less the champion's, on the same events.
    ApprovalRate,
    /// The 99th percentile of how long the challenger runs over that of the champion, each on the events that it decided.
    Latency,
    /// The share of events that the challenger did not score while the champion did.
    Unscored,
}

impl Name {
    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::ApprovalRate => "approval rate",
            Self::Latency => "latency",
            Self::Unscored => "events without a score",
        }
    }
}

/// How a guardrail stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Too few events to say.
    NoData,
    /// It holds, or what is beyond it may be chance.
    Holds,
    /// It is broken beyond chance.
    Broken,
}

impl State {
    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoData => "no data",
            Self::Holds => "holds",
            Self::Broken => "broken",
        }
    }
}

/// All of them.
pub(super) fn guardrails(
    rows: &Rows,
    both: &[usize],
    [champion, challenger]: [u32; 2],
    policy: &Policy,
    level: f64,
) -> Vec<Guardrail> {
    vec![
        approval_rate(rows, both, policy, level),
        latency(rows, [champion, challenger], policy),
        unscored(rows, both.len() as u64, policy, level),
    ]
}

fn approval_rate(rows: &Rows, both: &[usize], policy: &Policy, level: f64) -> Guardrail {
    let limit = policy.max_approval_change;
    let no_data = |missing: Missing| Guardrail { name: Name::ApprovalRate, state: State::NoData, value: missing.into(), limit };
    let Some(thresholds) = rows.thresholds.filter(|_| both.len() as u64 >= policy.least_events) else {
        return no_data(if both.is_empty() { Missing::NoRows } else { Missing::InsufficientData });
    };
    let approves = |said: Option<f64>| verdict(said, thresholds) == Verdict::Approve;
    let (mut only_challenger, mut only_champion) = (0, 0);
    for &row in both {
        match (approves(rows.champion[row]), approves(rows.challenger[row])) {
            (false, true) => only_challenger += 1,
            (true, false) => only_champion += 1,
            _ => {}
        }
    }
    let value = evaluation::paired_difference([only_challenger, only_champion], both.len() as u64, level);
    let is_beyond = |interval: evaluation::Interval| interval.lower > limit || interval.upper < -limit;
    let state = if value.interval().is_some_and(is_beyond) { State::Broken } else { State::Holds };
    Guardrail { name: Name::ApprovalRate, state, value, limit }
}

fn latency(rows: &Rows, versions: [u32; 2], policy: &Policy) -> Guardrail {
    let limit = policy.max_latency_ratio;
    let slowest = versions.map(|version| {
        let decided = (0..rows.len()).filter(|&row| rows.decided_by[row] == Some(version));
        let mut times: Vec<u32> = decided.map(|row| rows.model_us[row]).collect();
        times.sort_unstable();
        (times.len() as u64 >= policy.least_events.max(1)).then(|| times[(times.len() * 99).div_ceil(100) - 1])
    });
    match slowest {
        // A run of less than a microsecond counts as one.
        [Some(champion), Some(challenger)] => {
            let ratio = f64::from(challenger.max(1)) / f64::from(champion.max(1));
            let state = if ratio > limit { State::Broken } else { State::Holds };
            Guardrail { name: Name::Latency, state, value: ratio.into(), limit }
        }
        _ => Guardrail { name: Name::Latency, state: State::NoData, value: Missing::InsufficientData.into(), limit },
    }
}

fn unscored(rows: &Rows, both: u64, policy: &Policy, level: f64) -> Guardrail {
    let limit = policy.max_unscored;
    let asked = rows.champion.iter().flatten().count() as u64;
    let value = proportion(asked - both, asked, level, Missing::NoRows);
    let state = match value.interval() {
        _ if asked < policy.least_events => State::NoData,
        Some(interval) if interval.lower > limit => State::Broken,
        _ => State::Holds,
    };
    Guardrail { name: Name::Unscored, state, value, limit }
}
