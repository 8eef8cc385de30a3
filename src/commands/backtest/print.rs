//! A backtest for people.

use std::collections::BTreeSet;

use scoring::Verdict;
use scoring::backtest::{Against, Day, Figures, Picked, Proportion, Report};

use crate::output::{self, thousands};

pub(super) fn report(report: &Report, by_day: bool) -> anyhow::Result<()> {
    let total = &report.total;
    let tried = if report.changes.is_empty() { "no change".to_owned() } else { report.changes.join("; ") };
    output::text_line(&format!("{}: {tried}", report.pipeline))?;
    output::text_line(&format!(
        "{} events from {} to {}: {} bad, {} good ({} of them presumed), {} unlabelled, labels as of {}",
        thousands(total.events),
        report.from,
        report.to,
        thousands(total.bad),
        thousands(total.good),
        thousands(total.presumed_good),
        thousands(total.unlabelled),
        report.as_of
    ))?;
    output::text_line("")?;
    sides(report)?;
    output::text_line("")?;
    moves(report)?;
    if !total.rules.is_empty() {
        output::text_line("")?;
        rules(total)?;
    }
    if by_day {
        output::text_line("")?;
        days(&report.days)?;
    }
    output::text_line("")?;
    output::text_line(&format!(
        "{} events in {:.1} s: {} events/s",
        thousands(total.events),
        report.seconds,
        thousands(report.events_per_second as u64)
    ))?;
    report.notes.iter().for_each(|note| output::message(note));
    Ok(())
}

/// What the decisions are compared with, in a heading.
const fn before(against: Against) -> &'static str {
    match against {
        Against::Logged => "as logged",
        Against::Present => "at present",
    }
}

fn sides(report: &Report) -> anyhow::Result<()> {
    let (baseline, candidate) = (&report.total.baseline, &report.total.candidate);
    let mut rows = Vec::new();
    for (name, before, after) in
        [("declined", &baseline.declined, &candidate.declined), ("not approved", &baseline.not_approved, &candidate.not_approved)]
    {
        let mut row = |what: &str, of: &dyn Fn(&Picked) -> String| {
            rows.push(vec![format!("{name}: {what}"), of(before), of(after)]);
        };
        row("events", &|picked| thousands(picked.events));
        row("unlabelled", &|picked| thousands(picked.unlabelled));
        row("precision", &|picked| share(picked.precision));
        row("recall", &|picked| share(picked.recall));
        for currency in currencies(&[before, after]) {
            let money =
                |picked: &Picked| picked.money.as_ref().and_then(|money| money.get(currency)).copied().unwrap_or_default();
            row(&format!("money stopped, {currency} minor"), &|picked| thousands(money(picked).stopped_minor));
            row(&format!("money wrongly stopped, {currency} minor"), &|picked| thousands(money(picked).wrongly_stopped_minor));
        }
    }
    output::table(&["", before(report.against), "with the change"], &rows)
}

fn currencies<'a>(picked: &[&'a Picked]) -> BTreeSet<&'a str> {
    picked.iter().filter_map(|picked| picked.money.as_ref()).flat_map(|money| money.keys().map(String::as_str)).collect()
}

fn share(share: Option<Proportion>) -> String {
    let percent = |share: f64| share * 100.0;
    share.map_or_else(
        || "-".to_owned(),
        |Proportion { point, lower, upper }| format!("{:.1} % ({:.1} to {:.1})", percent(point), percent(lower), percent(upper)),
    )
}

/// From each decision, down, to each, across.
fn moves(report: &Report) -> anyhow::Result<()> {
    let count = |from: Verdict, to: Verdict| {
        let moved = report.total.moves.iter().find(|moved| (moved.from, moved.to) == (from, to));
        thousands(moved.map_or(0, |moved| moved.events))
    };
    let row = |from: Verdict| [vec![from.to_string()], Verdict::ALL.map(|to| count(from, to)).to_vec()].concat();
    let heading = format!("{}, becomes", before(report.against));
    let headings: Vec<&str> = std::iter::once(heading.as_str()).chain(Verdict::ALL.map(Verdict::name)).collect();
    output::table(&headings, &Verdict::ALL.map(row))?;
    output::text_line(&format!("{} decisions flip", thousands(report.total.flips)))
}

fn rules(figures: &Figures) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for rule in &figures.rules {
        let mut row = |name: String, hits: &Picked, snoozed: &str, errors: &str| {
            rows.push(vec![
                name,
                thousands(hits.events),
                thousands(hits.bad),
                thousands(hits.good),
                thousands(hits.unlabelled),
                share(hits.precision),
                share(hits.recall),
                snoozed.to_owned(),
                errors.to_owned(),
            ]);
        };
        row(rule.rule_id.clone(), &rule.hits, &thousands(rule.snoozed), &thousands(rule.errors));
        if let Some(present) = &rule.present {
            row(format!("{} at present", rule.rule_id), present, "", "");
        }
    }
    output::table(&["rule", "hits", "bad", "good", "unlabelled", "precision", "recall", "snoozed", "errors"], &rows)
}

fn days(days: &[Day]) -> anyhow::Result<()> {
    let row = |Day { day, figures }: &Day| {
        let (before, after) = (&figures.baseline.declined, &figures.candidate.declined);
        vec![
            day.clone(),
            thousands(figures.events),
            thousands(figures.bad),
            thousands(figures.unlabelled),
            thousands(figures.flips),
            thousands(before.events),
            thousands(after.events),
            share(after.precision),
            share(after.recall),
        ]
    };
    let headings = ["day", "events", "bad", "unlabelled", "flips", "declined before", "after", "precision", "recall"];
    output::table(&headings, &days.iter().map(row).collect::<Vec<_>>())
}
