//! Parts of a record as JSON texts: what is not said in one may stay unsaid, so a rule or an experiment can gain a part and old records stay
//! readable. A text within a text grows with every level, so that no record can nest deeper than a stack.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

pub(super) fn serialize<T: Serialize, S: Serializer>(parts: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    let texts: Result<Vec<String>, _> = parts.iter().map(serde_json::to_string).collect();
    serializer.collect_seq(texts.map_err(ser::Error::custom)?)
}

pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| serde_json::from_str(text).map_err(de::Error::custom)).collect()
}
