//! What was measured, besides the figures: servers and their versions, commands, and what went
//! wrong. Kept beside loadgen's results, so that the page can be written again from files alone.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::result::{self, RunResult};

/// The file's name.
const FILE: &str = "session.json";

/// One call of this program.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) rounds: u32,
    pub(crate) servers: Vec<Participant>,
    pub(crate) shapes: Vec<ShapeCommand>,
    pub(crate) failures: Vec<Failure>,
    /// Read from loadgen's files.
    #[serde(skip)]
    pub(crate) runs: Vec<Measured>,
}

/// A server that took part, or could not.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Participant {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) version: Option<String>,
    pub(crate) command: String,
    /// Why it did not take part.
    pub(crate) absent: Option<String>,
}

/// A shape and how loadgen was called.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ShapeCommand {
    pub(crate) name: String,
    pub(crate) command: String,
}

/// A run that has no figures.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) server: String,
    pub(crate) shape: String,
    pub(crate) round: u32,
    pub(crate) what: String,
}

/// The figures of a server in a shape and round.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) server: String,
    pub(crate) shape: String,
    pub(crate) round: u32,
    pub(crate) result: RunResult,
}

impl Session {
    pub(crate) fn save(&self, results: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(results.join(FILE), text).context("writing the session")
    }

    /// Servers that took part.
    pub(crate) fn present(&self) -> impl Iterator<Item = &Participant> {
        self.servers.iter().filter(|server| server.absent.is_none())
    }

    /// The figures of each round of a server in a shape; nothing where there are none.
    pub(crate) fn rounds_of(&self, server: &str, shape: &str) -> Vec<Option<&RunResult>> {
        let of = |round| {
            let mut all = self.runs.iter();
            all.find(|m| m.server == server && m.shape == shape && m.round == round)
                .map(|measured| &measured.result)
        };
        (1..=self.rounds).map(of).collect()
    }
}

/// Where loadgen writes the result of a run.
pub(crate) fn result_file(shape: &str, server: &str, round: u32) -> String {
    format!("{shape}-{server}-{round}.json")
}

/// What a former call of this program left.
pub(crate) fn read(results: &Path) -> anyhow::Result<Session> {
    let path = results.join(FILE);
    let text = fs::read_to_string(&path)
        .with_context(|| format!("no {}; run `make compare` first", path.display()))?;
    let mut session: Session = serde_json::from_str(&text)?;
    for shape in session.shapes.clone() {
        for server in session.servers.clone() {
            for round in 1..=session.rounds {
                let file = results.join(result_file(&shape.name, &server.name, round));
                if !file.exists() {
                    continue;
                }
                let result = result::read(&file)?;
                let (server, shape) = (server.name.clone(), shape.name.clone());
                session.runs.push(Measured { server, shape, round, result });
            }
        }
    }
    Ok(session)
}
