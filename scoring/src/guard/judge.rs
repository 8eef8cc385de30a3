use crate::backtest::wilson;
use crate::control::Guardrails;
use crate::decide::Figures;

/// The reach of an interval of 99 % in standard errors.
const REACH: f64 = 2.575_829_303_548_901;
/// The part of events beyond a 99th percentile.
const BEYOND_P99: f64 = 0.01;

/// Which limits the figures of a window break, in words with the figures. How many are approved is compared with `against`, where that has
/// enough events.
pub fn breaches(guardrails: &Guardrails, of: &Figures, against: Option<&Figures>) -> Vec<String> {
    let mut breaches = Vec::new();
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let share = |part: u64, whole: u64| part as f64 / whole as f64;
    let surely_over = |part: u64, limit: f64| wilson(part, of.events, REACH).is_some_and(|(lower, _)| lower > limit);
    if let Some(limit) = guardrails.error_share
        && surely_over(of.failed, limit)
    {
        let found = percent(share(of.failed, of.events));
        breaches.push(format!("no score for {found} of {} events, the limit is {}", of.events, percent(limit)));
    }
    if let Some(limit) = guardrails.latency_p99_ms
        && surely_over(of.slower_than(limit * 1_000.0), BEYOND_P99)
    {
        let found = f64::from(of.p99_us()) / 1_000.0;
        breaches.push(format!(
            "the 99th percentile of the time to decide is {found:.1} ms over {} events, the limit is {limit} ms",
            of.events
        ));
    }
    if let (Some(limit), Some(against)) = (guardrails.approval_rate_change, against)
        && against.events >= guardrails.minimum_events
        && least_difference((of.approved, of.events), (against.approved, against.events)).is_some_and(|least| least > limit)
    {
        let [found, other] = [of, against].map(|figures| percent(share(figures.approved, figures.events)));
        breaches.push(format!(
            "{found} of {} events are approved, and {other} of {} to compare with: the limit is a difference of {:.1} points",
            of.events,
            against.events,
            limit * 100.0
        ));
    }
    breaches
}

/// The near end of the interval of a difference of two shares, on either side of nothing (Newcombe 1998, method 10); `None` of nothing.
fn least_difference(a: (u64, u64), b: (u64, u64)) -> Option<f64> {
    let point = |(part, whole): (u64, u64)| part as f64 / whole as f64;
    let (above, below) = if point(a) >= point(b) { (a, b) } else { (b, a) };
    let ((lower, _), (_, upper)) = (wilson(above.0, above.1, REACH)?, wilson(below.0, below.1, REACH)?);
    let difference = point(above) - point(below);
    Some((difference - (point(above) - lower).hypot(upper - point(below))).max(0.0))
}
