//! How the alert desk does: the alerts of each day, what they were, and how long they took.

use std::collections::BTreeMap;

use ingest::Timestamp;
use serde::Serialize;

use crate::questions::AlertCourse;

/// The alerts that were raised on a day, as far as they have gone by now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AlertDay {
    /// The day, as `2018-08-01`.
    pub day: String,
    /// How many were raised.
    pub opened: u64,
    /// Resolved: their events are fraud.
    pub confirmed_fraud: u64,
    /// Resolved: their events are genuine.
    pub false_positive: u64,
    /// Resolved: nobody can tell, or another alert is about the same.
    pub other: u64,
    /// Dismissed.
    pub dismissed: u64,
    /// Not closed.
    pub waiting: u64,
    /// From raised to claimed first, at the median of those that were claimed (nearest rank), in seconds.
    pub to_claim_s: Option<i64>,
    /// From raised to closed, at the median of those that are closed, in seconds.
    pub to_close_s: Option<i64>,
}

/// The oldest day first, days without alerts left out.
pub fn by_day(alerts: &[AlertCourse]) -> Vec<AlertDay> {
    let mut days: BTreeMap<i64, Vec<&AlertCourse>> = BTreeMap::new();
    for alert in alerts {
        days.entry(alert.opened_at.day()).or_default().push(alert);
    }
    days.into_iter().map(|(day, alerts)| of_day(Timestamp::start_of_day(day), &alerts)).collect()
}

fn of_day(start: Timestamp, alerts: &[&AlertCourse]) -> AlertDay {
    let mut day = AlertDay { day: start.date(), opened: alerts.len() as u64, ..AlertDay::default() };
    for alert in alerts {
        let place = match (alert.closed_as.as_deref(), alert.outcome.as_deref()) {
            (Some("resolved"), Some("confirmed_fraud")) => &mut day.confirmed_fraud,
            (Some("resolved"), Some("false_positive")) => &mut day.false_positive,
            (Some("resolved"), _) => &mut day.other,
            (Some("dismissed"), _) => &mut day.dismissed,
            _ => &mut day.waiting,
        };
        *place += 1;
    }
    let is_closed = |alert: &&&AlertCourse| matches!(alert.closed_as.as_deref(), Some("resolved" | "dismissed"));
    day.to_claim_s = median(alerts.iter().filter_map(|alert| seconds(alert, alert.claimed_at)).collect());
    day.to_close_s = median(alerts.iter().filter(is_closed).filter_map(|alert| seconds(alert, alert.closed_at)).collect());
    day
}

fn seconds(alert: &AlertCourse, until: Option<Timestamp>) -> Option<i64> {
    Some(until?.since(alert.opened_at).micros().max(0) / 1_000_000)
}

fn median(mut lengths: Vec<i64>) -> Option<i64> {
    lengths.sort_unstable();
    lengths.get(lengths.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_says_what_its_alerts_were_and_how_long_they_took() {
        let time = |text: &str| text.parse::<Timestamp>().expect("a time");
        let alert = |opened: &str, claimed: Option<&str>, closed: Option<(&str, &str, Option<&str>)>| AlertCourse {
            policy: "p".to_owned(),
            severity: "high".to_owned(),
            opened_at: time(opened),
            claimed_at: claimed.map(time),
            closed_at: closed.map(|(at, ..)| time(at)),
            closed_as: closed.map(|(_, step, _)| step.to_owned()),
            outcome: closed.and_then(|(_, _, outcome)| outcome.map(str::to_owned)),
        };
        let days = by_day(&[
            alert(
                "2026-04-23T10:00:00Z",
                Some("2026-04-23T10:01:00Z"),
                Some(("2026-04-23T11:00:00Z", "resolved", Some("confirmed_fraud"))),
            ),
            alert("2026-04-23T10:00:00Z", Some("2026-04-23T10:03:00Z"), Some(("2026-04-24T10:00:00Z", "dismissed", None))),
            alert("2026-04-23T12:00:00Z", Some("2026-04-23T12:05:00Z"), Some(("2026-04-23T12:06:00Z", "reopened", None))),
            alert("2026-04-25T12:00:00Z", None, None),
        ]);
        let first = AlertDay {
            day: "2026-04-23".to_owned(),
            opened: 3,
            confirmed_fraud: 1,
            dismissed: 1,
            waiting: 1,
            to_claim_s: Some(180),
            to_close_s: Some(3_600),
            ..AlertDay::default()
        };
        let last = AlertDay { day: "2026-04-25".to_owned(), opened: 1, waiting: 1, ..AlertDay::default() };
        assert_eq!(days, [first, last]);
    }
}
