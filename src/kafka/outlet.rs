//! What is told to others of the records of the log: decisions as the API answers them, labels, and changes, as JSON. A decision's key is that of
//! its event, so that all about one entity are in one order.

use std::collections::BTreeMap;

use ingest::log::kafka::{Outgoing, Outlet, Stream};
use ingest::log::record::{decode_label, event_subject};
use ingest::log::{Error, Position, Readable, Topic};
use scoring::api::ScoreAnswer;
use scoring::{Control, Decision};
use serde_json::json;

/// Events that wait for their decision, at most; the keys of others are read from the log again.
const MOST_WAITING: usize = 100_000;

/// Tells of records.
pub(crate) fn outlet() -> Outlet {
    let mut keys = Keys::default();
    Box::new(move |position, topic, payload, log| keys.tell(position, topic, payload, log))
}

/// The keys of events whose decisions have not come yet.
#[derive(Default)]
struct Keys {
    waiting: BTreeMap<Position, Vec<u8>>,
}

impl Keys {
    fn tell(&mut self, position: Position, topic: Topic, payload: &[u8], log: &dyn Readable) -> Result<Option<Outgoing>, Error> {
        match topic {
            Topic::Event => {
                self.waiting.extend(subject(payload).map(|key| (position, key)));
                if self.waiting.len() > MOST_WAITING {
                    self.waiting.pop_first();
                }
                Ok(None)
            }
            Topic::Decision => match Decision::decode(payload) {
                Ok(decision) => self.decision(decision, log),
                Err(_) => Ok(None),
            },
            Topic::Label => Ok(label(position, payload)),
            Topic::Control => Ok(control(position, payload)),
            Topic::History | Topic::Shadow => Ok(None),
        }
    }

    fn decision(&mut self, decision: Decision, log: &dyn Readable) -> Result<Option<Outgoing>, Error> {
        let event = decision.event_position;
        let key = match self.waiting.remove(&event) {
            Some(key) => Some(key),
            // One of before the start is in the log.
            None => log.get(event)?.and_then(|record| subject(&record.payload)),
        };
        let message = || Some((key?, serde_json::to_vec(&ScoreAnswer::published(decision)).ok()?));
        Ok(message().map(|(key, value)| Outgoing { stream: Stream::Decisions, key, value }))
    }
}

// What cannot be read is told to nobody: it stands in the log, and who reads that says so.

fn subject(event: &[u8]) -> Option<Vec<u8>> {
    Some(event_subject(event).ok()?.as_bytes().to_vec())
}

fn label(position: Position, payload: &[u8]) -> Option<Outgoing> {
    let (label, received_at) = decode_label(payload).ok()?;
    let value = json!({"log_position": position, "received_at": received_at, "label": label});
    let key = label.event_id.as_str().as_bytes().to_vec();
    Some(Outgoing { stream: Stream::Labels, key, value: value.to_string().into_bytes() })
}

fn control(position: Position, payload: &[u8]) -> Option<Outgoing> {
    let value = json!({"log_position": position, "change": Control::decode(payload).ok()?});
    Some(Outgoing { stream: Stream::Control, key: Vec::new(), value: value.to_string().into_bytes() })
}
