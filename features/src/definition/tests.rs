use ingest::Duration;

use super::Unit;
use crate::tests::{FEATURES, plan};

#[test]
fn wrong_definitions_say_what_is_wrong() {
    let check = |table: &str, expect: &str| {
        let error = plan(&format!("[[features]]\n{table}"), Duration::ZERO).expect_err(table);
        assert!(error.contains(expect), "{table}\n  said: {error}\n  not:  {expect}");
    };
    let count = "name = \"a\"\nkind = \"count\"\n";
    let customer = "name = \"a\"\nentity = \"customer\"\n";
    check(&format!("{count}entity = \"customer\"\nwindows = [\"0s\"]"), "a window of 0s holds nothing");
    check(
        &format!("{count}entity = \"card\"\nwindows = [\"1s\"]"),
        "entity `card` is not declared (there are: customer, terminal)",
    );
    check(&format!("{count}entity = [\"customer\", \"customer\"]\nwindows = [\"1s\"]"), "entity `customer` is listed twice");
    check(&format!("{count}windows = [\"1s\"]"), "needs an `entity`");
    check(&format!("{count}entity = \"customer\""), "needs `windows`");
    check(&format!("{count}entity = \"customer\"\nwindows = [\"1s\", \"2s\"]"), "put {window} into its name");
    check(&format!("{count}entity = \"customer\"\nwindows = [\"1 hour\"]"), "`1 hour` is not a length of time");
    check(&format!("{count}entity = \"customer\"\nwindows = [\"local_day\"]"), "needs a `time_zone`");
    check(
        &format!("{count}entity = \"customer\"\nwindows = [\"local_day\"]\ntime_zone = \"Berlin\""),
        "there is no time zone `Berlin`",
    );
    check(
        &format!("{count}entity = \"customer\"\nwindows = [\"1s\"]\ntime_zone = \"Europe/Berlin\""),
        "only a `local_day` window",
    );
    check(
        &format!("{count}entity = \"customer\"\nwindows = [\"local_day\"]\ntime_zone = \"Europe/Berlin\"\ndelay = \"1s\""),
        "takes no `delay`",
    );
    check(
        &format!("{count}entity = \"customer\"\nwindows = [\"1s\"]\ndelay = \"1s\"\nexclude_current = true"),
        "leave `exclude_current` out",
    );
    check(&format!("{customer}kind = \"sum\"\nwindows = [\"1s\"]\nof = \"weight\""), "`weight` is number");
    check(&format!("{customer}kind = \"previous\"\nwindows = [\"1s\"]\nof = \"items\"\ndelay = \"1s\""), "takes no `delay`");
    check(
        &format!("{customer}kind = \"previous\"\nwindows = [\"1s\"]\nof = \"items\"\nexclude_current = true"),
        "never counts the event itself",
    );
    check(
        &format!("{customer}kind = \"distinct\"\nwindows = [\"1s\"]\nof = \"weight\""),
        "`weight` is number, but categories are",
    );
    check(&format!("{customer}kind = \"entropy\"\nwindows = [\"lifetime\"]\nof = \"channel\""), "must end");
    check(&format!("{customer}kind = \"quantile\"\nwindows = [\"1s\"]\nof = \"items\""), "needs a `quantile`");
    check(&format!("{customer}kind = \"quantile\"\nwindows = [\"1s\"]\nof = \"items\"\nquantile = 1.5"), "between 0 and 1");
    check(&format!("{customer}kind = \"decayed_count\"\nwindows = [\"1s\"]"), "no use for `windows`");
    check(&format!("{customer}kind = \"decayed_count\"\nhalf_lives = [\"0s\"]"), "a window of 0s holds nothing");
    check(&format!("{customer}kind = \"speed\"\nwindows = [\"1d\"]\nlatitude = \"latitude\""), "needs `longitude`");
    check("name = \"a\"\nkind = \"value\"\nof = \"channel\"", "`channel` is text");
    check("name = \"a\"\nkind = \"category\"", "needs `of`: an attribute with `one_of`");
    check("name = \"a\"\nkind = \"category\"\nof = \"channel\"", "`channel` is no attribute of text with `one_of`");
    check("name = \"a\"\nkind = \"value\"\nof = \"size\"", "field `size` is not declared");
    check("name = \"a\"\nkind = \"value\"\nof = \"weight\"\nwindows = [\"1s\"]", "no use for `windows`");
    check("name = \"a\"\nkind = \"ratio\"\nnumerator = \"a\"\ndenominator = \"a\"", "`a` divides by itself: that is a cycle");
    check("name = \"a\"\nkind = \"ratio\"\nnumerator = \"b\"\ndenominator = \"b\"", "`b` is not a feature of this pipeline");
    let ratio =
        |name: &str, of: &str| format!("name = \"{name}\"\nkind = \"ratio\"\nnumerator = \"{of}\"\ndenominator = \"{of}\"\n");
    check(&format!("{}[[features]]\n{}", ratio("a", "b"), ratio("b", "a")), "`b` is declared below it");
    check("name = \"a\"\nkind = \"night\"\n[[features]]\nname = \"a\"\nkind = \"weekend\"", "two features have the name `a`");
    check("name = \"a\"\nkind = \"median\"", "unknown variant `median`");
    check("name = \"a\"\nkind = \"night\"\nwindow = \"1s\"", "unknown field `window`");
    check("name = \"a_{x}\"\nkind = \"night\"", "braces are for {window} only");
}

#[test]
fn wrong_filters_say_what_is_wrong() {
    let check = |filter: &str, expect: &str| {
        let table = format!(
            "[[features]]\nname = \"a\"\nkind = \"count\"\nentity = \"customer\"\nwindows = [\"1s\"]\nwhere = {{ {filter} }}"
        );
        let error = plan(&table, Duration::ZERO).expect_err(filter);
        assert!(error.contains(expect), "{filter}\n  said: {error}\n  not:  {expect}");
    };
    check("", "`where` has no condition");
    check("colour = \"red\"", "`where` names the field `colour`, which is not declared");
    check("channel = 3", "`where` on `channel` has integer where the field is text");
    check("channel = []", "`where` on `channel` lists no value");
    check("channel = { at_least = 3 }", "asks for a range, but the field is text");
    check("items = { at_least = 3, below = 3 }", "a range that holds nothing");
    check("items = { above = 3 }", "the unknown key `above`");
    check("items = {}", "says nothing");
    check("items = { not = 3, below = 1 }", "write two features");
}

#[test]
fn wrong_states_say_what_is_wrong() {
    let check = |state: &str, expect: &str| {
        let quantile = "[[features]]\nname = \"a\"\nkind = \"quantile\"\nquantile = 0.5\nof = \"items\"\nentity = \"customer\"\nwindows = [\"1s\"]\n";
        let error = plan(&format!("{quantile}{state}"), Duration::ZERO).expect_err(state);
        assert!(error.contains(expect), "{state}\n  said: {error}\n  not:  {expect}");
    };
    check("[state]\nmemory_limit_mb = 0", "`memory_limit_mb` cannot be 0");
    check("[state.entities.card]\nmax_events = 100", "entity `card` is not declared");
    check("[state.entities.customer]\nmax_events = 3", "must be at least 16");
    check("[state.entities.customer]\nhot_above = 100", "`hot_above` needs a `tile`");
    check("[state.entities.customer]\ntile = \"1m\"", "`tile` needs `hot_above`");
    check("[state.entities.customer]\ntile = \"0s\"\nhot_above = 5", "a `tile` of no length");
    check(
        "[state.entities.customer]\ntile = \"1m\"\nhot_above = 20000",
        "`hot_above` must lie between 1 and `max_events` (16384)",
    );
    check("[state.entities.customer]\ntile = \"1m\"\nhot_above = 50", "feature `a`: a quantile needs every event");
}

#[test]
fn a_unit_follows_from_the_definition() {
    let more = r#"
        { name = "count_to_count", kind = "ratio", numerator = "customer_tx_count_10s", denominator = "customer_tx_count_60s" },
        { name = "mean_to_count", kind = "ratio", numerator = "amount", denominator = "customer_tx_count_60s" },
        { name = "items_to_items", kind = "ratio", numerator = "customer_items_before_30s", denominator = "customer_large_sum_40s" },
    ]"#;
    let features = FEATURES.trim_end().strip_suffix(']').expect("a list").to_owned() + more;
    let plan = plan(&features, Duration::ZERO).expect("they fit");
    let check = |name: &str, expect: Option<Unit>| {
        let feature = plan.feature(name).unwrap_or_else(|| panic!("there is no {name}"));
        assert_eq!(plan.definitions()[feature].unit(plan.definitions()), expect, "{name}");
    };
    check("amount", Some(Unit::MinorUnits));
    check("weekend", Some(Unit::Flag));
    check("customer_tx_count_lifetime", Some(Unit::Events));
    check("customer_decayed_count_10s", Some(Unit::Events));
    check("terminal_ecom_frauds_60s", Some(Unit::Events));
    check("customer_amount_mean_10s", Some(Unit::MinorUnits));
    check("customer_amount_std_60s", Some(Unit::MinorUnits));
    check("customer_amount_previous_20s", Some(Unit::MinorUnits));
    check("customer_amount_median_40s", Some(Unit::MinorUnits));
    check("customer_large_sum_40s", None);
    check("customer_weight_max_30s", None);
    check("customer_items_variance_40s", None);
    check("customer_amount_z_score_50s", Some(Unit::Deviations));
    check("customer_since_last_60s", Some(Unit::Seconds));
    check("customer_terminals_20s", Some(Unit::Values));
    check("customer_new_terminal_30s", Some(Unit::Flag));
    check("customer_channel_top_share_40s", Some(Unit::Share));
    check("customer_terminal_entropy_40s", Some(Unit::Bits));
    check("terminal_fraud_rate_20s", Some(Unit::Share));
    check("customer_speed_lifetime", Some(Unit::KilometresAnHour));
    check("amount_to_mean", Some(Unit::Times));
    check("count_to_count", Some(Unit::Times));
    check("mean_to_count", None);
    check("items_to_items", None);
}

#[test]
fn version_follows_the_meaning() {
    let version = |features: &str| plan(features, Duration::ZERO).expect(features).version().to_owned();
    let night = "[[features]]\nname = \"a\"\nkind = \"night\"";
    assert_eq!(version(night), version(&format!("# a comment\n{night}")));
    assert_ne!(version(night), version("[[features]]\nname = \"a\"\nkind = \"weekend\""));
    assert_ne!(version(night), version(&format!("{night}\ntime_zone = \"Europe/Berlin\"")));
    assert_ne!(version(FEATURES), version(&FEATURES.replace("\"15s\"", "\"16s\"")));
    assert_ne!(version(FEATURES), version(&FEATURES.replace("at_least = 2000", "at_least = 2001")));
    assert_ne!(version(FEATURES), version(&format!("{FEATURES}[state.entities.customer]\nidle_after = \"90d\"")));
    assert_eq!(version(FEATURES), version(&format!("{FEATURES}[state]\nmemory_limit_mb = 90")));
}

#[test]
fn a_ratio_is_another_one_when_what_it_divides_is() {
    let of = |features: &str| {
        let plan = plan(features, Duration::ZERO).expect(features);
        plan.definitions().last().expect("the ratio").version.clone()
    };
    assert_ne!(
        of(FEATURES),
        of(&FEATURES
            .replace("windows = [\"10s\", \"60s\"] },", "windows = [\"10s\", \"60s\"], where = { channel = \"pos\" } },"))
    );
}
