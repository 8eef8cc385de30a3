//! What a pipeline's events look like: the `[event]` table of its file. It says which parts an event has and where each is
//! found in a request (`json`, a dotted path) and in a file (`column`). The decoders fill an [`Event`] by it.
//!
//! [`Event`]: crate::event::Event

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::event::Currency;
use crate::time::Duration;

/// What is wrong with a schema, and where in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SchemaError {
    /// What is wrong.
    pub message: String,
    /// The bytes of the pipeline file that it is about.
    pub span: Range<usize>,
}

/// The kind of value that an attribute has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A finite number.
    Number,
    /// `true` or `false` (in columns also 0 or 1).
    Flag,
}

impl ValueType {
    /// Its name in a pipeline file and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Flag => "flag",
        }
    }
}

/// Where one part of an event is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The path in a JSON object: `["customer", "id"]` for `customer.id`.
    pub json: Vec<String>,
    /// The column in CSV and Parquet.
    pub column: String,
}

/// A declared entity: whose history features are kept (`customer`, `card`, `terminal`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Its name.
    pub name: String,
    /// Where its key is found.
    pub place: Place,
    /// Whether an event without it is refused.
    pub required: bool,
    /// Whether its keys are tokens that stand for card numbers: a card number in their place is refused.
    pub token: bool,
}

/// A declared attribute: any other value of the event that features or rules may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Where it is found.
    pub place: Place,
    /// What it must be.
    pub value_type: ValueType,
    /// Whether an event without it is refused.
    pub required: bool,
}

/// Historical labels that lie in the same file as the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelColumn {
    /// The column: 1 or `true` for fraud (or default), 0 or `false` for legit.
    pub column: String,
    /// How long after its event a label becomes known, when history does not say.
    pub delay: Duration,
}

/// What a pipeline's events look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The events' type, checked against `event_type` where a request has one.
    pub event_type: String,
    /// Where the id is found.
    pub event_id: Place,
    /// Where the time is found.
    pub event_time: Place,
    /// Where the amount is found, for events that move money.
    pub amount_minor: Option<Place>,
    /// Where the currency is found; absent or missing there, `default_currency` holds.
    pub currency: Option<Place>,
    /// The currency of an amount that comes without.
    pub default_currency: Currency,
    /// The entities, sorted by name.
    pub entities: Vec<Entity>,
    /// The attributes, sorted by name.
    pub attributes: Vec<Attribute>,
    /// Labels in historical files.
    pub label: Option<LabelColumn>,
}

impl Schema {
    /// The number of an entity, by its name.
    pub fn entity(&self, name: &str) -> Option<usize> {
        self.entities.iter().position(|entity| entity.name == name)
    }

    /// The number of an attribute, by its name.
    pub fn attribute(&self, name: &str) -> Option<usize> {
        self.attributes.iter().position(|attribute| attribute.name == name)
    }
}

/// The `[event]` table as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaFile {
    #[serde(rename = "type")]
    event_type: String,
    event_id: PlaceFile,
    event_time: PlaceFile,
    amount_minor: Option<PlaceFile>,
    currency: Option<PlaceFile>,
    default_currency: Option<Currency>,
    #[serde(default)]
    entities: BTreeMap<Spanned<String>, PartFile>,
    #[serde(default)]
    attributes: BTreeMap<Spanned<String>, AttributeFile>,
    label: Option<LabelFile>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceFile {
    json: Option<Spanned<String>>,
    column: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartFile {
    json: Option<Spanned<String>>,
    column: Option<String>,
    #[serde(default = "yes")]
    required: bool,
    /// By default for an entity named `card`.
    token: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeFile {
    json: Option<Spanned<String>>,
    column: Option<String>,
    #[serde(rename = "type")]
    value_type: ValueType,
    #[serde(default = "yes")]
    required: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelFile {
    column: String,
    delay: Duration,
}

const fn yes() -> bool {
    true
}

/// Without `json` or `column` a part is looked for under its own name.
fn place(name: &str, json: Option<Spanned<String>>, column: Option<String>) -> Result<Place, SchemaError> {
    let column = column.unwrap_or_else(|| name.to_owned());
    let Some(path) = json else { return Ok(Place { json: vec![name.to_owned()], column }) };
    let json: Vec<String> = path.as_ref().split('.').map(str::to_owned).collect();
    if json.iter().any(String::is_empty) {
        let message = format!("`{}` is not a path: write it as `customer.id`", path.as_ref());
        return Err(SchemaError { message, span: path.span() });
    }
    Ok(Place { json, column })
}

impl SchemaFile {
    /// Checks what the TOML types could not: names that are words, that no two parts share one, and paths without gaps.
    pub fn check(self) -> Result<Schema, SchemaError> {
        let named = |name: &str, file: PlaceFile| place(name, file.json, file.column);
        let mut entities = Vec::new();
        for (name, file) in self.entities {
            word(&name, "an entity")?;
            let place = place(name.as_ref(), file.json, file.column)?;
            let token = file.token.unwrap_or(name.as_ref() == "card");
            entities.push(Entity { name: name.into_inner(), place, required: file.required, token });
        }
        let mut attributes = Vec::new();
        for (name, file) in self.attributes {
            word(&name, "an attribute")?;
            if entities.iter().any(|entity: &Entity| entity.name == *name.as_ref()) {
                return Err(taken(&name, "an attribute"));
            }
            let place = place(name.as_ref(), file.json, file.column)?;
            attributes.push(Attribute { name: name.into_inner(), place, value_type: file.value_type, required: file.required });
        }
        Ok(Schema {
            event_type: self.event_type,
            event_id: named("event_id", self.event_id)?,
            event_time: named("event_time", self.event_time)?,
            amount_minor: self.amount_minor.map(|file| named("amount_minor", file)).transpose()?,
            currency: self.currency.map(|file| named("currency", file)).transpose()?,
            default_currency: self.default_currency.unwrap_or(Currency::new("EUR").expect("three capital letters")),
            entities,
            attributes,
            label: self.label.map(|file| LabelColumn { column: file.column, delay: file.delay }),
        })
    }
}

/// Names that mean a part of every event.
const RESERVED: [&str; 5] = ["event_id", "event_time", "event_type", "amount_minor", "currency"];

fn word(name: &Spanned<String>, what: &str) -> Result<(), SchemaError> {
    let text = name.as_ref();
    let ok = text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|each| each.is_ascii_lowercase() || each.is_ascii_digit() || each == '_');
    if !ok {
        let message = format!("{what} is named `{text}`: use small letters, digits and underscores, a letter first");
        return Err(SchemaError { message, span: name.span() });
    }
    if RESERVED.contains(&text.as_str()) { Err(taken(name, what)) } else { Ok(()) }
}

fn taken(name: &Spanned<String>, what: &str) -> SchemaError {
    SchemaError { message: format!("{what} is named `{}`, as another part of the event is", name.as_ref()), span: name.span() }
}

/// Reads the `[event]` table alone, for tests and tools that need no more of a pipeline.
impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SchemaFile::deserialize(deserializer)?.check().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD_PAYMENT: &str = r#"
type = "card_payment"
event_id = { json = "event_id", column = "TRANSACTION_ID" }
event_time = {}
amount_minor = { json = "transaction.amount_minor", column = "TX_AMOUNT_CENTS" }
label = { column = "TX_FRAUD", delay = "7d" }
[entities]
terminal = { json = "terminal.id", column = "TERMINAL_ID" }
customer = { json = "customer.id", column = "CUSTOMER_ID", required = false }
[attributes]
mcc = { json = "transaction.mcc", type = "text" }
"#;

    #[test]
    fn a_table_becomes_a_schema() {
        let schema: Schema = toml::from_str(CARD_PAYMENT).unwrap();
        let place = |json: &[&str], column: &str| Place {
            json: json.iter().map(ToString::to_string).collect(),
            column: column.to_owned(),
        };
        assert_eq!(schema.event_id, place(&["event_id"], "TRANSACTION_ID"));
        assert_eq!(schema.event_time, place(&["event_time"], "event_time"));
        assert_eq!(schema.amount_minor, Some(place(&["transaction", "amount_minor"], "TX_AMOUNT_CENTS")));
        assert_eq!((schema.currency.is_none(), schema.default_currency.to_string().as_str()), (true, "EUR"));
        assert_eq!((schema.entity("customer"), schema.entity("terminal"), schema.entity("card")), (Some(0), Some(1), None));
        assert_eq!((schema.entities[0].required, schema.entities[1].required), (false, true));
        assert_eq!(schema.attribute("mcc"), Some(0));
        assert_eq!(schema.attributes[0].place, place(&["transaction", "mcc"], "mcc"));
        assert_eq!(schema.label, Some(LabelColumn { column: "TX_FRAUD".to_owned(), delay: Duration::days(7) }));
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        let check = |added: &str, at: &str, message: &str| {
            let text = format!("{CARD_PAYMENT}{added}");
            let error = toml::from_str::<SchemaFile>(&text).unwrap().check().unwrap_err();
            assert_eq!((&text[error.span.clone()], error.to_string().as_str()), (at, message), "{added}");
        };
        let word = "an attribute is named `Mcc`: use small letters, digits and underscores, a letter first";
        check("Mcc = { type = \"text\" }", "Mcc", word);
        check("customer = { type = \"text\" }", "customer", "an attribute is named `customer`, as another part of the event is");
        check("currency = { type = \"text\" }", "currency", "an attribute is named `currency`, as another part of the event is");
        check("[entities.event_id]", "event_id", "an entity is named `event_id`, as another part of the event is");
        check("ip = { type = \"text\", json = \"ip.\" }", "\"ip.\"", "`ip.` is not a path: write it as `customer.id`");
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_its_line() {
        let check = |added: &str, line: &str, named: &str| {
            let message = toml::from_str::<SchemaFile>(&format!("{CARD_PAYMENT}{added}")).unwrap_err().to_string();
            assert!(message.contains(line) && message.contains(named), "{message}");
        };
        check("ip = { type = \"text\", colum = \"IP\" }", "line 12", "colum");
        check("ip = { type = \"string\" }", "line 12", "string");
        check("[entity]", "line 12", "entity");
    }
}
