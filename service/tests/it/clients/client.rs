//! The clients in each way to use them, and what their programs say they were told.

use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};

use super::installed::{javascript, python, python_program};
use crate::peers::Process;

/// A client, and how it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// The package of npm, in a `for await` loop.
    Loop,
    /// The same with functions that are called.
    Callbacks,
    /// The package of PyPI, with threads.
    Threads,
    /// With asyncio.
    Asyncio,
    /// With trio.
    Trio,
}

/// What a client says, a line each.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Told {
    /// Type, data and id.
    Event(String, String, String),
    /// The notice of what is missing.
    Gap(Value),
    /// Topics that have ended.
    End(Vec<String>),
    /// The milliseconds that it waits, and why.
    Retry { delay: u64, error: Option<String> },
    /// It asks for headers, after this status.
    Asked(Option<u16>),
    /// It has failed for good.
    Failed { message: String, status: Option<u16>, problem: Option<Value>, temporary: bool },
    /// It has ended in order.
    Over(bool),
    /// The ids of what was published.
    Published(Value),
}

impl Told {
    pub(super) fn event(kind: &str, data: &str, id: &str) -> Self {
        Self::Event(kind.to_owned(), data.to_owned(), id.to_owned())
    }

    pub(super) fn message(data: &str, id: &str) -> Self {
        Self::event("message", data, id)
    }

    fn from_line(line: &str) -> Self {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

impl Client {
    /// trio shares the code of asyncio, and so is tried where connections are cut alone.
    pub(super) const ALL: [Self; 4] = [Self::Loop, Self::Callbacks, Self::Threads, Self::Asyncio];
    pub(super) const WITH_TRIO: [Self; 5] =
        [Self::Loop, Self::Callbacks, Self::Threads, Self::Asyncio, Self::Trio];
    /// Publishing has one way in each.
    pub(super) const PUBLISHERS: [Self; 3] = [Self::Loop, Self::Threads, Self::Asyncio];

    /// Starts it on streams, which it reads one after the other.
    pub(super) fn read(self, mut streams: Vec<Value>) -> Reader {
        for stream in &mut streams {
            if self == Self::Callbacks {
                stream["callbacks"] = json!(true);
            }
        }
        Reader { process: self.start("read", &Value::Array(streams)) }
    }

    /// Publishes, and says what came of it.
    pub(super) async fn publish(self, event: Value) -> Told {
        let lines = self.start("publish", &event).finish().await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        Told::from_line(&lines[0])
    }

    fn start(self, program: &str, asked: &Value) -> Process {
        let way = match self {
            Self::Loop | Self::Callbacks => {
                let mut command = Command::new("node");
                command.current_dir(javascript()).arg(format!("{program}.mjs"));
                return Process::start(program, with(command, asked));
            }
            Self::Threads => "threads",
            Self::Asyncio => "asyncio",
            Self::Trio => "trio",
        };
        let mut command = Command::new(python_program());
        command.current_dir(python()).arg("-B").arg(format!("{program}.py")).arg(way);
        Process::start(program, with(command, asked))
    }
}

fn with(mut command: Command, asked: &Value) -> Command {
    command.arg(asked.to_string());
    command
}

/// A client that reads.
pub(super) struct Reader {
    process: Process,
}

impl Reader {
    /// What it is told next.
    pub(super) async fn next(&mut self) -> Told {
        Told::from_line(&self.process.expect_line().await)
    }

    /// What it is told next but for waits.
    pub(super) async fn next_but_waits(&mut self) -> Told {
        loop {
            let told = self.next().await;
            if !matches!(told, Told::Retry { .. }) {
                return told;
            }
        }
    }

    /// All that it is told until it ends.
    pub(super) async fn rest(self) -> Vec<Told> {
        self.process.finish().await.iter().map(|line| Told::from_line(line)).collect()
    }
}
