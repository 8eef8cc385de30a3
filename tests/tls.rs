//! TLS on both sides: what asks riskflow, and the ClickHouse that riskflow asks. Who is not trusted is told nothing.

#[path = "support/clickhouse.rs"]
mod clickhouse;
mod support;

use std::path::Path;

use clickhouse::Bridge;
use support::{HANDBOOK, Server, payment, riskflow, text, with_champion};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// A certificate of 127.0.0.1 that signs itself, good for a hundred years, and its key.
const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/tls/certificate.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/tls/key.pem");

/// Somebody who asks, and trusts these certificates.
fn agent(trusted: RootCerts) -> ureq::Agent {
    ureq::Agent::config_builder().tls_config(TlsConfig::builder().root_certs(trusted).build()).build().into()
}

#[test]
fn the_api_speaks_tls_to_whom_trusts_it() {
    let data = tempfile::tempdir().expect("a folder");
    with_champion(data.path());
    let config = data.path().join("riskflow.toml");
    let settings = |certificate: &str| format!("[server.tls]\ncertificate = \"{certificate}\"\nkey = \"{KEY}\"\n");
    std::fs::write(&config, settings(CERTIFICATE)).expect("written");
    let server = Server::start_with(data.path(), Path::new(HANDBOOK), &["--config", text(&config)]);
    assert!(server.url.starts_with("https://"), "{}", server.url);

    let pem = std::fs::read(CERTIFICATE).expect("it lies beside the test");
    let trusting = agent(RootCerts::new_with_certs(&[Certificate::from_pem(&pem).expect("a certificate")]));
    let url = format!("{}/v1/score", server.url);
    let request = trusting.post(&url).header("content-type", "application/json");
    let mut answer = request.send(payment("e1", "2026-04-23T12:00:00Z", 100)).expect("it answers");
    assert!(answer.body_mut().read_to_string().expect("text").contains("\"decision\":\"approve\""));
    let stranger = agent(RootCerts::WebPki).get(&url).call().expect_err("it is not trusted").to_string();
    assert!(stranger.contains("certificate"), "{stranger}");

    // So do the commands that ask a server.
    let events = data.path().join("events.jsonl");
    std::fs::write(&events, payment("e2", "2026-04-23T12:00:00Z", 100)).expect("written");
    let score = |environment: &[(&str, &str)]| {
        let mut command = riskflow(&["score", text(&events), "--url", &server.url]);
        let output = command.envs(environment.iter().copied()).output().expect("it starts");
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (is_well, said) = score(&[("SSL_CERT_FILE", CERTIFICATE)]);
    assert!(is_well && said.contains("e2") && said.contains("approve"), "{said}");
    let (is_well, said) = score(&[]);
    assert!(!is_well && said.contains("certificate"), "{said}");
    server.stop();

    let nowhere = data.path().join("nowhere.pem");
    std::fs::write(&config, settings(text(&nowhere))).expect("written");
    let arguments = ["run", "--pipeline", HANDBOOK, "--data-dir", text(data.path()), "--listen", "127.0.0.1:0"];
    let refused = riskflow(&[&arguments[..], &["--config", text(&config)]].concat()).output().expect("it starts");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && said.contains(text(&nowhere)), "{said}");
}

#[test]
fn a_clickhouse_is_asked_over_tls_when_it_is_trusted() {
    let Some(engine) = Bridge::start(&["--certificate", CERTIFICATE, "--key", KEY]) else { return };
    let url = format!("clickhouse://riskflow@127.0.0.1:{}/risk?secure=true", engine.port);
    let trusting = ("SSL_CERT_FILE", CERTIFICATE);
    let warehouse = [("RISKFLOW_WAREHOUSE__URL", url.as_str()), ("RISKFLOW_WAREHOUSE__PASSWORD", "secret")];
    let start = |environment: &[(&str, &str)]| {
        let data = tempfile::tempdir().expect("a folder");
        with_champion(data.path());
        let server = Server::start_in(&[&warehouse, environment].concat(), data.path(), &[]);
        let answer = server.post("/v1/score", &payment("e1", "2026-04-23T12:00:00Z", 100));
        assert_eq!(answer.status, 200, "{}", answer.body);
        (data, server)
    };
    let status = |server: &Server| server.get("/v1/status").json();

    // Decisions go on; why they do not arrive is said.
    let (_data, server) = start(&[]);
    let error = || status(&server)["warehouse_error"].as_str().map(str::to_owned);
    support::until("the warehouse is not trusted", || error().is_some_and(|error| error.contains("certificate")));
    server.kill();

    let (_data, server) = start(&[trusting]);
    let has_arrived = |said: serde_json::Value| said["warehouse_position"] == said["log_position"] && said["decisions"] == 1;
    support::until("the decision is in the warehouse", || has_arrived(status(&server)));
    let volume = server.get("/v1/monitor/volume?from=2026-04-23&to=2026-04-23");
    assert_eq!(volume.json()[0]["events"], 1, "{}", volume.body);
    server.stop();
}
