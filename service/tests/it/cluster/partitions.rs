//! Networks that are parted: brokers from each other, or servers from brokers. What is sent is lost, and
//! connections stay as they are.

use std::collections::BTreeSet;

use reqwest::Client;
use tokio::task::JoinSet;

use super::brokers::Brokers;
use super::proxy::{Passage, Proxy, Routes};
use super::reading::{all_of, data_of, publish_the_end, until_the_end};
use super::{FIXED, publish, stream_after};
use crate::support::{Program, client, eventually};

struct Parted {
    brokers: Brokers,
    routes: Routes,
    entrances: Vec<Proxy>,
    nodes: Vec<Program>,
}

impl Parted {
    /// Three brokers, and two servers that know all of them.
    async fn new(more: &[&str]) -> Self {
        let (brokers, routes, entrances) = Brokers::three_apart().await;
        let urls = entrances.iter().map(|entrance| format!("nats://127.0.0.1:{}", entrance.port));
        let urls = urls.collect::<Vec<_>>().join(",");
        let flags = [&FIXED[..], &["--nats", &urls], more].concat();
        let nodes = vec![Program::start(&flags), Program::start(&flags)];
        Self { brokers, routes, entrances, nodes }
    }

    /// Parts a broker from the others, both ways or from one side only, or lets it come back.
    fn part(&self, broker: usize, passage: Passage) {
        for (from, routes) in self.routes.iter().enumerate() {
            for (to, route) in routes.iter().enumerate() {
                if let Some(route) = route.as_ref().filter(|_| from == broker || to == broker) {
                    route.set(passage);
                }
            }
        }
    }

    fn entrance(&self, broker: usize, passage: Passage) {
        self.entrances[broker].set(passage);
    }
}

const ONE_WAY: Passage =
    Passage { no_requests: true, no_answers: false, delay: std::time::Duration::ZERO };

/// Publishes in turn at both, and gives what was confirmed.
async fn publish_some(client: &Client, nodes: &[Program], word: &str) -> Vec<String> {
    let mut publishing = JoinSet::new();
    for (number, url) in (0..20).zip(nodes.iter().map(|node| node.url.clone()).cycle()) {
        let (client, data) = (client.clone(), format!("{word} {number}"));
        publishing.spawn(async move {
            let request = client.post(format!("{url}/events/t")).body(data.clone());
            let status = request.send().await.expect("an answer").status().as_u16();
            assert!([200, 503].contains(&status), "{status}");
            (status == 200).then_some(data)
        });
    }
    publishing.join_all().await.into_iter().flatten().collect()
}

/// Publishes something until it is confirmed, something else each time, and gives what was: what was not
/// answered may have come all the same.
async fn publish_until_taken(client: &Client, node: &Program, word: &str) -> String {
    let (mut attempt, mut data) = (0, String::new());
    eventually(&format!("{word} is confirmed"), async || {
        data = format!("{word} {attempt}");
        attempt += 1;
        publish(client, node, "t", &data).await.0 == 200
    })
    .await;
    data
}

/// Everything that was confirmed is at both, once, in the same order.
async fn check(client: &Client, nodes: &[Program], confirmed: &[String]) {
    let mut all = Vec::new();
    for node in nodes {
        all.push(all_of(client, node).await);
    }
    assert_eq!(all[0], all[1]);
    let distinct: BTreeSet<&str> = data_of(&all[0]).into_iter().collect();
    assert_eq!(distinct.len(), all[0].len(), "nothing is there twice");
    let missing: Vec<_> = confirmed.iter().filter(|data| !distinct.contains(&***data)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_the_leader_is_parted_from_the_other_brokers() {
    for passage in [Passage::CLOSED, ONE_WAY] {
        let parted = Parted::new(&[]).await;
        let client = client();
        let mut confirmed = publish_some(&client, &parted.nodes, "before").await;
        assert_eq!(confirmed.len(), 20);
        let live = stream_after(&client, &parted.nodes[1], "t", "earliest").await;
        let leader = parted.brokers.leader_of("fanfare").await;
        parted.part(leader, passage);
        confirmed.extend(publish_some(&client, &parted.nodes, "parted").await);
        // The others have chosen another leader meanwhile, if it could not be heard.
        parted.part(leader, Passage::default());
        confirmed.extend(publish_some(&client, &parted.nodes, "after").await);
        publish_the_end(&client, &parted.nodes[0]).await;
        check(&client, &parted.nodes, &confirmed).await;
        assert!(until_the_end(live).await.len() >= confirmed.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_broker_is_cut_off_from_the_others_goes_to_one_of_them() {
    let parted = Parted::new(&[]).await;
    let client = client();
    assert_eq!(publish(&client, &parted.nodes[0], "t", "before").await.0, 200);
    let mut live = [
        stream_after(&client, &parted.nodes[0], "t", "earliest").await,
        stream_after(&client, &parted.nodes[1], "t", "earliest").await,
    ];
    for live in &mut live {
        live.data(1).await;
    }
    let mut confirmed = Vec::new();
    // Each in turn, so that each server has been connected to one that was cut off; one of them leads.
    for broker in 0..3 {
        parted.part(broker, Passage::CLOSED);
        let mut taken = Vec::new();
        for (number, node) in parted.nodes.iter().enumerate() {
            taken.push(publish_until_taken(&client, node, &format!("{broker} {number}")).await);
        }
        // They come to both, though nobody has put the link back.
        for live in &mut live {
            let mut missing: BTreeSet<String> = taken.iter().cloned().collect();
            while !missing.is_empty() {
                missing.remove(&live.data(1).await[0]);
            }
        }
        parted.part(broker, Passage::default());
        confirmed.extend(taken);
        confirmed
            .push(publish_until_taken(&client, &parted.nodes[0], &format!("with {broker}")).await);
    }
    let mut moves = 0.0;
    for node in &parted.nodes {
        moves += node.figure("fanfare_cluster_reconnects_total").await;
    }
    assert!(moves >= 1.0, "somebody was connected to one of them");
    publish_the_end(&client, &parted.nodes[0]).await;
    check(&client, &parted.nodes, &confirmed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stays_behind_with_one_broker_goes_to_the_others_when_they_have_found_each_other()
 {
    let parted = Parted::new(&[]).await;
    let client = client();
    assert_eq!(publish(&client, &parted.nodes[0], "t", "before").await.0, 200);
    (0..3).for_each(|broker| parted.part(broker, Passage::CLOSED));
    // Each broker has noticed that it is alone when it says that there is no leader.
    for entrance in &parted.entrances {
        let alone = async_nats::connect(format!("nats://127.0.0.1:{}", entrance.port)).await;
        let alone = async_nats::jetstream::new(alone.expect("a client"));
        eventually("it knows of no leader", async || {
            let Ok(stream) = alone.get_stream("fanfare").await else { return false };
            stream.cached_info().cluster.as_ref().is_some_and(|all| all.leader.is_none())
        })
        .await;
    }
    // Whichever one is left alone, a server may be connected to it.
    for alone in 0..3 {
        (0..3).for_each(|broker| parted.part(broker, Passage::default()));
        parted.part(alone, Passage::CLOSED);
        for node in &parted.nodes {
            publish_until_taken(&client, node, &format!("without {alone}")).await;
        }
        (0..3).for_each(|broker| parted.part(broker, Passage::CLOSED));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_minority_of_the_brokers_takes_nothing_and_its_streams_stay() {
    let parted = Parted::new(&["--append-timeout", "3s"]).await;
    let client = client();
    let mut confirmed = publish_some(&client, &parted.nodes, "before").await;
    let live = stream_after(&client, &parted.nodes[0], "t", "earliest").await;
    // All brokers are alone.
    (0..3).for_each(|broker| parted.part(broker, Passage::CLOSED));
    let taken = publish_some(&client, &parted.nodes, "nowhere").await;
    assert_eq!(taken, Vec::<String>::new(), "no broker may confirm alone");
    (0..3).for_each(|broker| parted.part(broker, Passage::default()));
    let again = publish_until_taken(&client, &parted.nodes[1], "again").await;
    confirmed.push(again.clone());
    publish_the_end(&client, &parted.nodes[0]).await;
    // What nobody could answer may have come in the end, once.
    check(&client, &parted.nodes, &confirmed).await;
    assert!(data_of(&until_the_end(live).await).contains(&&*again));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_reaches_no_broker_says_so_and_goes_on_where_it_was() {
    let parted = Parted::new(&["--append-timeout", "5s"]).await;
    let client = client();
    assert_eq!(publish_some(&client, &parted.nodes, "before").await.len(), 20);
    let mut live = stream_after(&client, &parted.nodes[0], "t", "earliest").await;
    live.data(20).await;
    (0..3).for_each(|broker| parted.entrance(broker, Passage::CLOSED));
    assert_eq!(publish(&client, &parted.nodes[0], "t", "nowhere").await.0, 503);
    (0..3).for_each(|broker| parted.entrance(broker, Passage::default()));
    let mut status = 0;
    while status != 200 {
        status = publish(&client, &parted.nodes[1], "t", "after").await.0;
    }
    let next = live.next().await.expect("it goes on");
    assert!(["after", "nowhere"].contains(&&*next.data), "{next:?}");
    assert_eq!(next.event, None);
}
