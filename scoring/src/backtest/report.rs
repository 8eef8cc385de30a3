//! What a backtest says: the same figures for the whole range and for each of its days, and what has to be known to read them.

use std::collections::BTreeMap;

use ingest::{Currency, Duration, Timestamp};
use serde::Serialize;

use super::proportion::Proportion;
use super::tally::{Cells, Known, RuleSums, Sum, Sums, Tally, add};
use super::{Against, Request};
use crate::decision::Verdict;
use crate::pipeline::Pipeline;
use crate::rules::RuleId;

/// What a backtest says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = BacktestReport))]
pub struct Report {
    /// The pipeline.
    pub pipeline: String,
    /// What was tried, each as a few words.
    pub changes: Vec<String>,
    /// The first event time.
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub from: Timestamp,
    /// The first event time after the range.
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub to: Timestamp,
    /// Labels that were observed later were not known.
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub as_of: Timestamp,
    /// From which age on events without a label that were not declined were taken as good; `null`: they were left unlabelled.
    #[cfg_attr(feature = "http", schema(value_type = Option<String>))]
    pub maturity: Option<Duration>,
    /// What the change is compared with.
    pub against: Against,
    /// Logged decisions that what decides at present, without the change, does not make again.
    pub not_reproduced: u64,
    /// Decisions that were left out, since they were made with other feature definitions than the pipeline has.
    pub other_definitions: u64,
    /// Events of the range that had no decision yet, and were left out.
    pub undecided: u64,
    /// Labels, of any event, that were observed after `as_of`, and were not known.
    pub labels_from_the_future: u64,
    /// What has to be known to read the figures, as sentences.
    pub notes: Vec<String>,
    /// The whole range.
    pub total: Figures,
    /// Each day (UTC) on which there were events.
    pub days: Vec<Day>,
    /// How long it took.
    pub seconds: f64,
    /// Events decided again in a second.
    pub events_per_second: f64,
}

/// A day.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = BacktestDay))]
pub struct Day {
    /// Its date.
    pub day: String,
    /// What came of it.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What came of some events.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = BacktestFigures))]
pub struct Figures {
    /// How many there are.
    pub events: u64,
    /// Those known to be bad.
    pub bad: u64,
    /// Those known to be good, and those presumed so.
    pub good: u64,
    /// Those among `good` without a label: nobody has said otherwise for so long as `maturity` says.
    pub presumed_good: u64,
    /// Those of which nothing is known: they are in no precision and no recall.
    pub unlabelled: u64,
    /// Events whose decision is another one with the change.
    pub flips: u64,
    /// From each decision to each, where there are events; also from one to the same.
    pub moves: Vec<Move>,
    /// Without the change.
    pub baseline: Sides,
    /// With the change.
    pub candidate: Sides,
    /// Each rule that was tried, for itself.
    pub rules: Vec<RuleFigures>,
}

/// Events that had one decision and have another, or the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = BacktestMove))]
pub struct Move {
    /// Without the change.
    pub from: Verdict,
    /// With the change.
    pub to: Verdict,
    /// How many.
    pub events: u64,
    /// Those known to be bad.
    pub bad: u64,
    /// Those known or presumed to be good.
    pub good: u64,
    /// Those of which nothing is known.
    pub unlabelled: u64,
    /// Their money by currency; not there where the pipeline's events have no amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money: Option<BTreeMap<String, Money>>,
}

/// What is stopped, in the narrow sense and in the wide one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = BacktestSides))]
pub struct Sides {
    /// Declined.
    pub declined: Picked,
    /// Declined, reviewed or challenged: everything that is not approved.
    pub not_approved: Picked,
}

/// Events that were picked out by a decision or a rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = BacktestPicked))]
pub struct Picked {
    /// How many.
    pub events: u64,
    /// Those known to be bad.
    pub bad: u64,
    /// Those known or presumed to be good.
    pub good: u64,
    /// Those of which nothing is known.
    pub unlabelled: u64,
    /// The share of bad ones among those that are bad or good; `null` without any.
    pub precision: Option<Proportion>,
    /// The share of all bad events that is picked out; `null` without bad events.
    pub recall: Option<Proportion>,
    /// Their money by currency; not there where the pipeline's events have no amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money: Option<BTreeMap<String, Money>>,
}

/// Money of events that were picked out, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = BacktestMoney))]
pub struct Money {
    /// Of bad events.
    pub stopped_minor: u64,
    /// Of good events.
    pub wrongly_stopped_minor: u64,
    /// Of events of which nothing is known.
    pub unlabelled_minor: u64,
}

/// A rule for itself: what it hits, whatever is decided in the end.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = BacktestRule))]
pub struct RuleFigures {
    /// The rule.
    pub rule_id: String,
    /// Its hits as it was tried.
    pub hits: Picked,
    /// Its hits as it is at present, in shadow or not; `null` where it is not asked at present.
    pub present: Option<Picked>,
    /// Events for which its condition holds, outside the share of its rollout.
    pub snoozed: u64,
    /// Events for which its condition had no answer.
    pub errors: u64,
}

/// What is known before anything is added up.
pub(super) struct Header<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) request: &'a Request,
    /// The rules that are tried, and whether each is asked at present.
    pub(super) rules: Vec<(&'a RuleId, bool)>,
    /// What decides at present and cannot be used.
    pub(super) missing: &'a [String],
    /// Where a model is tried, the first event time that it has not learned from.
    pub(super) learned_until: Option<Timestamp>,
    pub(super) undecided: u64,
    pub(super) labels_from_the_future: u64,
    pub(super) seconds: f64,
}

impl Report {
    pub(super) fn new(header: &Header<'_>, tally: &Tally<'_>) -> Self {
        let mut by_day: BTreeMap<i64, ByCurrency> = BTreeMap::new();
        let mut total = ByCurrency::new();
        for ((day, currency), cells) in &tally.cells {
            for group in [&mut total, by_day.entry(*day).or_default()] {
                let name = currency.as_ref().map(Currency::to_string);
                group.entry(name).or_insert_with(|| Cells::new(header.rules.len())).add(cells);
            }
        }
        let total = Figures::new(header, &total);
        let days = by_day
            .iter()
            .map(|(day, cells)| Day { day: Timestamp::start_of_day(*day).date(), figures: Figures::new(header, cells) });
        Self {
            pipeline: header.pipeline.name.clone(),
            changes: header.request.changes.iter().map(ToString::to_string).collect(),
            from: header.request.from,
            to: header.request.until,
            as_of: header.request.as_of,
            maturity: header.request.maturity,
            against: header.request.against,
            not_reproduced: tally.not_reproduced,
            other_definitions: tally.other_definitions,
            undecided: header.undecided,
            labels_from_the_future: header.labels_from_the_future,
            notes: notes(header, tally, &total),
            days: days.collect(),
            seconds: header.seconds,
            events_per_second: total.events as f64 / header.seconds.max(f64::MIN_POSITIVE),
            total,
        }
    }
}

/// Cells by the name of their currency.
type ByCurrency = BTreeMap<Option<String>, Cells>;

impl Figures {
    fn new(header: &Header<'_>, cells: &ByCurrency) -> Self {
        let has_money = header.pipeline.schema.amount_minor.is_some();
        let pick = |wanted: &dyn Fn(Verdict, Verdict) -> bool| Group::of(cells, has_money, &|cells| moved(cells, wanted));
        let all = pick(&|_, _| true);
        let picked = |wanted: &dyn Fn(Verdict, Verdict) -> bool| pick(wanted).picked(all.events(Known::Bad));
        let every = Verdict::ALL.into_iter().flat_map(|from| Verdict::ALL.map(|to| (from, to)));
        let moves: Vec<Move> = every
            .map(|(from, to)| {
                let Picked { events, bad, good, unlabelled, money, .. } = picked(&|before, after| (before, after) == (from, to));
                Move { from, to, events, bad, good, unlabelled, money }
            })
            .filter(|moved| moved.events > 0)
            .collect();
        let rule = |place: usize, hits: fn(&RuleSums) -> &Sums| {
            Group::of(cells, has_money, &|cells| *hits(&cells.rules[place])).picked(all.events(Known::Bad))
        };
        let count = |place: usize, of: fn(&RuleSums) -> u64| cells.values().map(|cells| of(&cells.rules[place])).sum();
        Self {
            events: all.all(),
            bad: all.events(Known::Bad),
            good: all.events(Known::Good) + all.events(Known::Presumed),
            presumed_good: all.events(Known::Presumed),
            unlabelled: all.events(Known::Nothing),
            flips: moves.iter().filter(|moved| moved.from != moved.to).map(|moved| moved.events).sum(),
            moves,
            baseline: Sides {
                declined: picked(&|before, _| before == Verdict::Decline),
                not_approved: picked(&|before, _| before != Verdict::Approve),
            },
            candidate: Sides {
                declined: picked(&|_, after| after == Verdict::Decline),
                not_approved: picked(&|_, after| after != Verdict::Approve),
            },
            rules: (header.rules.iter().enumerate())
                .map(|(place, (id, is_asked))| RuleFigures {
                    rule_id: id.to_string(),
                    hits: rule(place, |sums| &sums.hits),
                    present: is_asked.then(|| rule(place, |sums| &sums.present)),
                    snoozed: count(place, |sums| sums.snoozed),
                    errors: count(place, |sums| sums.errors),
                })
                .collect(),
        }
    }
}

fn moved(cells: &Cells, wanted: &dyn Fn(Verdict, Verdict) -> bool) -> Sums {
    let mut sums = Sums::default();
    for before in Verdict::ALL {
        for after in Verdict::ALL.into_iter().filter(|after| wanted(before, *after)) {
            add(&mut sums, &cells.moves[before as usize][after as usize]);
        }
    }
    sums
}

/// Events in all currencies, and their money in each.
struct Group {
    sums: Sums,
    money: Option<BTreeMap<String, Money>>,
}

impl Group {
    fn of(cells: &ByCurrency, has_money: bool, sums_of: &dyn Fn(&Cells) -> Sums) -> Self {
        let (mut all, mut money) = (Sums::default(), BTreeMap::new());
        for (currency, cells) in cells {
            let sums = sums_of(cells);
            add(&mut all, &sums);
            if let Some(currency) = currency.as_ref().filter(|_| sums.iter().any(|sum| sum.events > 0)) {
                let [bad, good, presumed, nothing] = sums.map(|sum| sum.minor);
                let wrongly_stopped_minor = good.saturating_add(presumed);
                money.insert(currency.clone(), Money { stopped_minor: bad, wrongly_stopped_minor, unlabelled_minor: nothing });
            }
        }
        Self { sums: all, money: has_money.then_some(money) }
    }

    const fn events(&self, known: Known) -> u64 {
        self.sums[known as usize].events
    }

    fn all(&self) -> u64 {
        self.sums.iter().map(|Sum { events, .. }| events).sum()
    }

    fn picked(self, all_bad: u64) -> Picked {
        let (bad, good) = (self.events(Known::Bad), self.events(Known::Good) + self.events(Known::Presumed));
        Picked {
            events: self.all(),
            bad,
            good,
            unlabelled: self.events(Known::Nothing),
            precision: Proportion::new(bad, bad + good),
            recall: Proportion::new(bad, all_bad),
            money: self.money,
        }
    }
}

fn notes(header: &Header<'_>, tally: &Tally<'_>, total: &Figures) -> Vec<String> {
    let Request { from, against, maturity, .. } = header.request;
    let mut notes = Vec::new();
    let mut note = |holds: bool, text: String| {
        if holds {
            notes.push(text);
        }
    };
    let missing = header.missing.join(", ");
    note(!header.missing.is_empty(), format!("what decides at present lacks {missing}, which cannot be used"));
    let differ = match against {
        Against::Logged => "they are among the flips; compare with the present to leave them out",
        Against::Present => "the figures without the change are those of the present",
    };
    note(
        tally.not_reproduced > 0,
        format!("{} logged decisions come out otherwise at present, without the change: {differ}", tally.not_reproduced),
    );
    note(
        tally.other_definitions > 0,
        format!("{} decisions were made with other feature definitions and are left out", tally.other_definitions),
    );
    note(header.undecided > 0, format!("{} events are not decided yet and are left out", header.undecided));
    note(
        header.labels_from_the_future > 0,
        format!("{} labels were observed after the point in time and are not known", header.labels_from_the_future),
    );
    let matured = match maturity {
        None => "a maturity says from which age on those that were not declined count as good".to_owned(),
        Some(length) => format!("they are younger than {length}, or were declined"),
    };
    note(
        total.unlabelled > 0,
        format!("{} events have no label and are in no precision and no recall: {matured}", total.unlabelled),
    );
    note(total.bad > 0 && total.good == 0, "no event is known to be good, so that precision says nothing".to_owned());
    note(total.bad == 0, "no event is known to be bad, so that there is no recall".to_owned());
    if let Some(until) = header.learned_until.filter(|until| until > from) {
        note(true, format!("the model has learned from events up to {}: its figures before that flatter it", until.date()));
    }
    notes
}
