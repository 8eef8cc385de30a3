//! The tables on what thresholds do, on parts of the rows, and on protected groups.

use super::About;
use crate::page::frame::share;
use crate::page::table::{Cell, Column, figure, heading, named, plain, ranged, row, section};
use crate::page::text::{count, escape, money, optional, percent, plainly, signed};
use evaluation::{Cut, Decision, Evaluation, Fairness, Figure, Group, Segment, Threshold, Treatment};

/// What each decision threshold comes to: a column for each.
pub(super) fn decisions(evaluation: &Evaluation, about: &About) -> String {
    let decisions = &evaluation.decisions;
    if decisions.is_empty() {
        return String::new();
    }
    let title = |decision: &Decision| {
        let Threshold { name, at } = &decision.threshold;
        ranged(&format!("{} <small>from {}</small>", escape(name), share(*at)))
    };
    let columns: Vec<Column> = std::iter::once(plain("")).chain(decisions.iter().map(title)).collect();
    let line = |name: &str, cell: &dyn Fn(&Decision) -> Cell| row(name, decisions.iter().map(cell));
    let of_rows = |name: &str, of: fn(&Decision) -> &Figure| line(name, &|decision| figure(of(decision), percent));
    let amount = |name: &str, of: fn(&Decision) -> &Figure| {
        line(&about.with_currency(name), &|decision| figure(of(decision), |minor| money(minor, about.minor_digits())))
    };
    let body = [
        line("flagged, rows", &|decision| {
            Cell::Ranged(count(decision.flagging.flagged), format!("{} bad", count(decision.flagging.caught)))
        }),
        of_rows("flagged, of all rows", |decision| &decision.flagging.rate),
        of_rows("precision", |decision| &decision.flagging.precision),
        of_rows("recall", |decision| &decision.flagging.recall),
        line("F1", &|decision| figure(&decision.flagging.f1, plainly(&decision.flagging.f1))),
        of_rows("accuracy", |decision| &decision.flagging.accuracy),
        of_rows("good rows flagged", |decision| &decision.flagging.false_positive_rate),
        line("good flagged for each bad", &|decision| figure(&decision.flagging.false_positive_ratio, |ratio| signed(ratio, 2))),
        of_rows("value detection rate", |decision| &decision.flagging.value_detection_rate),
        amount("money stopped", |decision| &decision.flagging.money_stopped_minor),
        amount("money wrongly stopped", |decision| &decision.flagging.money_wrongly_stopped_minor),
    ];
    let text = format!("What each threshold decides on these rows; small numbers are {} intervals.", level(evaluation));
    section("Decisions", &(text + &about.left_out()), &columns, &body.concat())
}

/// The confidence of intervals.
pub(super) fn level(evaluation: &Evaluation) -> String {
    share(evaluation.settings.level)
}

/// What other thresholds would come to.
pub(super) fn thresholds(evaluation: &Evaluation, about: &About) -> String {
    // Where amounts are not known, columns of money would only say so again and again.
    let with_money = evaluation.by_score.iter().any(|cut| cut.money_stopped_minor.is_some());
    let rates = evaluation.by_rate.iter().map(|rate| row(&share(rate.asked), cut_cells(&rate.cut, about, with_money)));
    let scores = evaluation.by_score.iter().map(|cut| row(&share(cut.threshold), cut_cells(cut, about, with_money)));
    let (rates, scores) = (rates.collect::<String>(), scores.collect::<String>());
    let of_rates = "Take the row that the review team can carry: so many rows reach its threshold, \
                    and catch so much. Rows that tie come in together.";
    let of_scores = "The same by score: what is decided when everything from this score on is flagged.";
    section("Thresholds by review rate", of_rates, &cut_columns("rows to review", about, with_money), &rates)
        + &section("Thresholds by score", of_scores, &cut_columns("score", about, with_money), &scores)
}

fn cut_columns(first: &str, about: &About, with_money: bool) -> Vec<Column> {
    let of_rows = [first, "threshold", "flagged", "share", "precision", "recall", "good per bad"].map(plain);
    let stopped = ["money stopped", "wrongly stopped"].map(|name| plain(&about.with_currency(name)));
    let of_money = std::iter::once(plain("bad money caught")).chain(stopped);
    of_rows.into_iter().chain(of_money.take(if with_money { 3 } else { 0 })).collect()
}

fn cut_cells(cut: &Cut, about: &About, with_money: bool) -> impl Iterator<Item = Cell> + use<> {
    let minor = |minor: Option<u64>| optional(minor.map(|minor| minor as f64), |minor| money(minor, about.minor_digits()));
    let cells = [
        format!("{:.4}", cut.threshold),
        count(cut.flagged),
        optional(cut.rate, percent),
        optional(cut.precision, percent),
        optional(cut.recall, percent),
        optional(cut.false_positive_ratio, |ratio| signed(ratio, 2)),
        optional(cut.value_detection_rate, percent),
        minor(cut.money_stopped_minor),
        minor(cut.money_wrongly_stopped_minor),
    ];
    cells.into_iter().take(if with_money { 9 } else { 6 }).map(Cell::Plain)
}

/// The figures of parts.
pub(super) fn segments(evaluation: &Evaluation) -> String {
    let titles = [plain("value"), plain("rows"), plain("bad"), ranged("bad rate"), ranged("mean score")];
    let columns: Vec<Column> = titles.into_iter().chain([ranged("average precision"), ranged("AUC"), plain("")]).collect();
    let body: String = evaluation.segments.iter().map(|segment| segment_rows(segment, evaluation, &columns)).collect();
    if body.is_empty() {
        return String::new();
    }
    let text = format!(
        "Where the model is weaker: a bar wholly to the left of the dashed line, which is the AUC of all rows, ranks worse. \
         With fewer than {} bad rows there is too little to tell.",
        evaluation.settings.least_bad
    );
    section("Segments", &text, &columns, &body)
}

fn segment_rows(segment: &Segment, evaluation: &Evaluation, columns: &[Column]) -> String {
    let name = match segment.others {
        0 => escape(&segment.attribute),
        others => format!("{} <small>{} rarer values are put together</small>", escape(&segment.attribute), count(others as u64)),
    };
    let whole = evaluation.figures.auc.point();
    let known = evaluation.segments.iter().flat_map(|segment| &segment.groups).filter_map(|group| group.auc.interval());
    let ends = known.fold((whole.unwrap_or(1.0), whole.unwrap_or(0.0)), |ends, at| (ends.0.min(at.lower), ends.1.max(at.upper)));
    let three = |number: f64| signed(number, 3);
    let line = |group: &Group| {
        let cells = [
            count(group.rows).into(),
            count(group.bad).into(),
            figure(&group.bad_rate, percent),
            figure(&group.mean_score, percent),
            figure(&group.average_precision, three),
            figure(&group.auc, three),
            interval(&group.auc, whole, ends).into(),
        ];
        row(&named(&group.name), cells)
    };
    heading(&name, columns) + &segment.groups.iter().map(line).collect::<String>()
}

/// An interval as a bar between the ends that hold all of them, with a line where the whole lies.
fn interval(of_group: &Figure, whole: Option<f64>, (least, most): (f64, f64)) -> String {
    const WIDTH: f64 = 150.0;
    let x = |auc: f64| if most > least { 4.0 + (auc - least) / (most - least) * (WIDTH - 8.0) } else { WIDTH / 2.0 };
    let Some((point, ends)) = of_group.point().zip(of_group.interval()) else { return String::new() };
    let whole = whole.map(|auc| format!("<line class=\"marker\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"0\" y2=\"14\"/>", x(auc)));
    format!(
        "<svg class=\"interval\" viewBox=\"0 0 {WIDTH} 14\" aria-hidden=\"true\">\
         {}<line class=\"whisker model\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"7\" y2=\"7\"/>\
         <circle class=\"dot model\" cx=\"{:.1}\" cy=\"7\" r=\"3\"/></svg>",
        whole.unwrap_or_default(),
        x(ends.lower),
        x(ends.upper),
        x(point)
    )
}

/// How protected groups are treated.
pub(super) fn fairness(evaluation: &Evaluation) -> String {
    let titles = [plain("group"), plain("rows"), plain("bad"), ranged("flagged"), ranged("impact ratio")];
    let columns: Vec<Column> = titles.into_iter().chain([plain(""), ranged("equal opportunity")]).collect();
    let body: String = evaluation.fairness.iter().map(|fairness| fairness_rows(fairness, &columns)).collect();
    if body.is_empty() {
        return String::new();
    }
    let text = format!(
        "The favourable outcome is not to be flagged. An impact ratio below 0.80 against the most favoured group \
         calls for an explanation (four-fifths rule); \
         equal opportunity is the same for good rows only, as a difference, and 0 is equal. \
         With fewer than {} rows there is too little to tell.",
        evaluation.settings.least_rows
    );
    section("Fairness", &text, &columns, &body)
}

fn fairness_rows(fairness: &Fairness, columns: &[Column]) -> String {
    let against = match &fairness.most_favoured {
        Some(group) => format!("against {}", named(group)),
        None => "no group has enough rows".to_owned(),
    };
    let Threshold { name, at } = &fairness.threshold;
    let title = format!("{} <small>{} from {}, {against}</small>", escape(&fairness.attribute), escape(name), share(*at));
    let line = |group: &Treatment| {
        let mark = match (group.below_four_fifths, group.adverse_impact_ratio.point()) {
            (true, _) => "<b class=\"wrong\">below 0.80</b>",
            (false, Some(_)) => "<span class=\"fine\">within</span>",
            (false, None) => "",
        };
        let points = |difference: f64| format!("{} pp", signed(difference * 100.0, 2));
        let cells = [
            count(group.rows).into(),
            count(group.bad).into(),
            figure(&group.flagged_rate, percent),
            figure(&group.adverse_impact_ratio, |ratio| signed(ratio, 3)),
            mark.to_owned().into(),
            figure(&group.equal_opportunity_difference, points),
        ];
        row(&named(&group.name), cells)
    };
    heading(&title, columns) + &fairness.groups.iter().map(line).collect::<String>()
}
