use std::sync::Arc;

use super::*;
use crate::fixture::{Backend, backends, time};

fn point(name: &str, value: Option<f64>) -> DriftPoint {
    DriftPoint {
        reference: "training".to_owned(),
        kind: "feature".to_owned(),
        name: name.to_owned(),
        segment: String::new(),
        model: Some("card_fraud".to_owned()),
        model_version: Some(7),
        statistic: "psi".to_owned(),
        value,
        threshold: Some(0.1),
        n_reference: 1_000,
        n_current: 24,
        severity: "none".to_owned(),
        detail: "{}".to_owned(),
    }
}

fn alert() -> AlertPoint {
    AlertPoint {
        alert_id: "a1".to_owned(),
        at: time("2018-08-01T10:00:00.000001Z"),
        kind: "drift".to_owned(),
        severity: "high".to_owned(),
        subject: "amount".to_owned(),
        status: "open".to_owned(),
        message: "amounts doubled".to_owned(),
        detail: "{}".to_owned(),
    }
}

/// The names and values that are found, and where they are filed.
async fn found(warehouse: &dyn Warehouse, days: Days) -> Vec<String> {
    let filed = read::<DriftPoint>(warehouse, days).await.unwrap();
    let line = |filed: Filed<DriftPoint>| {
        let Filed { series, window, window_start, point } = filed;
        format!("{window_start} {series} {window} {} {:?}", point.name, point.value)
    };
    filed.into_iter().map(line).collect()
}

#[tokio::test]
async fn the_points_of_a_window_take_the_place_of_those_of_before() {
    for backend in backends() {
        check_replaced(backend).await;
    }
}

async fn check_replaced(backend: Backend) {
    let warehouse = Arc::clone(&backend.warehouse);
    let (first, second, next_day) = (time("2018-08-01"), time("2018-08-01T01:00:00Z"), time("2018-08-02"));
    let both = [point("amount", Some(0.1 + 0.2)), point("age", None)];
    write(&*warehouse, "training", Window::Hour, first, &both).unwrap();
    write(&*warehouse, "training", Window::Hour, second, &both[1..]).unwrap();
    write(&*warehouse, "last_week", Window::Hour, first, &both[1..]).unwrap();
    write(&*warehouse, "training", Window::Day, first, &both[1..]).unwrap();
    write(&*warehouse, "training", Window::Hour, next_day, &both[1..]).unwrap();
    let expect = [
        "2018-08-01T00:00:00Z last_week hour age None",
        "2018-08-01T00:00:00Z training day age None",
        "2018-08-01T00:00:00Z training hour amount Some(0.30000000000000004)",
        "2018-08-01T00:00:00Z training hour age None",
        "2018-08-01T01:00:00Z training hour age None",
        "2018-08-02T00:00:00Z training hour age None",
    ];
    assert_eq!(found(&*warehouse, Days::ALL).await, expect);
    write(&*warehouse, "training", Window::Hour, first, &both).unwrap();
    assert_eq!(found(&*warehouse, Days::ALL).await, expect, "twice changes nothing");
    drop(warehouse);

    let backend = backend.reopened();
    let warehouse = &*backend.warehouse;
    assert_eq!(found(warehouse, Days::between(Some(next_day), None)).await, expect[5..]);
    write(warehouse, "training", Window::Hour, first, &both[1..]).unwrap();
    assert_eq!(found(warehouse, Days::between(None, Some(first))).await, [&expect[..2], &expect[3..5]].concat());
    write::<DriftPoint>(warehouse, "training", Window::Hour, next_day, &[]).unwrap();
    assert_eq!(found(warehouse, Days::between(Some(next_day), None)).await, [""; 0]);
}

#[tokio::test]
async fn every_kind_of_point_comes_back_as_it_was() {
    async fn check<P: Point + PartialEq + std::fmt::Debug>(warehouse: &dyn Warehouse, point: P) {
        assert_eq!(read::<P>(warehouse, Days::ALL).await.unwrap(), []);
        write(warehouse, "s", Window::Week, time("2018-07-30"), std::slice::from_ref(&point)).unwrap();
        let filed = Filed { series: "s".to_owned(), window: "week".to_owned(), window_start: time("2018-07-30"), point };
        assert_eq!(read::<P>(warehouse, Days::ALL).await.unwrap(), [filed]);
    }
    let metric = MetricPoint {
        model: "card_fraud".to_owned(),
        model_version: None,
        segment: "channel=ecom".to_owned(),
        metric: "auc".to_owned(),
        value: Some(0.88),
        low: Some(0.86),
        high: None,
        n: u64::MAX,
        bad: 3,
        maturity: Some(1.0),
        estimated: true,
        detail: r#"{"curve":[1,2]}"#.to_owned(),
    };
    let experiment = ExperimentPoint {
        experiment: "e".to_owned(),
        champion: "card_fraud".to_owned(),
        champion_version: Some(7),
        challenger: "card_fraud".to_owned(),
        challenger_version: Some(8),
        metric: "auc".to_owned(),
        champion_value: Some(0.5),
        challenger_value: Some(-0.5),
        difference: Some(-1.0),
        low: None,
        high: None,
        p_value: Some(1e-300),
        n: 10,
        bad: 0,
        verdict: String::new(),
        detail: "{}".to_owned(),
    };
    for Backend { warehouse, .. } in backends() {
        check(&*warehouse, point("amount", Some(0.25))).await;
        check(&*warehouse, alert()).await;
        check(&*warehouse, metric.clone()).await;
        check(&*warehouse, experiment.clone()).await;
    }
}

#[test]
fn what_is_no_number_is_refused() {
    for Backend { warehouse, .. } in backends() {
        let error = write(&*warehouse, "s", Window::Day, time("2018-08-01"), &[point("amount", Some(f64::NAN))]).unwrap_err();
        assert_eq!(error.to_string(), "cannot write table drift_points: `value` of row 0 is NaN; what is not known is left out");
        let slot = Slot { table: Derived::DriftPoints, series: "s".to_owned(), window: Window::Day, start: time("2018-08-01") };
        let error = warehouse.replace(&slot, &RecordBatch::new_empty(Derived::Alerts.own_schema())).unwrap_err();
        let expect = "cannot write table drift_points: rows with the columns alert_id, at, kind, severity, subject, status, message, detail, not reference,";
        assert!(error.to_string().starts_with(expect), "{error}");
    }
}
