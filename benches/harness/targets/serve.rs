//! The server of a run: its ports, its flags and its data folder.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::bench::Bench;
use crate::fanfare;
use crate::retained;
use crate::server::{Launch, Server};
use crate::targets::response_times::Ports;
use crate::targets::target::Storage;

/// How the server of a run is started, once or again. Its data folder is removed with it.
#[derive(Debug)]
pub(crate) struct Fanfare {
    pub(crate) ports: Ports,
    program: PathBuf,
    flags: Vec<String>,
    folder: PathBuf,
    /// In words, for the record.
    pub(crate) shown: String,
}

impl Fanfare {
    /// With what is to be retained before it is started; its files are in a folder.
    pub(crate) fn prepare(
        bench: &mut Bench,
        folder: PathBuf,
        storage: Storage,
    ) -> anyhow::Result<Self> {
        let ports = Ports { listen: bench.free_port()?, admin: bench.free_port()? };
        let program = bench.places.programs.join("fanfare");
        let mut flags = vec!["--demos=false".to_owned(), "--log-level".to_owned()];
        let data = folder.join("data");
        match storage {
            Storage::Memory => flags.push("error".to_owned()),
            Storage::Disk { flags: more, events } => {
                // It says then how long it took to open its log.
                flags.push("info".to_owned());
                flags.extend(["--data-dir".to_owned(), data.display().to_string()]);
                flags.extend(more.iter().map(|&flag| flag.to_owned()));
                retained::fill(&data, events)?;
            }
        }
        let mut prepared = Self { ports, program, flags, folder, shown: String::new() };
        let named = [(ports.listen, "PORT"), (ports.admin, "ADMIN")];
        prepared.shown = bench.places.shown(&prepared.command(), &named);
        Ok(prepared)
    }

    fn command(&self) -> Command {
        let flags: Vec<_> = self.flags.iter().map(String::as_str).collect();
        fanfare::command(&self.program, self.ports.listen, self.ports.admin, &flags)
    }

    pub(crate) fn start(&self) -> anyhow::Result<Server> {
        let launch = Launch {
            title: "Fanfare".to_owned(),
            command: self.command(),
            ready_url: format!("http://127.0.0.1:{}/readyz", self.ports.admin),
            serves_in_a_child: false,
        };
        Server::start(launch, &self.folder)
    }

    /// What the server that was started last has printed.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Removes what was on the disk, once the server has ended.
    pub(crate) fn remove_data(&self) -> anyhow::Result<()> {
        let data = self.folder.join("data");
        if !data.exists() {
            return Ok(());
        }
        fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))
    }
}
