//! The end, with attackers who do not want it: a drain without a window ends a crowd at once, and a
//! second signal ends everything.

use rustix::process::Signal;

use super::{Attackers, ROUNDS, Scene, subscribe};
use crate::support::{eventually, stream_request};

const CROWD: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_without_a_window_ends_a_crowd_that_does_not_read() {
    let mut scene = Scene::start(&["--drain-window", "0s"]).await;
    let mut attackers = Attackers::default();
    let address = scene.address().to_owned();
    attackers.hold(&address, CROWD, stream_request("/events/healthy")).await;
    attackers.hold(&address, 50, "GET / HTTP/1.1\r\nx-half: ").await;
    attackers
        .hold(&address, 50, "POST /events/t HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n")
        .await;
    eventually("they are here", async || {
        scene.sum("fanfare_subscribers").await == (CROWD + 2) as f64
    })
    .await;
    scene.rounds(ROUNDS).await;
    scene.assert_shards_are_prompt("a crowd").await;
    let (mut program, streams) = scene.into_parts();
    program.signal(Signal::TERM);
    for mut stream in streams {
        let mut notified = false;
        while let Some(event) = stream.next().await {
            notified |= event.retry.is_some();
        }
        assert!(notified, "a healthy stream is told when to come back");
    }
    assert_eq!(program.exit_code().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_the_program_whatever_its_shards_do() {
    let scene = Scene::start(&["--drain-window", "300s"]).await;
    let mut attackers = Attackers::default();
    let templates: Vec<String> =
        (0..100).map(|number| format!("{{+x{number}}}a{{y:60}}c{{+w}}")).collect();
    let address = scene.address().to_owned();
    attackers.hold(&address, 8, subscribe(&templates, "")).await;
    let topics: String = (0..50).map(|_| format!("topic={}&", "ab".repeat(2_000))).collect();
    let post = format!(
        "POST /.well-known/mercure HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{topics}",
        topics.len()
    );
    attackers.send(&address, vec![post.into_bytes(); 20]).await;
    let (mut program, _streams) = scene.into_parts();
    program.signal(Signal::TERM);
    eventually("it drains", async || program.figure("fanfare_draining").await == 1.0).await;
    program.signal(Signal::TERM);
    assert!(program.exit_code().await.is_some(), "it ended by itself");
}
