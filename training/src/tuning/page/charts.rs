//! The drawings of a search: how it went, how trials were cut down, and what each setting did.

use super::super::{Dimension, Range, Value};
use super::shown;
use super::trials::{Trial, Trials};
use crate::page::card::Card;
use crate::page::frame::{Axis, Frame, plain};

/// The best so far over the trials.
pub(super) fn progress(trials: &Trials<'_>) -> String {
    let finals: Vec<(f64, f64)> = {
        let mut finals: Vec<_> = trials.finalists().iter().map(|finalist| (f64::from(finalist.trial), finalist.figure)).collect();
        finals.sort_by(|a, b| a.0.total_cmp(&b.0));
        finals
    };
    let firsts: Vec<(f64, f64)> = trials.all().iter().map(|trial| (f64::from(trial.number), trial.first())).collect();
    let Some((least, most)) = ends(finals.iter().chain(&firsts).map(|point| point.1)) else { return String::new() };
    let last = firsts.last().map_or(1.0, |point| point.0);
    let frame = Frame::wide(
        ["trial", trials.objective().title()],
        Axis::between(0.0, last.max(4.0), |trial| format!("{trial:.0}")),
        Axis::numbers(least, most),
    );
    let mut best: Vec<(f64, f64)> = Vec::new();
    for (trial, figure) in &finals {
        if best.last().is_none_or(|best| best.1 < *figure) {
            best.push((*trial, *figure));
        }
    }
    if let Some((_, figure)) = best.last().copied() {
        best.push((last, figure));
    }
    let firsts: String = firsts.iter().map(|(trial, figure)| frame.dot("faint", *trial, *figure)).collect();
    let dots: String = finals.iter().map(|(trial, figure)| frame.dot("model", *trial, *figure)).collect();
    let mark = trials.best().map(|best| mark(&frame, f64::from(best.trial), best.figure));
    let line = frame.stairs("model", &best);
    let drawing = frame.draw("The best so far", &(firsts + &line + &dots + &mark.unwrap_or_default()));
    let about = "The best mean over all folds so far, as a line through those that were the best of their time. Where it has long been flat, \
                 more trials of this space bring little.";
    let legend = vec![("model", "mean over all folds".to_owned()), ("faint", "first fold alone".to_owned())];
    Card { class: "wide", title: "Best so far", about: about.to_owned(), legend }.html(Some(drawing))
}

/// Each trial from rung to rung.
pub(super) fn rungs(trials: &Trials<'_>) -> String {
    let rungs = trials.rungs();
    let means = |trial: &Trial<'_>| -> Vec<(f64, f64)> {
        let on = rungs.iter().enumerate().map_while(|(rung, folds)| Some((rung as f64 + 0.5, trial.mean(*folds)?)));
        on.collect()
    };
    let paths: Vec<(u32, Vec<(f64, f64)>)> = trials.all().iter().map(|trial| (trial.number, means(trial))).collect();
    let Some((least, most)) = ends(paths.iter().flat_map(|path| path.1.iter().map(|point| point.1))) else {
        return String::new();
    };
    let name = |(rung, folds): (usize, &u32)| {
        let on = paths.iter().filter(|path| path.1.len() > rung).count();
        let folds = if *folds == 1 { "1 fold".to_owned() } else { format!("{folds} folds") };
        (rung as f64 + 0.5, format!("{folds}: {on} trials"))
    };
    let ticks = rungs.iter().enumerate().map(name).collect();
    let objective = format!("{}, mean over so many folds", trials.objective().title());
    let frame = Frame::wide(["folds", &objective], Axis::places(rungs.len(), ticks), Axis::numbers(least, most));
    let draw = |class: &str, path: &[(f64, f64)]| {
        let dots: String = path.iter().map(|(x, y)| frame.dot(class, *x, *y)).collect();
        frame.line(class, path.iter().copied()) + &dots
    };
    let (finals, others): (Vec<_>, Vec<_>) = paths.iter().partition(|path| trials.is_finalist(path.0));
    let others: String = others.iter().map(|path| draw("faint", &path.1)).collect();
    let finals: String = finals.iter().map(|path| draw("model", &path.1)).collect();
    let best = trials.best().map(|best| mark(&frame, rungs.len() as f64 - 0.5, best.figure));
    let drawing = frame.draw("Trials from rung to rung", &(others + &finals + &best.unwrap_or_default()));
    let about = "How trials were cut down: a line ends where its trial was given up. Folds differ, so a line may fall and be the best of its rung.";
    let legend = vec![("model", "went on to all folds".to_owned()), ("champion", "given up".to_owned())];
    Card { class: "wide", title: "Halving", about: about.to_owned(), legend }.html(Some(drawing))
}

/// One setting against the objective.
pub(super) fn setting(trials: &Trials<'_>, dimension: &Dimension) -> String {
    let Dimension { name, range } = dimension;
    let points: Vec<(u32, f64, f64)> = trials
        .all()
        .iter()
        .filter_map(|trial| Some((trial.number, position(range, trial.settings.get(name)?), trial.first())))
        .collect();
    let Some((least, most)) = ends(points.iter().map(|point| point.2)) else { return String::new() };
    let frame = Frame::small([name, "first fold"], axis(range), Axis::numbers(least, most));
    let dots = |finalists: bool, class: &str| -> String {
        let of = points.iter().filter(|point| trials.is_finalist(point.0) == finalists);
        of.map(|(_, x, y)| frame.dot(class, *x, *y)).collect()
    };
    let best = trials.best().and_then(|best| points.iter().find(|point| point.0 == best.trial));
    let line = best.map(|(_, x, _)| {
        let x = frame.x(*x);
        format!("<line class=\"marker\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"24\" y2=\"{:.1}\"/>", frame.floor())
    });
    let mark = best.map(|(_, x, y)| mark(&frame, *x, *y));
    let inside = line.unwrap_or_default() + &dots(false, "faint") + &dots(true, "model") + &mark.unwrap_or_default();
    let about = match trials.best().and_then(|best| best.settings.get(name)) {
        Some(value) if range.is_at_an_end(value) => {
            format!("Chosen: {}, at an end of what was searched: what is better may lie beyond.", shown(value))
        }
        Some(value) => format!("Chosen: {}.", shown(value)),
        None => "Nothing is chosen yet.".to_owned(),
    };
    let legend = vec![("faint", "trial".to_owned()), ("score", "went on to all folds".to_owned()), ("mark", "chosen".to_owned())];
    Card { class: "", title: name, about, legend }.html(Some(frame.draw(&format!("{name} against the objective"), &inside)))
}

/// Where a value stands on [`axis`].
fn position(range: &Range, value: &Value) -> f64 {
    match (range, value) {
        (Range::OneOf(values), Value::Number(number)) => values.partition_point(|each| each < number) as f64 + 0.5,
        (Range::Words(words), Value::Word(word)) => words.iter().position(|known| known == word).unwrap_or_default() as f64 + 0.5,
        (_, value) => value.number().unwrap_or_default(),
    }
}

fn axis(range: &Range) -> Axis {
    match range {
        Range::Log(low, high) => Axis::doublings(*low, *high),
        Range::WholeLog(low, high) => Axis::doublings(f64::from(*low), f64::from(*high)),
        Range::Linear(low, high) => Axis::numbers(*low, *high),
        Range::OneOf(values) => {
            let ticks = values.iter().enumerate().map(|(place, value)| (place as f64 + 0.5, plain(*value))).collect();
            Axis::places(values.len(), ticks)
        }
        Range::Words(words) => {
            let ticks = words.iter().enumerate().map(|(place, word)| (place as f64 + 0.5, word.clone())).collect();
            Axis::places(words.len(), ticks)
        }
    }
}

/// The chosen trial.
fn mark(frame: &Frame<'_>, x: f64, y: f64) -> String {
    frame.dot("mark", x, y)
}

/// The least and the most, with a little room where they are one; nothing of nothing.
fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let ends = values.fold(None, |ends: Option<(f64, f64)>, value| {
        Some(ends.map_or((value, value), |(least, most)| (least.min(value), most.max(value))))
    });
    ends.map(|(least, most)| if most - least < 1e-6 { (least - 0.005, most + 0.005) } else { (least, most) })
}
