use std::sync::Arc;

use super::*;
use crate::fixture::{Backend, backends, drift_point, experiment_point, metric_point, time};

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
    let both = [drift_point("amount", Some(0.1 + 0.2)), drift_point("age", None)];
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
    let metric = MetricPoint { segment: "channel=ecom".to_owned(), estimated: true, ..metric_point() };
    for Backend { warehouse, .. } in backends() {
        check(&*warehouse, drift_point("amount", Some(0.25))).await;
        check(&*warehouse, metric.clone()).await;
        check(&*warehouse, experiment_point()).await;
    }
}

#[test]
fn what_is_no_number_is_refused() {
    for Backend { warehouse, .. } in backends() {
        let error =
            write(&*warehouse, "s", Window::Day, time("2018-08-01"), &[drift_point("amount", Some(f64::NAN))]).unwrap_err();
        assert_eq!(error.to_string(), "cannot write table drift_points: `value` of row 0 is NaN; what is not known is left out");
        let slot = Slot { table: Derived::DriftPoints, series: "s".to_owned(), window: Window::Day, start: time("2018-08-01") };
        let error = warehouse.replace(&slot, &RecordBatch::new_empty(Derived::MetricPoints.own_schema())).unwrap_err();
        let expect = "cannot write table drift_points: rows with the columns model, model_version, segment, metric, value, low, high, n, bad, maturity, estimated, detail, not reference,";
        assert!(error.to_string().starts_with(expect), "{error}");
    }
}
