//! Where a Kafka log is, as `kafka://HOST:PORT,HOST:PORT/PREFIX?events=TOPIC,TOPIC&group=GROUP` says it.

use std::collections::BTreeMap;

/// A cluster, the topics in it that are ours, and those that events come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where the cluster is asked first: `host:port`, several with commas.
    pub brokers: String,
    /// What the names of our topics begin with.
    pub prefix: String,
    /// The topics that events come from; none where they come another way.
    pub events: Vec<String>,
    /// The consumer group under which it is kept how far they were read.
    pub group: String,
}

/// How a Kafka log is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is.
    pub address: Address,
    /// Properties of librdkafka, as `security.protocol`; never those that this log rests on.
    pub client: BTreeMap<String, String>,
}

/// Properties on which exactly-once rests, or that the address says.
const OURS: [&str; 17] = [
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.report.only.error",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "isolation.level",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "request.required.acks",
    "statistics.interval.ms",
    "transactional.id",
];

impl Settings {
    /// Takes properties of the client beside an address.
    ///
    /// # Errors
    /// What is wrong with a property, without its value.
    pub fn new(address: Address, client: BTreeMap<String, String>) -> Result<Self, String> {
        let ours = client.keys().find(|name| OURS.contains(&name.as_str()));
        match ours {
            Some(name) => Err(format!("`{name}` is set by riskflow itself and cannot be changed")),
            None => Ok(Self { address, client }),
        }
    }
}

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(url: &str) -> Result<Self, String> {
        const FORM: &str = "write it as kafka://HOST:PORT/PREFIX?events=TOPIC";
        let rest = url.strip_prefix("kafka://").ok_or_else(|| format!("it does not begin with kafka://: {FORM}"))?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (brokers, prefix) = place.split_once('/').ok_or_else(|| format!("it has no prefix for topics: {FORM}"))?;
        for broker in brokers.split(',') {
            let is_broker = broker.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
            if !is_broker {
                return Err(format!("`{}` is not a broker: {FORM}", broker.rsplit('@').next().unwrap_or_default()));
            }
        }
        let mut address =
            Self { brokers: brokers.to_owned(), prefix: prefix.to_owned(), events: Vec::new(), group: prefix.to_owned() };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("events", topics)) => address.events.extend(topics.split(',').map(str::to_owned)),
                Some(("group", group)) => group.clone_into(&mut address.group),
                _ => return Err(format!("`{pair}` is neither events=TOPIC nor group=GROUP")),
            }
        }
        let topics = address.events.iter().chain([&address.prefix, &address.group]);
        if let Some(wrong) = topics.into_iter().find(|name| !is_name(name)) {
            return Err(format!("`{wrong}` is no name of a topic or group: letters, digits, `.`, `_` and `-`, at most 200"));
        }
        if let Some(own) = address.events.iter().find(|topic| address.own_topics().contains(topic)) {
            return Err(format!("`{own}` is a topic of riskflow's own, from which no events come"));
        }
        Ok(address)
    }

    /// The topic that holds every record, in order: what the others hold can be made from it.
    pub fn journal(&self) -> String {
        self.topic("log")
    }

    /// The topic of messages that could not become events.
    pub fn dead_letters(&self) -> String {
        self.topic("dead-letters")
    }

    /// The topic of decisions, as the API answers them.
    pub fn decisions(&self) -> String {
        self.topic("decisions")
    }

    /// The topic of labels.
    pub fn labels(&self) -> String {
        self.topic("labels")
    }

    /// The topic of changes of what decides.
    pub fn control(&self) -> String {
        self.topic("control")
    }

    /// All topics that are ours, the journal first.
    pub fn own_topics(&self) -> [String; 5] {
        [self.journal(), self.dead_letters(), self.decisions(), self.labels(), self.control()]
    }

    fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }
}

fn is_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    (1..=200).contains(&name.len()) && name.chars().all(is_letter) && !matches!(name, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_everything() {
        let check = |url: &str, brokers: &str, prefix: &str, events: &[&str], group: &str| {
            let address = Address::parse(url).unwrap();
            let found = (address.brokers.as_str(), address.prefix.as_str(), address.group.as_str());
            assert_eq!(found, (brokers, prefix, group));
            assert_eq!(address.events, events);
            assert_eq!(address.journal(), format!("{prefix}.log"));
        };
        check("kafka://k:9092/risk", "k:9092", "risk", &[], "risk");
        check("kafka://a:1,b:2/risk-eu?events=tx", "a:1,b:2", "risk-eu", &["tx"], "risk-eu");
        check("kafka://[::1]:9092/r?events=a,b&group=g&events=c", "[::1]:9092", "r", &["a", "b", "c"], "g");
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said() {
        let check = |url: &str, expect: &str| {
            let error = Address::parse(url).unwrap_err();
            assert!(error.contains(expect), "{url}: {error}");
        };
        check("file://here", "does not begin with kafka://");
        check("kafka://k:9092", "no prefix");
        check("kafka:///risk", "`` is not a broker");
        check("kafka://k/risk", "`k` is not a broker");
        check("kafka://ada:s3cret@k/risk", "`k` is not a broker");
        check("kafka://k:9092/", "`` is no name");
        check("kafka://k:9092/a b", "`a b` is no name");
        check("kafka://k:9092/r?events=a,", "`` is no name");
        check("kafka://k:9092/r?topic=a", "`topic=a` is neither");
        check("kafka://k:9092/r?events=r.decisions", "`r.decisions` is a topic of riskflow's own");
    }

    #[test]
    fn properties_that_the_log_rests_on_are_refused() {
        let address = Address::parse("kafka://k:9092/risk").unwrap();
        let settings = |name: &str| Settings::new(address.clone(), BTreeMap::from([(name.to_owned(), "1".to_owned())]));
        assert!(settings("security.protocol").is_ok());
        assert!(settings("isolation.level").unwrap_err().contains("`isolation.level` is set by riskflow itself"));
    }
}
