//! Servers that a bench starts beside itself, from the same program, and ends again.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::commands::pause;

/// A server that runs until this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    /// Where it listens.
    pub(super) url: String,
}

impl Server {
    /// Starts a command of this program and waits until it says where it listens.
    pub(super) fn start(arguments: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find the program itself")?;
        let mut child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start a server")?;
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let mut said = String::new();
        let url = loop {
            let Some(line) = lines.next() else {
                let _ = child.wait();
                bail!("a server ended: {}", said.trim_end());
            };
            let line = line.context("a server cannot be understood")?;
            if let Some((_, url)) = line.split_once(" listens on ") {
                break url.to_owned();
            }
            said.push_str(&line);
            said.push('\n');
        };
        // Somebody has to listen, or the server blocks when the pipe is full.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, url })
    }

    /// CPU seconds that it has used, to a hundredth; `None` where the system does not say.
    pub(super) fn cpu_seconds(&self) -> Option<f64> {
        const TICKS_A_SECOND: f64 = 100.0;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The second field is a name in brackets, which may hold anything; time in user mode and in the kernel are fields 14 and 15.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
        let mut ticks = || fields.next()?.parse::<f64>().ok();
        Some((ticks()? + ticks()?) / TICKS_A_SECOND)
    }

    /// Waits until the warehouse has everything that was decided, so that the next measurement has the machine for itself.
    pub(super) fn settle(&self) -> anyhow::Result<()> {
        const LONGEST: Duration = Duration::from_secs(120);
        let deadline = Instant::now() + LONGEST;
        loop {
            let mut answer =
                ureq::get(format!("{}/v1/status", self.url)).call().context("the server does not say how it is doing")?;
            let status: serde_json::Value = answer.body_mut().read_json().context("the server's status is not JSON")?;
            if status["log_position"] == status["warehouse_position"] {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the warehouse did not catch up within {} s", LONGEST.as_secs());
            }
            pause(Duration::from_millis(100));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already. The log of a server that is killed is whole.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
