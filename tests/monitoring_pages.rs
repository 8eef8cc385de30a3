//! The pages of monitoring as people use them, in a real Chromium: what has drifted, and how models do. With `SCREENSHOTS=1` the pictures of
//! the documentation are made anew.

mod support;

use std::path::{Path, PathBuf};

use scoring::profile::{Distribution, Profile};
use serde_json::{Value, json};
use support::browser::{Browser, Place, keys};
use support::people::{enter, user};
use support::{HANDBOOK, Server, learned, payment, promoted, published, until, with_champion};

/// The handbook's pipeline file with more in it.
fn pipeline_with(folder: &Path, more: &str) -> PathBuf {
    let file = folder.join("pipeline.toml");
    let handbook = std::fs::read_to_string(HANDBOOK).expect("it ships with the program");
    std::fs::write(&file, format!("{handbook}\n{more}")).expect("written");
    file
}

/// How many payments there are in each day of ten, and from which day on those in the web shop are three times as large.
const A_DAY: usize = 240;
const LARGER_FROM: usize = 5;

/// The amount of a payment before anything changes.
fn amount(number: usize) -> usize {
    number * 7_919 % 10_000
}

/// Of a payment: its day from 0 on, whether it is of the web shop, and its customer. Most pay four times a day, some twelve times.
fn circumstances(number: usize) -> (usize, bool, usize) {
    let of_day = number % A_DAY;
    (number / A_DAY, of_day.is_multiple_of(2), if of_day < 160 { of_day % 40 } else { of_day % 10 })
}

/// A server with ten days of payments, decided by a model that knows them as they were on the first five; the profiles are written.
fn drifted(data: &Path) -> Server {
    let numbers = || 0..10 * A_DAY;
    let amounts: Vec<f64> = numbers().map(|number| amount(number) as f64).collect();
    let counts: Vec<f64> = numbers().map(|number| if circumstances(number).2 < 10 { 12.0 } else { 4.0 }).collect();
    let features = vec![Distribution::new("amount_minor", &amounts), Distribution::new("customer_tx_count_1d", &counts)];
    learned(data, -9.0, Profile { features, score: None });
    promoted(data);
    let attribute = "[event.attributes]\nchannel = { json = \"channel\", column = \"CHANNEL\", type = \"text\" }\n";
    let pipeline = pipeline_with(data, &format!("{attribute}[monitoring]\nsegments = [\"channel\"]\n"));
    let server = Server::start_with(data, &pipeline, &[]);
    let event = |number: usize| {
        let (day, is_web, customer) = circumstances(number);
        let minutes = number % A_DAY * 24 * 60 / A_DAY;
        let time = format!("2026-04-{:02}T{:02}:{:02}:00Z", day + 1, minutes / 60, minutes % 60);
        json!({
            "event_id": format!("t{number}"), "event_type": "card_payment", "event_time": time,
            "transaction": {"amount_minor": amount(number) * if is_web && day >= LARGER_FROM { 3 } else { 1 }, "currency": "EUR"},
            "customer": {"id": format!("c{customer}")}, "terminal": {"id": "t_4"}, "channel": if is_web { "web" } else { "shop" },
        })
    };
    for events in numbers().map(event).collect::<Vec<_>>().chunks(600) {
        let scored = server.post("/v1/score/batch?reasons=none", &json!({ "events": events }).to_string());
        assert_eq!(scored.status, 200, "{}", scored.body);
    }
    // What has not been looked at is looked at first after a new start.
    server.stop();
    let server = Server::start_with(data, &pipeline, &[]);
    until("the last day is held against training", || {
        let moved = server.get("/v1/monitor/drift?from=2026-04-10&to=2026-04-10").json();
        moved["moved"].as_array().is_some_and(|moved| moved.iter().any(|each| each["figures"]["current_rows"] == A_DAY))
    });
    server
}

/// The cell of a feature and a day on the page of drift, as a selector.
fn cell(browser: &Browser, feature: &str, day: &str) -> String {
    let place = browser.script(&format!(
        "const names = [...document.querySelectorAll('#heat .name title')].map(name => name.textContent);
         const first = document.getElementById('from').value;
         return [names.indexOf('{feature}'), (Date.parse('{day}') - Date.parse(first)) / 86_400_000]"
    ));
    format!("#heat .cell[data-row='{}'][data-column='{}']", place[0], place[1])
}

/// Waits until a cell says that.
fn until_cell(browser: &Browser, feature: &str, day: &str, severity: &str) {
    browser.until(&format!("{feature} of {day} is {severity}"), |browser| {
        let cell = cell(browser, feature, day);
        browser.script(&format!("return document.querySelector(\"{cell}\")?.getAttribute('class')")) == format!("cell {severity}")
    });
}

#[test]
fn what_drifted_is_seen_read_and_sent_and_a_training_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let server = drifted(data);
    for (name, role) in [("vera", "viewer"), ("rob", "reviewer")] {
        user(data, name, role);
    }
    until("somebody has to log in", || server.get("/v1/models").status == 401);
    let Some(rob) = enter(&server, "rob", "/drift") else { return };

    // Features down, days across. Amounts are another thing from the sixth day on, which the seventh confirms.
    until_cell(&rob, "amount_minor", "2026-04-05", "stable");
    until_cell(&rob, "amount_minor", "2026-04-06", "stable");
    until_cell(&rob, "amount_minor", "2026-04-07", "drift");
    until_cell(&rob, "customer_tx_count_1d", "2026-04-07", "stable");
    until_cell(&rob, "probability", "2026-04-07", "insufficient_data");
    until_cell(&rob, "amount_minor", "2026-03-20", "nothing");
    rob.hover(&cell(&rob, "amount_minor", "2026-04-06"));
    rob.until_text("#tooltip", "this window by itself says drift");
    let changed = cell(&rob, "amount_minor", "2026-04-07");
    rob.hover(&changed);
    rob.until_text("#tooltip", "amount_minor, Tue 7 Apr 2026");
    let read = rob.text("#tooltip").expect("it is shown");
    for words in ["severity\ndrift", "PSI\n0.", "noise stays below", "240, 2.4K"] {
        assert!(read.contains(words), "{words} is not in\n{read}");
    }

    // One cell: then and now, figures, and what was told.
    rob.press(changed.as_str());
    rob.until_at("feature=amount_minor&at=2026-04-07T00%3A00%3A00Z");
    rob.until_text("#detail-title", "amount_minor, Tue 7 Apr 2026");
    rob.until_text("#detail-words", "drift; against training; decided by card_fraud 1");
    let bars = rob.script(
        "const of = side => [...document.querySelectorAll(`#bins rect.${side}`)].map(bar => parseFloat(bar.getAttribute('width')));
         return [of('then'), of('now')]",
    );
    let [then, now] =
        [0, 1].map(|side| bars[side].as_array().expect("bars").iter().filter_map(Value::as_f64).collect::<Vec<_>>());
    assert_eq!((then.len(), now.len()), (10, 10), "a bar on each side of each decile");
    assert!(now[9] > 3.0 * then[9] && now[..9].iter().zip(&then).all(|(now, then)| now < then), "{now:?} now, {then:?} then");
    rob.until_text("#numbers", "rows then\n2,400");
    rob.until_text("#told", "drift from Tue 7 Apr 2026 on, PSI 0.");

    // By keys: to the chosen cell, one to the left, and this one.
    rob.script("document.getElementById('heat').focus()");
    rob.key(keys::LEFT);
    rob.key(keys::LEFT);
    rob.until_text("#tooltip", "amount_minor, Mon 6 Apr 2026");
    rob.key(keys::ENTER);
    rob.until_at("at=2026-04-06T00%3A00%3A00Z");
    rob.until_text("#detail-title", "amount_minor, Mon 6 Apr 2026");

    // Days are chosen by a drag, or by keys; the way back is a key, and a button.
    let columns = |browser: &Browser| {
        browser.script("return new Set([...document.querySelectorAll('#heat .cell')].map(cell => cell.dataset.column)).size")
    };
    assert_eq!(columns(&rob), 30);
    rob.drag((&cell(&rob, "amount_minor", "2026-04-03"), 0.5), (&cell(&rob, "amount_minor", "2026-04-09"), 0.5));
    rob.until_at("from=2026-04-03&to=2026-04-09");
    rob.until("seven days are shown", |browser| columns(browser) == 7);
    assert!(rob.url().contains("at=2026-04-06"), "a drag chooses no cell: {}", rob.url());
    rob.key(keys::ESCAPE);
    rob.until("all days are shown", |browser| columns(browser) == 30 && !browser.url().contains("from="));
    rob.key(keys::RIGHT);
    rob.keys(&[keys::SHIFT, keys::RIGHT]);
    rob.keys(&[keys::SHIFT, keys::RIGHT]);
    rob.key(keys::ENTER);
    rob.until_at("from=2026-04-06&to=2026-04-08");
    rob.press(Place::Button("Last 30 days"));
    rob.until("all days are shown", |browser| columns(browser) == 30);
    rob.script("history.back()");
    rob.until("three days are shown", |browser| columns(browser) == 3);

    // It is of the web shop, and not of the others; since then it is like the week before.
    rob.press("#segment option[value='channel=web']");
    rob.until_at("segment=channel%3Dweb");
    until_cell(&rob, "amount_minor", "2026-04-08", "drift");
    rob.press("#segment option[value='channel=shop']");
    until_cell(&rob, "amount_minor", "2026-04-08", "stable");
    rob.press("#segment option[value='channel=web']");
    until_cell(&rob, "amount_minor", "2026-04-08", "drift");
    rob.press("#against option[value='week_before']");
    rob.until_text("#detail-words", "against the week before");
    rob.press(Place::Button("day"));
    rob.until_at("window=day");
    rob.until("all days are shown", |browser| columns(browser) == 30);
    rob.drag((&cell(&rob, "amount_minor", "2026-04-02"), 0.5), (&cell(&rob, "amount_minor", "2026-04-08"), 0.5));
    rob.until("seven days are shown", |browser| columns(browser) == 7);
    rob.press(cell(&rob, "amount_minor", "2026-04-08").as_str());
    rob.until_text("#detail-title", "amount_minor, Wed 8 Apr 2026");
    assert_eq!(rob.complaints(), Vec::<String>::new());

    // Who is sent the address sees the same, and asks for no training.
    let address = rob.url();
    let vera = enter(&server, "vera", address.strip_prefix(&server.url).expect("it is of this server")).expect("there is one");
    vera.until_text("#detail-title", "amount_minor, Wed 8 Apr 2026");
    vera.until_text("#detail-words", "against the week before");
    let shown = "const values = ['against', 'segment', 'from', 'to'].map(id => document.getElementById(id).value);
         const columns = new Set([...document.querySelectorAll('#heat .cell')].map(cell => cell.dataset.column));
         return [...values, document.querySelector('#window [aria-pressed=true]').textContent, columns.size]";
    let expect = json!(["week_before", "channel=web", "2026-04-02", "2026-04-08", "day", 7]);
    assert_eq!((vera.script(shown), rob.script(shown)), (expect.clone(), expect));
    assert!(!vera.shows("#retrain"), "it is not open to a viewer");
    let refused = vera.script(
        "return (async () => {
             const {csrf_token} = await (await fetch('/v1/session')).json();
             const headers = {'content-type': 'application/json', 'x-csrf-token': csrf_token};
             return (await fetch('/v1/models/retrain', {method: 'POST', headers, body: JSON.stringify({reason: 'mine'})})).status;
         })()",
    );
    assert_eq!(refused, 403);

    rob.open(&format!("{}/drift", server.url));
    rob.until("what has drifted is the reason that is suggested", |browser| {
        browser.script("return document.getElementById('retrain-reason').value") == "drifted by Thu 9 Apr 2026: amount_minor"
    });
    rob.press(Place::Button("Ask for a training"));
    rob.until_text("#retrain-said", "It is asked for.");
    rob.press(Place::Button("Audit"));
    rob.until_text("#entries tbody", "drifted by Thu 9 Apr 2026: amount_minor");

    // The newest windows are in view, unless somebody has scrolled away from them: then also what is drawn anew stays where it is.
    rob.open(&format!("{}/drift", server.url));
    until_cell(&rob, "amount_minor", "2026-04-07", "drift");
    let is_wide = |pixels: u32| {
        rob.script(&format!(
            "document.getElementById('heat-scroll').style.width = '{pixels}px';
             return new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))"
        ));
    };
    let scrolled = |browser: &Browser| browser.script("return document.getElementById('heat-scroll').scrollLeft").as_f64();
    is_wide(300);
    rob.until("the newest are in view", |browser| scrolled(browser) > Some(0.0));
    rob.script("document.getElementById('heat-scroll').scrollLeft = 0");
    is_wide(300);
    is_wide(310);
    assert_eq!(scrolled(&rob), Some(0.0));
    assert_eq!(rob.complaints(), Vec::<String>::new());
}

/// A server on which a champion and a challenger scored 20 payments a day in April 2026. Every fourth is bad, which is known after one to
/// twenty days; of the good ones it is known after one.
fn judged(data: &Path) -> Server {
    with_champion(data);
    published(data, -7.0);
    let more = "[monitoring.performance]\nmature_at = 0.4\ncapacity_a_day = 4\n[monitoring.experiment]\nrounds = 20\n\
                [monitoring.performance.concept]\nminimum_bad = 20\n";
    let server = Server::start_with(data, &pipeline_with(data, more), &[]);
    let role = json!({"role": "challenger", "reason": "to see"});
    assert_eq!(server.put("/v1/models/2/role", &role.to_string()).status, 200);
    let time = |number: usize, days_later: usize| {
        let day: ingest::Timestamp = "2026-04-01T12:00:00Z".parse().expect("a time");
        (day + ingest::Duration::days((number / 20 + days_later) as i64)).to_string()
    };
    let is_bad = |number: usize| number.is_multiple_of(4);
    let event = |number: usize| {
        let amount = amount(number) + if is_bad(number) { 6_000 } else { 0 };
        let body = payment(&format!("t{number}"), &time(number, 0), amount as i64);
        let mut event: Value = serde_json::from_str(&body).expect("JSON");
        event["customer"]["id"] = json!(format!("c{}", number % 40));
        event
    };
    let batch = json!({"events": (0..600).map(event).collect::<Vec<_>>()});
    assert_eq!(server.post("/v1/score/batch?reasons=none", &batch.to_string()).status, 200);
    for number in 0..600 {
        let (label, later) = if is_bad(number) { ("fraud", 1 + number / 4 % 20) } else { ("legit", 1) };
        let label =
            json!({"event_id": format!("t{number}"), "label": label, "source": "chargeback", "observed_at": time(number, later)});
        let answer = server.post("/v1/labels", &label.to_string());
        assert!(answer.status < 300, "{}", answer.body);
    }
    until("all of it is in the warehouse", || {
        let status = server.get("/v1/status").json();
        let is_written = status["warehouse_position"] == status["log_position"] && status["labels"] == 600;
        is_written && server.get("/v1/monitor/comparison?champion=1&challenger=2").json()["events"] == 600
    });
    server
}

/// When what is known of April is looked at.
const AS_OF: &str = "as_of=2026-05-01";

#[test]
fn figures_of_a_model_stand_beside_how_far_its_labels_have_come() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = judged(folder.path());
    let Some(browser) = Browser::start() else { return };
    browser.open(&format!("{}/models?{AS_OF}&by=versions", server.url));

    // A day is mature from the share on that the pipeline file says.
    let compared = server.get(&format!("/v1/monitor/comparison?champion=1&challenger=2&{AS_OF}")).json();
    assert_eq!(compared["mature_at"], 0.4);
    let known: Vec<f64> = (compared["days"].as_array().expect("days").iter().rev())
        .map(|day| day["maturity"]["point"].as_f64().unwrap_or_else(|| panic!("{day}")))
        .collect();
    assert!(known.iter().any(|share| *share < 0.4) && known.iter().any(|share| (0.4..0.9).contains(share)), "{known:?}");
    browser.until_text("#cohorts-about", "fewer than 40.0 % are known yet");
    let pale =
        browser.script("return [...document.querySelectorAll('#cohorts tbody tr')].map(row => row.className === 'immature')");
    assert_eq!(pale, json!(known.iter().map(|share| *share < 0.4).collect::<Vec<_>>()));

    // The champion's own figures, as the API has them.
    let performance = server.get(&format!("/v1/monitor/performance?{AS_OF}")).json();
    let champion = &performance["versions"][0];
    let (figures, capacity) = (&champion["scores"]["figures"], &champion["scores"]["capacity"]);
    let three = |value: f64| format!("{value:.3}");
    let percent = |value: f64| match value * 100.0 {
        value @ (0.0 | 100.0) => format!("{value} %"),
        value if (10.0..=99.0).contains(&value) => format!("{value:.1} %"),
        value => format!("{value:.2} %"),
    };
    let small = |value: f64| if value < 0.1 { format!("{value:.4}") } else { three(value) };
    let written = |figure: &Value, text: &dyn Fn(f64) -> String| {
        let end = |name: &str| text(figure[name].as_f64().unwrap_or_else(|| panic!("{name} of {figure}")));
        format!("{}{} to {}", end("point"), end("lower"), end("upper"))
    };
    browser.until_text("#scores tbody", "1, champion");
    let cells = browser.script(
        "const written = cell => cell.firstChild?.textContent + (cell.querySelector('small')?.textContent ?? '');
         const texts = selector => [...document.querySelectorAll(selector)].map(written);
         const names = texts('#scores thead th'), row = texts('#scores tbody tr:first-child > *');
         return Object.fromEntries(names.map((name, place) => [name, row[place]]))",
    );
    for (name, figure, text) in [
        ("Bad ones known", &champion["maturity"], &percent as &dyn Fn(f64) -> String),
        ("Precision at 4 a day", &capacity["precision"], &percent),
        ("Recall at 4 a day", &capacity["recall"], &percent),
        ("AUC", &figures["auc"], &three),
        ("KS", &figures["ks"], &three),
        ("Gini", &figures["gini"], &three),
        ("Brier", &figures["brier"], &small),
        ("Calibration error", &figures["calibration_error"], &small),
    ] {
        assert_eq!(cells[name], written(figure, text), "{name} in {cells}");
    }
    // Of rules there are no scores, and of days there is a row for each and one for all.
    browser.press(Place::Button("Rule"));
    browser.until_at("by=rules");
    browser.until("it is gone", |browser| !browser.shows("#scores"));
    let weeks = browser.script(
        "return [...document.querySelectorAll('#concept tbody tr')].map(row => [...row.children].map(cell => cell.textContent))",
    );
    let weeks = weeks.as_array().expect("weeks");
    let first = weeks.last().expect("one");
    assert_eq!((&first[0], &first[1], &first[8]), (&json!("2026-03-30"), &json!("1"), &json!("insufficient data")), "{first}");
    assert!(weeks.iter().any(|week| week[12] == "stable"), "{weeks:?}");
    browser.press(Place::Button("Day"));
    browser.until("thirty days and all of them", |browser| {
        browser.script("return document.querySelectorAll('#scores tbody tr').length") == 31
    });
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_part_of_a_curve_and_what_is_grouped_stand_in_the_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = judged(folder.path());
    let Some(browser) = Browser::start() else { return };
    browser.open(&format!("{}/models?{AS_OF}", server.url));
    browser.until_text("#asked", "as of 1 May 2026");

    // A drag across a curve shows this part, and its heights with it; three ways lead back.
    let ticks = |chart: &str| -> Vec<String> {
        let texts =
            browser.script(&format!("return [...document.querySelectorAll('.{chart} svg .axis')].map(tick => tick.textContent)"));
        texts.as_array().expect("ticks").iter().map(|tick| tick.as_str().expect("a text").to_owned()).collect()
    };
    let query = |name: &str| browser.script(&format!("return new URLSearchParams(location.search).get('{name}')"));
    let (whole, svg) = (ticks("roc"), ".roc svg");
    assert!(whole.contains(&"100 %".to_owned()), "{whole:?}");
    let ways: [(&str, &dyn Fn()); 3] = [
        ("Escape", &|| browser.key(keys::ESCAPE)),
        ("a double click", &|| browser.press_twice(svg)),
        ("the button", &|| browser.press(".roc button.whole")),
    ];
    for (way, back) in ways {
        browser.drag((svg, 0.2), (svg, 0.4));
        browser.until_at("roc=0.");
        let part = query("roc");
        let ends: Vec<f64> = part.as_str().expect("a part").split("..").map(|end| end.parse().expect("a share")).collect();
        assert!(matches!(ends[..], [from, to] if (0.1..0.25).contains(&from) && (0.3..0.45).contains(&to)), "{part}");
        let shown = ticks("roc");
        assert!(
            shown.iter().any(|tick| tick == "20 %")
                && shown.iter().all(|tick| tick != "0 %")
                && browser.shows(".roc button.whole"),
            "{shown:?}"
        );
        back();
        browser.until(&format!("{way} leads back"), |_| query("roc").is_null() && ticks("roc") == whole);
        assert!(!browser.shows(".roc button.whole"));
    }

    // By keys as well; and a reading is of the part.
    browser.script("document.querySelector('.precision_recall svg').focus()");
    browser.key(keys::HOME);
    for _ in 0..10 {
        browser.keys(&[keys::SHIFT, keys::RIGHT]);
    }
    browser.key(keys::ENTER);
    browser.until_at("precision_recall=0..0.22");
    browser.key(keys::END);
    browser.until_text("#tooltip", "21.8 % recall");
    browser.drag((".calibration svg", 0.2), (".calibration svg", 0.5));
    browser.until_at("calibration=");
    browser.drag((".maturity svg", 0.2), (".maturity svg", 0.5));
    browser.until_at("maturity=");
    assert!(browser.shows(".calibration button.whole") && browser.shows(".maturity button.whole"));

    // A drag across days is of the whole page.
    browser.drag((".days svg", 0.3), (".days svg", 0.6));
    browser.until_at("from=2026-04-");
    let rows = |browser: &Browser| {
        browser.script("return document.querySelectorAll('#cohorts tbody tr').length").as_u64().expect("a number")
    };
    browser.until("fewer days are shown", |browser| (5..15).contains(&rows(browser)));
    let days = rows(&browser);

    // What is grouped and which flips are counted are part of the view that is sent.
    browser.press(Place::Button("Version"));
    browser.press(Place::Button("Bad"));
    browser.until_at("flips=bad");
    let address = browser.url();
    let other = Browser::start().expect("there is one");
    other.open(&address);
    other.until_text("#performance tbody", "1, champion");
    let pressed =
        "return ['performance-by', 'flips-of'].map(id => document.querySelector(`#${id} [aria-pressed=true]`).textContent)";
    assert_eq!(other.script(pressed), json!(["Version", "Bad"]));
    assert_eq!(rows(&other), days);
    assert!(
        [".precision_recall", ".calibration", ".maturity", ".days"]
            .iter()
            .all(|chart| other.shows(&*format!("{chart} button.whole")))
    );
    assert!(!other.shows(".roc button.whole"));
    // Other events do not change what is shown of them, and the browser leads back.
    other.press(".days button.whole");
    other.until("all days are shown", |other| rows(other) == 30);
    assert!(other.url().contains("by=versions") && other.url().contains("calibration="), "{}", other.url());
    other.script("history.back()");
    other.until("fewer days are shown", |other| rows(other) == days);
    for browser in [&browser, &other] {
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
}
