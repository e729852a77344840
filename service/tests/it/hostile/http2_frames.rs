//! Frames that no client would send, or not so many of them. Each of these has stopped a server
//! somewhere; here the healthy are served, and memory is what it was.

use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, Kind, PING, PRIORITY, PUSH_PROMISE,
    RST_STREAM, SETTINGS, WINDOW_UPDATE, beginning, frame, header_block, put_text, request,
};
use super::{Attackers, ROUNDS, Scene};
use crate::support::eventually;

/// Connections that make the same attack.
const CONNECTIONS: usize = 4;
const INITIAL_WINDOW_SIZE: u16 = 4;

/// A name, and what makes the bytes.
type Attack = (&'static str, fn() -> Vec<u8>);

/// Attacks by name, each as what a connection sends after its beginning.
const ATTACKS: [Attack; 17] = [
    ("streams that are reset at once", || {
        opened_and(5_000, |id| frame(RST_STREAM, 0, id, &[0, 0, 0, 8]))
    }),
    ("streams that break the rules at once", || {
        opened_and(5_000, |id| frame(WINDOW_UPDATE, 0, id, &[0; 4]))
    }),
    ("streams whose windows overflow", || {
        opened_and(5_000, |id| frame(WINDOW_UPDATE, 0, id, &[0x7F, 0xFF, 0xFF, 0xFF]))
    }),
    ("headers that never end", || {
        let first = frame(HEADERS, END_STREAM, 1, &get("/"));
        let field = literal("x-more", &"x".repeat(1_000));
        [first, frame(CONTINUATION, 0, 1, &field).repeat(5_000)].concat()
    }),
    ("headers that go on with nothing", || {
        [frame(HEADERS, END_STREAM, 1, &get("/")), frame(CONTINUATION, 0, 1, &[]).repeat(30_000)]
            .concat()
    }),
    ("a block that grows when it is read", || {
        let mut block = get("/");
        // Into the table once, and out of it sixteen thousand times.
        block.push(0x40);
        put_text(&mut block, "a");
        put_text(&mut block, &"x".repeat(4_000));
        block.extend([0xBE].repeat(16_000));
        request(1, END_STREAM, &block)
    }),
    ("tables that are resized without end", || {
        let resizes = [0x20, 0x3F, 0xE1, 0x1F].repeat(4_000);
        request(1, END_STREAM, &[resizes, get("/")].concat())
    }),
    ("settings", || frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xFF, 0xFF]).repeat(20_000)),
    ("windows that change under open streams", || {
        let open = opened_and(200, |_| Vec::new());
        let changes = [[0, 4, 0, 0, 0, 1], [0, 4, 0x7F, 0xFF, 0xFF, 0xFF]];
        let changes = changes.map(|change| frame(SETTINGS, 0, 0, &change)).concat();
        [open, changes.repeat(10_000)].concat()
    }),
    ("pings", || frame(PING, 0, 0, b"01234567").repeat(30_000)),
    ("priorities", || {
        (0..30_000_u32).flat_map(|id| frame(PRIORITY, 0, 2 * id + 1, &[0, 0, 0, 0, 1])).collect()
    }),
    ("data of nothing", || {
        let open = request(1, 0, &header_block(Kind::Post, "/events/t", &[]));
        [open, frame(DATA, 0, 1, &[]).repeat(30_000)].concat()
    }),
    ("data that is padding", || {
        let open = request(1, 0, &header_block(Kind::Post, "/events/t", &[]));
        let padded = frame(DATA, 8, 1, &[&[255][..], &[0; 255]].concat());
        [open, padded.repeat(20_000)].concat()
    }),
    ("a promise", || frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82])),
    ("a frame that is too large", || {
        [&[0xFF, 0xFF, 0xFF, DATA, 0, 0, 0, 0, 1][..], &vec![0; 1 << 20]].concat()
    }),
    ("frames that nobody knows", || frame(0xEE, 0xFF, 7, &[0; 100]).repeat(20_000)),
    ("windows of one byte", || {
        let open = opened_and(200, |_| Vec::new());
        let bytes = (0..200).flat_map(|id| frame(WINDOW_UPDATE, 0, 2 * id + 1, &[0, 0, 0, 1]));
        let bytes: Vec<u8> = bytes.collect();
        [open, bytes.repeat(50)].concat()
    }),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_frames_hold_the_healthy_up_or_grow_memory() {
    let mut scene = Scene::start(&[]).await;
    for (what, bytes) in ATTACKS {
        let bytes = bytes();
        let mut attackers = Attackers::default();
        for _ in 0..CONNECTIONS {
            let parts = bytes.chunks(16 << 10).map(<[u8]>::to_vec);
            let parts = std::iter::once(beginning(&[])).chain(parts).collect();
            attackers.send(scene.address(), parts).await;
        }
        scene.rounds_until_still(attackers.progress()).await;
        scene.assert_grew_at_most(40, what);
    }
    scene.assert_shards_are_prompt("frames").await;
    // All but the three that the healthy have.
    eventually("the attackers' connections are gone", async || {
        scene.sum("fanfare_connections").await <= 3.0
    })
    .await;
    eventually("their streams are gone", async || scene.sum("fanfare_subscribers").await == 2.0)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_without_a_window_hold_nothing_but_a_piece() {
    let mut scene = Scene::start(&["--event-data-max", "64KiB"]).await;
    let mut attackers = Attackers::default();
    for _ in 0..CONNECTIONS {
        let opened = opened_and(250, |_| Vec::new());
        let parts = vec![beginning(&[(INITIAL_WINDOW_SIZE, 0)]), opened];
        attackers.send(scene.address(), parts).await;
    }
    scene.rounds_until_still(attackers.progress()).await;
    let streams = (2 + 250 * CONNECTIONS) as f64;
    eventually("they are open", async || scene.sum("fanfare_subscribers").await == streams).await;
    for _ in 0..ROUNDS {
        let url = scene.url("/events/t");
        let response = scene.client().post(url).body("x".repeat(60_000)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        scene.rounds(1).await;
    }
    // They share the log's pieces; of its own a stream has what hyper has framed for it.
    scene.assert_grew_at_most(96, "1,000 streams without a window");
    scene.assert_shards_are_prompt("1,000 streams without a window").await;
}

/// So many streams are asked for, and something is sent after each.
fn opened_and(count: u32, after: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let block = get("/events/t");
    (0..count)
        .flat_map(|number| {
            let id = 2 * number + 1;
            [request(id, END_STREAM, &block), after(id)].concat()
        })
        .collect()
}

fn get(path: &str) -> Vec<u8> {
    header_block(Kind::Get, path, &[])
}

fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![0];
    put_text(&mut field, name);
    put_text(&mut field, value);
    field
}
