#![allow(missing_docs, clippy::all)]
use ingest::log::record::{encode_event, encode_label};
use ingest::log::{Position, Record, Topic};
use ingest::schema::{Attribute, Entity, Place, ValueType};
use ingest::*;
use monitor::questions::*;
use monitor::*;
use scoring::*;
use std::sync::Arc;
use std::time::Instant;

fn schema() -> Schema {
    let place = |name: &str| Place { json: vec![name.to_owned()], column: name.to_owned() };
    let entity = |name: &str| Entity { name: name.to_owned(), place: place(name), required: true };
    Schema {
        event_type: "card_payment".to_owned(),
        event_id: place("event_id"),
        event_time: place("event_time"),
        amount_minor: Some(place("amount_minor")),
        currency: None,
        default_currency: Currency::new("EUR").unwrap(),
        entities: vec![entity("customer"), entity("terminal")],
        attributes: vec![Attribute {
            name: "channel".into(),
            place: place("channel"),
            value_type: ValueType::Text,
            required: false,
        }],
        label: None,
    }
}

fn main() {
    let folder = std::path::PathBuf::from(std::env::args().nth(1).unwrap());
    let total: u64 = std::env::args().nth(2).map_or(1_754_155, |n| n.parse().unwrap());
    let fill = std::env::args().nth(3).is_none();
    let schema = schema();
    let eur = Currency::new("EUR").unwrap();
    let start: Timestamp = "2018-04-01".parse().unwrap();
    let step = 183 * 86_400_000_000i64 / total as i64;
    let warehouse = ParquetWarehouse::open(&folder).unwrap();
    if fill {
        let mut rng = 88172645463325252u64;
        let mut next = move || {
            rng ^= rng << 13;
            rng ^= rng >> 7;
            rng ^= rng << 17;
            rng
        };
        let mut position = 0u64;
        let (mut spent_fold, mut spent_append) = (0.0, 0.0);
        let mut i = 0u64;
        let mut label_at = 0u64;
        let mut projection = Projection::at(Position(0));
        let mut records: Vec<Record> = Vec::new();
        let mut bytes = 0usize;
        while i < total {
            records.clear();
            while records.len() < 50_000 && i < total {
                let at = start + Duration::from_micros(step * i as i64);
                let id = EventId::new(&format!("{i}")).unwrap();
                let r = next();
                let amount = (r % 20_000) as i64;
                let event = Event {
                    event_id: id.clone(),
                    occurred_at: at,
                    amount: Amount::new(amount, eur),
                    entities: vec![Some(format!("{}", r % 5000).into()), Some(format!("{}", (r >> 20) % 10000).into())],
                    attributes: vec![None],
                };
                let push = |records: &mut Vec<Record>, position: &mut u64, topic, payload| {
                    records.push(Record { position: Position(*position), topic, payload });
                    *position += 1;
                };
                let event_position = position;
                push(&mut records, &mut position, Topic::Event, encode_event(&event, at, &schema));
                let score = ((r >> 30) % 1001) as u16 * ((r >> 41) % 1001) as u16 as u16 / 1000u16.max(1);
                let score = (u32::from(((r >> 30) % 1001) as u16) * ((r >> 41) % 1001) as u32 / 1000) as u16 + 0 * score;
                let verdict = if score >= 900 {
                    Verdict::Decline
                } else if score >= 700 {
                    Verdict::Review
                } else {
                    Verdict::Approve
                };
                let decision = Decision {
                    event_id: id,
                    event_position: Position(event_position),
                    occurred_at: at,
                    received_at: at,
                    decided_at: at,
                    amount_minor: Some(amount),
                    decision: verdict,
                    score: Some(score),
                    champion: Some(ModelScore { name: "card_fraud".into(), version: 1, probability: score as f64 / 1234.0 }),
                    thresholds: Thresholds { review: 700, decline: 900 },
                    vector: (0..15)
                        .map(|k| if k < 8 { (next() % 50) as f64 } else { (next() % 1_000_000) as f64 / 777.0 })
                        .collect(),
                    features_version: "0123456789abcdef".into(),
                    reasons: if verdict >= Verdict::Review {
                        (0..3)
                            .map(|k| Reason {
                                code: "VELOCITY".into(),
                                text: "6 payments on this card in 1 h, usually 0.4".into(),
                                feature: "customer_tx_count_1d".into(),
                                value: Some(k as f64),
                                contribution: 0.3333,
                            })
                            .collect()
                    } else {
                        vec![]
                    },
                    engine_mode: EngineMode::Normal,
                    timings_us: TimingsUs { queue: (r % 200) as u32, features: 3, model: 5 + (r >> 8) as u32 % 30, policy: 1 },
                };
                push(&mut records, &mut position, Topic::Decision, decision.encode());
                i += 1;
                let delay_events = total * 7 / 183;
                while label_at + delay_events < i {
                    let observed = start + Duration::from_micros(step * label_at as i64) + Duration::days(7);
                    let label = Label {
                        event_id: EventId::new(&format!("{label_at}")).unwrap(),
                        label: if next() % 100 == 0 { Outcome::Fraud } else { Outcome::Legit },
                        source: LabelSource::Chargeback,
                        category: None,
                        observed_at: observed,
                        amount_minor: None,
                    };
                    push(&mut records, &mut position, Topic::Label, encode_label(&label, observed));
                    label_at += 1;
                }
            }
            bytes += records.iter().map(|r| r.payload.len()).sum::<usize>();
            let t = Instant::now();
            for record in &records {
                projection.take(record, &schema).unwrap();
            }
            let projected = projection.finish();
            spent_fold += t.elapsed().as_secs_f64();
            let t = Instant::now();
            warehouse.append(&projected).unwrap();
            spent_append += t.elapsed().as_secs_f64();
        }
        println!(
            "records {position}, {} MB, fold {spent_fold:.2} s, append {spent_append:.2} s, decisions/s {:.0}",
            bytes >> 20,
            total as f64 / (spent_fold + spent_append)
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let w = &warehouse;
    for round in 0..3 {
        println!("round {round}");
        macro_rules! time {
            ($name:expr, $e:expr) => {{
                let t = Instant::now();
                let r = runtime.block_on($e).unwrap();
                println!("{:>24} {:7.1} ms", $name, t.elapsed().as_secs_f64() * 1e3);
                r
            }};
        }
        let d = |a: &str, b: &str| Days::between(Some(a.parse().unwrap()), Some(b.parse().unwrap()));
        let v = time!("volume", volume(w, Days::ALL));
        time!("mix", decision_mix(w, Days::ALL));
        let s = time!("score", score_distribution(w, Days::ALL));
        time!("latency", latency(w, Days::ALL));
        let o = time!("latency overall", latency_overall(w, Days::ALL));
        let x = time!("detection", detection(w, Days::ALL));
        time!("detection one week", detection(w, d("2018-08-01", "2018-08-07")));
        let n = time!("newest 50", newest(w, Days::ALL, 50));
        let one = time!("decision", decision(w, EventId::new(&format!("{}", total / 3)).unwrap()));
        time!("volume one day", volume(w, d("2018-08-01", "2018-08-01")));
        if round == 2 {
            println!(
                "{} {:?} {:?} {} {:?} {:?}",
                v.len(),
                s.last(),
                o,
                x.len(),
                n.first().map(|n| &n.event_id),
                one.map(|o| o.vector.len())
            );
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().filter(|l| l.starts_with("VmHWM") || l.starts_with("VmRSS")).collect::<Vec<_>>().join(" "));
}
