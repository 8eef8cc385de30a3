//! What came of a backtest so far: whole numbers by day and currency, which add up to the same in any order and on any number of threads.

use std::collections::HashMap;

use ingest::{Amount, Currency};

use crate::decision::Verdict;
use crate::rules::{Outcome, RuleHit, RuleId};

/// What is known of how an event turned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Bad,
    Good,
    /// Good, since nobody has said otherwise for long enough.
    Presumed,
    Nothing,
}

/// Events and their money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) events: u64,
    pub(super) minor: u64,
}

impl Sum {
    pub(super) fn add(&mut self, other: Self) {
        self.events += other.events;
        self.minor = self.minor.saturating_add(other.minor);
    }
}

/// Sums by what is [`Known`].
pub(super) type Sums = [Sum; 4];

pub(super) fn add(sums: &mut Sums, others: &Sums) {
    sums.iter_mut().zip(others).for_each(|(sum, other)| sum.add(*other));
}

/// What came of a rule that is tried.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleSums {
    pub(super) hits: Sums,
    /// Hits of the rule as it is at present.
    pub(super) present: Sums,
    pub(super) snoozed: u64,
    pub(super) errors: u64,
}

/// Events of a day in one currency.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    /// By the decision before, the one after, and what is known.
    pub(super) moves: [[Sums; 4]; 4],
    /// For each rule that is tried.
    pub(super) rules: Vec<RuleSums>,
}

impl Cells {
    pub(super) fn new(rules: usize) -> Self {
        Self { moves: <[[Sums; 4]; 4]>::default(), rules: vec![RuleSums::default(); rules] }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.moves.iter_mut().flatten().zip(other.moves.iter().flatten()).for_each(|(sums, others)| add(sums, others));
        for (rule, other) in self.rules.iter_mut().zip(&other.rules) {
            add(&mut rule.hits, &other.hits);
            add(&mut rule.present, &other.present);
            rule.snoozed += other.snoozed;
            rule.errors += other.errors;
        }
    }
}

/// An event that was decided again.
pub(super) struct Judged<'a> {
    /// The day on which it happened.
    pub(super) day: i64,
    pub(super) amount: Option<Amount>,
    pub(super) known: Known,
    pub(super) before: Verdict,
    pub(super) after: Verdict,
    /// What the rules say at present, and with the change.
    pub(super) rules: (&'a [RuleHit], &'a [RuleHit]),
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Tally<'a> {
    /// The rules that are tried.
    tried: &'a [RuleId],
    pub(super) cells: HashMap<(i64, Option<Currency>), Cells>,
    /// Decisions that what decides at present does not make again.
    pub(super) not_reproduced: u64,
    /// Decisions that were made with other feature definitions.
    pub(super) other_definitions: u64,
}

impl<'a> Tally<'a> {
    pub(super) fn new(tried: &'a [RuleId]) -> Self {
        Self { tried, cells: HashMap::new(), not_reproduced: 0, other_definitions: 0 }
    }

    pub(super) fn take(&mut self, judged: &Judged<'_>) {
        let key = (judged.day, judged.amount.map(Amount::currency));
        let cells = self.cells.entry(key).or_insert_with(|| Cells::new(self.tried.len()));
        let minor = judged.amount.map_or(0, |amount| amount.minor().unsigned_abs());
        let (sum, known) = (Sum { events: 1, minor }, judged.known as usize);
        cells.moves[judged.before as usize][judged.after as usize][known].add(sum);
        for (rule, id) in cells.rules.iter_mut().zip(self.tried) {
            let outcome = |hits: &[RuleHit]| hits.iter().find(|hit| hit.rule_id == *id).map(|hit| hit.outcome);
            if outcome(judged.rules.0) == Some(Outcome::Hit) {
                rule.present[known].add(sum);
            }
            match outcome(judged.rules.1) {
                Some(Outcome::Hit) => rule.hits[known].add(sum),
                Some(Outcome::Snoozed) => rule.snoozed += 1,
                Some(Outcome::Error(_)) => rule.errors += 1,
                None => {}
            }
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (key, cells) in &other.cells {
            self.cells.entry(*key).or_insert_with(|| Cells::new(self.tried.len())).add(cells);
        }
        self.not_reproduced += other.not_reproduced;
        self.other_definitions += other.other_definitions;
    }

    /// Events that were decided again.
    pub(super) fn events(&self) -> u64 {
        self.cells.values().flat_map(|cells| cells.moves.iter().flatten().flatten()).map(|sum| sum.events).sum()
    }
}
