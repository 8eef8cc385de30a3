//! What `/metrics` says of the program as a whole, declared in one place: the server, the log, the projection, notifications, traces, and
//! the process. What scoring counts stands before it.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ingest::log::{Durability, kafka};
use monitor::Progress;
use monitor::notify::Figures;
use monitor::observer::Observed;

use crate::telemetry;

/// Requests by the first digit of their answers' status, those that took longer than they may, and those that did not come to an end in time.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    answered: [AtomicU64; 5],
    late: AtomicU64,
    slow_bodies: AtomicU64,
}

impl Requests {
    pub(crate) fn answered(&self, status: u16) {
        if let Some(count) = self.answered.get(usize::from(status / 100).wrapping_sub(1)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn slow_body(&self) {
        self.slow_bodies.fetch_add(1, Ordering::Relaxed);
    }
}

/// Since when the warehouse lacks what the log has, as far as it was looked at.
#[derive(Debug, Default)]
pub(crate) struct Delay {
    /// Ends of the log that the warehouse has not reached, and when they were seen first.
    seen: VecDeque<(Instant, u64)>,
}

impl Delay {
    /// How long the oldest record waits that the warehouse lacks: at least, and less than a look too little.
    pub(crate) fn next(&mut self, now: Instant, end: u64, projected: u64) -> Duration {
        /// More looks than these are not kept apart: the oldest of them is what counts.
        const LOOKS: usize = 1_000;
        while self.seen.front().is_some_and(|(_, end)| *end <= projected) {
            self.seen.pop_front();
        }
        if end > projected && self.seen.back().is_none_or(|(_, seen)| end > *seen) {
            let is_full = self.seen.len() == LOOKS;
            match self.seen.back_mut().filter(|_| is_full) {
                Some((_, last)) => *last = end,
                None => self.seen.push_back((now, end)),
            }
        }
        self.seen.front().map_or(Duration::ZERO, |(since, _)| now.duration_since(*since))
    }
}

/// Everything that is looked at.
pub(crate) struct Seen<'a> {
    pub(crate) requests: &'a Requests,
    pub(crate) durability: &'a Durability,
    pub(crate) projection: &'a Progress,
    pub(crate) observation: &'a Observed,
    pub(crate) projection_delay: Duration,
    pub(crate) sinks: &'a [Figures],
    pub(crate) traces: Option<&'a telemetry::Figures>,
    pub(crate) kafka: Option<&'a kafka::Figures>,
}

/// Writes them in the OpenMetrics text format.
pub(crate) fn encode(seen: &Seen<'_>, text: &mut String) {
    let mut out = Out { text };
    let Seen { requests, durability, projection, .. } = seen;
    let answered = ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(&requests.answered);
    out.counter(
        "riskflow_server_requests",
        "Requests answered, by status",
        answered.map(|(status, count)| (label("status", status), count.load(Ordering::Relaxed))),
    );
    let slow_bodies = requests.slow_bodies.load(Ordering::Relaxed);
    out.counter("riskflow_server_slow_bodies", "Requests whose bodies were not all there in time", one(slow_bodies));
    out.counter("riskflow_server_late", "Requests that took longer than they may", one(requests.late.load(Ordering::Relaxed)));

    let (end, reached) = (durability.end().0, projection.projected.0);
    let has_failed = matches!(durability, Durability::Failed { .. });
    out.gauge("riskflow_log_failed", "1 when the log takes nothing more until a new start", one(u64::from(has_failed)));
    out.gauge("riskflow_log_durable_end", "One after the last durable record of the log", one(end));
    out.counter("riskflow_monitor_projection_failures", "Tries at which the warehouse took nothing", one(projection.failures));
    out.gauge(
        "riskflow_monitor_projection_failing",
        "1 while the last try to write the warehouse failed",
        one(u64::from(projection.failed.is_some())),
    );
    out.gauge("riskflow_monitor_projected_end", "One after the last record that is in the warehouse", one(reached));
    out.gauge(
        "riskflow_monitor_projection_lag",
        "Durable records that are not in the warehouse yet",
        one(end.saturating_sub(reached)),
    );
    out.gauge(
        "riskflow_monitor_projection_delay_seconds",
        "How long the oldest durable record waits that is not in the warehouse, as seen when this is asked for",
        one(seen.projection_delay.as_secs_f64()),
    );
    let observation = seen.observation;
    out.counter(
        "riskflow_monitor_observation_failures",
        "Tries at which profiles and drift could not be brought up to date",
        one(observation.failures),
    );
    out.gauge(
        "riskflow_monitor_observation_failing",
        "1 while the last try to bring profiles and drift up to date failed",
        one(u64::from(observation.failed.is_some())),
    );
    out.gauge("riskflow_monitor_observed_end", "One after the last record that is in the profiles", one(observation.until.0));

    let sinks = |count: fn(&Figures) -> u64| seen.sinks.iter().map(move |sink| (label("sink", &sink.sink), count(sink)));
    out.gauge("riskflow_notify_waiting", "Notifications that wait for a sink", sinks(|sink| sink.waiting));
    out.gauge(
        "riskflow_notify_failing",
        "1 while the last try to tell a sink failed",
        sinks(|sink| u64::from(sink.failed.is_some())),
    );
    out.counter("riskflow_notify_delivered", "Notifications that a sink took", sinks(|sink| sink.delivered));
    out.counter("riskflow_notify_failures", "Tries at which a sink took nothing", sinks(|sink| sink.failures));
    out.counter("riskflow_notify_given_up", "Notifications in the dead letters of a sink", sinks(|sink| sink.given_up));
    out.counter(
        "riskflow_notify_refused",
        "Notifications that found no place in the queue of a sink",
        sinks(|sink| sink.refused),
    );

    let traces = |count: fn(&telemetry::Figures) -> &AtomicU64| {
        seen.traces.map(|traces| (String::new(), count(traces).load(Ordering::Relaxed))).into_iter()
    };
    out.counter("riskflow_telemetry_spans_sent", "Spans that the collector took", traces(|traces| &traces.sent));
    out.counter("riskflow_telemetry_spans_lost", "Spans that it did not take", traces(|traces| &traces.lost));

    if let Some(kafka) = seen.kafka {
        in_cluster(kafka, &mut out);
    }

    out.counter("process_cpu_seconds", "Processor time of the process, user and system", one(cpu_seconds()));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |name: &str| status_line(&status, name).map(|value| (String::new(), value)).into_iter();
    out.gauge(
        "process_resident_memory_bytes",
        "Memory of the process that is in RAM, where the system says so",
        line("VmRSS").map(|(labels, kib)| (labels, kib * 1_024)),
    );
    out.gauge("process_threads", "Threads of the process, where the system says so", line("Threads"));
    let build = format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    out.gauge("riskflow_build_info", "Which program this is", std::iter::once((build, 1)));
}

/// Of a log in a Kafka cluster.
fn in_cluster(kafka: &kafka::Figures, out: &mut Out<'_>) {
    let mut counter = |name: &str, help: &str, count: &AtomicU64| out.counter(name, help, one(count.load(Ordering::Relaxed)));
    counter("riskflow_kafka_messages", "Messages that were taken as events or as dead letters", &kafka.messages);
    counter("riskflow_kafka_dead_letters", "Messages that became dead letters", &kafka.dead_letters);
    counter("riskflow_kafka_transactions", "Transactions that were committed", &kafka.transactions);
    counter("riskflow_kafka_transactions_aborted", "Transactions that were aborted and tried again", &kafka.aborted);
    counter("riskflow_kafka_produce_errors", "Messages that the brokers did not take at a try", &kafka.produce_errors);
    counter("riskflow_kafka_rebalances", "Changes of the active instance that this one saw", &kafka.rebalances);
    let troubled = u64::from(kafka.trouble().is_some());
    out.gauge("riskflow_kafka_troubled", "1 while the brokers keep the log from getting on", one(troubled));
    let lag =
        kafka.lag().into_iter().map(|(topic, partition, lag)| (format!("{{topic=\"{topic}\",partition=\"{partition}\"}}"), lag));
    out.gauge("riskflow_kafka_lag", "Messages of a partition that are not taken yet, as seen a moment ago", lag);
}

/// One number without labels.
fn one<T>(value: T) -> std::iter::Once<(String, T)> {
    std::iter::once((String::new(), value))
}

/// Values are names that were checked, or our own.
fn label(name: &str, value: &str) -> String {
    format!("{{{name}=\"{value}\"}}")
}

fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// The number behind a name in `/proc/self/status`.
fn status_line(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

struct Out<'a> {
    text: &'a mut String,
}

impl Out<'_> {
    fn counter<T: std::fmt::Display>(&mut self, name: &str, help: &str, values: impl Iterator<Item = (String, T)>) {
        self.family(name, "counter", "_total", help, values);
    }

    fn gauge<T: std::fmt::Display>(&mut self, name: &str, help: &str, values: impl Iterator<Item = (String, T)>) {
        self.family(name, "gauge", "", help, values);
    }

    fn family<T: std::fmt::Display>(
        &mut self,
        name: &str,
        kind: &str,
        suffix: &str,
        help: &str,
        values: impl Iterator<Item = (String, T)>,
    ) {
        let mut put = |line: std::fmt::Arguments<'_>| self.text.write_fmt(line).expect("a String takes any text");
        put(format_args!("# HELP {name} {help}.\n# TYPE {name} {kind}\n"));
        for (labels, value) in values {
            put(format_args!("{name}{suffix}{labels} {value}\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_that_of_the_oldest_record() {
        let start = Instant::now();
        let mut delay = Delay::default();
        let mut check = |second: u64, end: u64, projected: u64, expect: u64| {
            assert_eq!(delay.next(start + Duration::from_secs(second), end, projected).as_secs(), expect, "at {second}");
        };
        check(0, 10, 10, 0);
        check(10, 20, 10, 0);
        check(20, 30, 10, 10);
        check(30, 30, 10, 20);
        check(40, 40, 25, 20);
        check(50, 40, 30, 10);
        check(60, 40, 40, 0);
    }

    #[test]
    fn delays_of_many_looks_are_bounded_in_memory() {
        let start = Instant::now();
        let mut delay = Delay::default();
        for look in 0..5_000 {
            assert_eq!(delay.next(start + Duration::from_secs(look), look + 1, 0).as_secs(), look);
        }
        assert_eq!(delay.seen.len(), 1_000);
        assert_eq!(delay.next(start + Duration::from_secs(5_000), 5_000, 5_000), Duration::ZERO);
    }

    #[test]
    fn a_status_is_read_by_its_lines() {
        let status = "Name:\triskflow\nVmRSS:\t   12345 kB\nThreads:\t7\n";
        assert_eq!((status_line(status, "VmRSS"), status_line(status, "Threads")), (Some(12_345), Some(7)));
        assert_eq!(status_line(status, "Vm"), None);
    }
}
