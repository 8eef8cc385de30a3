//! Requests that are made before anything is measured. While they are sent only the id and the time of their event are written over,
//! in places of a fixed width.

use ingest::{Event, Schema, Timestamp};

use super::client::Url;
use crate::commands::bench::events::body;

/// Requests for the events of a pipeline; each time one is sent it is another event.
#[derive(Debug)]
pub(super) struct Requests {
    run: String,
    made: Vec<Made>,
}

#[derive(Debug)]
struct Made {
    bytes: Vec<u8>,
    id_at: usize,
    time_at: usize,
}

/// Stand where the id and the time come; as long as they are.
const ID: &str = "id-of-the-event-12345678";
const TIME: &str = "2000-01-01T00:00:00.123456Z";

impl Requests {
    /// For events, which may lack nothing that the pipeline wants. `run` tells the events of this run from those of others.
    pub(super) fn new(events: &[Event], schema: &Schema, to: &Url, query: &str, key: Option<&str>, run: Timestamp) -> Self {
        let key = key.map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
        let made = |event| {
            let body = body(event, schema, ID, TIME).to_string();
            let request = format!(
                "POST {}/v1/score{query} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n{key}content-length: {}\r\n\r\n{body}",
                to.path,
                to.authority,
                body.len()
            );
            let place = |what: &str| request.find(what).expect("it was put there");
            Made { id_at: place(ID), time_at: place(TIME), bytes: request.into_bytes() }
        };
        Self { run: format!("{:012x}", run.micros() & 0xffff_ffff_ffff), made: events.iter().map(made).collect() }
    }

    /// The request of a number, which no other number of this run has, for an event at a time.
    pub(super) fn write(&self, number: u64, at: Timestamp, into: &mut Vec<u8>) {
        let made = &self.made[(number % self.made.len() as u64) as usize];
        into.clear();
        into.extend_from_slice(&made.bytes);
        let id = format!("{}-{:011}", self.run, number % 100_000_000_000);
        into[made.id_at..made.id_at + ID.len()].copy_from_slice(id.as_bytes());
        into[made.time_at..made.time_at + TIME.len()].copy_from_slice(time(at).as_bytes());
    }
}

/// With six decimals, always.
fn time(at: Timestamp) -> String {
    let micros = at.micros().rem_euclid(1_000_000);
    let second = Timestamp::from_micros(at.micros() - micros).to_string();
    format!("{}.{micros:06}Z", second.trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::bench::events::Events;

    #[test]
    fn each_request_is_another_event_now() {
        let pipeline =
            scoring::Pipeline::parse(include_str!("../../../../pipelines/card_fraud_handbook.toml"), "p.toml").expect("it fits");
        let events: Vec<Event> = {
            let made_up = Events::new(&pipeline.schema, &[]).expect("no keys");
            (0..3).map(|number| made_up.event(number)).collect()
        };
        let url = Url::parse("http://localhost:1/risk").expect("a URL");
        let run = Timestamp::from_micros(1_700_000_000_000_000);
        let requests = Requests::new(&events, &pipeline.schema, &url, "?reasons=top", Some("k"), run);
        let mut bytes = Vec::new();
        let mut ids = Vec::new();
        for number in [0, 1, 3, 99_999_999_999] {
            let at = Timestamp::from_micros(1_700_000_000_000_000 + number as i64);
            requests.write(number, at, &mut bytes);
            let text = std::str::from_utf8(&bytes).expect("text");
            let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
            let length = format!("content-length: {}", body.len());
            assert!(head.starts_with("POST /risk/v1/score?reasons=top HTTP/1.1\r\nhost: localhost:1\r\n"), "{head}");
            assert!(head.ends_with(&length) && head.contains("\r\nauthorization: Bearer k\r\n"), "{head}");
            let event = ingest::decode::json::event(body.as_bytes(), &pipeline.schema).expect("it fits the schema");
            assert_eq!((event.occurred_at, &event.entities), (at, &events[(number % 3) as usize].entities));
            ids.push(event.event_id);
        }
        ids.dedup();
        assert_eq!(ids.len(), 4);
    }
}
