//! Over real HTTP, against a warehouse that notes what it is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ingest::Currency;
use ingest::log::Position;
use monitor::questions::{Declared, Wanted};
use monitor::warehouse::{Answer, RecordBatch};
use monitor::{Days, Error, Monitoring, Period, Projected, Question, Slot, Warehouse, Watch};
use scoring::rules::RuleId;
use scoring::{FileRegistry, Pipeline, Verdict};
use serde_json::Value;

use crate::Sources;
use crate::answers::{Listed, period};
use crate::assets::ASSETS;

/// A warehouse without rows, or, when `missing`, without anything.
#[derive(Default)]
pub(crate) struct Asked {
    questions: Mutex<Vec<Question>>,
    missing: bool,
}

impl Warehouse for Asked {
    fn reached(&self) -> Position {
        Position(0)
    }

    fn append(&self, _: &Projected) -> Result<(), Error> {
        unreachable!("the page only asks")
    }

    fn replace(&self, _: &Slot, _: &RecordBatch) -> Result<(), Error> {
        unreachable!("the page only asks")
    }

    fn answer(&self, question: Question) -> Answer<'_> {
        self.questions.lock().unwrap().push(question);
        let answer = if self.missing { Err(Error::Missing { path: PathBuf::from("/gone") }) } else { Ok(Vec::new()) };
        Box::pin(std::future::ready(answer))
    }
}

/// An answer of the router.
struct Reply {
    status: u16,
    headers: ureq::http::HeaderMap,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).expect(name).to_str().expect(name)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("it is JSON")
    }
}

/// What the page of models is made of, over `warehouse`.
pub(crate) fn sources(warehouse: &Arc<Asked>, registry: &Arc<FileRegistry>) -> Sources {
    Sources {
        warehouse: Arc::clone(warehouse) as _,
        registry: Arc::clone(registry) as _,
        model: "card_fraud".to_owned(),
        currency: Currency::default(),
        performance: monitor::performance::Policy::default(),
        experiment: monitor::experiment::Policy::default(),
        segments: Vec::new(),
    }
}

/// Asks a router over `warehouse` for one path.
async fn get(warehouse: &Arc<Asked>, path: &str) -> Reply {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{path}", listener.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let registry = Arc::new(FileRegistry::open(folder.path()).unwrap());
    let pipeline = Pipeline::parse(include_str!("../../pipelines/card_fraud_handbook.toml"), "p.toml").unwrap();
    let sources = sources(warehouse, &registry);
    let watch = Watch::new(Arc::clone(warehouse) as _, registry, Arc::new(pipeline), Monitoring::default());
    let router = crate::router(Arc::clone(warehouse) as Arc<dyn Warehouse>, Currency::default());
    let router = router.merge(crate::models_router(sources));
    let watch = Arc::new(watch);
    let router =
        router.merge(crate::alerts_router(Arc::clone(warehouse) as _, Arc::clone(&watch))).merge(crate::drift_router(watch));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let asked = tokio::task::spawn_blocking(move || {
        let mut response = ureq::get(url).config().http_status_as_error(false).build().call().unwrap();
        let body = response.body_mut().read_to_string().unwrap();
        Reply { status: response.status().as_u16(), headers: response.headers().clone(), body }
    });
    let reply = asked.await.unwrap();
    server.abort();
    reply
}

#[tokio::test]
async fn every_file_has_its_type_and_the_policy() {
    let warehouse = Arc::new(Asked::default());
    let check = async |path: &str, kind: &str, begins: &str| {
        let reply = get(&warehouse, path).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, kind), "{path}");
        assert!(reply.body.starts_with(begins), "{path}: {}", &reply.body[..40]);
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        let policy = reply.header("content-security-policy");
        for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "require-trusted-types-for 'script'"] {
            assert!(policy.split("; ").any(|directive| directive == part), "{path}: {part} in {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
    };
    check("/", "text/html; charset=utf-8", "<!doctype html>").await;
    check("/models", "text/html; charset=utf-8", "<!doctype html>").await;
    check("/experiments", "text/html; charset=utf-8", "<!doctype html>").await;
    check("/login", "text/html; charset=utf-8", "<!doctype html>").await;
    check("/audit", "text/html; charset=utf-8", "<!doctype html>").await;
    check("/rules", "text/html; charset=utf-8", "<!doctype html>").await;
    check("/people", "text/html; charset=utf-8", "<!doctype html>").await;
    check("/keys", "text/html; charset=utf-8", "<!doctype html>").await;
    check("/alerts", "text/html; charset=utf-8", "<!doctype html>").await;
    check("/alerts/declined-12", "text/html; charset=utf-8", "<!doctype html>").await;
    check("/assets/app.css", "text/css; charset=utf-8", "/* ").await;
    check("/assets/app.js", "text/javascript; charset=utf-8", "// ").await;
    check("/assets/icon.svg", "image/svg+xml", "<svg ").await;
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let warehouse = Arc::new(Asked::default());
    let check = async |path: &str, detail: &str| {
        let reply = get(&warehouse, path).await;
        assert_eq!((reply.status, reply.header("content-type")), (404, "application/problem+json"), "{path}");
        assert_eq!((&reply.json()["status"], &reply.json()["detail"]), (&404.into(), &detail.into()), "{path}");
    };
    check("/assets/jquery.js", "there is no file `jquery.js`").await;
    check("/assets/..%2fCargo.toml", "there is no file `../Cargo.toml`").await;
    check("/v1/monitor/weather", "there is no question `weather`").await;
    assert_eq!(get(&warehouse, "/elsewhere").await.status, 404);
}

#[tokio::test]
async fn a_bad_parameter_is_named() {
    let warehouse = Arc::new(Asked::default());
    let check = async |query: &str, field: &str, detail: &str| {
        let reply = get(&warehouse, &format!("/v1/monitor/volume?{query}")).await;
        assert_eq!((reply.status, reply.header("content-type")), (400, "application/problem+json"), "{query}");
        assert_eq!((&reply.json()["field"], &reply.json()["detail"]), (&field.into(), &detail.into()), "{query}");
    };
    check("from=yesterday", "from", "`from` is not a day: write it as 2018-08-01, not `yesterday`").await;
    check("to=2018-02-30", "to", "`to` is not a day: write it as 2018-08-01, not `2018-02-30`").await;
    check("to=2018-08-01T12:00:00Z", "to", "`to` is not a day: write it as 2018-08-01, not `2018-08-01T12:00:00Z`").await;
    check("to=", "to", "`to` is not a day: write it as 2018-08-01, not ``").await;
    check("from=2018-08-02&to=2018-08-01", "to", "`to` is 2018-08-01, before `from`, which is 2018-08-02").await;
    check("form=2018-08-02", "form", "there is no parameter `form`; there are `from` and `to`").await;
    check("from=2018-08-01&to=2018-08-07&from=2018-08-01", "from", "`from` is there twice: say it once").await;
    assert!(warehouse.questions.lock().unwrap().is_empty());
}

#[tokio::test]
async fn drift_is_asked_for_by_window_and_reference() {
    let warehouse = Arc::new(Asked::default());
    let query = "window=week&against=same_hours&segment=channel%3Decom&from=2018-08-06&to=2018-08-12";
    let reply = get(&warehouse, &format!("/v1/monitor/drift?{query}")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let answer = reply.json();
    assert_eq!((&answer["window"], &answer["against"]), (&"week".into(), &"same_hours".into()));
    assert_eq!((&answer["segment"], &answer["moved"]), (&"channel=ecom".into(), &serde_json::json!([])));
    assert_eq!(answer["rules"]["drift"], 0.25);
    let check = async |query: &str, field: &str, detail: &str| {
        let reply = get(&warehouse, &format!("/v1/monitor/drift?{query}")).await;
        assert_eq!((reply.status, &reply.json()["field"], &reply.json()["detail"]), (400, &field.into(), &detail.into()));
    };
    check("window=month", "window", "`window` is `month`, which is none of hour, day, week").await;
    check("against=x", "against", "`against`: `x` is none of training, week_before, same_hours").await;
    check("from=x", "from", "`from` is not a day: write it as 2018-08-01, not `x`").await;
    let known = "there is no parameter `windows`; there are `window`, `against`, `segment`, `from` and `to`";
    check("windows=day", "windows", known).await;
    check("segment=channel%3Decom&segment=", "segment", "`segment` is there twice: say it once").await;
    let missing = Arc::new(Asked { missing: true, ..Asked::default() });
    assert_eq!(get(&missing, "/v1/monitor/drift").await.status, 503);
    assert_eq!(get(&warehouse, "/drift").await.header("content-type"), "text/html; charset=utf-8");
}

#[tokio::test]
async fn a_path_asks_its_questions_of_its_days() {
    let check = async |path: &str, expect: &[Question], answer: &str| {
        let warehouse = Arc::new(Asked::default());
        let reply = get(&warehouse, path).await;
        assert_eq!(
            (reply.status, reply.header("content-type"), reply.body.as_str()),
            (200, "application/json", answer),
            "{path}"
        );
        assert_eq!(*warehouse.questions.lock().unwrap(), expect, "{path}");
    };
    let day = |text: &str| Some(text.parse().unwrap());
    let week = Days::between(day("2018-08-01"), day("2018-08-07"));
    let currency = Currency::default();
    let volume = |days: Days| [Question::Volume { days, currency }];
    check("/v1/monitor/volume", &volume(Days::ALL), "[]").await;
    check("/v1/monitor/volume?from=2018-08-01&to=2018-08-07", &volume(week), "[]").await;
    check("/v1/monitor/volume?from=2018-08-01", &volume(Days::between(day("2018-08-01"), None)), "[]").await;
    check("/v1/monitor/decision-mix?to=2018-08-07", &[Question::DecisionMix(Days::between(None, day("2018-08-07")))], "[]").await;
    check("/v1/monitor/score-distribution", &[Question::ScoreDistribution(Days::ALL)], "[]").await;
    let both = [Question::LatencyOverall(Days::ALL), Question::Latency(Days::ALL)];
    check("/v1/monitor/latency", &both, r#"{"overall":null,"days":[]}"#).await;
    check("/v1/monitor/detection", &[Question::Detection { days: Days::ALL, currency }], "[]").await;
}

#[tokio::test]
async fn what_models_are_asked_is_checked() {
    let warehouse = Arc::new(Asked::default());
    let check = async |path: &str, status: u16, detail: &str| {
        let reply = get(&warehouse, &format!("/v1/monitor/{path}")).await;
        assert_eq!((reply.status, &reply.json()["detail"]), (status, &detail.into()), "{path}");
    };
    check("comparison?challenger=2", 400, "`champion` is missing: give a version, as champion=3").await;
    check("comparison?champion=1&challenger=b", 400, "`challenger` is a version, a whole number, not `b`").await;
    check("comparison?champion=1&challenger=2", 404, "there is no version 1 of card_fraud").await;
    let both = "comparison?champion=1&challenger=2";
    let wrong = "`from` is no day and no time: write it as 2018-08-01 or 2018-08-01T12:00:00Z, not `soon`";
    check(&format!("{both}&from=soon"), 400, wrong).await;
    let wrong = "`to` is no day and no time: write it as 2018-08-01 or 2018-08-01T12:00:00Z, not `20180801`";
    check(&format!("{both}&to=20180801"), 400, wrong).await;
    let wrong = "`to` is 2018-08-01, and nothing lies between it and `from`, which is 2018-08-02";
    check(&format!("{both}&from=2018-08-02&to=2018-08-01"), 400, wrong).await;
    let exact = "from=2018-08-01T12:00:00Z&to=2018-08-01T12:00:01Z";
    check(&format!("{both}&{exact}"), 404, "there is no version 1 of card_fraud").await;
    check(&format!("performance?{exact}"), 400, "`from` is not a day: write it as 2018-08-01, not `2018-08-01T12:00:00Z`").await;
    check("performance?as_of=soon", 400, "`as_of` is no time: write it as 2018-08-01T12:00:00Z, not `soon`").await;
    check("performance?day=1", 400, "there is no parameter `day`; there are `from`, `to` and `as_of`").await;
    check("performance?champion=1", 400, "there is no parameter `champion`; there are `from`, `to` and `as_of`").await;
    let known = "there is no parameter `day`; there are `champion`, `challenger`, `from`, `to` and `as_of`";
    check("comparison?champion=1&challenger=2&day=1", 400, known).await;
    check("comparison?champion=1&challenger=2&challenger=3", 400, "`challenger` is there twice: say it once").await;
    // Nothing is known, and that is said, not drawn as zero.
    let reply = get(&warehouse, "/v1/monitor/performance").await;
    assert_eq!((reply.status, &reply.json()["whole"]["state"]), (200, &"no_data".into()));
    assert_eq!(reply.json()["whole"]["flagging"]["recall"]["missing"], "no_rows");
}

#[test]
fn a_period_is_of_days_or_of_moments() {
    let check = |query: &[(&str, &str)], from: Option<&str>, until: Option<&str>| {
        let query: Vec<(String, String)> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let all = Period::from(Days::ALL);
        let time = |text: Option<&str>, open: ingest::Timestamp| text.map_or(open, |text| text.parse().unwrap());
        let expect = Period { from: time(from, all.from), until: time(until, all.until) };
        assert_eq!(period(&query).ok(), Some(expect), "{query:?}");
    };
    check(&[("as_of", "soon")], None, None);
    check(&[("from", "2018-08-01")], Some("2018-08-01T00:00:00Z"), None);
    check(&[("to", "2018-08-01")], None, Some("2018-08-02T00:00:00Z"));
    check(&[("to", "2018-08-01T00:00:00Z")], None, Some("2018-08-01T00:00:00Z"));
    let both = [("from", "2018-08-01T12:00:00.000001Z"), ("to", "2018-08-01")];
    check(&both, Some("2018-08-01T12:00:00.000001Z"), Some("2018-08-02T00:00:00Z"));
}

#[tokio::test]
async fn what_the_desk_draws_is_asked_of_the_warehouse() {
    let check = async |path: &str, question: Question, answer: &str| {
        let warehouse = Arc::new(Asked::default());
        let reply = get(&warehouse, path).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, answer), "{path}");
        assert_eq!(*warehouse.questions.lock().unwrap(), [question], "{path}");
    };
    let nothing = r#"{"items":[]}"#;
    let day = |text: &str| Some(text.parse().unwrap());
    let until = Days::between(None, day("2018-08-01"));
    // One row more than the page has says that there is another page.
    let entity = |key: &str, days, before, limit| Question::Entity {
        entity: "customer".to_owned(),
        key: key.to_owned(),
        days,
        before,
        limit,
    };
    let newest = |wanted, before, limit| Question::Newest { days: Days::ALL, wanted, before, limit };
    check("/v1/monitor/alerts?from=2018-08-01", Question::Alerts(Days::between(day("2018-08-01"), None)), "[]").await;
    check("/v1/entities/customer/c%2F1", entity("c/1", Days::ALL, u64::MAX, 51), nothing).await;
    check("/v1/entities/customer/7?limit=5&to=2018-08-01&cursor=12", entity("7", until, 12, 6), nothing).await;
    check("/v1/decisions", newest(Wanted::default(), u64::MAX, 51), nothing).await;
    check("/v1/decisions?cursor=0&limit=500", newest(Wanted::default(), 0, 501), nothing).await;
    let wanted = Wanted { verdict: Some(Verdict::Decline), rule: RuleId::new("large") };
    check("/v1/decisions?rule=large&decision=decline", newest(wanted, u64::MAX, 51), nothing).await;
    let warehouse = Arc::new(Asked::default());
    let wrong = get(&warehouse, "/v1/entities/card/7").await;
    assert_eq!(wrong.json()["detail"], "there is no entity `card` in the pipeline file; there are customer, terminal");
    for path in ["/v1/entities/customer/7", "/v1/decisions"] {
        let wrong = ["limit=0", "limit=501", "limit=", "cursor=", "cursor=x", "cursor=07", "cursor=%2B7", "cursor=7.0", "page=2"];
        let wrong = wrong.into_iter().chain(["limit=5&limit=5", "cursor=7&from=2018-08-01&cursor=7"]);
        for query in wrong {
            let reply = get(&warehouse, &format!("{path}?{query}")).await;
            let field = query.split('=').next().unwrap();
            assert_eq!((reply.status, &reply.json()["field"]), (400, &field.into()), "{path} {query}");
        }
        let unknown = get(&warehouse, &format!("{path}?page=2")).await.json()["detail"].clone();
        let known = if path == "/v1/decisions" { "`limit`, `cursor`, `decision` and `rule`" } else { "`limit` and `cursor`" };
        assert_eq!(unknown, format!("there is no parameter `page`; there are `from`, `to`, {known}"));
    }
    let check = async |query: &str, detail: &str| {
        let reply = get(&warehouse, &format!("/v1/decisions?{query}")).await;
        let field = query.split('=').next().unwrap();
        assert_eq!(
            (reply.status, &reply.json()["field"], &reply.json()["detail"]),
            (400, &field.into(), &detail.into()),
            "{query}"
        );
    };
    check("decision=maybe", "`decision` is one of approve, challenge, review, decline, not `maybe`").await;
    check("decision=", "`decision` is one of approve, challenge, review, decline, not ``").await;
    check("rule=a%20b", "rule id `a b` is not of 1 to 64 letters, digits, underscores and hyphens").await;
    check("rule=a&rule=b", "`rule` is there twice: say it once").await;
    assert!(warehouse.questions.lock().unwrap().is_empty());
}

#[tokio::test]
async fn versions_of_a_rule_are_asked_of_the_warehouse() {
    let warehouse = Arc::new(Asked::default());
    let check = async |path: &str, status: u16, field: &str, detail: &str| {
        let reply = get(&warehouse, &format!("/v1/rules/{path}")).await;
        let told = (reply.status, reply.json()["field"].clone(), reply.json()["detail"].clone());
        assert_eq!(told, (status, field.into(), detail.into()), "{path}");
    };
    let wrong = "rule id `a b` is not of 1 to 64 letters, digits, underscores and hyphens";
    check("a%20b/versions", 400, "rule_id", wrong).await;
    check("large/versions?limit=501", 400, "limit", "`limit` is a number from 1 to 500").await;
    check("large/versions?cursor=x", 400, "cursor", "`cursor` is the `next_cursor` of no page").await;
    check("large/versions?from=2018-08-01", 400, "from", "there is no parameter `from`; there are `limit` and `cursor`").await;
    assert!(warehouse.questions.lock().unwrap().is_empty());
    let reply = get(&warehouse, "/v1/rules/large/versions?limit=500&cursor=12").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, r#"{"items":[]}"#));
    assert_eq!(
        *warehouse.questions.lock().unwrap(),
        [Question::Declarations { of: Declared::Rule(RuleId::new("large").unwrap()) }]
    );
    let missing = Arc::new(Asked { missing: true, ..Asked::default() });
    assert_eq!(get(&missing, "/v1/rules/large/versions").await.status, 503);
}

#[test]
fn a_page_says_where_the_next_one_begins() {
    let check = |limit: &str, found: &[u64], items: &[u64], next_cursor: Option<&str>| {
        let query = Ok(axum::extract::Query(vec![("limit".to_owned(), limit.to_owned())]));
        let page = Listed::asked(query).unwrap().page(found.to_vec(), |position| *position);
        assert_eq!((page.items.as_slice(), page.next_cursor.as_deref()), (items, next_cursor), "{limit} {found:?}");
    };
    check("2", &[], &[], None);
    check("2", &[9, 7], &[9, 7], None);
    check("2", &[9, 7, 4], &[9, 7], Some("7"));
    check("1", &[9, 7], &[9], Some("9"));
}

#[test]
fn a_page_is_described() {
    let document = serde_json::to_value(crate::openapi()).unwrap();
    assert_eq!(document["components"]["schemas"]["Page_Value"]["required"], serde_json::json!(["items"]));
}

#[tokio::test]
async fn a_missing_warehouse_is_never_an_empty_answer() {
    let warehouse = Arc::new(Asked { missing: true, ..Asked::default() });
    for question in ["volume", "decision-mix", "score-distribution", "latency", "detection", "performance"] {
        let reply = get(&warehouse, &format!("/v1/monitor/{question}")).await;
        assert_eq!((reply.status, reply.header("content-type")), (503, "application/problem+json"), "{question}");
        assert_eq!(reply.json()["detail"], "there is no warehouse in /gone", "{question}");
    }
}

#[test]
fn every_file_of_the_page_is_in_the_binary() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
    let files: BTreeSet<String> = (std::fs::read_dir(folder).unwrap())
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".html"))
        .collect();
    assert_eq!(files, ASSETS.iter().map(|(name, _)| (*name).to_owned()).collect());
}

/// As `[0, "JPY KRW"]`, line by line.
#[test]
fn the_page_has_the_decimals_of_the_program() {
    let table = include_str!("../page/format.js").split_once("const DECIMALS = [").expect("the table").1;
    let lines = table.lines().skip(1).map_while(|line| line.trim().strip_prefix('[')?.strip_suffix("\"],"));
    let told: BTreeMap<&str, u32> = lines
        .map(|line| line.split_once(", \"").expect("decimals, then codes"))
        .flat_map(|(decimals, codes)| codes.split(' ').map(move |code| (code, decimals.parse().expect("a number"))))
        .collect();
    assert_eq!(told.len(), 26);
    let letters = || 'A'..='Z';
    for code in letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| String::from_iter([a, b, c])))) {
        let digits = Currency::new(&code).expect("three capital letters").minor_digits();
        assert_eq!(told.get(code.as_str()).copied().unwrap_or(2), digits, "{code}");
    }
}

#[test]
fn the_page_loads_what_is_there_and_nothing_from_elsewhere() {
    let known: BTreeSet<&str> = ASSETS.iter().map(|(name, _)| *name).collect();
    let pages = [
        ("alert.html", include_str!("../page/alert.html")),
        ("alerts.html", include_str!("../page/alerts.html")),
        ("index.html", include_str!("../page/index.html")),
        ("drift.html", include_str!("../page/drift.html")),
        ("models.html", include_str!("../page/models.html")),
        ("experiments.html", include_str!("../page/experiments.html")),
        ("audit.html", include_str!("../page/audit.html")),
        ("rules.html", include_str!("../page/rules.html")),
        ("people.html", include_str!("../page/people.html")),
        ("keys.html", include_str!("../page/keys.html")),
        ("login.html", include_str!("../page/login.html")),
    ];
    for (name, text) in pages.into_iter().chain(ASSETS) {
        let quoted = |before: &str| -> Vec<String> {
            text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
        };
        for loaded in quoted("\"/assets/").into_iter().chain(quoted("from \"./")) {
            assert!(known.contains(loaded.as_str()), "{name} loads {loaded}");
        }
        let links = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!links.contains("://") && !links.contains("\"//"), "{name} links elsewhere");
        for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!text.contains(way), "{name} uses {way}");
        }
    }
}
