//! One part after the other fails while several publish, each of whom goes on at the next server with the
//! same event until one confirms it. `make cluster-test` does more of it, under load.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_nats::jetstream::stream::PeerInfo;
use reqwest::Client;
use rustix::process::Signal;
use tokio::task::JoinSet;

use crate::support::{PATIENCE, Program, client, eventually};

use super::brokers::{Broker, Brokers};
use super::reading::{THE_END, all_of, data_of};
use super::{FIXED, publish};

const PUBLISHERS: usize = 6;
/// Events that are confirmed before a fault, and while it lasts.
const SOME: usize = 100;
const SERVERS: usize = 3;

/// What the publishers share.
#[derive(Default)]
struct Publishing {
    urls: Mutex<Vec<String>>,
    confirmed: AtomicUsize,
    is_over: AtomicBool,
}

impl Publishing {
    fn url(&self, turn: usize) -> String {
        let urls = self.urls.lock().expect("nobody panics with it");
        urls[turn % urls.len()].clone()
    }

    /// Publishes until it is over, and gives what it has published, all of which is confirmed.
    async fn publish(self: Arc<Self>, client: Client, publisher: usize) -> (usize, Vec<String>) {
        let (mut all, mut turn) = (Vec::new(), publisher);
        while !self.is_over.load(Ordering::Relaxed) {
            let number = all.len();
            let data = format!("{publisher} {number}");
            let deadline = Instant::now() + PATIENCE;
            // A server waits for the brokers itself; one that is not there says so at once.
            while !self.confirms(&client, turn, &format!("{publisher}-{number}"), &data).await {
                assert!(Instant::now() < deadline, "no server confirms {data}");
                turn += 1;
            }
            self.confirmed.fetch_add(1, Ordering::Relaxed);
            all.push(data);
        }
        (publisher, all)
    }

    /// Whether the server whose turn it is takes the event.
    async fn confirms(&self, client: &Client, turn: usize, id: &str, data: &str) -> bool {
        let url = format!("{}/events/t?id={id}", self.url(turn));
        match client.post(url).body(data.to_owned()).send().await {
            Ok(response) if response.status() == 200 => true,
            Ok(response) => {
                assert_eq!(response.status(), 503);
                false
            }
            Err(_) => false,
        }
    }

    async fn some_are_confirmed(&self) {
        let before = self.confirmed.load(Ordering::Relaxed);
        eventually("some more are confirmed", async || {
            self.confirmed.load(Ordering::Relaxed) >= before + SOME
        })
        .await;
    }
}

/// Whether the stream has a leader that all others follow, but for what is on its way to them.
async fn are_well(brokers: &Brokers) -> bool {
    let urls: Vec<_> = brokers.all.iter().map(Broker::url).collect();
    let Ok(client) = async_nats::connect(&urls[..]).await else { return false };
    let stream = async_nats::jetstream::new(client).get_stream("fanfare").await;
    let Ok(Some(cluster)) = stream.map(|stream| stream.cached_info().cluster.clone()) else {
        return false;
    };
    let follows = |replica: &&PeerInfo| {
        replica.current || !replica.offline && replica.lag.is_some_and(|lag| lag < SOME as u64)
    };
    let following = cluster.replicas.iter().filter(follows).count();
    cluster.leader.is_some() && following == brokers.all.len() - 1
}

/// What fails.
#[derive(Clone, Copy, PartialEq)]
enum Failure {
    FollowerKilled,
    FollowerStandsStill,
    EachBrokerKilledInTurn,
    ServerStandsStill,
    EachServerRestartedInTurn,
}

impl Failure {
    async fn happen(self, brokers: &mut Brokers, nodes: &mut [Program], publishing: &Publishing) {
        let follower = (brokers.leader_of("fanfare").await + 1) % brokers.all.len();
        match self {
            Self::FollowerKilled => {
                brokers.all[follower].kill();
                publishing.some_are_confirmed().await;
                brokers.all[follower].start();
            }
            Self::FollowerStandsStill => {
                brokers.all[follower].signal(Signal::STOP);
                publishing.some_are_confirmed().await;
                brokers.all[follower].signal(Signal::CONT);
            }
            Self::EachBrokerKilledInTurn => {
                for index in 0..brokers.all.len() {
                    brokers.all[index].kill();
                    publishing.some_are_confirmed().await;
                    brokers.all[index].start();
                    eventually("it has what it missed", async || are_well(brokers).await).await;
                }
            }
            Self::ServerStandsStill => {
                // Those who wait for it would wait on: others are published at meanwhile.
                nodes[0].signal(Signal::STOP);
                publishing.some_are_confirmed().await;
                nodes[0].signal(Signal::CONT);
            }
            Self::EachServerRestartedInTurn => {
                for (index, node) in nodes.iter_mut().enumerate() {
                    node.signal(Signal::TERM);
                    publishing.some_are_confirmed().await;
                    assert_eq!(node.exit_code().await, Some(0));
                    *node = start(brokers);
                    publishing.urls.lock().expect("nobody panics with it")[index] =
                        node.url.clone();
                }
            }
        }
    }
}

fn start(brokers: &Brokers) -> Program {
    let urls = brokers.urls();
    Program::start(&[&FIXED[..], &["--nats", &urls]].concat())
}

async fn everything_is_there_once_and_in_order_when(failure: Failure) {
    let mut brokers = Brokers::three().await;
    let mut nodes: Vec<_> = (0..SERVERS).map(|_| start(&brokers)).collect();
    let publishing = Arc::new(Publishing::default());
    publishing.urls.lock().expect("it is new").extend(nodes.iter().map(|node| node.url.clone()));
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        publishers.spawn(Arc::clone(&publishing).publish(client(), publisher));
    }
    publishing.some_are_confirmed().await;
    failure.happen(&mut brokers, &mut nodes, &publishing).await;
    publishing.some_are_confirmed().await;
    publishing.is_over.store(true, Ordering::Relaxed);
    let mut confirmed = BTreeMap::new();
    while let Some(of_one) = publishers.join_next().await {
        let (publisher, of_one) = of_one.expect("it ended");
        confirmed.insert(publisher.to_string(), of_one);
    }

    let client = client();
    assert_eq!(publish(&client, &nodes[0], "t", THE_END).await.0, 200);
    let all = all_of(&client, &nodes[0]).await;
    for node in &nodes[1..] {
        assert_eq!(all_of(&client, node).await, all);
    }
    let total: usize = confirmed.values().map(Vec::len).sum();
    assert_eq!(all.len(), total, "some are missing or twice");
    let all = data_of(&all);
    for (publisher, published) in &confirmed {
        let of_one = all.iter().filter(|data| data.split(' ').next() == Some(publisher.as_str()));
        let found: Vec<_> = of_one.copied().collect();
        assert_eq!(found, *published, "publisher {publisher}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_once_when_a_broker_that_does_not_lead_is_killed() {
    everything_is_there_once_and_in_order_when(Failure::FollowerKilled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_once_when_a_broker_that_does_not_lead_stands_still() {
    everything_is_there_once_and_in_order_when(Failure::FollowerStandsStill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_once_when_one_broker_after_the_other_is_killed() {
    everything_is_there_once_and_in_order_when(Failure::EachBrokerKilledInTurn).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_once_when_a_server_stands_still() {
    everything_is_there_once_and_in_order_when(Failure::ServerStandsStill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_once_when_one_server_after_the_other_is_restarted() {
    everything_is_there_once_and_in_order_when(Failure::EachServerRestartedInTurn).await;
}
