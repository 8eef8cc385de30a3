//! A comparison as rows of the table of experiment points: what was known on a day, so that the way to a verdict can be seen.

use evaluation::{Figure, Lead};
use ingest::Timestamp;

use super::Comparison;
use crate::error::Error;
use crate::points::{ExperimentPoint, read, write};
use crate::questions::Days;
use crate::tables::Window;
use crate::warehouse::Warehouse;

/// Writes what is known as of the comparison's day, in place of what that day had. Blocks on the disk or the network.
pub fn write_points(warehouse: &dyn Warehouse, comparison: &Comparison) -> Result<(), Error> {
    let day = Timestamp::start_of_day(comparison.as_of.day());
    write(warehouse, &series(comparison), Window::Day, day, &points(comparison))
}

/// The verdict that was written last; none where there is none.
pub async fn last_verdict(warehouse: &dyn Warehouse, comparison: &Comparison) -> Result<Option<String>, Error> {
    let series = series(comparison);
    let filed = read::<ExperimentPoint>(warehouse, Days::ALL).await?;
    Ok(filed.into_iter().rfind(|filed| filed.series == series).map(|filed| filed.point.verdict))
}

fn series(Comparison { model, champion, challenger, .. }: &Comparison) -> String {
    format!("{model} {champion} {challenger}")
}

fn points(comparison: &Comparison) -> Vec<ExperimentPoint> {
    let Comparison { contest, .. } = comparison;
    let [champion, challenger] = [&contest.champion, &contest.challenger];
    let figures = [champion, challenger].map(|side| &side.figures);
    let mut points = vec![
        point(comparison, "auc", figures.map(|figures| figures.auc), &contest.auc),
        point(comparison, "average_precision", figures.map(|figures| figures.average_precision), &contest.average_precision),
    ];
    for (place, contested) in contest.decisions.iter().enumerate() {
        let threshold = &contested.flips.threshold.name;
        let of = |figure: fn(&evaluation::Flagging) -> Figure| {
            [champion, challenger].map(|side| figure(&side.decisions[place].flagging))
        };
        let stopped = of(|flagging| flagging.money_stopped_minor);
        points.push(point(comparison, &format!("{threshold}_money_stopped_minor"), stopped, &contested.money_stopped_minor));
        let wrongly = of(|flagging| flagging.money_wrongly_stopped_minor);
        let lead = &contested.money_wrongly_stopped_minor;
        points.push(point(comparison, &format!("{threshold}_money_wrongly_stopped_minor"), wrongly, lead));
    }
    points
}

fn point(comparison: &Comparison, metric: &str, [champion, challenger]: [Figure; 2], lead: &Lead) -> ExperimentPoint {
    let interval = lead.at_every_look.interval();
    ExperimentPoint {
        experiment: format!("{} {} against {}", comparison.model, comparison.challenger, comparison.champion),
        champion: comparison.model.clone(),
        champion_version: Some(comparison.champion),
        challenger: comparison.model.clone(),
        challenger_version: Some(comparison.challenger),
        metric: metric.to_owned(),
        champion_value: champion.point(),
        challenger_value: challenger.point(),
        difference: lead.difference.point(),
        low: interval.map(|interval| interval.lower),
        high: interval.map(|interval| interval.upper),
        p_value: lead.p,
        n: comparison.outcomes.judged(),
        bad: comparison.outcomes.bad,
        verdict: comparison.finding.verdict.name().to_owned(),
        detail: serde_json::json!({ "summary": comparison.finding.summary, "reasons": comparison.finding.reasons }).to_string(),
    }
}
