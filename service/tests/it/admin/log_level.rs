//! Changing the log level of the real program, which has lines to write.

use std::io::{BufRead as _, BufReader};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::status::assert_described;
use crate::support::{Program, client, eventually};

struct Level(String);

impl Level {
    async fn get(&self) -> Value {
        let text = client().get(&self.0).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    async fn put(&self, filter: &str) -> (u16, Value) {
        let response = client().put(&self.0).body(filter.to_owned()).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }
}

#[tokio::test]
async fn another_filter_holds_until_a_reload() {
    let (program, lines) = Program::start_logged(&["--log-level", "warn,fanfare=info"]);
    let read = std::thread::spawn(move || {
        let lines = BufReader::new(lines).lines().map_while(Result::ok);
        lines.filter(|line| line.contains("connection accepted")).count()
    });
    let level = Level(format!("{}/log-level", program.admin));
    assert_eq!(level.get().await, json!({"filter": "warn,fanfare=info"}));
    let (status, answer) = level.put(" info, fanfare::http=debug\n").await;
    assert_eq!((status, &answer), (200, &json!({"filter": "info,fanfare::http=debug"})));
    assert_described("Filter", &answer);
    assert_eq!(level.get().await, answer);
    client().get(&program.url).send().await.unwrap();
    let refused = [
        ("", "write a level, such as info"),
        ("inof", "the levels are off, error, warn, info, debug, trace"),
        ("fanfare::htpp=debug", "is no part of the server"),
        ("fanfare[request=debug", "cannot be read"),
    ];
    for (filter, advice) in refused {
        let (status, problem) = level.put(filter).await;
        assert_eq!(status, 400, "{filter}");
        assert_described("Problem", &problem);
        assert!(problem["detail"].as_str().unwrap().contains(advice), "{filter}: {problem}");
        assert_eq!(level.get().await, answer, "nothing changes");
    }
    program.signal(Signal::HUP);
    let start = json!({"filter": "warn,fanfare=info"});
    eventually("the reload sets it back", async || level.get().await == start).await;
    client().get(&program.url).send().await.unwrap();
    drop(program);
    assert_eq!(read.join().unwrap(), 1, "lines of connections while debug was in force");
}
