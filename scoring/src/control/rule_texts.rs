//! Rules as JSON texts within a record: what is not said in one may stay unsaid, so a rule can gain a part and old records stay readable.

use serde::{Deserialize, Deserializer, Serializer, de, ser};

use crate::rules::Rule;

pub(super) fn serialize<S: Serializer>(rules: &[Rule], serializer: S) -> Result<S::Ok, S::Error> {
    let texts: Result<Vec<String>, _> = rules.iter().map(serde_json::to_string).collect();
    serializer.collect_seq(texts.map_err(ser::Error::custom)?)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Rule>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| serde_json::from_str(text).map_err(de::Error::custom)).collect()
}
