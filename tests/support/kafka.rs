//! A real broker for tests: Apache Kafka on free ports, in a folder of its own. It ends with the test that started it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[allow(clippy::duplicate_mod, reason = "tests of other crates have this file without the rest of what tests share")]
mod needs;

/// Where the scripts are that fetch and start programs of others.
const SCRIPT: &str = "tests/peers/kafka";

/// A broker that runs until this is dropped.
pub struct Broker {
    folder: tempfile::TempDir,
    ports: [u16; 3],
    process: Option<Process>,
}

struct Process {
    script: Child,
    broker: u32,
}

impl Broker {
    /// Starts one; `None` where there is no Java, and that is said.
    pub fn start() -> Option<Self> {
        if Command::new("java").arg("-version").stderr(Stdio::null()).status().is_err() {
            needs::missing("Java for Apache Kafka");
            return None;
        }
        // All are held until all are known, so that they differ.
        let held: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
        let ports = std::array::from_fn(|place| held[place].local_addr().expect("it is bound").port());
        drop(held);
        let mut broker = Self { folder: tempfile::tempdir().expect("a folder"), ports, process: None };
        broker.run();
        Some(broker)
    }

    /// Where it listens, without passwords.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0])
    }

    /// Where it listens for its user `ada` with the password `s3cret`.
    pub fn sasl_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports[1])
    }

    /// Starts it again on what is there.
    pub fn run(&mut self) {
        let script =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join(SCRIPT)).find(|path| path.exists());
        let mut script = Command::new(script.expect("it is part of the project"))
            .arg(self.folder.path())
            .args(self.ports.map(|port| port.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut broker = String::new();
        let mut said = BufReader::new(script.stdout.take().expect("it is piped"));
        said.read_line(&mut broker).expect("it speaks UTF-8");
        let broker = broker.trim().parse().expect("it says the broker's process, or why there is none");
        self.process = Some(Process { script, broker });
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", self.ports[0])).is_err() {
            assert!(Instant::now() < deadline, "Apache Kafka did not start: see {}", self.folder.path().display());
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Ends it without warning, as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let killed = Command::new("kill").args(["-9", &process.broker.to_string()]).status();
            assert!(killed.is_ok_and(|killed| killed.success()), "it runs");
            drop(process.script.stdin.take());
            process.script.wait().expect("it ends");
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}
