//! What a pipeline's events look like: the `[event]` table of its file. It says which parts an event has and where each is
//! found in a request (`json`, a dotted path) and in a file (`column`). The decoders fill an [`Event`] by it.
//!
//! [`Event`]: crate::event::Event

pub(crate) mod paths;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use self::paths::{EVENT_TYPE, JsonParts, Paths, SUPERSEDES};
use crate::event::{Currency, Value};
use crate::label::Harm;
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

/// What a value may be, beyond its type.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Allowed {
    /// Anything.
    #[default]
    Any,
    /// A number from the first to the second, both included; as low or as high as it likes where there is none.
    Range(Option<f64>, Option<f64>),
    /// One of these words, in the order in which they are declared.
    OneOf(Vec<String>),
}

impl Allowed {
    /// Whether a value is allowed.
    pub fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Range(min, max) => {
                value.as_f64().is_some_and(|number| min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max))
            }
            Self::OneOf(words) => matches!(value, Value::Text(text) if words.iter().any(|word| **word == **text)),
        }
    }

    /// The words that there are; none where any value will do.
    pub fn words(&self) -> &[String] {
        if let Self::OneOf(words) = self { words } else { &[] }
    }
}

/// What a value must be, for whoever sent another.
impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any | Self::Range(None, None) => f.write_str("may be anything"),
            Self::Range(Some(min), None) => write!(f, "must be at least {min}"),
            Self::Range(None, Some(max)) => write!(f, "must be at most {max}"),
            Self::Range(Some(min), Some(max)) => write!(f, "must be from {min} to {max}"),
            Self::OneOf(words) => write!(f, "must be one of {}", words.join(", ")),
        }
    }
}

/// A declared attribute: any other value of the event that features or rules may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Where it is found.
    pub place: Place,
    /// What it must be.
    pub value_type: ValueType,
    /// Whether an event without it is refused.
    pub required: bool,
    /// What it may be.
    pub allowed: Allowed,
}

/// Historical labels that lie in the same file as the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelColumn {
    /// The column: 1 or `true` for what is bad, 0 or `false` for what is not.
    pub column: String,
    /// What the bad ones are.
    pub bad: Harm,
    /// How long after its event a label becomes known, when history does not say.
    pub delay: Duration,
}

/// What a pipeline's events look like.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// The events' type, checked against `event_type` where a request has one.
    pub event_type: String,
    /// Where the id is found.
    pub event_id: Place,
    /// Where the time is found.
    pub event_time: Place,
    /// Where the amount is found, for events that move money.
    pub amount_minor: Option<Place>,
    /// What the amount may be, in minor units.
    pub amount_allowed: Allowed,
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
    /// Where all of these lie in a request.
    pub(crate) json: JsonParts,
}

impl Schema {
    /// The number of an entity, by its name.
    pub fn entity(&self, name: &str) -> Option<usize> {
        self.entities.iter().position(|entity| entity.name == name)
    }

    /// What its bad events are.
    pub fn harm(&self) -> Harm {
        self.label.as_ref().map_or_else(Harm::default, |label| label.bad)
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
    amount_minor: Option<AmountFile>,
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
struct AmountFile {
    json: Option<Spanned<String>>,
    column: Option<String>,
    min: Option<Spanned<f64>>,
    max: Option<Spanned<f64>>,
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
    /// For numbers.
    min: Option<Spanned<f64>>,
    max: Option<Spanned<f64>>,
    /// For texts.
    one_of: Option<Spanned<Vec<String>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelFile {
    column: String,
    #[serde(default)]
    bad: Harm,
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

/// A range with a beginning before its end.
fn range(min: Option<Spanned<f64>>, max: Option<Spanned<f64>>) -> Result<Allowed, SchemaError> {
    // Nothing is above what is no number: every event would be refused.
    if let Some(bound) = [&min, &max].into_iter().flatten().find(|bound| !bound.as_ref().is_finite()) {
        return Err(SchemaError { message: "`min` and `max` are finite numbers".to_owned(), span: bound.span() });
    }
    match (min, max) {
        (None, None) => Ok(Allowed::Any),
        (Some(min), Some(max)) if max.as_ref() < min.as_ref() => {
            Err(SchemaError { message: format!("`max` is below `min`, which is {}", min.as_ref()), span: max.span() })
        }
        (min, max) => Ok(Allowed::Range(min.map(Spanned::into_inner), max.map(Spanned::into_inner))),
    }
}

impl AttributeFile {
    /// What its values may be.
    fn allowed(&self) -> Result<Allowed, SchemaError> {
        let fail = |span: Range<usize>, message: &str| Err(SchemaError { message: message.to_owned(), span });
        let is_number = matches!(self.value_type, ValueType::Integer | ValueType::Number);
        match (&self.one_of, self.min.as_ref().or(self.max.as_ref())) {
            (Some(words), _) if self.value_type != ValueType::Text => fail(words.span(), "`one_of` is for text"),
            (_, Some(bound)) if !is_number => fail(bound.span(), "`min` and `max` are for numbers"),
            (Some(words), _) if words.as_ref().is_empty() => fail(words.span(), "`one_of` has no words"),
            (Some(words), _) => {
                let repeated = |(place, word): (usize, &String)| words.as_ref()[..place].contains(word);
                match words.as_ref().iter().enumerate().any(repeated) {
                    true => fail(words.span(), "`one_of` has a word twice"),
                    false => Ok(Allowed::OneOf(words.as_ref().clone())),
                }
            }
            (None, _) => range(self.min.clone(), self.max.clone()),
        }
    }
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
            let (allowed, value_type, required) = (file.allowed()?, file.value_type, file.required);
            let place = place(name.as_ref(), file.json, file.column)?;
            attributes.push(Attribute { name: name.into_inner(), place, value_type, required, allowed });
        }
        let (amount_minor, amount_allowed) = match self.amount_minor {
            None => (None, Allowed::Any),
            Some(AmountFile { json, column, min, max }) => (Some(place("amount_minor", json, column)?), range(min, max)?),
        };
        let (event_id, event_time) = (named("event_id", self.event_id)?, named("event_time", self.event_time)?);
        let currency = self.currency.map(|file| named("currency", file)).transpose()?;
        let label = self.label.map(|file| LabelColumn { column: file.column, bad: file.bad, delay: file.delay });
        let mut paths = Paths::default();
        let mut own = |name: &str| paths.add(&[name.to_owned()]);
        let (event_type, supersedes) = (own(EVENT_TYPE), own(SUPERSEDES));
        let label_cell = label.as_ref().map(|label| own(&label.column));
        let mut cell = |place: &Place| paths.add(&place.json);
        let json = JsonParts {
            event_type,
            supersedes,
            event_id: cell(&event_id),
            event_time: cell(&event_time),
            amount_minor: amount_minor.as_ref().map(&mut cell),
            currency: currency.as_ref().map(&mut cell),
            entities: entities.iter().map(|entity| cell(&entity.place)).collect(),
            attributes: attributes.iter().map(|attribute| cell(&attribute.place)).collect(),
            label: label_cell,
            paths,
        };
        Ok(Schema {
            event_type: self.event_type,
            event_id,
            event_time,
            amount_minor,
            amount_allowed,
            currency,
            default_currency: self.default_currency.unwrap_or_default(),
            entities,
            attributes,
            label,
            json,
        })
    }
}

/// Names that mean a part of every event.
const RESERVED: [&str; 5] = ["event_id", "event_time", EVENT_TYPE, "amount_minor", "currency"];

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
        assert_eq!(schema.label, Some(LabelColumn { column: "TX_FRAUD".to_owned(), bad: Harm::Fraud, delay: Duration::days(7) }));
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
        check("kind = { type = \"integer\", one_of = [\"a\"] }", "[\"a\"]", "`one_of` is for text");
        check("kind = { type = \"text\", one_of = [] }", "[]", "`one_of` has no words");
        check("kind = { type = \"text\", one_of = [\"a\", \"a\"] }", "[\"a\", \"a\"]", "`one_of` has a word twice");
        check("kind = { type = \"text\", min = 1 }", "1", "`min` and `max` are for numbers");
        check("age = { type = \"integer\", min = 18, max = 17.5 }", "17.5", "`max` is below `min`, which is 18");
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
