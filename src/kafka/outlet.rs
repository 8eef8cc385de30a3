//! What is told to others of the records of the log: decisions as the API answers them, labels, and changes, as JSON. A decision's key is that of
//! its event, so that all about one entity are in one order.

use std::collections::BTreeMap;

use ingest::log::kafka::{Outgoing, Outlet, Stream};
use ingest::log::record::{decode_event, decode_label};
use ingest::log::{Position, Readable, Topic};
use ingest::{Event, Schema};
use scoring::api::ScoreAnswer;
use scoring::{Control, Decision, Pipeline};
use serde_json::json;

/// Events that wait for their decision, at most; the keys of others are read from the log again.
const MOST_WAITING: usize = 100_000;

/// Tells of records.
pub(crate) fn outlet(pipeline: &Pipeline) -> Outlet {
    let mut keys = Keys { schema: pipeline.schema.clone(), waiting: BTreeMap::new() };
    Box::new(move |position, topic, payload, log| keys.tell(position, topic, payload, log))
}

/// The keys of events whose decisions have not come yet.
struct Keys {
    schema: Schema,
    waiting: BTreeMap<Position, Vec<u8>>,
}

impl Keys {
    /// What cannot be read is told to nobody: it stands in the log, and who reads that says so.
    fn tell(&mut self, position: Position, topic: Topic, payload: &[u8], log: &dyn Readable) -> Option<Outgoing> {
        let (stream, key, value) = match topic {
            Topic::Event => {
                let (event, _) = decode_event(payload, &self.schema).ok()?;
                self.waiting.insert(position, key(&event));
                if self.waiting.len() > MOST_WAITING {
                    self.waiting.pop_first();
                }
                return None;
            }
            Topic::Decision => {
                let decision = Decision::decode(payload).ok()?;
                let key = self.key_of(decision.event_position, log)?;
                (Stream::Decisions, key, serde_json::to_vec(&ScoreAnswer::published(decision)).ok()?)
            }
            Topic::Label => {
                let (label, received_at) = decode_label(payload).ok()?;
                let value = json!({"log_position": position, "received_at": received_at, "label": label});
                (Stream::Labels, label.event_id.as_str().as_bytes().to_vec(), value.to_string().into_bytes())
            }
            Topic::Control => {
                let value = json!({"log_position": position, "change": Control::decode(payload).ok()?});
                (Stream::Control, Vec::new(), value.to_string().into_bytes())
            }
            Topic::History | Topic::Shadow => return None,
        };
        Some(Outgoing { stream, key, value })
    }

    /// The key of an event: one of before the start is in the log.
    fn key_of(&mut self, event: Position, log: &dyn Readable) -> Option<Vec<u8>> {
        if let Some(key) = self.waiting.remove(&event) {
            return Some(key);
        }
        let record = log.get(event).ok().flatten()?;
        Some(key(&decode_event(&record.payload, &self.schema).ok()?.0))
    }
}

/// The key of the first entity that an event has, or its id.
fn key(event: &Event) -> Vec<u8> {
    let entity = event.entities.iter().flatten().next();
    entity.map_or(event.event_id.as_str(), |key| key).as_bytes().to_vec()
}
