//! Centrifugo with NATS between its nodes, for the figures beside those of Fanfare: the only one of the
//! servers that are compared elsewhere that takes NATS as its broker. Its events go over plain NATS, at
//! most once: none is on a disk when its publisher is answered, and a client that comes back gets nothing
//! of what it missed.

use std::path::Path;
use std::process::Command;

use super::hub::{COUNT, wait};
use super::member::Member;
use crate::bench::Bench;
use crate::compare;
use crate::http::Client;

/// Nodes on brokers that run already.
#[derive(Debug)]
pub(super) struct Centrifugo {
    pub(super) nodes: Vec<Member>,
    pub(super) urls: Vec<String>,
}

impl Centrifugo {
    pub(super) fn start(bench: &mut Bench, brokers: &str, folder: &Path) -> anyhow::Result<Self> {
        let competitor = bench.places.competitors().join("centrifugo");
        let program = compare::fetched(competitor.join(".built/centrifugo"))?;
        let (mut nodes, mut urls) = (Vec::new(), Vec::new());
        for index in 0..COUNT {
            let port = bench.free_port()?;
            // Its settings are of its environment, which `env` takes as arguments.
            let mut command = Command::new("env");
            command.arg(format!("CENTRIFUGO_HTTP_SERVER_PORT={port}"));
            command.args(["CENTRIFUGO_BROKER_ENABLED=true", "CENTRIFUGO_BROKER_TYPE=nats"]);
            command.arg(format!("CENTRIFUGO_BROKER_NATS_URL={brokers}"));
            command.arg("CENTRIFUGO_HEALTH_ENABLED=true");
            command.arg(&program).arg("--config").arg(competitor.join("config.json"));
            let url = format!("http://127.0.0.1:{port}");
            let name = format!("centrifugo-{index}");
            nodes.push(Member::new(name, &command, format!("{url}/health"), folder.to_owned()));
            urls.push(url);
        }
        let client = Client::new();
        for node in &mut nodes {
            node.start()?;
            wait(&node.name, || node.is_ready(&client))?;
        }
        Ok(Self { nodes, urls })
    }

    /// How loadgen publishes at one and subscribes at others.
    pub(super) fn arguments(publish: &str, subscribe: &[String]) -> Vec<String> {
        let mut words = vec![format!("{publish}/api/publish")];
        words.insert(0, "--publish".to_owned());
        words.extend(["--publish-style", "template", "--publish-body"].map(str::to_owned));
        words.push(r#"{"channel":"c{topic}","data":{json}}"#.to_owned());
        for url in subscribe {
            words.push("--subscribe".to_owned());
            words.push(format!(
                "{url}/connection/uni_sse?cf_connect=%7B%22subs%22%3A%7B%22c{{topic}}%22%3A%7B%7D%7D%7D"
            ));
        }
        words
    }
}
