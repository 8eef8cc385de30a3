use std::fmt;

use super::bounds::{ends, least_difference};
use crate::control::Guardrails;
use crate::decide::Figures;

/// The part of events beyond a 99th percentile.
const BEYOND_P99: f64 = 0.01;

const ERROR_SHARE: &str = "error_share";
const LATENCY: &str = "latency_p99_ms";
const APPROVALS: &str = "approval_rate_change";

/// A limit that was broken.
#[derive(Clone, Debug, PartialEq)]
pub struct Breach {
    /// Which: `error_share`, `latency_p99_ms` or `approval_rate_change`.
    pub guardrail: &'static str,
    /// What was found, in the limit's unit.
    pub value: f64,
    /// The limit.
    pub limit: f64,
    /// The same in words, with the figures behind it.
    pub words: String,
}

/// Between two breaches in a reason.
const AND: &str = "; ";

impl fmt::Display for Breach {
    /// The words, and behind them in brackets what programs are told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { guardrail, value, limit, words } = self;
        write!(f, "{words} [{guardrail} {value:.4} > {limit}]")
    }
}

impl Breach {
    /// The reason of an act, as its record keeps it.
    pub(super) fn reason(breaches: &[Self]) -> String {
        breaches.iter().map(Self::to_string).collect::<Vec<_>>().join(AND)
    }

    /// What the reason of an act says was broken; nothing where it is of other words.
    pub fn all_of(reason: &str) -> Vec<Self> {
        reason.split(AND).filter_map(Self::parse).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let (words, said) = text.strip_suffix(']')?.rsplit_once(" [")?;
        let (name, figures) = said.split_once(' ')?;
        let (value, limit) = figures.split_once(" > ")?;
        let guardrail = [ERROR_SHARE, LATENCY, APPROVALS].into_iter().find(|known| *known == name)?;
        Some(Self { guardrail, value: value.parse().ok()?, limit: limit.parse().ok()?, words: words.to_owned() })
    }
}

/// Which limits the figures of a window break, each of them by more than chance explains: a window that keeps to all of them breaks any
/// with a probability of at most `level`, between 0 and 1. How many are approved is compared with `against`, where that has enough
/// events. That the 99th percentile is above a limit is that more than one in a hundred events take longer, which is a share like the
/// others.
pub fn breaches(guardrails: &Guardrails, of: &Figures, against: Option<&Figures>, level: f64) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let limits = [guardrails.error_share, guardrails.latency_p99_ms, guardrails.approval_rate_change];
    let level = level / limits.iter().flatten().count().max(1) as f64;
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let share = |part: u64, whole: u64| part as f64 / whole as f64;
    let surely_over = |part: u64, limit: f64| ends(part, of.events, level).is_some_and(|(lower, _)| lower > limit);
    let events = of.events;
    if let Some(limit) = guardrails.error_share
        && surely_over(of.failed, limit)
    {
        let value = share(of.failed, events);
        let words = format!("no score for {} of {events} events, the limit is {}", percent(value), percent(limit));
        breaches.push(Breach { guardrail: ERROR_SHARE, value, limit, words });
    }
    if let Some(limit) = guardrails.latency_p99_ms
        && surely_over(of.slower_than(limit * 1_000.0), BEYOND_P99)
    {
        let value = f64::from(of.p99_us()) / 1_000.0;
        let words =
            format!("the 99th percentile of the time to decide is {value:.1} ms over {events} events, the limit is {limit} ms");
        breaches.push(Breach { guardrail: LATENCY, value, limit, words });
    }
    if let (Some(limit), Some(against)) = (guardrails.approval_rate_change, against)
        && against.events >= guardrails.minimum_events
        && least_difference(of, against, level).is_some_and(|least| least > limit)
    {
        let [found, other] = [of, against].map(|figures| share(figures.approved, figures.events));
        let words = format!(
            "{} of {events} events are approved, and {} of {} to compare with: the limit is a difference of {:.1} points",
            percent(found),
            percent(other),
            against.events,
            limit * 100.0
        );
        breaches.push(Breach { guardrail: APPROVALS, value: (found - other).abs(), limit, words });
    }
    breaches
}
