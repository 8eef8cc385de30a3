//! What a challenger may not break, however well it ranks: approvals, speed, and that it answers at all. All are looked at as often as the
//! two are compared, so their intervals hold at every look, with the false alarm of the policy for each; and they count entities, where
//! these are known, as the figures do (see [`Sequential`]). Whether a challenger that decides does harm at this moment is
//! [`scoring::guard`]'s.

use evaluation::{Estimate, Figure, Interval, Method, Missing, Sequential};
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
    /// What is measured, with an interval that holds at every look.
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
    /// Too few events, or events of too few entities, to say.
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
pub(super) fn guardrails(rows: &Rows, both: &[usize], versions: [u32; 2], policy: &Policy) -> Vec<Guardrail> {
    vec![approval_rate(rows, both, policy), latency(rows, versions, policy), unscored(rows, policy)]
}

fn approval_rate(rows: &Rows, both: &[usize], policy: &Policy) -> Guardrail {
    let limit = policy.max_approval_change;
    let no_data = |missing: Missing| Guardrail { name: Name::ApprovalRate, state: State::NoData, value: missing.into(), limit };
    let Some(thresholds) = rows.thresholds.filter(|_| both.len() as u64 >= policy.least_events) else {
        return no_data(if both.is_empty() { Missing::NoRows } else { Missing::InsufficientData });
    };
    let approves = |said: Option<f64>| i8::from(verdict(said, thresholds) == Verdict::Approve);
    let changes: Vec<i8> = both.iter().map(|&row| approves(rows.challenger[row]) - approves(rows.champion[row])).collect();
    let value = policy.guarding().paired_difference(&changes, rows.owners(both).as_deref());
    let state = match value.interval() {
        None => State::NoData,
        Some(interval) if interval.lower > limit || interval.upper < -limit => State::Broken,
        Some(_) => State::Holds,
    };
    Guardrail { name: Name::ApprovalRate, state, value, limit }
}

/// What the champion's percentile is for sure at most stands below the line, and what the challenger's is for sure at least above it.
/// Either may fail, so that each has half of alpha.
fn latency(rows: &Rows, versions: [u32; 2], policy: &Policy) -> Guardrail {
    let limit = policy.max_latency_ratio;
    let guarding = policy.guarding();
    let looks = Sequential { alpha: guarding.alpha / 2.0, ..guarding };
    let slowest = versions.map(|version| {
        let decided: Vec<usize> = (0..rows.len()).filter(|&row| rows.decided_by[row] == Some(version)).collect();
        // A run of less than a microsecond counts as one.
        let times: Vec<f64> = decided.iter().map(|&row| f64::from(rows.model_us[row].max(1))).collect();
        let found = looks.quantile(&times, 0.99, rows.owners(&decided).as_deref());
        found.filter(|_| times.len() as u64 >= policy.least_events)
    });
    let [Some(champion), Some(challenger)] = slowest else {
        return Guardrail { name: Name::Latency, state: State::NoData, value: Missing::InsufficientData.into(), limit };
    };
    let over = |above: Option<f64>, below: Option<f64>| above.zip(below).map(|(above, below)| above / below);
    let (point, method) = (challenger.point / champion.point, Method::Sequential);
    let (least, most) = (over(challenger.lower, champion.upper), over(challenger.upper, champion.lower));
    let interval = least.zip(most).map(|(lower, upper)| Interval { lower, upper, method });
    let state = match least {
        None => State::NoData,
        Some(least) if least > limit => State::Broken,
        Some(_) => State::Holds,
    };
    Guardrail { name: Name::Latency, state, value: Figure::Known(Estimate { point, interval }), limit }
}

fn unscored(rows: &Rows, policy: &Policy) -> Guardrail {
    let limit = policy.max_unscored;
    let asked: Vec<usize> = (0..rows.len()).filter(|&row| rows.champion[row].is_some()).collect();
    let unscored: Vec<bool> = asked.iter().map(|&row| rows.challenger[row].is_none()).collect();
    let value = policy.guarding().share(&unscored, rows.owners(&asked).as_deref(), Missing::NoRows);
    let state = match value.interval() {
        None => State::NoData,
        Some(_) if (asked.len() as u64) < policy.least_events => State::NoData,
        Some(interval) if interval.lower > limit => State::Broken,
        Some(_) => State::Holds,
    };
    Guardrail { name: Name::Unscored, state, value, limit }
}

#[cfg(test)]
mod tests {
    use ingest::Timestamp;
    use scoring::Thresholds;

    use super::*;
    use crate::outcome::Outcome;

    /// An event: the champion's probability and the challenger's, who decided, and how long that took.
    type Event = (Option<f64>, Option<f64>, u32, u32);

    /// So many events, of which each entity has some that follow one another.
    fn rows(events: u32, of_each: u32, event: impl Fn(u32) -> Event) -> Rows {
        let thresholds = Some(Thresholds { review: 700, decline: 900 });
        let mut rows = Rows { thresholds, whose: Some(Vec::new()), ..Rows::default() };
        for number in 0..events {
            let (champion, challenger, decided_by, model_us) = event(number);
            rows.position.push(i64::from(number));
            rows.occurred_at.push(Timestamp::from_micros(0));
            rows.champion.push(champion);
            rows.challenger.push(challenger);
            rows.decided_by.push(Some(decided_by));
            rows.model_us.push(model_us);
            rows.minor.push(0);
            rows.label.push(None);
            rows.outcome.push(Outcome::Open);
            rows.whose.as_mut().unwrap().push((number / of_each).to_string());
        }
        rows
    }

    fn stands(rows: &Rows, policy: &Policy, name: Name) -> Guardrail {
        let found = guardrails(rows, &rows.both(), [1, 2], policy);
        found.into_iter().find(|guardrail| guardrail.name == name).unwrap()
    }

    #[test]
    fn ten_events_of_a_customer_break_no_limit_that_one_does_not() {
        // All events of a customer are alike: one in forty is approved by the champion alone, one in fifty has no score of the challenger.
        let event = |customer: u32| {
            let challenger = if customer.is_multiple_of(40) { 0.99 } else { 0.01 };
            (Some(0.01), (!customer.is_multiple_of(50)).then_some(challenger), 1, 10)
        };
        let check = |customers: u32, of_each: u32, name: Name, policy: &Policy, expect: State| {
            let rows = rows(customers * of_each, of_each, |number| event(number / of_each));
            let found = stands(&rows, policy, name);
            assert_eq!(found.state, expect, "{customers} customers with {of_each} each: {found:?}");
        };
        let policy = Policy { max_approval_change: 0.005, max_unscored: 0.01, ..Policy::default() };
        check(4_000, 1, Name::ApprovalRate, &policy, State::Broken);
        check(4_000, 1, Name::Unscored, &policy, State::Broken);
        check(4_000, 3, Name::ApprovalRate, &policy, State::Broken);
        check(400, 10, Name::ApprovalRate, &policy, State::Holds);
        check(400, 10, Name::Unscored, &policy, State::Holds);
        check(40, 100, Name::ApprovalRate, &policy, State::NoData);
        check(900, 1, Name::Unscored, &policy, State::NoData);
        // Without entities ten events of each are ten.
        let alone = Rows { whose: None, ..rows(4_000, 10, |number| event(number / 10)) };
        assert_eq!(stands(&alone, &policy, Name::ApprovalRate).state, State::Broken);
    }

    #[test]
    fn a_challenger_is_slower_where_chance_does_not_explain_it() {
        // Every second event is the challenger's. Of a hundred events of a model each takes a microsecond more than the one before.
        let of = |events: u32, [champion, challenger]: [u32; 2]| {
            rows(2 * events, 1, |number| {
                let (decided_by, usual) = if number % 2 == 0 { (1, champion) } else { (2, challenger) };
                (Some(0.1), Some(0.1), decided_by, usual + number / 2 % 100)
            })
        };
        let check = |events: u32, usual: [u32; 2], expect: State| {
            let found = stands(&of(events, usual), &Policy::default(), Name::Latency);
            assert_eq!((found.state, found.limit), (expect, 2.0), "{events} {usual:?}: {found:?}");
            found.value
        };
        check(999, [100, 1_000], State::NoData);
        let slower = check(4_000, [100, 1_000], State::Broken);
        assert_eq!(slower.point(), Some(1_098.0 / 198.0));
        assert!(slower.interval().is_some_and(|interval| interval.lower > 2.0 && interval.upper < 7.0), "{slower:?}");
        check(4_000, [1_000, 2_000], State::Holds);
        check(4_000, [100, 100], State::Holds);
        // Fourteen slow ones of a thousand put the percentile among them, where ten would not; of 2,000 events that may be chance.
        let rare = |slow: u32| {
            rows(4_000, 1, |number| {
                let is_slow = number % 2 == 1 && number / 2 % 1_000 < slow;
                (Some(0.1), Some(0.1), number % 2 + 1, if is_slow { 900 } else { 100 })
            })
        };
        let found = stands(&rare(14), &Policy::default(), Name::Latency);
        assert_eq!((found.value.point(), found.state), (Some(9.0), State::Holds), "{found:?}");
        assert_eq!(stands(&rare(30), &Policy::default(), Name::Latency).state, State::Broken);
    }
}
