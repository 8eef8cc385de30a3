//! Retraining as its operator runs it: beside whoever writes the log, in processes with limits, and never two at once.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use ingest::Timestamp;
use ingest::log::file::{FileLog, Options};
use ingest::log::{Log, Topic};
use scoring::Control;
use serde_json::Value;
use support::{HANDBOOK, Server, json_lines, riskflow, run, run_well, text};

/// A small world whose labels are known at this time.
const AS_OF: &str = "2018-06-05";

/// A folder in which a small world was scored.
fn world(folder: &Path) -> PathBuf {
    let at = folder.join("data");
    let size = ["--customers", "300", "--terminals", "600", "--days", "60"];
    run_well(&[["demo", "--once", "--port", "0", "--data-dir", text(&at)].as_slice(), &size].concat());
    at
}

/// The handbook's pipeline with a schedule.
fn pipeline(folder: &Path, schedule: &str) -> PathBuf {
    let file = folder.join("pipeline.toml");
    let handbook = fs::read_to_string(HANDBOOK).expect("it ships with the program");
    fs::write(&file, format!("{handbook}\n[training.schedule]\ntrain_days = 14\ntest_days = 7\n{schedule}\n")).expect("write");
    file
}

/// The role as a process of its own.
struct Role {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// What it tells a person.
    says: std::sync::mpsc::Receiver<String>,
}

impl Role {
    /// Starts it, with somebody to be told of failures, and waits until it listens to signals.
    fn start(pipeline: &Path, at: &Path) -> Self {
        let config = pipeline.with_file_name("riskflow.toml");
        fs::write(&config, "[[notify]]\nname = \"told\"\nurl = \"file://told.jsonl\"\nkinds = [\"retrain_failed\"]\n")
            .expect("write");
        let arguments = ["retrain", "--pipeline", text(pipeline), "--data-dir", text(at), "--as-of", AS_OF, "--json"];
        let mut command = riskflow(&[arguments.as_slice(), &["--config", text(&config)]].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        said.read_line(&mut line).expect("it speaks UTF-8");
        assert!(line.starts_with("riskflow retrains by "), "{line}");
        let (heard, says) = std::sync::mpsc::channel();
        // Heard to its end, whoever still wants to know: a pipe that nobody reads would stop it.
        std::thread::spawn(move || said.lines().map_while(Result::ok).for_each(|line| drop(heard.send(line))));
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, lines, says }
    }

    /// What happens next.
    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("it runs").expect("it speaks UTF-8");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// Waits until it tells a person something.
    fn wait_for(&self, words: &str) {
        while !self.says.recv_timeout(std::time::Duration::from_secs(60)).expect("it says it").contains(words) {}
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Stops it as an operator does; what it said last.
    fn stop(mut self) -> Vec<Value> {
        self.signal("TERM");
        let rest = self.lines.by_ref().map(|line| serde_json::from_str(&line.expect("it speaks UTF-8")).expect("JSON")).collect();
        assert!(self.child.wait().expect("it ends").success());
        rest
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // After `stop` there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_is_asked_for_in_the_log_is_trained_once_and_waits_as_a_candidate() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = world(folder.path());
    let pipeline = pipeline(folder.path(), "learners = [\"logistic\"]");
    // The log is held, as a server holds it.
    let (log, _) = FileLog::open(&at.join("log"), Options::default()).expect("nobody else has it");
    let ask = |by: &str| {
        let want =
            Control::RetrainWanted { by: by.to_owned(), reason: "scores have moved".to_owned(), at: Timestamp::from_micros(0) };
        log.append(Topic::Control, &want.encode()).expect("taken");
        log.flush().expect("durable");
    };
    let askers = |started: &Value| -> Vec<String> {
        let wants = started["why"]["asked"].as_array().unwrap_or_else(|| panic!("{started}"));
        wants.iter().map(|want| want["by"].as_str().expect("a name").to_owned()).collect()
    };
    ask("psi");
    let mut role = Role::start(&pipeline, &at);
    let started = role.next();
    assert_eq!((&started["what"], &started["run"]), (&"started".into(), &1.into()));
    assert_eq!(askers(&started), ["psi"], "also what was asked for before it waited");
    assert_eq!(started["train"][0], "2018-05-01T00:00:00Z");
    assert_eq!(started["test"][1], "2018-05-29T00:00:00Z");
    ask("ada");
    ask("psi");
    let ended = role.next();
    assert_eq!(ended["outcome"], "published", "{ended}");
    let version = ended["models"][0]["version"].as_u64().expect("a version");
    assert!(ended["models"][0]["auc"].as_f64() > Some(0.6), "{ended}");
    let second = role.next();
    assert_eq!((askers(&second), &second["run"]), (vec!["ada".to_owned(), "psi".to_owned()], &2.into()), "both by one run");
    assert_eq!(role.next()["models"][0]["version"], version + 1);

    let now = ["retrain", "--pipeline", text(&pipeline), "--data-dir", text(&at), "--now"];
    let other = run(&now);
    assert!(!other.status.success() && other.stderr.contains("another `riskflow retrain` runs"), "{}", other.stderr);
    role.signal("USR1");
    let third = role.next();
    assert_eq!(askers(&third), ["SIGUSR1"]);
    let rest = role.stop();
    assert_eq!(rest.len(), 1, "{rest:?}");
    assert_eq!((&rest[0]["run"], &rest[0]["outcome"]), (&3.into(), &"stopped".into()));
    let told = fs::read_to_string(at.join("told.jsonl")).expect("it was told");
    assert!(told.lines().count() == 1 && told.contains("could not be trained anew: was cut off"), "{told}");

    let runs = json_lines(&run_well(&["retrain", "--data-dir", text(&at), "--runs", "--json"]));
    let outcomes: Vec<_> = runs.iter().map(|run| run["outcome"].as_str().expect("a word")).collect();
    assert_eq!(outcomes, ["published", "published", "stopped"]);
    assert!(run_well(&["retrain", "--data-dir", text(&at), "--runs"]).stdout.contains("ada: scores have moved"));
    let listed = json_lines(&run_well(&["model", "list", "--data-dir", text(&at), "--json"]));
    let candidate = listed.iter().find(|line| line["version"] == version).expect("it is in the registry");
    assert_eq!((&candidate["role"], &candidate["published_by"]), (&"candidate".into(), &"riskflow retrain, run 1".into()));
    assert_eq!(listed.iter().filter(|line| line["role"] == "champion").count(), 1, "nothing was promoted");
    let report = at.join("retraining/reports").join(format!("card_fraud-{version}")).join("evaluation.html");
    assert!(fs::read_to_string(&report).expect("a report").contains("<h2>ROC curve</h2>"));

    // What was answered is not answered again.
    run_well(&[now.as_slice(), &["--as-of", AS_OF]].concat());
    let runs = json_lines(&run_well(&["retrain", "--data-dir", text(&at), "--runs", "--json"]));
    assert_eq!(askers(runs.last().expect("a run")), ["riskflow retrain"]);
}

#[test]
fn what_was_learned_looks_on_beside_the_champion() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = world(folder.path());
    let pipeline = pipeline(folder.path(), "learners = [\"logistic\"]\nchallenger_days = 7");
    let champion = |server: &Server| server.get("/v1/status").json()["model"]["version"].clone();
    let server = Server::start_with(&at, &pipeline, &[]);
    let before = champion(&server);
    let now = ["retrain", "--pipeline", text(&pipeline), "--data-dir", text(&at), "--as-of", AS_OF, "--now"];
    let said = run_well(&[now.as_slice(), &["--url", &server.url]].concat()).stderr;
    assert!(said.contains("looks on beside the champion: experiment retrained_"), "{said}");
    let experiments = server.get("/v1/experiments").json();
    let first = &experiments["items"][0];
    assert_eq!((&first["share_percent"], &first["ended"]), (&0.into(), &Value::Null), "{first}");
    assert!(first["planned_end"].is_string() && first["reason"].as_str().is_some_and(|why| why.contains("best of run 1")));
    assert_eq!(
        (champion(&server), &first["champion"].to_string()),
        (before.clone(), &before.as_str().expect("a version").to_owned())
    );
    server.stop();

    // Without a server on the log; a server that is not there is waited for.
    let gone = run(&[now.as_slice(), &["--url", "http://127.0.0.1:1"]].concat());
    assert!(!gone.status.success() && gone.stderr.contains("no server answers at http://127.0.0.1:1"), "{}", gone.stderr);
    run_well(&now);
    let listed = ["experiments", "list", "--json", "--pipeline", text(&pipeline), "--data-dir", text(&at)];
    let names: Vec<String> = json_lines(&run_well(&listed)).iter().map(|line| line["name"].to_string()).collect();
    assert_eq!(names.len(), 2, "one of each run that could: {names:?}");
}

#[test]
fn a_training_that_wants_too_much_dies_alone_and_what_was_missed_runs_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = world(folder.path());
    let check = |schedule: &str, outcome: &str, said: &str| {
        let pipeline = pipeline(folder.path(), schedule);
        let arguments = ["retrain", "--pipeline", text(&pipeline), "--data-dir", text(&at), "--as-of", AS_OF, "--now"];
        // Backtraces want memory, too.
        let ended = riskflow(&arguments).env("RUST_BACKTRACE", "1").output().expect("the program starts");
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(said), "{schedule}: {stderr}");
        let runs = json_lines(&run_well(&["retrain", "--data-dir", text(&at), "--runs", "--json"]));
        let last = runs.last().expect("a run");
        assert!(last["outcome"].get(outcome).is_some(), "{last}");
    };
    check("limits = { memory_mb = 16 }", "out_of_memory", "wanted more than its 16 MiB of memory");
    check("least_bad_rows = 100000", "failed", "bad rows to learn from, and 100000 are wanted");

    // What was missed while nobody waited runs once, at once.
    let pipeline = pipeline(folder.path(), "at = \"03:00\"\ntime_zone = \"Europe/Berlin\"\nlearners = [\"logistic\"]");
    fs::write(at.join("retraining/runs.jsonl"), "{\"what\":\"waiting\",\"at\":\"2020-01-01T00:00:00Z\"}\n").expect("write");
    let mut role = Role::start(&pipeline, &at);
    let started = role.next();
    assert!(started["why"]["due"]["at"].is_string(), "{started}");
    assert_eq!(role.next()["outcome"], "published");
    role.wait_for("the next training is due at");
    assert_eq!(role.stop(), Vec::<Value>::new(), "once only");
}

#[test]
fn a_pipeline_without_a_schedule_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = run(&["retrain", "--pipeline", HANDBOOK, "--data-dir", text(folder.path())]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains("has no [training.schedule] to train by"), "{}", ended.stderr);
}
