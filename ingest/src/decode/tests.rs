//! What every decoder must do alike, and what JSON in particular must.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::schema::Schema;

/// A pipeline that declares one of everything.
pub(super) const PIPELINE: &str = r#"
type = "card_payment"
default_currency = "EUR"
event_id = { json = "event_id", column = "TRANSACTION_ID" }
event_time = { json = "event_time", column = "TX_DATETIME" }
amount_minor = { json = "transaction.amount_minor", column = "TX_AMOUNT_CENTS" }
currency = { json = "transaction.currency", column = "CURRENCY" }
label = { column = "TX_FRAUD", delay = "7d" }
[entities]
customer = { json = "customer.id", column = "CUSTOMER_ID" }
device = { json = "device.id", column = "DEVICE", required = false }
[attributes]
card_present = { json = "transaction.card_present", type = "flag", required = false }
distance = { type = "number", required = false }
items = { type = "integer", required = false }
mcc = { json = "transaction.mcc", type = "text", required = false }
"#;

pub(super) fn schema() -> Schema {
    toml::from_str(PIPELINE).unwrap()
}

fn request() -> Json {
    json!({
        "event_id": "txn_1",
        "event_type": "card_payment",
        "event_time": "2026-04-23T12:00:00.123Z",
        "transaction": {"amount_minor": 87550, "currency": "USD", "card_present": false, "mcc": "5732", "channel": "ecom"},
        "customer": {"id": "cus_9", "country": "DE"},
        "device": {"id": 17},
        "distance": 2,
        "items": 3,
        "custom": {},
    })
}

/// The request with the value at a JSON pointer replaced.
fn changed(pointer: &str, value: &Json) -> Json {
    let mut json = request();
    *json.pointer_mut(pointer).unwrap() = value.clone();
    json
}

#[test]
fn what_a_schema_does_not_allow_is_refused_in_every_format() {
    let text = PIPELINE
        .replace("column = \"TX_AMOUNT_CENTS\"", "column = \"TX_AMOUNT_CENTS\", min = 100, max = 90000")
        .replace("distance = { type = \"number\"", "distance = { type = \"number\", max = 2.5")
        .replace("items = { type = \"integer\"", "items = { type = \"integer\", min = 1")
        .replace(
            "json = \"transaction.mcc\", type = \"text\"",
            "json = \"transaction.mcc\", type = \"text\", one_of = [\"5732\", \"5411\"]",
        );
    let schema: Schema = toml::from_str(&text).unwrap();
    let check = |pointer: &str, value: Json, expect: Option<&str>| {
        let refused = json::event(changed(pointer, &value).to_string().as_bytes(), &schema).err();
        assert_eq!(refused.map(|refused| refused.to_string()).as_deref(), expect, "{pointer} {value}");
    };
    check("/items", json!(1), None);
    check("/items", json!(0), Some("items: must be at least 1"));
    check("/distance", json!(2.5), None);
    check("/distance", json!(2.6), Some("distance: must be at most 2.5"));
    check("/distance", json!(null), None);
    check("/transaction/mcc", json!("5411"), None);
    check("/transaction/mcc", json!("541"), Some("transaction.mcc: must be one of 5732, 5411"));
    check("/transaction/amount_minor", json!(99), Some("transaction.amount_minor: must be from 100 to 90000"));
    check("/transaction/amount_minor", json!(90_001), Some("transaction.amount_minor: must be from 100 to 90000"));
    let csv = "TRANSACTION_ID,TX_DATETIME,TX_AMOUNT_CENTS,CUSTOMER_ID,items,mcc,TX_FRAUD\n1,2026-04-23T12:00:00Z,500,c,0,5411,0\n\
        2,2026-04-23T12:00:00Z,500,c,1,nothing,0\n3,2026-04-23T12:00:00Z,500,c,1,5411,1\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    std::fs::write(&path, csv).unwrap();
    let rows: Vec<Row> = file::open(&path, &schema).unwrap().flat_map(Result::unwrap).collect();
    let said: Vec<String> =
        rows.iter().map(|row| row.as_ref().map_or_else(ToString::to_string, |_| "an event".to_owned())).collect();
    assert_eq!(said, ["line 2: items: must be at least 1", "line 3: mcc: must be one of 5732, 5411", "an event"]);
}

#[test]
fn what_is_bad_is_what_the_pipeline_says() {
    let check = |bad: &str, expect: [&str; 2]| {
        let text = PIPELINE.replace("delay = \"7d\"", &format!("delay = \"7d\"{bad}"));
        let schema: Schema = toml::from_str(&text).unwrap();
        let found = [1, 0].map(|label| {
            let mut request = request();
            request["TX_FRAUD"] = json!(label);
            format!("{:?}", json::historical(request.to_string().as_bytes(), &schema).unwrap().label.unwrap())
        });
        assert_eq!(found, expect, "{bad}");
    };
    check("", ["Fraud", "Legit"]);
    check(", bad = \"fraud\"", ["Fraud", "Legit"]);
    check(", bad = \"default\"", ["Default", "Repaid"]);
}

#[test]
fn a_request_becomes_an_event() {
    let event = json::event(request().to_string().as_bytes(), &schema()).unwrap();
    assert_eq!(event.event_id.as_str(), "txn_1");
    assert_eq!(event.occurred_at.to_string(), "2026-04-23T12:00:00.123Z");
    let amount = event.amount.unwrap();
    assert_eq!((amount.minor(), amount.currency().to_string().as_str()), (87_550, "USD"));
    assert_eq!(event.entities, [Some("cus_9".into()), Some("17".into())]);
    use crate::event::Value::{Flag, Integer, Number, Text};
    assert_eq!(event.attributes, [Some(Flag(false)), Some(Number(2.0)), Some(Integer(3)), Some(Text("5732".into()))]);
}

#[test]
fn an_optional_part_may_be_null_or_absent() {
    let mut json = request();
    for name in ["device", "distance", "items", "event_type"] {
        json[name] = Json::Null;
    }
    for name in ["card_present", "mcc", "currency"] {
        json["transaction"].as_object_mut().unwrap().remove(name);
    }
    let event = json::event(json.to_string().as_bytes(), &schema()).unwrap();
    assert_eq!(event.entities, [Some("cus_9".into()), None]);
    assert_eq!(event.attributes, [None, None, None, None]);
    assert_eq!(event.amount.unwrap().currency().to_string(), "EUR");
}

#[test]
fn a_wrong_field_is_named_by_its_path() {
    let schema = schema();
    let check = |pointer: &str, value: Json, expect: &str| {
        let rejection = json::event(changed(pointer, &value).to_string().as_bytes(), &schema).unwrap_err();
        assert_eq!(rejection.to_string(), expect, "{pointer} = {value}");
    };
    let id = "must be text or a whole number";
    check("/event_id", json!(null), "event_id: is missing");
    check("/event_id", json!(""), "event_id: must have 1 to 200 bytes");
    check("/event_id", json!("x".repeat(201)), "event_id: must have 1 to 200 bytes");
    check("/event_id", json!("txn\0"), "event_id: must not have control characters in it");
    check("/customer/id", json!("cus\n9"), "customer.id: must not have control characters in it");
    check("/transaction/mcc", json!("5".repeat(1_025)), "transaction.mcc: must have at most 1024 bytes");
    check("/event_id", json!(1.5), &format!("event_id: {id}"));
    check("/event_id", json!([]), &format!("event_id: {id}"));
    check("/event_type", json!("login"), "event_type: must be `card_payment`");
    check("/event_type", json!(1), "event_type: must be `card_payment`");
    let time = "event_time: must be a time as RFC 3339 text, such as 2026-04-23T12:00:00Z";
    check("/event_time", json!(1_776_945_600), time);
    check("/event_time", json!("yesterday"), time);
    check("/event_time", json!("-000001-01-01T00:00:00Z"), "event_time: must lie in the years 1 to 9999");
    let whole = "transaction.amount_minor: must be a whole number of minor units";
    check("/transaction/amount_minor", json!("100"), whole);
    check("/transaction/amount_minor", json!(87.5), whole);
    check("/transaction/amount_minor", json!(1.0), whole);
    check("/transaction/amount_minor", json!(-1), "transaction.amount_minor: must not be negative");
    let large = "transaction.amount_minor: must not be above 1000000000000 minor units";
    check("/transaction/amount_minor", json!(1_000_000_000_001_i64), large);
    check("/transaction/amount_minor", json!(u64::MAX), large);
    check("/transaction", json!(null), "transaction.amount_minor: is missing");
    let path = "is missing: its path leads through something that is not an object";
    check("/transaction", json!(5), &format!("transaction.amount_minor: {path}"));
    check("/device", json!("dev_a"), &format!("device.id: {path}"));
    check("/transaction/currency", json!("eur"), "transaction.currency: must be a currency code of three capital letters");
    check("/transaction/currency", json!(978), "transaction.currency: must be a currency code of three capital letters");
    check("/customer/id", json!(null), "customer.id: is missing");
    check("/customer/id", json!(true), &format!("customer.id: {id}"));
    check("/transaction/card_present", json!(1), "transaction.card_present: must be true or false");
    check("/transaction/mcc", json!(5732), "transaction.mcc: must be text");
    check("/distance", json!("far"), "distance: must be a finite number");
    check("/items", json!(1.5), "items: must be a whole number");
    check("/items", json!(u64::MAX), "items: must be a whole number of 64 bits");
}

#[test]
fn of_several_members_with_one_name_the_last_one_counts() {
    let body = request().to_string();
    let twice = body.replacen('{', r#"{"event_id":"first","customer":{"id":"other"},"#, 1);
    assert_eq!(json::event(twice.as_bytes(), &schema()), json::event(body.as_bytes(), &schema()));
    let last = format!(r#"{},"customer":{{"\u0069d":"caf\u00e9"}}}}"#, &body[..body.len() - 1]);
    let event = json::event(last.as_bytes(), &schema()).unwrap();
    assert_eq!(event.entities[0], Some("café".into()));
}

#[test]
fn what_is_no_object_is_rejected_whole() {
    let check = |body: &str, expect: &str| {
        let rejection = json::event(body.as_bytes(), &schema()).unwrap_err();
        assert_eq!((rejection.field, rejection.reason.as_str()), (None, expect), "{body}");
    };
    check("", "is not valid JSON at its line 1, column 0");
    check("{\"event_id\": }", "is not valid JSON at its line 1, column 14");
    check("{} {}", "is not valid JSON at its line 1, column 4");
    check("[]", "must be a JSON object");
    check("null", "must be a JSON object");
    check("{\"a\": [\"{", "is not valid JSON at its line 1, column 9");
    let latin = json::event(b"{\n\"caf\xe9\": 1}", &schema()).unwrap_err();
    assert_eq!(latin.to_string(), "is not valid JSON at its line 2, column 5");
    check(&"[".repeat(100_000), "is not valid JSON at its line 1, column 100000");
}

#[test]
fn labels() {
    let check = |change: &dyn Fn(&mut Json), expect: Result<&str, &str>| {
        let mut json = json!({"event_id": "txn_1", "label": "fraud", "source": "chargeback", "category": "10.4",
            "observed_at": "2026-05-20T00:00:00Z", "amount_minor": 87550});
        change(&mut json);
        let found = json::label(json.to_string().as_bytes());
        let found = found.map(|label| serde_json::to_string(&label).unwrap()).map_err(|rejection| rejection.to_string());
        assert_eq!(found, expect.map(str::to_owned).map_err(str::to_owned), "{json}");
    };
    let whole = r#"{"event_id":"txn_1","label":"fraud","source":"chargeback","category":"10.4","observed_at":"2026-05-20T00:00:00Z","amount_minor":87550}"#;
    check(&|_| {}, Ok(whole));
    let number = r#"{"event_id":"17","label":"fraud","source":"chargeback","category":null,"observed_at":"2026-05-20T00:00:00Z","amount_minor":null}"#;
    check(
        &|json| {
            json["event_id"] = json!(17);
            json["category"] = json!(null);
            json.as_object_mut().unwrap().remove("amount_minor");
        },
        Ok(number),
    );
    check(&|json| json["event_id"] = json!(null), Err("event_id: is missing"));
    check(&|json| json["label"] = json!("Fraud"), Err("label: must be one of fraud, legit, default, repaid"));
    check(&|json| json["label"] = json!(1), Err("label: must be one of fraud, legit, default, repaid"));
    let sources = "source: must be one of chargeback, analyst, customer, issuer, servicing";
    check(&|json| json["source"] = json!("bank"), Err(sources));
    check(&|json| json["observed_at"] = json!(null), Err("observed_at: is missing"));
    let time = "observed_at: must be a time as RFC 3339 text, such as 2026-04-23T12:00:00Z";
    check(&|json| json["observed_at"] = json!(1_779_235_200), Err(time));
    check(&|json| json["amount_minor"] = json!(-1), Err("amount_minor: must not be negative"));
    check(&|json| json["category"] = json!(""), Err("category: must have 1 to 200 bytes"));
    check(&|json| json["event_id"] = json!("txn\u{7}"), Err("event_id: must not have control characters in it"));
    check(&|json| json["observed"] = json!("2026-05-20"), Err("observed: is not a member of a label"));
    check(&|json| *json = json!(["txn_1"]), Err("must be a JSON object"));
    check(&|json| *json = json!(null), Err("must be a JSON object"));
}

#[test]
fn labels_beside_events() {
    let check = |value: Json, expect: Result<Option<Outcome>, &str>| {
        let mut json = request();
        json["TX_FRAUD"] = value.clone();
        let found = json::historical(json.to_string().as_bytes(), &schema());
        let found = found.map(|historical| historical.label).map_err(|rejection| rejection.to_string());
        assert_eq!(found, expect.map_err(str::to_owned), "{value}");
    };
    check(json!(1), Ok(Some(Outcome::Fraud)));
    check(json!(true), Ok(Some(Outcome::Fraud)));
    check(json!(0), Ok(Some(Outcome::Legit)));
    check(json!(null), Ok(None));
    check(json!(2), Err("TX_FRAUD: must be 0 or 1"));
    check(json!("yes"), Err("TX_FRAUD: must be true or false"));
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        Just(json!("secret-4111111111111111")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            proptest::collection::vec((prop_oneof![Just("id"), Just("amount_minor"), Just("mcc")], inner), 0..3)
                .prop_map(|members| members.into_iter().map(|(name, json)| (name.to_owned(), json)).collect()),
        ]
    })
}

const POINTERS: [&str; 9] = [
    "/event_id",
    "/event_type",
    "/event_time",
    "/transaction",
    "/transaction/amount_minor",
    "/transaction/currency",
    "/customer",
    "/device/id",
    "/items",
];

proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = json::event(&body, &schema());
        let _ = json::label(&body);
    }

    /// Whatever stands in a field, the answer is an event or a rejection that does not repeat it.
    #[test]
    fn no_value_panics_or_is_repeated(value in any_json(), pointer in proptest::sample::select(&POINTERS[..])) {
        if let Err(rejection) = json::event(changed(pointer, &value).to_string().as_bytes(), &schema()) {
            prop_assert!(!rejection.to_string().contains("secret"), "{rejection}");
            prop_assert!(rejection.field.is_some());
        }
        let mut label = json!({"event_id": "txn_1", "label": value, "source": value, "observed_at": value});
        prop_assert!(!json::label(label.to_string().as_bytes()).unwrap_err().to_string().contains("secret"));
        label["label"] = json!("legit");
        prop_assert!(!json::label(label.to_string().as_bytes()).unwrap_err().to_string().contains("secret"));
    }
}
