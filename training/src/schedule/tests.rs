use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn daily(hour: i8, minute: i8, days: &[Weekday], zone: &str) -> When {
    let time = Time::new(hour, minute, 0, 0).unwrap();
    When::At { time, days: days.to_vec(), zone: TimeZone::get(zone).unwrap() }
}

const ALL: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

#[test]
fn a_length_counts_from_the_run_before() {
    let check = |last: Option<&str>, now: &str, expect: &str| {
        let due = When::Every(Duration::days(7)).due(at("2026-01-01"), last.map(at), at(now));
        assert_eq!(due, Some(at(expect)), "last {last:?}, now {now}");
    };
    check(None, "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z");
    check(Some("2026-03-01T12:00:00Z"), "2026-03-02", "2026-03-08T12:00:00Z");
    check(Some("2026-03-01T12:00:00Z"), "2026-03-08T12:00:00Z", "2026-03-08T12:00:00Z");
    check(Some("2026-01-01T00:00:00Z"), "2026-03-08T12:00:00Z", "2026-03-08T12:00:00Z");
    // A clock that was set back a little brings no second run; one that had been years ahead does not stop all runs.
    check(Some("2026-03-01T12:00:00Z"), "2026-03-01T11:00:00Z", "2026-03-08T12:00:00Z");
    check(Some("2036-03-01T12:00:00Z"), "2026-03-01T11:00:00Z", "2026-03-08T11:00:00Z");
}

#[test]
fn a_time_of_day_is_that_of_the_zones_clocks() {
    let check = |hour: i8, minute: i8, last: &str, expect: &str| {
        let when = daily(hour, minute, &ALL, "Europe/Berlin");
        assert_eq!(when.due(at("2020-01-01"), Some(at(last)), at(last)), Some(at(expect)), "{hour}:{minute} after {last}");
    };
    check(3, 0, "2026-01-10T01:00:00Z", "2026-01-10T02:00:00Z");
    check(3, 0, "2026-01-10T02:00:00Z", "2026-01-11T02:00:00Z");
    check(3, 0, "2026-07-10T00:30:00Z", "2026-07-10T01:00:00Z");
    // Late in the evening of UTC it is the next day in Berlin.
    check(0, 30, "2026-07-10T21:45:00Z", "2026-07-10T22:30:00Z");
    // On 29 March clocks go from 2:00 to 3:00: 2:30 comes as 3:30, and the next day at 2:30 again.
    check(2, 30, "2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z");
    check(2, 30, "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z");
    check(3, 0, "2026-03-28T03:00:00Z", "2026-03-29T01:00:00Z");
    // On 25 October they go from 3:00 back to 2:00: 2:30 comes twice and counts once.
    check(2, 30, "2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z");
    check(2, 30, "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z");
    check(3, 0, "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z");
}

#[test]
fn only_the_named_days_count() {
    let check = |days: &[Weekday], last: &str, expect: &str| {
        let due = daily(3, 0, days, "UTC").due(at("2020-01-01"), Some(at(last)), at(last));
        assert_eq!(due, Some(at(expect)), "{days:?} after {last}");
    };
    // 5 January 2026 is a Monday.
    check(&[Weekday::Monday], "2026-01-05T02:00:00Z", "2026-01-05T03:00:00Z");
    check(&[Weekday::Monday], "2026-01-05T03:00:00Z", "2026-01-12T03:00:00Z");
    check(&[Weekday::Monday, Weekday::Thursday], "2026-01-05T03:00:00Z", "2026-01-08T03:00:00Z");
    check(&[Weekday::Monday, Weekday::Thursday], "2026-01-08T04:00:00Z", "2026-01-12T03:00:00Z");
}

#[test]
fn what_was_missed_is_due_once_and_at_once() {
    let when = daily(3, 0, &ALL, "UTC");
    let check = |since: &str, last: Option<&str>, now: &str, expect: &str| {
        assert_eq!(when.due(at(since), last.map(at), at(now)), Some(at(expect)), "{since} {last:?} {now}");
    };
    check("2026-01-01", Some("2026-01-05T03:00:00Z"), "2026-01-09T12:00:00Z", "2026-01-09T12:00:00Z");
    check("2026-01-01", Some("2026-01-09T12:00:00Z"), "2026-01-09T12:00:01Z", "2026-01-10T03:00:00Z");
    // Whoever begins to wait has missed nothing of before.
    check("2026-01-09T12:00:00Z", None, "2026-01-09T12:00:00Z", "2026-01-10T03:00:00Z");
    check("2026-01-09T12:00:00Z", None, "2026-01-11T12:00:00Z", "2026-01-11T12:00:00Z");
    // Set back by half a second just after the start: not again. Years ahead before: from now on.
    check("2026-01-01", Some("2026-01-09T03:00:00.2Z"), "2026-01-09T02:59:59.7Z", "2026-01-10T03:00:00Z");
    check("2026-01-01", Some("2036-01-01T00:00:00Z"), "2026-01-09T02:00:00Z", "2026-01-09T03:00:00Z");
    check("2036-01-01", None, "2026-01-09T02:00:00Z", "2026-01-09T03:00:00Z");
    assert_eq!(When::Asked.due(at("2020-01-01"), None, at("2026-01-09")), None);
}

proptest! {
    #[test]
    fn runs_follow_each_other_by_about_a_day(start in 0_i64..20_000 * 86_400, hour in 0_i8..24, minute in 0_i8..60) {
        let when = daily(hour, minute, &ALL, "Europe/Berlin");
        let mut last = Timestamp::from_micros(start * 1_000_000);
        for run in 0..40 {
            let next = when.due(last, Some(last), last).unwrap();
            let hours = next.since(last).micros() as f64 / 3.6e9;
            prop_assert!(hours > 0.0 && hours <= 26.0, "{last} to {next}");
            prop_assert!(run == 0 || hours >= 22.0, "{last} to {next}");
            last = next;
        }
    }
}

fn schedule(train_days: u16, test_days: u16, maturity: Option<Duration>) -> Schedule {
    let (from, limits) = (Vectors::Logged, Limits::default());
    Schedule {
        when: When::Asked,
        from,
        train_days,
        test_days,
        learners: Learner::ALL.to_vec(),
        maturity,
        least_bad_rows: 0,
        challenger_days: None,
        limits,
    }
}

#[test]
fn a_run_uses_the_newest_days_whose_labels_are_known() {
    let check = |schedule: Schedule, now: &str, delay: &str, expect: [&str; 4]| {
        let split = schedule.split(at(now), delay.parse().unwrap());
        let days = [split.train.from, split.train.until, split.test.from, split.test.until].map(|day| day.to_string());
        assert_eq!(days, expect.map(|day| at(day).to_string()));
        assert!(split.test.from >= split.train.until + delay.parse().unwrap(), "as `riskflow train` wants it");
        assert_eq!(split.known_since, split.train.from);
    };
    check(schedule(28, 7, None), "2026-06-30T15:00:00Z", "7d", ["2026-05-12", "2026-06-09", "2026-06-16", "2026-06-23"]);
    check(schedule(1, 1, None), "2026-06-30T15:00:00Z", "0s", ["2026-06-28", "2026-06-29", "2026-06-29", "2026-06-30"]);
    check(schedule(1, 1, None), "2026-06-30T15:00:00Z", "36h", ["2026-06-25", "2026-06-26", "2026-06-28", "2026-06-29"]);
    let mature = Some(Duration::days(30));
    check(schedule(28, 7, mature), "2026-06-30T15:00:00Z", "7d", ["2026-04-19", "2026-05-17", "2026-05-24", "2026-05-31"]);
}
