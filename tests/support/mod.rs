//! What the integration tests share: the program itself, started as a user starts it, and small worlds for it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

pub mod browser;
mod needs;
pub mod people;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ingest::log::file::{FileLog, Options};
use ingest::log::{Position, Readable, Topic};
use scoring::profile::Profile;
use scoring::registry::Published;
use scoring::{Artifact, Decision, FileRegistry, Model, Pipeline, Registry, Scorer, model::Linear};

pub(crate) use self::needs::missing;

/// The pipeline file that ships with the program.
pub const HANDBOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines/card_fraud_handbook.toml");

/// The program, with nothing of the caller's environment that could configure it.
pub fn riskflow(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_riskflow"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RISKFLOW_") || name == "RUST_LOG") {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What a command that ended has said.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end.
pub fn run(arguments: &[&str]) -> Ended {
    let output = riskflow(arguments).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it speaks UTF-8");
    Ended { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs a command that must succeed.
pub fn run_well(arguments: &[&str]) -> Ended {
    let ended = run(arguments);
    assert!(ended.status.success(), "{arguments:?} failed: {}", ended.stderr);
    ended
}

/// Its standard output as JSON, one object a line.
pub fn json_lines(ended: &Ended) -> Vec<serde_json::Value> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

/// Runs a script beside the tests with what it needs; `None` where there is no Python, and that is said.
pub fn peer(script: &str, arguments: &[&str]) -> Option<(bool, String)> {
    if Command::new("python3").arg("--version").output().is_err() {
        missing(&format!("python3 for {script}"));
        return None;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let output = Command::new(folder.join("python")).arg(folder.join(script)).args(arguments).output().expect("it starts");
    Some((output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()))
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

/// A server that was started as a user does, on a port of its own.
pub struct Server {
    child: Child,
    process: u32,
    freezer: Option<(ChildStdin, BufReader<ChildStdout>)>,
    said: Arc<Mutex<String>>,
    hearing: Option<JoinHandle<()>>,
    pub url: String,
}

impl Server {
    /// Starts `riskflow run` on a data folder and waits until it listens.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, Path::new(HANDBOOK), &[])
    }

    /// The same with a pipeline file and more arguments.
    pub fn start_with(data: &Path, pipeline: &Path, more: &[&str]) -> Self {
        Self::spawn(&mut riskflow(&Self::arguments(data, pipeline, more)))
    }

    /// The same with variables of the environment.
    pub fn start_in(environment: &[(&str, &str)], data: &Path, more: &[&str]) -> Self {
        let mut command = riskflow(&Self::arguments(data, Path::new(HANDBOOK), more));
        Self::spawn(command.envs(environment.iter().copied()))
    }

    /// The same with threads that can be stopped; `None` where there is no Python, and that is said.
    pub fn start_with_freezer(data: &Path, more: &[&str]) -> Option<Self> {
        let program = riskflow(&Self::arguments(data, Path::new(HANDBOOK), more));
        let mut command = Command::new("python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/freezer.py"));
        for (name, _) in program.get_envs().filter(|(_, value)| value.is_none()) {
            command.env_remove(name);
        }
        command.arg(program.get_program()).args(program.get_args()).stdin(Stdio::piped()).stdout(Stdio::piped());
        if Command::new("python3").arg("--version").output().is_err() {
            missing("python3 for the freezer");
            return None;
        }
        let mut server = Self::spawn(&mut command);
        let orders = server.child.stdin.take().expect("it is piped");
        let mut answers = BufReader::new(server.child.stdout.take().expect("it is piped"));
        let mut process = String::new();
        answers.read_line(&mut process).expect("it speaks UTF-8");
        server.process = process.trim().parse().expect("a number of a process");
        server.freezer = Some((orders, answers));
        Some(server)
    }

    /// Stops a thread; `false` where the machine does not allow that, and that is said.
    pub fn freeze(&mut self, thread: &str) -> bool {
        let is_done = self.order(thread) == "done";
        if !is_done {
            eprintln!("skipped: threads of other programs cannot be stopped here");
        }
        is_done
    }

    /// Lets it go on.
    pub fn thaw(&mut self) {
        assert_eq!(self.order(""), "done");
    }

    fn order(&mut self, order: &str) -> String {
        let (orders, answers) = self.freezer.as_mut().expect("it was started with one");
        writeln!(orders, "{order}").expect("it reads");
        let mut answer = String::new();
        answers.read_line(&mut answer).expect("it speaks UTF-8");
        answer.trim().to_owned()
    }

    /// The same with files that grow no larger than so many blocks of 512 bytes: as on a disk that is full.
    pub fn start_on_small_disk(data: &Path, blocks: u32) -> Self {
        let arguments = Self::arguments(data, Path::new(HANDBOOK), &[]);
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &limited, env!("CARGO_BIN_EXE_riskflow")]).args(arguments);
        Self::spawn(&mut command)
    }

    fn arguments<'a>(data: &'a Path, pipeline: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
        let arguments = ["run", "--pipeline", text(pipeline), "--data-dir", text(data), "--listen", "127.0.0.1:0"];
        [&arguments, more].concat()
    }

    /// Starts it on a log that another instance has, and waits until it says that it stands by.
    pub fn start_standby(data: &Path, more: &[&str]) -> Self {
        let arguments = Self::arguments(data, Path::new(HANDBOOK), more);
        Self::spawn_until(&mut riskflow(&arguments), "riskflow stands by at ", ": another instance has the log")
    }

    fn spawn(command: &mut Command) -> Self {
        Self::spawn_until(command, "riskflow listens on ", "")
    }

    /// Starts it on a data folder, and waits until it listens; `meanwhile` has it before that.
    pub fn start_while(data: &Path, more: &[&str], meanwhile: impl FnOnce(&Self)) -> Self {
        let arguments = Self::arguments(data, Path::new(HANDBOOK), more);
        let (mut server, lines) = Self::begun(&mut riskflow(&arguments));
        meanwhile(&server);
        server.hear_until(lines, "riskflow listens on ", "");
        server
    }

    fn spawn_until(command: &mut Command, before_url: &str, after_url: &str) -> Self {
        let (mut server, lines) = Self::begun(command);
        server.hear_until(lines, before_url, after_url);
        server
    }

    /// One that nobody knows the address of yet, and what it will say.
    fn begun(command: &mut Command) -> (Self, BufReader<ChildStderr>) {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
        let lines = BufReader::new(child.stderr.take().expect("it is piped"));
        (Self { process: child.id(), child, freezer: None, said: Arc::default(), hearing: None, url: String::new() }, lines)
    }

    /// Waits for a line that tells the address between two texts, and hears what it says from there on.
    fn hear_until(&mut self, mut lines: BufReader<ChildStderr>, before_url: &str, after_url: &str) {
        let mut said = String::new();
        self.url = loop {
            let before = said.len();
            assert_ne!(lines.read_line(&mut said).expect("it speaks UTF-8"), 0, "it ended: {said}");
            let url = said[before..].trim().strip_prefix(before_url).and_then(|line| line.strip_suffix(after_url));
            if let Some(url) = url {
                break url.to_owned();
            }
        };
        // Somebody has to listen, or the program blocks when the pipe is full.
        self.said = Arc::new(Mutex::new(said));
        let heard = Arc::clone(&self.said);
        self.hearing = Some(std::thread::spawn(move || {
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                heard.lock().expect("nobody panics with it").push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        }));
    }

    pub fn get(&self, path: &str) -> Answer {
        get(&self.url, path)
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        post(&self.url, path, body)
    }

    pub fn put(&self, path: &str, body: &str) -> Answer {
        answer(agent().put(format!("{}{path}", self.url)).header("content-type", "application/json").send(body))
    }

    pub fn delete(&self, path: &str) -> Answer {
        answer(agent().delete(format!("{}{path}", self.url)).call())
    }

    /// Asks with a key.
    pub fn ask(&self, key: &str, method: &str, path: &str, body: &serde_json::Value) -> Answer {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = request.header("content-type", "application/json").header("authorization", format!("Bearer {key}"));
        answer(match method {
            "GET" | "DELETE" => agent().run(request.body(()).expect("a request")),
            _ => agent().run(request.body(body.to_string()).expect("a request")),
        })
    }

    /// A figure of `/metrics`, by its name with its labels; 0 where it was not counted yet.
    pub fn metric(&self, name: &str) -> u64 {
        metric(&self.get("/metrics").body, name)
    }

    /// Waits until a figure of `/metrics` is that.
    pub fn until(&self, name: &str, expect: u64) {
        until(name, || self.metric(name) == expect);
    }

    /// Waits until it has written these words to its standard error.
    pub fn until_said(&self, words: &str) {
        until(words, || self.said.lock().expect("nobody panics with it").contains(words));
    }

    /// Waits for it to end; how it did.
    pub fn ended(mut self) -> ExitStatus {
        self.freezer = None;
        self.child.wait().expect("it ends")
    }

    /// Sends it a signal, by its name: `HUP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.process.to_string()]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// Ends it without warning, as a power cut does.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Ends it as an operator does; it must end well.
    pub fn stop(self) {
        self.stopped();
    }

    /// The same; everything that it wrote to its standard error.
    pub fn stopped(mut self) -> String {
        let (said, hearing) = (Arc::clone(&self.said), self.hearing.take().expect("it is heard from the start"));
        self.signal("TERM");
        assert!(self.ended().success());
        hearing.join().expect("nobody panics there");
        said.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `kill` and `stop` there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    /// After how many seconds it may be tried again, where that is said.
    pub retry_after: Option<String>,
    pub body: String,
}

/// Asks again and again, until it is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{}: {error}", self.body))
    }
}

/// Asks a server.
pub fn get(url: &str, path: &str) -> Answer {
    answer(agent().get(format!("{url}{path}")).call())
}

/// Sends a server something.
pub fn post(url: &str, path: &str, body: &str) -> Answer {
    answer(agent().post(format!("{url}{path}")).header("content-type", "application/json").send(body))
}

/// Sends something else than JSON with a key.
pub fn post_as(url: &str, key: &str, path: &str, content_type: &str, body: &str) -> Answer {
    let request = agent().post(format!("{url}{path}")).header("content-type", content_type);
    answer(request.header("authorization", format!("Bearer {key}")).send(body))
}

/// A figure of metrics, by its name with its labels; 0 where it was not counted yet.
pub fn metric(metrics: &str, name: &str) -> u64 {
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map_or(0, |value| value.parse().unwrap_or_else(|error| panic!("{name} {value}: {error}")))
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut response = result.expect("the server answers");
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().expect("ASCII").to_owned());
    let (content_type, retry_after) = (header("content-type").unwrap_or_default(), header("retry-after"));
    let mut body = String::new();
    response.body_mut().as_reader().read_to_string(&mut body).expect("a body");
    Answer { status: response.status().as_u16(), content_type, retry_after, body }
}

/// The handbook pipeline.
pub fn handbook() -> Pipeline {
    riskflow::read_pipeline(Path::new(HANDBOOK)).expect("it ships with the program")
}

/// Puts a hand-made model into a data folder: the score rises with the amount and with how many payments the customer made in a day, whatever
/// else, from what the intercept says. Its version.
pub fn published(data: &Path, intercept: f64) -> u32 {
    learned(data, intercept, Profile::default())
}

/// The same, and what it would have learned from was distributed like this.
pub fn learned(data: &Path, intercept: f64, profile: Profile) -> u32 {
    let pipeline = handbook();
    let width = pipeline.plan.width();
    let feature = |name: &str| pipeline.plan.feature(name).expect("it is in the file");
    let mut weights = vec![0.0; width];
    weights[feature("amount_minor")] = 0.0005;
    weights[feature("customer_tx_count_1d")] = 0.5;
    let linear = Linear { intercept, weights, means: vec![0.0; width], deviations: vec![1.0; width] };
    let scorer = Scorer::plain(Model::Linear(linear));
    let features = pipeline.plan.definitions().iter().map(|definition| definition.name.clone()).collect();
    let published = Published { at: ingest::Timestamp::from_micros(0), by: "tests".to_owned() };
    let artifact = Artifact::foreign(&pipeline.model.name, "tests", features, &pipeline.plan, scorer, published);
    let artifact = Artifact { profile, ..artifact.expect("the features are the plan's") };
    FileRegistry::open(&data.join("registry")).expect("a registry").publish(&artifact).expect("published")
}

/// Puts a hand-made model into a data folder and promotes it.
pub fn with_champion(data: &Path) {
    published(data, -9.0);
    promoted(data);
}

/// Promotes the first model of a data folder.
pub fn promoted(data: &Path) {
    let arguments = [
        "promote",
        "--pipeline",
        HANDBOOK,
        "--data-dir",
        text(data),
        "--version",
        "1",
        "--by",
        "tests",
        "--reason",
        "to have one",
    ];
    run_well(&arguments);
}

/// Every decision of a log, by event: what was decided from what. Two decisions about one event are an error, as is an event that is there
/// twice, and one without a decision.
pub fn decisions(data: &Path) -> BTreeMap<String, String> {
    let (log, opened) = FileLog::open(&data.join("log"), Options::default()).expect("the log opens");
    assert!(opened.torn.is_none(), "the last run ended well");
    let (mut all, mut events) = (BTreeMap::new(), BTreeMap::new());
    for record in log.read(Position(0)).expect("it can be read") {
        let record = record.expect("it is whole");
        match record.topic {
            Topic::Decision => {
                let decision = Decision::decode(&record.payload).expect("a decision");
                let said = format!("{:?} {:?} {:?} {:?}", decision.decision, decision.score, decision.vector, decision.reasons);
                assert_eq!(all.insert(decision.event_id.to_string(), said), None, "{} was decided twice", decision.event_id);
            }
            Topic::Event | Topic::History => {
                let (event, _) = ingest::log::record::decode_event(&record.payload, &handbook().schema).expect("an event");
                let (id, is_live) = (event.event_id.to_string(), record.topic == Topic::Event);
                assert_eq!(events.insert(id, is_live), None, "{} was accepted twice", event.event_id);
            }
            Topic::Label | Topic::Control | Topic::Shadow => {}
        }
    }
    let live = events.into_iter().filter(|(_, is_live)| *is_live).map(|(id, _)| id);
    assert!(live.eq(all.keys().cloned()), "every event that was accepted is decided, and nothing else");
    all
}

/// A payment as the API takes it.
pub fn payment(event_id: &str, time: &str, amount_minor: i64) -> String {
    serde_json::json!({
        "event_id": event_id, "event_type": "card_payment", "event_time": time,
        "transaction": {"amount_minor": amount_minor, "currency": "EUR"},
        "customer": {"id": "cus_9"}, "terminal": {"id": "t_4"},
    })
    .to_string()
}

/// Real data that lies beside the project where it is developed; elsewhere the test that wants it says so and passes.
pub fn shared_data(file: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: no {file} beside the project");
    None
}
