//! Three brokers, of which the leader of the stream, or all, fail while several publish.

use std::collections::BTreeMap;

use reqwest::Client;
use rustix::process::Signal;
use tokio::task::JoinSet;

use crate::support::{Program, client};

use super::brokers::{Broker, Brokers};
use super::reading::{all_of, data_of, publish_the_end};
use super::{FIXED, publish, stream_after};

const PUBLISHERS: usize = 4;
const EVENTS: usize = 150;

/// Publishes one event after the other, and gives those that were confirmed.
async fn publish_in_turn(client: Client, url: String, publisher: usize) -> Vec<String> {
    let mut confirmed = Vec::new();
    for number in 0..EVENTS {
        let data = format!("{publisher} {number}");
        let request = client.post(format!("{url}/events/t")).body(data.clone());
        let response = request.send().await.expect("an answer");
        match response.status().as_u16() {
            200 => confirmed.push(data),
            503 => {}
            other => panic!("{other}"),
        }
    }
    confirmed
}

/// What happens to the brokers.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    LeaderKilled,
    LeaderStandsStill,
    AllKilled,
}

async fn nothing_is_lost_or_doubled_when(fault: Fault) {
    let mut brokers = Brokers::three().await;
    let urls = brokers.urls();
    // Brokers on a busy machine may need long to elect a leader.
    let flags = [&FIXED[..], &["--append-timeout", "45s", "--nats", &urls]].concat();
    let nodes = [Program::start(&flags), Program::start(&flags)];
    let client = client();
    assert_eq!(publish(&client, &nodes[0], "t", "begin").await.0, 200);

    let mut publishing = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let url = nodes[publisher % 2].url.clone();
        publishing.spawn(publish_in_turn(client.clone(), url, publisher));
    }
    let mut live = stream_after(&client, &nodes[1], "t", "earliest").await;
    let mut delivered = live.data(PUBLISHERS * 10).await;
    let leader = brokers.leader_of("fanfare").await;
    match fault {
        Fault::LeaderKilled => brokers.all[leader].kill(),
        Fault::LeaderStandsStill => brokers.all[leader].signal(Signal::STOP),
        Fault::AllKilled => {
            brokers.all.iter_mut().for_each(Broker::kill);
            brokers.all.iter_mut().for_each(Broker::start);
        }
    }
    delivered.extend(live.data(PUBLISHERS * 10).await);
    match fault {
        Fault::LeaderKilled => brokers.all[leader].start(),
        Fault::LeaderStandsStill => brokers.all[leader].signal(Signal::CONT),
        Fault::AllKilled => {}
    }

    let mut confirmed = Vec::new();
    while let Some(of_one) = publishing.join_next().await {
        confirmed.extend(of_one.expect("it ended"));
    }
    publish_the_end(&client, &nodes[0]).await;
    let all = all_of(&client, &nodes[0]).await;
    assert_eq!(all_of(&client, &nodes[1]).await, all);
    let all = data_of(&all);
    assert_eq!(all[..delivered.len()], delivered);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for data in &all {
        *counts.entry(data).or_default() += 1;
    }
    let missing: Vec<_> = confirmed.iter().filter(|data| !counts.contains_key(&***data)).collect();
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    assert!(missing.is_empty() && twice.is_empty(), "{missing:?} {twice:?}");
    // They choose a leader faster than publishers are told to try again.
    if fault != Fault::AllKilled {
        assert_eq!(confirmed.len(), PUBLISHERS * EVENTS);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_the_leader_of_the_brokers_is_killed() {
    nothing_is_lost_or_doubled_when(Fault::LeaderKilled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_the_leader_of_the_brokers_stands_still() {
    nothing_is_lost_or_doubled_when(Fault::LeaderStandsStill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_all_brokers_are_killed_at_once() {
    nothing_is_lost_or_doubled_when(Fault::AllKilled).await;
}
