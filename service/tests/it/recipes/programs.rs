//! Programs in several languages that read the topic `orders` from its beginning to its end, and others that
//! publish to it.

use std::path::PathBuf;
use std::process::Command;

use futures_util::future::join_all;

use super::recipe::Recipe;
use crate::peers::proxy::Proxy;
use crate::peers::{Process, folder};
use crate::support::{TestServer, eventually};
use crate::tokens::{LEGACY, legacy};

/// A program of a recipe.
#[derive(Clone, Copy)]
struct Program {
    document: &'static str,
    file: &'static str,
    /// Done before anything else runs: it holds up the whole test, for a time that nobody knows on a machine
    /// that has compiled nothing yet.
    build: fn(&Recipe, &str),
    start: fn(&Recipe, &str, &[&str]) -> Process,
}

impl Program {
    const fn interpreted(
        document: &'static str,
        file: &'static str,
        start: fn(&Recipe, &str, &[&str]) -> Process,
    ) -> Self {
        Self { document, file, build: |_, _| (), start }
    }

    const fn of_rust(file: &'static str) -> Self {
        Self { document: "rust", file, build: build_rust, start: start_built }
    }

    const fn of_go(file: &'static str) -> Self {
        Self { document: "go", file, build: build_go, start: start_built }
    }

    /// Its recipe, ready to be started.
    fn built(&self, hub: &str) -> Recipe {
        let recipe = Recipe::of(self.document, hub);
        (self.build)(&recipe, self.file);
        recipe
    }
}

const READERS: [Program; 5] = [
    Program::interpreted("node", "read.mjs", |recipe, file, _| recipe.node(file, &["last-id"])),
    Program::interpreted("python", "read.py", Recipe::python),
    Program::interpreted("python", "read_with_httpx_sse.py", Recipe::python),
    Program::of_go("read.go"),
    Program::of_rust("read.rs"),
];

const PUBLISHERS: [Program; 4] = [
    Program::interpreted("node", "publish.mjs", Recipe::node),
    Program::interpreted("python", "publish.py", Recipe::python),
    Program::of_go("publish.go"),
    Program::of_rust("publish.rs"),
];

/// Built with the crates that are pinned and fetched for the other programs in Rust.
fn build_rust(recipe: &Recipe, file: &str) {
    let peers = folder().join("rust");
    let package = recipe.path(file).with_file_name("rust");
    std::fs::create_dir_all(package.join("src/bin")).unwrap();
    for name in ["Cargo.toml", "Cargo.lock"] {
        std::fs::copy(peers.join(name), package.join(name)).unwrap();
    }
    std::fs::copy(recipe.path(file), package.join("src/bin").join(file)).unwrap();
    let (program, target) = (file.trim_end_matches(".rs"), peers.join(".built/target"));
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--locked", "--offline", "--bin", program]);
    compile(build.env("CARGO_TARGET_DIR", &target).current_dir(package));
    // The next one that has this name is built in the same place. Not copied here: a process that another
    // test starts meanwhile would have the file open to be written, and then it cannot be started.
    let mut copy = Command::new("cp");
    compile(copy.arg(target.join("debug").join(program)).arg(built(recipe, file)));
}

/// Where its libraries are pinned and fetched.
fn build_go(recipe: &Recipe, file: &str) {
    let mut build = Command::new("go");
    build.args(["build", "-mod=readonly", "-o"]).arg(built(recipe, file)).arg(recipe.path(file));
    compile(build.current_dir(folder().join("go")));
}

fn built(recipe: &Recipe, file: &str) -> PathBuf {
    recipe.path(file).with_extension("built")
}

fn start_built(recipe: &Recipe, file: &str, arguments: &[&str]) -> Process {
    let mut command = Command::new(built(recipe, file));
    command.args(arguments);
    Process::start(file, command)
}

fn compile(command: &mut Command) {
    let output = command.output().expect("it is there (`make test` installs what it needs)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn every_program_that_reads_has_each_event_once_over_a_cut_and_stops_at_the_end() {
    let mut ready = Vec::new();
    for program in READERS {
        let server = TestServer::start_with(&["--retry", "100ms..200ms"]).await;
        let proxy = Proxy::cut_by_hand(server.address).await;
        let recipe = program.built(&proxy.url(""));
        ready.push((program, server, proxy, recipe));
    }
    join_all(ready.into_iter().map(
        async |(Program { file, start, .. }, server, proxy, recipe)| {
            server.publish("orders", "one").await;
            let mut reader = start(&recipe, file, &[]);
            let mut lines = vec![reader.expect_line().await];
            server.publish("orders", "two").await;
            lines.push(reader.expect_line().await);
            proxy.cut();
            let left = async || server.figure("fanfare_subscribers").await == 0.0;
            eventually("the server has noticed", left).await;
            server.publish("orders", "three").await;
            proxy.let_in();
            lines.push(reader.expect_line().await);
            server.post("/events/orders?end").body("four").send().await.unwrap();
            lines.extend(reader.finish().await);
            let expected =
                ["one", "two", "three", "four", "the end"].map(|line| format!("{line}\n"));
            assert_eq!(lines, expected, "{file}");
        },
    ))
    .await;
}

#[tokio::test]
async fn every_program_that_publishes_says_the_ids_of_its_events() {
    for program in PUBLISHERS {
        let server = TestServer::start().await;
        let recipe = program.built(&server.url(""));
        let file = program.file;
        let ids = (program.start)(&recipe, file, &["one", "two"]).finish().await;
        let events = server.get("/events/orders?poll").send().await.unwrap().text().await.unwrap();
        let event = |id: &String, data| format!("id: {}\nevent: order\ndata: {data}\n", id.trim());
        let [first, second] = ids.as_slice() else { panic!("{file}: {ids:?}") };
        let expected = [event(first, "one"), event(second, "two")].join("\n");
        assert!(events.contains(&expected), "{file}: {events}");
    }
}

#[tokio::test]
async fn a_program_that_keeps_its_last_id_goes_on_there_when_it_is_started_again() {
    let server = TestServer::start().await;
    let recipe = Recipe::of("node", &server.url(""));
    server.publish("orders", "one").await;
    let mut reader = recipe.node("read.mjs", &["last-id"]);
    assert_eq!(reader.expect_line().await, "one\n");
    let kept = async || recipe.has("last-id");
    eventually("the id is kept", kept).await;
    drop(reader);
    server.publish("orders", "two").await;
    server.post("/events/orders?end").send().await.unwrap();
    let lines = recipe.node("read.mjs", &["last-id"]).finish().await;
    assert_eq!(lines, ["two\n", "the end\n"]);
}

#[tokio::test]
async fn both_ways_to_publish_with_php_are_taken_and_say_why_they_are_refused() {
    let server = TestServer::start_with(&LEGACY).await;
    let recipe = Recipe::of("php", &server.url(""));
    let token = legacy(&["--publish", "orders", "--subscribe", "orders"]);
    for file in ["publish.php", "form.php"] {
        let lines = recipe.php(file, &[&token, "orders", file]).finish().await;
        let stream = server.get("/events/orders?poll").bearer_auth(&token).send().await.unwrap();
        let events = stream.text().await.unwrap();
        let [id] = lines.as_slice() else { panic!("{file}: {lines:?}") };
        assert!(events.contains(&format!("id: {id}")), "{file}: {events}");
        assert!(events.contains(&format!("data: {file}")), "{file}: {events}");
        let refused = recipe.php(file, &[&token, "another", file]).end().await;
        assert!(refused.is_err(), "{file}");
    }
}
