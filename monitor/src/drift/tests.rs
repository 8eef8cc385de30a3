use ::drift::Bins;
use scoring::profile::Distribution;

use super::*;

const MODEL: (&str, u32) = ("card_fraud", 7);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A hundred values of a reference, and what a model has learned from them.
fn learned() -> Arc<Reference> {
    let values: Vec<f64> = (0..1_000).map(|row| f64::from(row) / 10.0).collect();
    let feature =
        crate::profile::Feature { place: 0, distribution: Distribution::new("amount", &values), is_of_the_calendar: false };
    Arc::new(Reference { features_version: String::new(), features: vec![feature], score: None })
}

/// An hour of decisions whose amounts are shifted, one in `every` of them declined.
fn hour(rows: u32, shift: f64, every: u32) -> Hour {
    let reference = &learned().features[0].distribution;
    let mut amounts = Histogram::new(Bins::new(reference.edges.clone()).unwrap(), reference.range);
    let mut score = Histogram::new(Bins::new(vec![0.1]).unwrap(), None);
    (0..rows).for_each(|row| amounts.take(f64::from(row * 7_919 % 1_000) / 10.0 + shift));
    (0..rows).for_each(|row| score.take(f64::from(row % 20) / 100.0));
    let declined = u64::from(rows / every);
    let profile = Profile {
        features: vec![("amount".to_owned(), amounts)],
        score,
        decisions: [u64::from(rows) - declined, 0, 0, declined],
    };
    let key = Key { model: Some((MODEL.0.to_owned(), MODEL.1)), segment: String::new() };
    Hour { until: ingest::log::Position(0), profiles: BTreeMap::from([(key, profile)]) }
}

/// Hours at 10 o'clock of so many days from Monday 2018-08-06 on, each as `of` says of its day.
fn days(count: i64, of: impl Fn(i64) -> Hour) -> BTreeMap<Timestamp, Hour> {
    (0..count).map(|day| (at("2018-08-06T10:00:00Z") + Duration::days(day), of(day))).collect()
}

fn asked(window: Window, against: Against) -> Asked {
    Asked { window, against, segment: String::new(), rules: Rules::default(), hysteresis: Hysteresis::default() }
}

/// A letter a window of what is said of a thing: by itself, and after enough agree.
fn said(hours: &BTreeMap<Timestamp, Hour>, asked: &Asked, name: &str) -> (String, String) {
    let letter = |severity: Severity| match severity {
        Severity::InsufficientData => '?',
        Severity::Stable => '.',
        Severity::Watch => 'w',
        Severity::Drift => 'D',
    };
    let moved = moved(hours, |_| learned(), asked);
    let of_it: Vec<&Moved> = moved.iter().filter(|moved| moved.name == name).collect();
    (of_it.iter().map(|moved| letter(moved.seen)).collect(), of_it.iter().map(|moved| letter(moved.severity)).collect())
}

#[test]
fn a_shift_is_told_from_its_second_day_on() {
    let hours = days(20, |day| hour(1_000, if day >= 12 { 30.0 } else { 0.0 }, 50));
    let check = |against: Against, seen: &str, held: &str| {
        assert_eq!(said(&hours, &asked(Window::Day, against), "amount"), (seen.to_owned(), held.to_owned()), "{against}");
    };
    check(Against::Training, "............DDDDDDDD", ".............DDDDDDD");
    // A week later the shift is what was before.
    check(Against::SameHours, "???????.....DDDDDDD.", "???????......DDDDDDD");
    assert_eq!(said(&hours, &asked(Window::Week, Against::Training), "amount").0, "..D");
    assert_eq!(said(&hours, &asked(Window::Day, Against::Training), "probability").0, "?".repeat(20));
    assert_eq!(said(&hours, &asked(Window::Day, Against::WeekBefore), "probability").0[..8], *"?.......");
}

#[test]
fn the_mix_of_decisions_moves_too() {
    let hours = days(12, |day| hour(1_000, 0.0, if day >= 10 { 3 } else { 50 }));
    let asked = asked(Window::Day, Against::WeekBefore);
    assert_eq!(said(&hours, &asked, "decision"), ("?.........DD".to_owned(), "?..........D".to_owned()));
    let moved = moved(&hours, |_| learned(), &asked);
    let last = moved.last().unwrap();
    assert_eq!((last.kind, &last.current), (Kind::Decision, &vec![667, 0, 0, 333]));
    assert_eq!(last.reference.iter().sum::<u64>(), 7_000);
    assert!(last.chi_square.unwrap().p < 1e-12);
    assert!(said(&hours, &Asked { against: Against::Training, ..asked }, "decision").0.is_empty());
}

#[test]
fn little_data_says_so_and_one_bad_day_pages_nobody() {
    let rows = |day| if day % 3 == 2 { 20 } else { 1_000 };
    let hours = days(9, |day| hour(rows(day), 0.0, 50));
    assert_eq!(said(&hours, &asked(Window::Day, Against::Training), "amount").1, "..?..?..?");
    let hours = days(9, |day| hour(1_000, if day == 4 { 50.0 } else { 0.0 }, 50));
    let (seen, held) = said(&hours, &asked(Window::Day, Against::Training), "amount");
    assert_eq!((seen.as_str(), held.as_str()), ("....D....", "........."));
}

#[test]
fn features_of_the_calendar_are_held_against_the_same_hours_only() {
    let hours = days(15, |_| hour(1_000, 0.0, 50));
    let mut learned = Reference::clone(&learned());
    learned.features[0].is_of_the_calendar = true;
    let learned = Arc::new(learned);
    let check = |window, against, expect: bool| {
        let moved = moved(&hours, |_| Arc::clone(&learned), &asked(window, against));
        assert_eq!(moved.iter().any(|moved| moved.kind == Kind::Feature), expect, "{window:?} {against}");
    };
    check(Window::Day, Against::Training, false);
    check(Window::Hour, Against::WeekBefore, false);
    check(Window::Week, Against::Training, true);
    check(Window::Day, Against::SameHours, true);
}

#[test]
fn windows_begin_where_people_expect() {
    let check = |window, expect: &str| assert_eq!(window_start(window, at("2018-08-09T10:59:00Z")), at(expect));
    check(Window::Hour, "2018-08-09T10:00:00Z");
    check(Window::Day, "2018-08-09");
    check(Window::Week, "2018-08-06");
    assert_eq!("yesterday".parse::<Against>().unwrap_err(), "`yesterday` is none of training, week_before, same_hours");
}

#[test]
fn another_segment_or_nothing_moves_nothing() {
    let hours = days(3, |_| hour(1_000, 0.0, 50));
    let other = Asked { segment: "channel=pos".to_owned(), ..asked(Window::Day, Against::Training) };
    assert!(moved(&hours, |_| learned(), &other).is_empty());
    assert!(moved(&BTreeMap::new(), |_| learned(), &asked(Window::Day, Against::Training)).is_empty());
}

#[test]
fn it_is_told_when_something_comes_to_drift_and_when_it_is_back() {
    let shifted = |day: i64| (12..20).contains(&day);
    let hours = days(30, |day| hour(1_000, if shifted(day) { 30.0 } else { 0.0 }, 50));
    let moved = moved(&hours, |_| learned(), &asked(Window::Day, Against::Training));
    let check = |told: &str, now: &str, expect: &[(&str, bool)]| {
        let turns = Told::up_to(&moved, Window::Day, at(told)).next(&moved, Window::Day, at(now));
        assert_eq!(
            days_of(&turns),
            expect.iter().map(|(day, has)| ((*day).to_owned(), *has)).collect::<Vec<_>>(),
            "{told} {now}"
        );
        assert!(turns.iter().all(|turn| turn.name == "amount" && (turn.psi > 0.25) == turn.has_drifted));
    };
    let (long_ago, later) = ("2018-01-01T00:00:00Z", "2019-01-01T00:00:00Z");
    // The second day of the shift is the 19th, and is over on the 20th.
    check(long_ago, later, &[("2018-08-20", true), ("2018-08-28", false)]);
    check(long_ago, "2018-08-19T23:00:00Z", &[]);
    check(long_ago, "2018-08-20T00:00:00Z", &[("2018-08-20", true)]);
    check("2018-08-19T00:00:00Z", later, &[("2018-08-28", false)]);
}

/// The day after which something turned, and whether it came.
fn days_of(turns: &[Turn]) -> Vec<(String, bool)> {
    turns.iter().map(|turn| (turn.window_end.date(), turn.has_drifted)).collect()
}

#[test]
fn each_turn_is_told_once_however_long_nobody_looked() {
    // Nothing came for 40 days, in the middle of the shift.
    let of = |day: i64| (!(14..54).contains(&day)).then(|| hour(1_000, if (12..60).contains(&day) { 30.0 } else { 0.0 }, 50));
    let hours: BTreeMap<Timestamp, Hour> =
        (0..70).filter_map(|day| Some((at("2018-08-06T10:00:00Z") + Duration::days(day), of(day)?))).collect();
    // What is read of them when something has come by a time: what lies behind what was told, and two weeks before it.
    let looked = |told: &mut Told, now: &str| {
        let read: BTreeMap<Timestamp, Hour> =
            hours.range(told.until - Duration::days(15)..at(now)).map(|(start, hour)| (*start, hour.clone())).collect();
        let turns = told.next(&moved(&read, |_| learned(), &asked(Window::Day, Against::Training)), Window::Day, at(now));
        // It is kept over a restart.
        *told = serde_json::from_str(&serde_json::to_string(&*told).unwrap()).unwrap();
        days_of(&turns)
    };
    let mut told = Told::up_to(&[], Window::Day, at("2018-08-06"));
    assert_eq!(looked(&mut told, "2018-08-18T12:00:00Z"), []);
    assert_eq!(looked(&mut told, "2018-08-19T12:00:00Z"), [], "its second day has begun");
    // The day before the standstill was over while nobody looked.
    assert_eq!(looked(&mut told, "2018-09-29T12:00:00Z"), [("2018-08-20".to_owned(), true)]);
    assert_eq!(looked(&mut told, "2018-10-02T12:00:00Z"), [], "it drifts as it did");
    assert_eq!(looked(&mut told, "2018-10-14T12:00:00Z"), [("2018-10-07".to_owned(), false)]);
    assert_eq!(looked(&mut told, "2018-10-14T23:00:00Z"), []);
}
