use super::*;

fn decision() -> Decision {
    Decision {
        event_id: EventId::new("e1").expect("short"),
        event_position: Position(3),
        occurred_at: Timestamp::from_micros(1),
        received_at: Timestamp::from_micros(2),
        decided_at: Timestamp::from_micros(3),
        amount_minor: Some(100),
        decision: Verdict::Review,
        score: Some(700),
        champion: Some(ModelScore {
            name: "m".to_owned(),
            version: 7,
            role: Role::Champion,
            raw_probability: 0.5,
            probability: 0.5,
        }),
        thresholds: Thresholds { review: 700, decline: 900 },
        vector: vec![1.5],
        features_version: "ab".to_owned(),
        reasons: Vec::new(),
        reasons_wanted: Reasons::Needed,
        engine_mode: EngineMode::Normal,
        timings_us: TimingsUs { queue: 1, features: 2, model: 3, policy: 4 },
        feature_state: FeatureState::default(),
        ground: Ground::Score,
        degradation: None,
        lists: Vec::new(),
        rules: Vec::new(),
        control_version: Position(0),
        supersedes: None,
    }
}

#[test]
fn every_version_that_was_ever_written_is_read() {
    let body = concat!(
        "02653103",                 // event id, position
        "020406",                   // three times, zigzag
        "01c801",                   // amount
        "02",                       // review
        "01bc05",                   // score
        "01016d07000000000000e03f", // champion
        "bc058407",                 // thresholds
        "01000000000000f83f",       // vector
        "026162",                   // definitions
        "00",                       // no reasons
        "00",                       // normal
        "01020304",                 // timings
    );
    let bytes = |digits: &str| hex::decode(digits).expect("hexadecimal");
    assert_eq!(Decision::decode(&bytes(&format!("01{body}"))), Ok(decision()));
    assert_eq!(Decision::decode(&bytes(&format!("02{body}000000"))), Ok(decision()));
    let late = FeatureState { placement: Placement::Late, coarse: vec!["card".to_owned()], refused: Vec::new() };
    assert_eq!(
        Decision::decode(&bytes(&format!("02{body}0101046361726400"))),
        Ok(Decision { feature_state: late, ..decision() })
    );
    assert_eq!(
        hex::encode(decision().encode()),
        format!(
            "03{}",
            concat!(
                "02653103",
                "020406",
                "01c801",
                "02",
                "01bc05",
                "01016d0702000000000000e03f000000000000e03f", // champion: role and raw probability
                "bc058407",
                "01000000000000f83f",
                "026162",
                "0000",     // no reasons, those that are needed
                "00",       // normal
                "01020304", // timings
                "000000",   // features exact
                "00",       // by its score
                "00",       // not degraded
                "0000",     // no lists, no rules
                "00",       // no control record yet
                "00",       // corrects nothing
            )
        )
    );
    assert_eq!(Decision::decode(&decision().encode()), Ok(decision()));
}
