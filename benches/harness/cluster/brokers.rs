//! How the brokers are started, and what they say of the stream: which of them leads it, and whether
//! all have everything.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::bail;
use serde::Deserialize;

use super::member::Member;
use super::namespaces::Host;
use super::network::{BrokerAddresses, Network};
use crate::http::Client;
use crate::places::Places;

/// The stream that the nodes share.
const STREAM: &str = "fanfare";

/// The program, which the tests and the benchmarks build from the same sources.
pub(super) fn program(places: &Places) -> anyhow::Result<PathBuf> {
    let built = [
        "service/tests/peers/nats/.built/nats-server",
        "benches/competitors/nats/.built/nats-server",
    ];
    let mut built = built.iter().map(|path| places.repository.join(path));
    match built.find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => bail!("no nats-server; `benches/competitors/setup nats` builds it, with Go"),
    }
}

/// Brokers that are one cluster, each with an empty folder of its own; none is started yet.
pub(super) fn prepare(
    program: &Path,
    network: &Network,
    addresses: &[BrokerAddresses],
    folder: &Path,
) -> anyhow::Result<Vec<Member>> {
    let routes = addresses.iter().map(|broker| format!("nats://{}", broker.cluster));
    let routes = routes.collect::<Vec<_>>().join(", ");
    let broker = |(index, addresses): (usize, &BrokerAddresses)| {
        let host = Host::Broker(index);
        let name = host.name();
        let file = folder.join(format!("{name}.conf"));
        fs::write(&file, configuration(&name, addresses, &routes, &folder.join(&name)))?;
        let mut command = network.command(host, program);
        command.arg("-c").arg(file);
        let ready_url = format!("http://{}/healthz", addresses.monitor);
        Ok(Member::new(name, &command, ready_url, folder.to_owned()))
    };
    addresses.iter().enumerate().map(broker).collect()
}

fn configuration(name: &str, addresses: &BrokerAddresses, routes: &str, store: &Path) -> String {
    let BrokerAddresses { listen, cluster, monitor } = addresses;
    format!(
        "server_name: {name}\nlisten: \"{listen}\"\nhttp: \"{monitor}\"\n\
         max_payload: 4MB\njetstream {{ store_dir: {store:?}, sync_interval: always }}\n\
         cluster {{ name: c, listen: \"{cluster}\", routes: [{routes}] }}\n"
    )
}

/// What the brokers say of the stream.
#[derive(Debug, Default, PartialEq)]
pub(super) struct StreamState {
    /// The place of the leader among the brokers.
    pub(super) leader: Option<usize>,
    /// How many followers have all that the leader has.
    pub(super) current: usize,
}

impl StreamState {
    /// As the leader has it; what others say of it may be old.
    pub(super) fn ask(brokers: &[BrokerAddresses], client: &Client) -> Self {
        let states = brokers.iter().enumerate().filter_map(|(index, broker)| {
            let url = format!("http://{}/jsz?accounts=true&streams=true", broker.monitor);
            let state = Self::parse(&client.get(&url).ok()?)?;
            (state.leader == Some(index)).then_some(state)
        });
        // More than one believe that they lead while an old leader has not heard of the new one.
        let mut states: Vec<_> = states.collect();
        if states.len() == 1 { states.remove(0) } else { Self::default() }
    }

    fn parse(text: &str) -> Option<Self> {
        let page: Page = serde_json::from_str(text).ok()?;
        let mut streams = page.account_details.into_iter().flat_map(|one| one.stream_detail);
        let cluster = streams.find(|stream| stream.name == STREAM)?.cluster?;
        let leader = cluster.leader.strip_prefix("broker-").and_then(|index| index.parse().ok());
        let is_current = |replica: &&Replica| replica.current;
        Some(Self { leader, current: cluster.replicas.iter().filter(is_current).count() })
    }
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    account_details: Vec<AccountDetail>,
}

#[derive(Deserialize)]
struct AccountDetail {
    #[serde(default)]
    stream_detail: Vec<StreamDetail>,
}

#[derive(Deserialize)]
struct StreamDetail {
    name: String,
    cluster: Option<StreamCluster>,
}

#[derive(Deserialize)]
struct StreamCluster {
    #[serde(default)]
    leader: String,
    #[serde(default)]
    replicas: Vec<Replica>,
}

#[derive(Deserialize)]
struct Replica {
    /// It was heard of lately, and has what the leader has applied.
    #[serde(default)]
    current: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leader_and_who_has_everything_are_read_from_the_page_of_the_broker() {
        let page = |leader: &str, is_current: bool| {
            format!(
                r#"{{"server_id":"N","account_details":[{{"name":"$G","stream_detail":[
                {{"name":"other"}},{{"name":"fanfare","cluster":{{"name":"c","leader":"{leader}",
                "replicas":[{{"name":"broker-0","current":{is_current},"active":1,"lag":7}},
                {{"name":"broker-2","current":true,"active":1}}]}}}}]}}]}}"#
            )
        };
        let state = |leader, current| Some(StreamState { leader, current });
        assert_eq!(StreamState::parse(&page("broker-1", true)), state(Some(1), 2));
        assert_eq!(StreamState::parse(&page("broker-1", false)), state(Some(1), 1));
        assert_eq!(StreamState::parse(&page("", true)), state(None, 2));
        assert_eq!(StreamState::parse("{}"), None);
        assert_eq!(StreamState::parse("not found"), None);
    }

    #[test]
    fn a_program_that_is_not_there_is_named_with_what_builds_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let nowhere = folder.path().to_path_buf();
        let places = Places { repository: nowhere.clone(), programs: nowhere, port: 20_000 };
        let error = program(&places).expect_err("nothing is there").to_string();
        assert!(error.contains("benches/competitors/setup nats"), "{error}");
    }
}
