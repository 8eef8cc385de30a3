//! What holds of every warehouse.

use ingest::Currency;

use super::*;
use crate::Table;
use crate::fixture::{Backend, backends, change, decision, event, label, project};
use crate::questions::{Days, decision_mix, volume};

/// An event, its decision, and a label or a change, so many times; every other falls on the next day.
fn flushes(count: u64) -> Vec<Projected> {
    let flush = |number: u64| {
        let id = format!("event_{number}");
        let day = if number.is_multiple_of(2) { "2018-08-01T10:00:00Z" } else { "2018-08-02T10:00:00Z" };
        let first = number * 3;
        let last = if number.is_multiple_of(3) { label(first + 2, &id, "fraud", "2018-08-09") } else { change(first + 2, day) };
        project(&[event(first, &id, day, 100), decision(first + 1, first, &id, day), last])
    };
    (0..count).map(flush).collect()
}

async fn counts(warehouse: &dyn Warehouse) -> (u64, u64) {
    let events = volume(warehouse, Days::ALL, Currency::default()).await.unwrap().iter().map(|day| day.events).sum();
    let approved = decision_mix(warehouse, Days::ALL).await.unwrap().iter().map(|day| day.approve).sum();
    (events, approved)
}

#[tokio::test]
async fn rows_come_once_and_in_order() {
    for Backend { warehouse, name, .. } in backends() {
        let flushes = flushes(3);
        warehouse.append(&flushes[0]).unwrap();
        for wrong in [&flushes[0], &flushes[2]] {
            let error = warehouse.append(wrong).unwrap_err().to_string();
            let expect = format!("the warehouse has reached position 3 of the log and was given rows from {} on", wrong.from);
            assert_eq!(error, expect, "{name}");
        }
        assert_eq!((warehouse.reached(), counts(&*warehouse).await), (Position(3), (1, 1)), "{name}");
        warehouse.append(&flushes[1]).unwrap();
        warehouse.append(&flushes[2]).unwrap();
        assert_eq!((warehouse.reached(), counts(&*warehouse).await), (Position(9), (3, 3)), "{name}");
    }
}

#[tokio::test]
async fn the_next_start_goes_on_where_it_was() {
    for mut backend in backends() {
        for (number, flush) in flushes(6).iter().enumerate() {
            assert_eq!(backend.warehouse.reached(), flush.from, "{}", backend.name);
            backend.warehouse.append(flush).unwrap();
            backend = backend.reopened();
            let expect = number as u64 + 1;
            assert_eq!(counts(&*backend.warehouse).await, (expect, expect), "{}", backend.name);
        }
    }
}

#[tokio::test]
async fn an_append_without_rows_moves_on() {
    for mut backend in backends() {
        let nothing = project(&[crate::fixture::record(0, ingest::log::Topic::History, b"")]);
        assert!(nothing.rows.iter().all(|(_, rows)| rows.num_rows() == 0));
        backend.warehouse.append(&nothing).unwrap();
        backend = backend.reopened();
        assert_eq!((backend.warehouse.reached(), counts(&*backend.warehouse).await), (Position(1), (0, 0)), "{}", backend.name);
        assert_eq!(nothing.rows.len(), Table::PROJECTED.len());
    }
}
