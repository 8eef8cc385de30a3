//! The description of the API: OpenAPI 3.1, generated from the handlers and their types, with what an event looks like in this pipeline.

use std::collections::BTreeMap;

use ingest::schema::{Allowed, Place, Schema, ValueType};
use ingest::{EventId, Value as EventValue};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::{
    alerts, answer, audit, backtest, change_draft, changes, credit, decisions, experiments, health, keys, lists, models, page,
    problem, rules, score, session, users,
};
use crate::pipeline::Pipeline;

#[derive(OpenApi)]
#[openapi(
    info(title = "riskflow", description = "Streaming risk scoring: decisions, rules, lists, models and alerts."),
    paths(
        score::score, score::batch, credit::score, super::label, decisions::decision, decisions::replay, rules::list, rules::get, rules::put,
        rules::check, backtest::backtest, lists::list, lists::entries, lists::add, lists::remove, lists::import, models::list, models::put_role,
        models::roll_back, models::retrain, experiments::list, experiments::start, experiments::end, changes::list, changes::get, changes::propose,
        changes::approve, changes::reject, changes::withdraw, alerts::queue::list, alerts::queue::next, alerts::detail::get, alerts::acts::act, session::log_in, session::who, session::log_out, session::set_password, users::list,
        users::add, users::edit, users::remove, keys::list, keys::add, keys::rotate, keys::revoke, audit::list,
        super::health::live, super::health::ready, super::metrics, super::openapi, super::docs,
    ),
    components(schemas(
        answer::ScoreAnswer, credit::CreditAnswer, answer::DecisionPage, score::BatchAnswer, decisions::ReplayAnswer, crate::rules::Rule,
        rules::RuleDraft, rules::Condition, rules::Checked, backtest::Wanted, crate::backtest::Report, lists::ListAnswer, lists::Drafts, lists::Changed, crate::lists::Entry,
        models::Models, models::RoleDraft, models::RoleAnswer, problem::Problem, page::Page<crate::rules::Rule>,
        page::Page<crate::lists::Entry>, models::Why, changes::ChangeAnswer, changes::ChangeDetail, change_draft::ProposalDraft, changes::Said,
        experiments::ExperimentAnswer, experiments::ExperimentDraft, experiments::EndDraft, page::Page<changes::ChangeAnswer>,
        page::Page<experiments::ExperimentAnswer>, alerts::AlertAnswer, alerts::queue::Queue, alerts::detail::AlertPage, alerts::acts::ActDraft, session::Who, session::LogIn, session::NewPassword, users::Users, users::UserDraft,
        users::UserEdit, users::UserAnswer, keys::Keys, keys::KeyAnswer, keys::KeyDraft, keys::Rotation, keys::Made, page::Page<crate::audit::Sealed>,
    ))
)]
struct Described;

/// The document for a pipeline, with routes of other parts of the program.
pub(super) fn document(pipeline: &Pipeline, more: utoipa::openapi::OpenApi) -> Value {
    let mut described = Described::openapi();
    described.merge(more);
    let mut document = serde_json::to_value(described).expect("plain data always has a JSON form");
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    document["components"]["schemas"]["Event"] = event(&pipeline.schema);
    document["components"]["schemas"]["Label"] = label();
    let one = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let events = json!({"type": "array", "minItems": 1, "maxItems": score::MOST_EVENTS, "items": {"type": "object"}});
    let batch =
        json!({"type": "object", "additionalProperties": false, "required": ["events"], "properties": {"events": events}});
    for (path, schema) in [
        ("/v1/score", one("Event")),
        ("/v1/credit/score", one("Event")),
        ("/v1/labels", one("Label")),
        ("/v1/score/batch", batch),
    ] {
        document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"] = schema;
    }
    name_lists(&mut document, &pipeline.list_names());
    add_common(&mut document);
    document
}

/// Says which lists there are, where a path wants the name of one.
fn name_lists(document: &mut Value, names: &[String]) {
    let paths = document["paths"].as_object_mut().expect("a document has paths");
    let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    let parameters = operations.filter_map(|operation| operation.get_mut("parameters")?.as_array_mut()).flatten();
    for parameter in parameters.filter(|parameter| parameter["name"] == "list" && !names.is_empty()) {
        parameter["schema"]["enum"] = json!(names);
    }
}

/// What any call may be answered with, but for probes.
const ANY_CALL: [(&str, &str); 1] = [("400", "a parameter is not valid")];

/// What a call may be answered with whose caller has to be known.
const ANY_CALLER: [(&str, &str); 5] = [
    ("401", "no key and no session, or none that is known"),
    ("403", "the caller may not do this"),
    ("429", "the key has sent more requests than its rate allows"),
    ("500", "riskflow failed"),
    ("503", "not ready, stopped, or too slow"),
];

/// What a call with a body may be answered with beside it.
const ANY_BODY: [(&str, &str); 4] = [
    ("400", "the body ended early, or a parameter is not valid"),
    ("408", "the body came too slowly"),
    ("413", "the body is too large"),
    ("422", "the request is not valid; `field` names what is wrong"),
];

/// Puts the answers that calls have in common, and keys, into a document.
fn add_common(document: &mut Value) {
    let problem = |description: &str| {
        let schema = json!({"$ref": "#/components/schemas/Problem"});
        json!({"description": description, "content": {"application/problem+json": {"schema": schema}}})
    };
    document["components"]["securitySchemes"]["key"] = json!({"type": "http", "scheme": "bearer"});
    let paths = document["paths"].as_object_mut().expect("a document has paths");
    for (path, methods) in paths.iter_mut().filter(|(path, _)| !health::is_probe(path)) {
        let is_public = super::access::is_public(path);
        for operation in methods.as_object_mut().into_iter().flat_map(Map::values_mut) {
            let has_body = operation.get("requestBody").is_some();
            let responses = operation["responses"].as_object_mut().expect("a call has answers");
            let of_caller = ANY_CALLER.iter().filter(|_| !is_public);
            for (status, description) in ANY_BODY.iter().filter(|_| has_body).chain(&ANY_CALL).chain(of_caller) {
                responses.entry(*status).or_insert_with(|| problem(description));
            }
            if !is_public && operation.get("security").is_none() {
                operation["security"] = json!([{"key": []}]);
            }
        }
    }
}

/// An event as this pipeline takes it.
fn event(schema: &Schema) -> Value {
    let mut root = Object::default();
    root.put(&schema.event_id, true, id(json!("string")));
    root.put(&schema.event_time, true, json!({"type": "string", "format": "date-time"}));
    if let Some(place) = &schema.amount_minor {
        let mut minor = json!({"type": "integer", "minimum": 0, "maximum": ingest::Amount::MAX_MINOR});
        allow(&mut minor, &schema.amount_allowed);
        root.put(place, true, minor);
    }
    if let Some(place) = &schema.currency {
        root.put(place, false, json!({"type": ["string", "null"], "pattern": "^[A-Z]{3}$"}));
    }
    for entity in &schema.entities {
        root.put(&entity.place, entity.required, id(json!("string")));
    }
    for attribute in &schema.attributes {
        let kind = match attribute.value_type {
            ValueType::Text => "string",
            ValueType::Integer => "integer",
            ValueType::Number => "number",
            ValueType::Flag => "boolean",
        };
        let mut leaf = json!({ "type": kind });
        if attribute.value_type == ValueType::Text {
            leaf["maxLength"] = json!(EventValue::MAX_TEXT_BYTES);
            leaf["description"] = json!(format!("at most {} bytes of UTF-8", EventValue::MAX_TEXT_BYTES));
        }
        allow(&mut leaf, &attribute.allowed);
        root.put(&attribute.place, attribute.required, leaf);
    }
    let typed = Place { json: vec!["event_type".to_owned()], column: String::new() };
    root.put(&typed, false, json!({"const": schema.event_type}));
    let supersedes = Place { json: vec!["supersedes".to_owned()], column: String::new() };
    let mut corrected = id(json!(["string", "null"]));
    corrected["description"] = json!(format!("the event that this one corrects; 1 to {} bytes of UTF-8", EventId::MAX_BYTES));
    root.put(&supersedes, false, corrected);
    root.schema()
}

/// What names an event or an entity. A pattern of what it may be would end in `$`, before which some readers of patterns take a new line.
fn id(kind: Value) -> Value {
    let with_control = json!({"type": "string", "pattern": r"[\x00-\x1f\x7f]"});
    let length = format!("1 to {} bytes of UTF-8", EventId::MAX_BYTES);
    json!({"type": kind, "minLength": 1, "maxLength": EventId::MAX_BYTES, "not": with_control, "description": length})
}

/// Says what a value may be beyond its type.
fn allow(leaf: &mut Value, allowed: &Allowed) {
    match allowed {
        Allowed::Any => {}
        Allowed::OneOf(words) => leaf["enum"] = json!(words),
        Allowed::Range(min, max) => {
            min.iter().for_each(|min| leaf["minimum"] = json!(min));
            max.iter().for_each(|max| leaf["maximum"] = json!(max));
        }
    }
}

/// An object of a schema with objects in it.
#[derive(Default)]
struct Object {
    members: BTreeMap<String, Object>,
    leaf: Option<Value>,
    required: bool,
}

impl Object {
    fn put(&mut self, place: &Place, required: bool, leaf: Value) {
        let mut here = self;
        for name in &place.json {
            here = here.members.entry(name.clone()).or_default();
            here.required |= required;
        }
        here.leaf = Some(leaf);
    }

    fn schema(&self) -> Value {
        if let Some(leaf) = &self.leaf {
            return leaf.clone();
        }
        let required: Vec<&String> = self.members.iter().filter(|(_, member)| member.required).map(|(name, _)| name).collect();
        let properties: Map<String, Value> = self.members.iter().map(|(name, member)| (name.clone(), member.schema())).collect();
        json!({"type": "object", "properties": properties, "required": required})
    }
}

/// A label as the API takes it.
fn label() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["event_id", "label", "source", "observed_at"],
        "properties": {
            "event_id": id(json!("string")),
            "label": {"enum": ["fraud", "legit", "default", "repaid"]},
            "source": {"enum": ["chargeback", "analyst", "customer", "issuer", "servicing"]},
            "category": id(json!(["string", "null"])),
            "observed_at": {"type": "string", "format": "date-time"},
            "amount_minor": {"type": ["integer", "null"], "minimum": 0, "maximum": ingest::Amount::MAX_MINOR},
        },
    })
}

/// The page that shows the document: everything in it comes from here.
pub(super) const PAGE: &str = include_str!("openapi.html");

#[cfg(test)]
mod tests {
    use super::*;

    fn refs(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| refs(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| refs(item, found)),
            _ => {}
        }
    }

    fn handbook() -> Value {
        let text = include_str!("../../../pipelines/card_fraud_handbook.toml");
        document(&Pipeline::parse(text, "p.toml").expect("it ships with the program"), utoipa::openapi::OpenApi::default())
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = handbook();
        assert_eq!(document["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
        let mut found = Vec::new();
        refs(&document, &mut found);
        assert!(found.len() > 30, "{found:?}");
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("all of it is in one document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn what_any_call_may_get_is_said_of_every_call() {
        let document = handbook();
        let statuses = |path: &str, method: &str| -> Vec<String> {
            document["paths"][path][method]["responses"].as_object().expect("answers").keys().cloned().collect()
        };
        assert_eq!(statuses("/livez", "get"), ["200"]);
        assert_eq!(statuses("/docs", "get"), ["200", "400"]);
        assert_eq!(statuses("/v1/lists", "get"), ["200", "400", "401", "403", "429", "500", "503"]);
        let score = ["200", "400", "401", "403", "408", "409", "413", "422", "429", "500", "503"];
        assert_eq!(statuses("/v1/score", "post"), score);
        let add = ["201", "400", "401", "403", "408", "409", "413", "422", "429", "500", "503"];
        assert_eq!(statuses("/v1/keys", "post"), add);
        let rotate = ["200", "400", "401", "403", "404", "408", "409", "413", "422", "429", "500", "503"];
        assert_eq!(statuses("/v1/keys/{name}/rotate", "post"), rotate);
        let revoke = ["204", "400", "401", "403", "404", "409", "429", "500", "503"];
        assert_eq!(statuses("/v1/keys/{name}", "delete"), revoke);
        assert!(document["paths"]["/livez"]["get"].get("security").is_none());
        // Of two schemas with one name the document would have one.
        let member = |schema: &str, name: &str| document["components"]["schemas"][schema]["properties"][name].is_object();
        assert!(member("Reason", "contribution") && member("Condition", "when") && member("EngineCondition", "mode"));
        assert_eq!(document["components"]["schemas"]["WhyText"]["type"], "string");
    }

    #[test]
    fn lists_are_named_where_there_are_any() {
        let text = include_str!("../../../pipelines/card_fraud_handbook.toml");
        let lists = "[[lists]]\nname = \"stolen\"\nkind = \"block\"\nof = \"customer\"\n";
        let named = |text: &str| {
            let pipeline = Pipeline::parse(text, "p.toml").expect("it fits");
            let document = document(&pipeline, utoipa::openapi::OpenApi::default());
            document["paths"]["/v1/lists/{list}/entries"]["delete"]["parameters"][0]["schema"]["enum"].clone()
        };
        assert_eq!(named(text), Value::Null);
        assert_eq!(named(&format!("{text}{lists}")), json!(["stolen"]));
    }

    #[test]
    fn an_event_is_described_as_the_pipeline_takes_it() {
        let event = &handbook()["components"]["schemas"]["Event"];
        assert_eq!(event["required"], json!(["customer", "event_id", "event_time", "terminal", "transaction"]));
        assert_eq!(event["properties"]["transaction"]["required"], json!(["amount_minor"]));
        assert_eq!(event["properties"]["event_type"]["const"], "card_payment");
        let places = ["/event_id", "/customer/properties/id", "/supersedes"];
        let most = places.map(|place| event["properties"].pointer(place).expect("it is described")["maxLength"].clone());
        assert_eq!(most, [json!(200), json!(200), json!(200)]);
    }

    #[test]
    fn texts_of_an_event_have_an_end() {
        let text = include_str!("../../../pipelines/card_fraud_handbook.toml");
        let attributes = "\n[event.attributes]\nmcc = { type = \"text\" }\nitems = { type = \"integer\" }\n";
        let pipeline = Pipeline::parse(&format!("{text}{attributes}"), "p.toml").expect("it fits");
        let event = event(&pipeline.schema);
        let most = |attribute: &str| &event["properties"][attribute]["maxLength"];
        assert_eq!((most("mcc"), most("items")), (&json!(1_024), &Value::Null));
    }
}
