//! Runs in words and as a table.

use ingest::Timestamp;
use serde::Serialize;

use super::runs::{Model, Outcome, Record, Why};
use crate::output;

/// A run from beginning to end.
#[derive(Serialize)]
struct Run<'a> {
    run: u32,
    started_at: Timestamp,
    why: &'a Why,
    train: [Timestamp; 2],
    test: [Timestamp; 2],
    /// `None` while it runs.
    ended_at: Option<Timestamp>,
    outcome: Option<&'a Outcome>,
    models: &'a [Model],
}

/// Prints the runs of a history.
pub(super) fn print(records: &[Record], json: bool) -> anyhow::Result<()> {
    let runs = runs(records);
    if json {
        return runs.iter().try_for_each(output::json_line);
    }
    let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let row = |run: &Run<'_>| {
        let best = run.models.iter().max_by(|a, b| {
            let reached = |model: &Model| model.average_precision.unwrap_or(0.0);
            reached(a).total_cmp(&reached(b))
        });
        vec![
            run.run.to_string(),
            run.started_at.to_string(),
            because(run.why),
            format!("{} to {}", run.train[0].date(), run.train[1].date()),
            run.outcome.map_or_else(|| "running".to_owned(), words),
            run.models.iter().map(|model| format!("{} {}", model.learner, model.version)).collect::<Vec<_>>().join(", "),
            figure(best.and_then(|model| model.auc)),
            figure(best.and_then(|model| model.average_precision)),
        ]
    };
    let headings = ["run", "started", "why", "learned from", "outcome", "versions", "auc", "average precision"];
    output::table(&headings, &runs.iter().map(row).collect::<Vec<_>>())
}

fn runs(records: &[Record]) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for record in records {
        match record {
            Record::Waiting { .. } | Record::Challenging { .. } => {}
            Record::Started { run, at, why, train, test, .. } => runs.push(Run {
                run: *run,
                started_at: *at,
                why,
                train: *train,
                test: *test,
                ended_at: None,
                outcome: None,
                models: &[],
            }),
            Record::Ended { run, at, outcome, models } => {
                if let Some(open) = runs.iter_mut().rfind(|open| open.run == *run) {
                    (open.ended_at, open.outcome, open.models) = (Some(*at), Some(outcome), models);
                }
            }
        }
    }
    runs
}

/// What happened, as a line for a person.
pub(super) fn line(record: &Record) -> String {
    match record {
        Record::Waiting { at } => format!("waiting for runs since {at}"),
        Record::Started { run, why, train, test, .. } => {
            let days = |[from, until]: &[Timestamp; 2]| format!("{} to {}", from.date(), until.date());
            format!("run {run} starts ({}): it learns from {} and is tested on {}", because(why), days(train), days(test))
        }
        Record::Ended { run, outcome, models, .. } => {
            let model = |model: &Model| {
                let auc = model.auc.map_or_else(String::new, |auc| format!(" (auc {auc:.4})"));
                format!("{} as version {}{auc}", model.learner, model.version)
            };
            let models: Vec<_> = models.iter().map(model).collect();
            let colon = if models.is_empty() { "" } else { ": " };
            format!("run {run} {}{colon}{}", words(outcome), models.join(", "))
        }
        Record::Challenging { run, version, experiment, refused: None, .. } => {
            format!("version {version} of run {run} looks on beside the champion: experiment {experiment}")
        }
        Record::Challenging { run, version, refused: Some(why), .. } => {
            format!("version {version} of run {run} stays a candidate: {why}")
        }
    }
}

/// How a run ended, after its name.
pub(super) fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Published => "published".to_owned(),
        Outcome::OutOfMemory { memory_mb } => format!("wanted more than its {memory_mb} MiB of memory"),
        Outcome::Failed { reason } => format!("failed: {reason}"),
        Outcome::Stopped => "was cut off: `riskflow retrain` was stopped, or ended".to_owned(),
    }
}

fn because(why: &Why) -> String {
    match why {
        Why::Due { .. } => "it is due".to_owned(),
        Why::Asked(wants) => {
            let wants: Vec<_> = wants.iter().map(|want| format!("{}: {}", want.by, want.reason)).collect();
            wants.join("; ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::runs::Want;
    use super::*;

    #[test]
    fn what_happened_reads_well() {
        let day = Timestamp::start_of_day;
        let model = |learner: &str, version: u32, auc: Option<f64>| Model {
            learner: learner.to_owned(),
            version,
            auc,
            average_precision: auc,
            train_rows: 10,
            train_bad_rows: 1,
        };
        let want = |by: &str| Want { by: by.to_owned(), reason: "drift".to_owned() };
        let started = |why: Why| Record::Started {
            run: 1,
            at: day(50),
            why,
            read_to: ingest::log::Position(0),
            train: [day(0), day(28)],
            test: [day(35), day(42)],
        };
        let ended = |outcome: Outcome, models: Vec<Model>| Record::Ended { run: 1, at: day(50), outcome, models };
        let check = |record: &Record, expect: &str| assert_eq!(line(record), expect);
        let due = "run 1 starts (it is due): it learns from 1970-01-01 to 1970-01-29 and is tested on 1970-02-05 to 1970-02-12";
        check(&started(Why::Due { at: day(49) }), due);
        check(&started(Why::Asked(vec![want("psi"), want("ada")])), &due.replace("it is due", "psi: drift; ada: drift"));
        let models = vec![model("logistic", 3, None), model("boosting", 4, Some(0.91234))];
        check(&ended(Outcome::Published, models), "run 1 published: logistic as version 3, boosting as version 4 (auc 0.9123)");
        check(&ended(Outcome::OutOfMemory { memory_mb: 64 }, vec![]), "run 1 wanted more than its 64 MiB of memory");
        check(&ended(Outcome::Failed { reason: "no rows".to_owned() }, vec![]), "run 1 failed: no rows");

        let records = [Record::Waiting { at: day(1) }, started(Why::Due { at: day(49) }), ended(Outcome::Stopped, vec![])];
        let whole = runs(&records);
        assert_eq!((whole.len(), whole[0].ended_at, whole[0].outcome), (1, Some(day(50)), Some(&Outcome::Stopped)));
        assert!(runs(&records[..2])[0].outcome.is_none(), "it runs");
    }
}
