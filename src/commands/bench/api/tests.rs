use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use ingest::Timestamp;

use super::*;

/// A server of one connection that answers as told, by the number of the request.
fn server(answer: impl Fn(usize) -> (u16, Duration) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        serve(&stream, answer)
    });
    address
}

fn serve(stream: &TcpStream, answer: impl Fn(usize) -> (u16, Duration)) -> Option<()> {
    let mut reader = BufReader::new(stream);
    for number in 0.. {
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().expect("a number");
            }
            if line == "\r\n" {
                break;
            }
        }
        reader.read_exact(&mut vec![0; length]).ok()?;
        let (status, stall) = answer(number);
        if !stall.is_zero() {
            thread::park_timeout(stall);
        }
        let mut stream = stream;
        // In one piece: a rest that waits for an acknowledgement takes 40 ms.
        stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\n{{}}").as_bytes()).ok()?;
    }
    None
}

fn measure(address: SocketAddr, rate: Option<f64>, seconds: f64) -> (Measured, Histogram<u64>) {
    let pipeline = Pipeline::parse(include_str!("../../../../pipelines/card_fraud_handbook.toml"), "p.toml").expect("it fits");
    let events = events(&pipeline, None, &[]).expect("made up");
    let url = Url::parse(&format!("http://{address}")).expect("a URL");
    let requests = Requests::new(&events[..10], &pipeline.schema, &url, "", None, Timestamp::from_micros(1));
    let mut target = Target { address, requests, next: 0 };
    target.measure(1, rate, 0.0, seconds).expect("it answers")
}

#[test]
fn a_server_that_stands_still_is_charged_with_what_came_due() {
    let stall = |number| (200, if number == 20 { Duration::from_millis(500) } else { Duration::ZERO });
    let (open, latency) = measure(server(stall), Some(200.0), 1.0);
    assert_eq!((open.sent + open.unsent, open.errors), (200, 0));
    // Half a second is a hundred arrivals, of which those of the first four tenths waited a tenth or more.
    let waited = latency.count_between(90_000_000, u64::MAX);
    assert!((70..=180).contains(&waited), "{waited} waited");
    let (closed, latency) = measure(server(stall), None, 1.0);
    assert!(closed.reached > 0.0 && closed.rate.is_none());
    assert!(latency.count_between(450_000_000, u64::MAX) >= 1, "the closed loop sees it once");
}

#[test]
fn refusals_are_errors_and_are_told() {
    let half = |number: usize| (if number.is_multiple_of(2) { 200 } else { 422 }, Duration::ZERO);
    let (measured, latency) = measure(server(half), Some(100.0), 0.5);
    assert_eq!((measured.sent, measured.ok, measured.errors), (50, 25, 25));
    assert_eq!(latency.len(), 25, "how long a refusal takes is not counted");
    assert_eq!(measured.first_error.as_deref(), Some("422 {}"));
    assert!(measured.check().is_ok());
}

#[test]
fn a_measurement_of_refusals_alone_fails() {
    let (measured, _) = measure(server(|_| (401, Duration::ZERO)), Some(100.0), 0.5);
    assert_eq!(measured.ok, 0);
    assert_eq!(measured.check().expect_err("nothing was ok").to_string(), "no answer was ok: 401 {}");
}

#[test]
fn nobody_there_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let pipeline = Pipeline::parse(include_str!("../../../../pipelines/card_fraud_handbook.toml"), "p.toml").expect("it fits");
    let events = events(&pipeline, None, &[]).expect("made up");
    let mut target = Target::new(&format!("http://{address}"), &pipeline, &events[..1], "", None).expect("a target");
    let error = target.measure(1, None, 0.0, 0.1).expect_err("nobody is there");
    assert_eq!(error.to_string(), format!("no server answers at http://{address}"));
}

#[test]
fn a_distribution_is_a_table() {
    let mut latency = hdrhistogram::Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds fit");
    (1..=100_u64).for_each(|millisecond| latency.record(millisecond * 1_000_000).expect("within the bounds"));
    let mut text = String::new();
    table::write(&mut text, Some(50.0), &latency);
    let rows: Vec<Vec<f64>> = (text.lines())
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().filter_map(|cell| cell.parse().ok()).collect::<Vec<f64>>())
        .filter(|row| !row.is_empty())
        .collect();
    let half = rows.iter().find(|row| row[1] >= 0.5).expect("the middle");
    assert!((half[0] - 50.0).abs() < 0.1 && half[2] == 50.0, "{half:?}");
    assert_eq!(rows.last().map(|row| (row[1], row[2])), Some((1.0, 100.0)));
    assert!(text.starts_with("# 50 requests a second; milliseconds\n"), "{text}");
}
