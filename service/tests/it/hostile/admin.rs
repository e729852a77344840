//! Clients of the admin listener that take its places and do not read: probes are answered all the
//! same, or whoever runs the server would take it for dead.

use super::{Attackers, ROUNDS, Scene, head_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_and_scrapes_are_answered_whoever_takes_the_places() {
    let scrape = "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let cases = [
        ("scrapes that nobody reads", scrape.repeat(300)),
        ("a scrape and silence", scrape.to_owned()),
        ("half a head", "GET /metrics HTTP/1.1\r\nho".to_owned()),
        ("nothing", String::new()),
        (
            "a body that does not come",
            "POST /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n".into(),
        ),
    ];
    let mut scene = Scene::start(&[]).await;
    let admin = scene.program.admin.strip_prefix("http://").expect("a URL").to_owned();
    for (what, said) in cases {
        let mut attackers = Attackers::default();
        // Far more than it has places for: whoever waits for those before him waits for ever.
        attackers.hold(&admin, 400, said).await;
        for _ in 0..ROUNDS {
            for path in ["/healthz", "/readyz", "/metrics"] {
                let probe =
                    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
                let (_, response) = head_of(&admin, probe).await;
                assert!(response.starts_with("HTTP/1.1 200 "), "{what}: {path}: {response}");
            }
            scene.rounds(1).await;
        }
        scene.assert_grew_at_most(32, what);
    }
    scene.assert_shards_are_prompt("clients of the admin listener").await;
}
