//! What was measured, besides the figures: servers and their versions, commands, and what went
//! wrong. Kept beside loadgen's results, so that the page can be written again from files alone.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::Places;
use crate::figures::{self, Figures};

/// The file's name.
const FILE: &str = "session.json";

/// One call of this program.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) rounds: u32,
    pub(crate) servers: Vec<Entrant>,
    pub(crate) shapes: Vec<Asked>,
    pub(crate) troubles: Vec<Trouble>,
    /// Read from loadgen's files.
    #[serde(skip)]
    pub(crate) figures: Vec<Measured>,
}

/// A server that took part, or could not.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Entrant {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) version: Option<String>,
    pub(crate) command: String,
    /// Why it did not take part.
    pub(crate) absent: Option<String>,
}

/// A shape and what loadgen was told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) name: String,
    pub(crate) command: String,
}

/// A run that has no figures.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Trouble {
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
    pub(crate) figures: Figures,
}

impl Session {
    pub(crate) fn save(&self, results: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(results.join(FILE), text).context("writing the session")
    }

    /// The figures of each round of a server in a shape; nothing where there are none.
    pub(crate) fn rounds_of(&self, server: &str, shape: &str) -> Vec<Option<&Figures>> {
        let of = |round| {
            let mut all = self.figures.iter();
            all.find(|m| m.server == server && m.shape == shape && m.round == round)
                .map(|measured| &measured.figures)
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
                let figures = figures::read(&file)?;
                let (server, shape) = (server.name.clone(), shape.name.clone());
                session.figures.push(Measured { server, shape, round, figures });
            }
        }
    }
    Ok(session)
}

/// A command for people: without what is particular to this machine and run.
pub(crate) fn shown(command: &Command, places: &Places, port: u16) -> String {
    let root = places.competitors.parent().and_then(Path::parent).unwrap_or(&places.competitors);
    let program = Path::new(command.get_program());
    let name = match program.strip_prefix(root) {
        Ok(inside) if !program.starts_with(&places.programs) => inside.display().to_string(),
        _ => program.file_name().unwrap_or_default().display().to_string(),
    };
    let root = format!("{}/", root.display());
    let arguments = command.get_args().map(|argument| {
        argument.to_string_lossy().replace(&root, "").replace(&port.to_string(), "PORT")
    });
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}
