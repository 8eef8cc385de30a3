//! The charts. Each is a card with a title, a sentence that says how to read it, a legend where there are two kinds of marks, and
//! a drawing, or a word in its place where there is nothing to draw.

use crate::page::card::Card;
use crate::page::frame::{Axis, Frame, share};
use crate::page::text::{escape, percent};
use evaluation::{Curves, Evaluation, Figure, Group, Point};

/// Where less than this share of rows is bad on average, calibration is drawn in powers of ten.
const RARE: f64 = 0.1;
/// Where the names of thresholds stand: on the side of the curve where nothing else is.
const BELOW: f64 = 8.0;
const ABOVE: f64 = -9.0;
/// No calibration is drawn below this power of ten.
const LOWEST_POWER: i32 = -5;

/// All of them.
pub(super) fn charts(evaluation: &Evaluation, model: &str, champion: &str) -> String {
    let both = |evaluation: &Evaluation| match evaluation.champion_curves {
        Some(_) => vec![("model", model.to_owned()), ("champion", champion.to_owned())],
        None => Vec::new(),
    };
    let legend = both(evaluation);
    let charts = [
        roc(evaluation, legend.clone()),
        precision_recall(evaluation, legend.clone()),
        gains(evaluation, legend),
        lift(evaluation),
        reliability(evaluation),
        histogram(evaluation),
        months_auc(evaluation),
        months_rate(evaluation),
    ];
    format!("<section class=\"charts\">\n{}</section>\n", charts.concat())
}

/// The lines of the champion and of the model, the model above.
fn lines(frame: &Frame<'_>, evaluation: &Evaluation, of: fn(&Curves) -> &[Point]) -> String {
    let line = |class, curves: &Curves| frame.line(class, of(curves).iter().map(|point| (point.x, point.y)));
    let champion = evaluation.champion_curves.as_ref().map(|curves| line("champion", curves));
    champion.unwrap_or_default() + &line("model", &evaluation.curves)
}

/// A dot and a name for each decision threshold.
fn thresholds(frame: &Frame<'_>, down: f64, points: impl Iterator<Item = (String, Option<f64>, Option<f64>)>) -> String {
    let mark = |(name, x, y): (String, Option<f64>, Option<f64>)| {
        let (x, y) = x.zip(y)?;
        Some(frame.dot("mark", x, y) + &frame.note((x, y), down, &name))
    };
    points.filter_map(mark).collect()
}

fn roc(evaluation: &Evaluation, legend: Vec<(&'static str, String)>) -> String {
    let frame = Frame::small(["good rows flagged", "bad rows caught"], Axis::shares(), Axis::shares());
    let decisions = evaluation.decisions.iter().map(|decision| {
        (decision.threshold.name.clone(), decision.flagging.false_positive_rate.point(), decision.flagging.recall.point())
    });
    let inside = || {
        let chance = frame.line("chance", [(0.0, 0.0), (1.0, 1.0)].into_iter());
        frame.draw(
            "Receiver operating characteristic",
            &(chance + &lines(&frame, evaluation, |curves| &curves.roc) + &thresholds(&frame, BELOW, decisions)),
        )
    };
    let about =
        "How much bad is caught for how much good is stopped; the closer to the upper left the better, and chance is dashed.";
    Card { class: "", title: "ROC curve", about: about.to_owned(), legend }.html(ranked(evaluation).then(inside))
}

fn precision_recall(evaluation: &Evaluation, legend: Vec<(&'static str, String)>) -> String {
    let frame = Frame::small(["bad rows caught (recall)", "bad among flagged (precision)"], Axis::shares(), Axis::shares());
    let base = evaluation.bad as f64 / evaluation.rows.max(1) as f64;
    let decisions = evaluation
        .decisions
        .iter()
        .map(|decision| (decision.threshold.name.clone(), decision.flagging.recall.point(), decision.flagging.precision.point()));
    let inside = || {
        let chance = frame.line("chance", [(0.0, base), (1.0, base)].into_iter());
        let lines = lines(&frame, evaluation, |curves| &curves.precision_recall);
        frame.draw("Precision against recall", &(chance + &lines + &thresholds(&frame, ABOVE, decisions)))
    };
    let about = format!(
        "How pure the alerts are when so much bad is caught; higher is better, and chance ({}) is dashed.",
        percent(base)
    );
    Card { class: "", title: "Precision and recall", about, legend }.html(ranked(evaluation).then(inside))
}

fn gains(evaluation: &Evaluation, legend: Vec<(&'static str, String)>) -> String {
    let frame = Frame::small(["rows flagged, the riskiest first", "bad rows caught"], Axis::shares(), Axis::shares());
    let decisions = evaluation
        .decisions
        .iter()
        .map(|decision| (decision.threshold.name.clone(), decision.flagging.rate.point(), decision.flagging.recall.point()));
    let inside = || {
        let chance = frame.line("chance", [(0.0, 0.0), (1.0, 1.0)].into_iter());
        let lines = lines(&frame, evaluation, |curves| &curves.gains);
        frame.draw("Cumulative gains", &(chance + &lines + &thresholds(&frame, BELOW, decisions)))
    };
    let about = "How much bad lies in the riskiest part of all rows: the steeper the start, the less there is to review.";
    Card { class: "", title: "Cumulative gains", about: about.to_owned(), legend }.html(ranked(evaluation).then(inside))
}

fn lift(evaluation: &Evaluation) -> String {
    let lifts: Vec<f64> = evaluation.deciles.iter().map_while(|slice| slice.lift).collect();
    let most = lifts.iter().copied().fold(1.0, f64::max);
    let ticks = (1..=10).map(|tenth| (f64::from(tenth) - 0.5, tenth.to_string())).collect();
    let y = Axis::up_to(most * 1.06, |value| format!("{value} ×"));
    let frame = Frame::small(["tenth of rows, the riskiest first", "bad rate against the average"], Axis::places(10, ticks), y);
    let inside = || {
        let bar = |(place, lift): (usize, &f64)| {
            let (left, x) = (place as f64, frame.x(place as f64 + 0.5));
            let text = format!(
                "<text class=\"note\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{lift:.2}</text>",
                frame.y(*lift) - 4.0
            );
            frame.bar("volume", (left + 0.14, left + 0.86), *lift) + &text
        };
        let chance = frame.line("chance", [(0.0, 1.0), (10.0, 1.0)].into_iter());
        let bars: String = lifts.iter().enumerate().map(bar).collect();
        frame.draw("Lift by tenth", &(chance + &bars))
    };
    let tops = evaluation
        .tops
        .iter()
        .take(3)
        .filter_map(|top| Some(format!("{:.1}× in {}", top.lift?, share(top.until).replace(' ', "\u{a0}"))));
    let tops: Vec<String> = tops.collect();
    let about = match tops.is_empty() {
        true => "How many times worse each tenth is than the average, which is dashed.".to_owned(),
        false => format!("How many times worse each tenth is than the average (dashed); of the very top: {}.", tops.join(", ")),
    };
    let none = evaluation.rows == 0 || lifts.is_empty();
    Card { class: "", title: "Lift", about, legend: Vec::new() }.html((!none).then(inside))
}

fn reliability(evaluation: &Evaluation) -> String {
    let bins = &evaluation.calibration.bins;
    let rare = (evaluation.bad as f64) < RARE * evaluation.rows as f64;
    let positive = bins.iter().map(|bin| bin.predicted).filter(|predicted| *predicted > 0.0);
    let power = positive.fold(1.0, f64::min).log10().floor().clamp(f64::from(LOWEST_POWER), -1.0) as i32;
    let axis = || if rare { Axis::Powers { from: power, to: 0 } } else { Axis::shares() };
    let names = match rare {
        true => ["mean score, in powers of ten", "bad rows, in powers of ten"],
        false => ["mean score", "bad rows"],
    };
    let frame = Frame::small(names, axis(), axis());
    let least = if rare { 10_f64.powi(power) } else { 0.0 };
    let inside = || {
        let mark = |bin: &evaluation::Bin| {
            let observed = bin.observed.point()?;
            let whisker = bin.observed.interval().map(|at| frame.whisker("model", bin.predicted, (at.lower, at.upper)));
            let class = if rare && observed == 0.0 { "empty" } else { "model" };
            Some(whisker.unwrap_or_default() + &frame.dot(class, bin.predicted, observed))
        };
        let marks: String = bins.iter().filter_map(mark).collect();
        frame.draw("Predicted and observed shares", &(frame.line("chance", [(least, least), (1.0, 1.0)].into_iter()) + &marks))
    };
    let hollow = if rare { "; a hollow dot is a bin without bad rows" } else { "" };
    let about =
        format!("What share was bad where the score said so, in bins of one size: true scores lie on the dashed line{hollow}.");
    Card { class: "", title: "Calibration", about, legend: Vec::new() }.html((!bins.is_empty()).then(inside))
}

fn histogram(evaluation: &Evaluation) -> String {
    let columns = &evaluation.histogram;
    let most = columns.iter().map(|column| column.good.max(column.bad)).max().unwrap_or(0);
    let frame = Frame::small(["score", "rows, in powers of ten"], Axis::shares(), Axis::Counts { most });
    let inside = || {
        let steps = |class: &str, of: fn(&evaluation::Column) -> u64| {
            let width = 1.0 / columns.len() as f64;
            let start = format!("{:.1},{:.1}", frame.x(0.0), frame.floor());
            let step = |(place, column)| {
                let (left, y) = (place as f64 * width, frame.y(of(column) as f64));
                format!(" {:.1},{y:.1} {:.1},{y:.1}", frame.x(left), frame.x(left + width))
            };
            let path: String = columns.iter().enumerate().map(step).collect();
            format!("<polygon class=\"steps {class}\" points=\"{start}{path} {:.1},{:.1}\"/>", frame.x(1.0), frame.floor())
        };
        let marker = |decision: &evaluation::Decision| {
            let x = frame.x(decision.threshold.at);
            let line = format!("<line class=\"marker\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"24\" y2=\"{:.1}\"/>", frame.floor());
            let anchor = if x > frame.width - 80.0 { "end" } else { "start" };
            let side = if anchor == "end" { x - 4.0 } else { x + 4.0 };
            line + &format!("<text x=\"{side:.1}\" y=\"34\" text-anchor=\"{anchor}\">{}</text>", escape(&decision.threshold.name))
        };
        let markers: String = evaluation.decisions.iter().map(marker).collect();
        frame.draw(
            "Rows by score and label",
            &(steps("good", |column| column.good) + &steps("bad", |column| column.bad) + &markers),
        )
    };
    let about = "How many rows have each score: the further bad ones lie to the right of good ones, the better.";
    let legend = vec![("good", "good".to_owned()), ("bad", "bad".to_owned())];
    Card { class: "", title: "Scores", about: about.to_owned(), legend }.html((evaluation.rows > 0).then(inside))
}

/// Every month has a place; of many, some have their name below.
fn month_places(months: &[Group]) -> Axis {
    let every = months.len().div_ceil(10).max(1);
    let named = months.iter().enumerate().step_by(every);
    Axis::places(months.len(), named.map(|(place, month)| (place as f64 + 0.5, month.name.clone())).collect())
}

fn months_auc(evaluation: &Evaluation) -> String {
    let months = &evaluation.months;
    let ends = |figure: &Figure| figure.point().map(|point| figure.interval().map_or((point, point), |at| (at.lower, at.upper)));
    let known: Vec<(f64, f64)> = months.iter().filter_map(|month| ends(&month.auc)).collect();
    let whole = evaluation.figures.auc.point();
    let least = known.iter().map(|ends| ends.0).chain(whole).fold(1.0, f64::min);
    let most = known.iter().map(|ends| ends.1).chain(whole).fold(0.0, f64::max);
    let inside = || {
        let frame =
            Frame::wide(["month", "area under the curve, 0.5 is chance"], month_places(months), Axis::numbers(least, most));
        let mark = |(place, month): (usize, &Group)| {
            let (x, point) = (place as f64 + 0.5, month.auc.point()?);
            Some(frame.whisker("model", x, ends(&month.auc)?) + &frame.dot("model", x, point))
        };
        let marks: String = months.iter().enumerate().filter_map(mark).collect();
        let all = whole.map(|auc| frame.line("chance", [(0.0, auc), (months.len() as f64, auc)].into_iter()));
        frame.draw("Area under the curve by month", &(all.unwrap_or_default() + &marks))
    };
    let about = format!(
        "Whether ranking holds over time: a month whose interval stays clear of the whole (dashed) \
         has changed; months with fewer than {} bad rows are left out.",
        evaluation.settings.least_bad
    );
    card_of_months("AUC by month", about, Vec::new(), (!known.is_empty()).then(inside))
}

fn months_rate(evaluation: &Evaluation) -> String {
    let months = &evaluation.months;
    let rates = months.iter().flat_map(|month| [month.bad_rate.interval().map(|at| at.upper), month.mean_score.point()]);
    let most = rates.flatten().fold(0.0, f64::max);
    let inside = || {
        let frame = Frame::wide(["month", "share of rows"], month_places(months), Axis::up_to(most, share));
        let mark = |(place, month): (usize, &Group)| {
            let (left, at) = (place as f64, month.bad_rate.interval()?);
            let bar = frame.bar("bad", (left + 0.22, left + 0.78), month.bad_rate.point()?);
            Some(
                bar + &frame.whisker("over", left + 0.5, (at.lower, at.upper))
                    + &frame.dot("score", left + 0.5, month.mean_score.point()?),
            )
        };
        let marks: String = months.iter().enumerate().filter_map(mark).collect();
        frame.draw("Bad rate and mean score by month", &marks)
    };
    let about = "Whether scores stay true over time: the mean score lies within the interval of the bad rate where they do.";
    let legend = vec![("rate", "bad rate".to_owned()), ("score", "mean score".to_owned())];
    card_of_months("Bad rate by month", about.to_owned(), legend, (most > 0.0).then(inside))
}

/// Nothing at all where days are not known.
fn card_of_months(title: &'static str, about: String, legend: Vec<(&'static str, String)>, drawing: Option<String>) -> String {
    match drawing {
        Some(drawing) => Card { class: "wide", title, about, legend }.html(Some(drawing)),
        None => String::new(),
    }
}

fn ranked(evaluation: &Evaluation) -> bool {
    evaluation.bad > 0 && evaluation.bad < evaluation.rows
}
