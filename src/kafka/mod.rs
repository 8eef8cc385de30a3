//! The log in a Kafka cluster, wired: how it is reached, what is told to others, and events out of topics.

mod door;
mod outlet;
mod seat;

use ingest::log::kafka::{Address, Settings};

pub(crate) use self::door::Door;
pub(crate) use self::outlet::outlet;
pub(crate) use self::seat::{leave_when_lost, seat, seat_at_once};
use crate::config::{Config, Durability, Secret};

/// How the cluster is reached, where the log is in one.
pub(crate) fn settings(config: &Config) -> anyhow::Result<Option<Settings>> {
    match config.log.url.scheme() {
        "file" => return Ok(None),
        "kafka" => {}
        other => anyhow::bail!("log.url: there is no backend for {other}://, use file:// or kafka://"),
    }
    if config.log.durability == Durability::Async {
        anyhow::bail!("log.durability: a log at kafka:// is `sync` only: an answer leaves when its transaction is committed");
    }
    let address = Address::parse(&config.log.url.url()).map_err(|reason| anyhow::anyhow!("log.url: {reason}"))?;
    let properties = config.kafka.client.iter().map(|(name, value)| (name.clone(), value.reveal().to_owned()));
    let password = config.kafka.password.as_ref().map(Secret::reveal);
    let password = password.map(|password| ("sasl.password".to_owned(), password.to_owned()));
    let settings = Settings::new(address, properties.chain(password).collect());
    Ok(Some(settings.map_err(|reason| anyhow::anyhow!("kafka.client: {reason}"))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(environment: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::load(None, environment).map_err(|error| format!("{error:#}"))?;
        let settings = settings(&config).map_err(|error| format!("{error:#}"));
        assert!(!format!("{config:?}").contains("s3cret"));
        settings
    }

    #[test]
    fn a_log_at_kafka_is_a_url_and_properties_of_the_client() {
        let url = ("RISKFLOW_LOG__URL", "kafka://k:9092/risk?events=payments");
        let user = ("RISKFLOW_KAFKA__CLIENT", "{ \"sasl.username\" = \"ada\" }");
        let settings = read(&[url, user, ("RISKFLOW_KAFKA__PASSWORD", "s3cret")]).unwrap().unwrap();
        assert_eq!((settings.address.prefix.as_str(), settings.address.events.len()), ("risk", 1));
        let client: Vec<_> = settings.client.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(client, [("sasl.password", "s3cret"), ("sasl.username", "ada")]);
        assert!(read(&[]).unwrap().is_none());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let check = |url: &str, client: &str, expect: &str| {
            let error = read(&[("RISKFLOW_LOG__URL", url), ("RISKFLOW_KAFKA__CLIENT", client)]).unwrap_err();
            assert!(error.contains(expect), "{error}");
        };
        check("pulsar://k/risk", "{}", "log.url: there is no backend for pulsar://, use file:// or kafka://");
        check("kafka://k/risk", "{}", "log.url: `k` is not a broker");
        check("kafka://k:1/risk", "{ acks = \"1\" }", "kafka.client: `acks` is set by riskflow itself");
    }
}
