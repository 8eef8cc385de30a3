//! The rules of docs/rules.md are rules.

use features::Plan;
use features::definition::{self, DefinitionFile, StateLimits};
use ingest::{Duration, Schema};

use super::File;
use crate::rules::{Names, RuleSet};

/// The names that they use: whatever the features are, they are doubles.
const FEATURES: [&str; 12] = [
    "account_first_country",
    "account_first_device",
    "account_seconds_since_password_change",
    "account_speed_30d",
    "applicant_application_count_7d",
    "card_amount_mean_30d",
    "card_first_country",
    "card_merchant_amount_last",
    "card_tx_count_1h",
    "device_distinct_applicants_7d",
    "ip_distinct_accounts_10m",
    "ip_login_count_10m",
];

const SCHEMA: &str = r#"
    type = "any"
    event_id = {}
    event_time = {}
    amount_minor = {}
    entities = { card = {}, merchant = {} }
    [attributes]
    card_country = { type = "text" }
    card_present = { type = "flag" }
    channel = { type = "text" }
    country = { type = "text" }
    income_minor = { type = "integer" }
    instalment_minor = { type = "integer" }
    mcc = { type = "text" }
    merchant_country = { type = "text" }
    number = { type = "number" }
    user_agent = { type = "text" }
"#;

#[test]
fn the_rules_of_the_documentation_are_rules() {
    let page = include_str!("../../../../docs/rules.md");
    let tables: String = page.split("```").filter_map(|block| block.strip_prefix("toml\n")).collect();
    let rules = toml::from_str::<File>(&tables).unwrap().rules;
    assert!(rules.len() > 10, "{}", rules.len());
    let schema: Schema = toml::from_str(SCHEMA).unwrap();
    let feature = |name: &str| -> DefinitionFile {
        toml::from_str(&format!("name = \"{name}\"\nkind = \"value\"\nof = \"number\"")).unwrap()
    };
    let definitions = definition::check(FEATURES.map(feature).into(), &schema).unwrap();
    let plan = Plan::new(definitions, &StateLimits::default(), &schema, Duration::ZERO).unwrap();
    let lists = ["stolen_cards", "trusted_merchants"].map(str::to_owned);
    let set = RuleSet::compile(rules, &Names::new(&schema, &plan, &lists));
    assert_eq!(set.map(|set| set.asked().len()).map_err(|errors| format!("{errors:?}")), Ok(11));
}
