//! Brokers that are slow, or whose answers are lost.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Client;
use rustix::process::Signal;
use tokio::task::JoinSet;

use super::brokers::Brokers;
use super::proxy::{Passage, Proxy};
use super::{FIXED, publish, stream_after};
use crate::support::{Program, client, eventually};

async fn behind(proxy: &Proxy) -> Program {
    let url = format!("nats://127.0.0.1:{}", proxy.port);
    let flags = ["--nats-unsafe", "--append-timeout", "10s", "--nats", &url];
    Program::start(&[&FIXED[..], &flags].concat())
}

async fn all_data(client: &Client, node: &Program, count: usize) -> Vec<String> {
    stream_after(client, node, "t", "earliest").await.data(count).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_confirmation_was_lost_is_sent_again_and_is_there_once() {
    let brokers = Brokers::one().await;
    let proxy = Proxy::to(brokers.all[0].port()).await;
    let node = behind(&proxy).await;
    let client = client();
    assert_eq!(publish(&client, &node, "t", "first").await.0, 200);
    for round in 0..3_u32 {
        eventually("it is connected", async || {
            node.figure("fanfare_cluster_reconnects_total").await >= f64::from(round)
        })
        .await;
        // It comes to the broker, and no answer comes back.
        proxy.set(Passage { no_answers: true, ..Passage::default() });
        let mut publishing = JoinSet::new();
        for number in 0..10 {
            let (client, url) = (client.clone(), format!("{}/events/t", node.url));
            publishing.spawn(async move {
                let request = client.post(url).body(format!("{round} {number}"));
                request.send().await.expect("an answer").status().as_u16()
            });
        }
        let jetstream = brokers.client().await;
        eventually(&format!("the broker has them, round {round}"), async || {
            let stream = jetstream.get_stream("fanfare").await.expect("the stream");
            stream.cached_info().state.messages > (u64::from(round) + 1) * 10
        })
        .await;
        proxy.cut();
        proxy.set(Passage::default());
        assert!(publishing.join_all().await.iter().all(|&status| status == 200));
    }
    let all = all_data(&client, &node, 31).await;
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 31, "{all:?}");
    assert_eq!(node.figure("fanfare_retained_events").await, 31.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_brokers_make_publishers_wait_and_change_nothing_else() {
    let brokers = Brokers::one().await;
    let proxy = Proxy::to(brokers.all[0].port()).await;
    let node = behind(&proxy).await;
    let client = client();
    let mut stream = stream_after(&client, &node, "t", "now").await;
    proxy.set(Passage { delay: Duration::from_millis(200), ..Passage::default() });
    let (status, body) = publish(&client, &node, "t", "slow").await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(stream.next().await.expect("an event").data, "slow");
    // Who takes four seconds to answer is as good as away, and nobody knows whether it was published.
    proxy.set(Passage { delay: Duration::from_secs(2), ..Passage::default() });
    let (status, body) = publish(&client, &node, "t?id=own", "slower").await;
    assert!(status == 503 && body.contains("send it again with the same id"), "{status} {body}");
    // Figures and pages do not wait for a broker.
    assert_eq!(node.figure("fanfare_cluster_epochs_total").await, 0.0);
    proxy.set(Passage::default());
    eventually("it is taken", async || {
        publish(&client, &node, "t?id=own", "slower").await.0 == 200
    })
    .await;
    assert_eq!(stream.next().await.expect("it has stayed").data, "slower");
    assert_eq!(all_data(&client, &node, 2).await, ["slow", "slower"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_waits_for_its_brokers_at_the_start_ends_when_it_is_told_to() {
    let silent = Proxy::to(1).await;
    silent.set(Passage::CLOSED);
    let url = format!("nats://127.0.0.1:{}", silent.port);
    for signal in [Signal::TERM, Signal::INT] {
        let mut command = std::process::Command::new(crate::support::PROGRAM);
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.args(["--demos=false", "--nats", &url]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut lines = std::io::BufReader::new(child.stderr.take().expect("its log"));
        let mut line = String::new();
        while !line.contains("cannot be read yet") {
            line.clear();
            let read = std::io::BufRead::read_line(&mut lines, &mut line).expect("a line");
            assert!(read > 0, "it ended without waiting");
        }
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, signal).expect("it runs");
        let mut ended = None;
        eventually("it ends", async || {
            ended = child.try_wait().expect("its state");
            ended.is_some()
        })
        .await;
    }
}
