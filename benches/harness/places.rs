//! Where the programs, the results and the documents are, and how a command is written for a reader
//! on another machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// Flags that every measurement has.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PlaceFlags {
    /// Where the programs of Fanfare are [default: where this one is]
    #[arg(long, global = true, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// The repository
    #[arg(long, global = true, value_name = "FOLDER", default_value = ".")]
    repository: PathBuf,
    /// The first port to try; each server is given a free one of its own from here on
    #[arg(long, global = true, value_name = "NUMBER", env = "PORT", default_value_t = 20_000,
        value_parser = clap::value_parser!(u16).range(1_024..))]
    port: u16,
}

/// Where things are.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) repository: PathBuf,
    pub(crate) programs: PathBuf,
    pub(crate) port: u16,
}

impl PlaceFlags {
    pub(crate) fn find(&self) -> anyhow::Result<Places> {
        let repository = self.repository.canonicalize().with_context(|| {
            format!("no folder {}; say where the repository is", self.repository.display())
        })?;
        let programs = match &self.programs {
            Some(folder) => folder.canonicalize().with_context(|| {
                format!("no folder {}; build the programs first", folder.display())
            })?,
            None => std::env::current_exe()?.parent().context("no folder of this program")?.into(),
        };
        Ok(Places { repository, programs, port: self.port })
    }
}

impl Places {
    pub(crate) fn competitors(&self) -> PathBuf {
        self.repository.join("benches/competitors")
    }

    /// Everything that measurements leave; git ignores it.
    pub(crate) fn results(&self) -> PathBuf {
        self.repository.join("benches/results")
    }

    /// The page that figures are published on.
    pub(crate) fn page(&self) -> PathBuf {
        self.repository.join("docs/benchmarks.md")
    }

    /// A command for people: without what is particular to this machine and run.
    pub(crate) fn shown(&self, command: &Command, ports: &[(u16, &str)]) -> String {
        let program = Path::new(command.get_program());
        let name = match program.strip_prefix(&self.repository) {
            Ok(inside) if !program.starts_with(&self.programs) => inside.display().to_string(),
            _ => program.file_name().unwrap_or_default().display().to_string(),
        };
        let repository = format!("{}/", self.repository.display());
        let arguments = command.get_args().map(|argument| {
            let argument = argument.to_string_lossy().replace(&repository, "");
            ports.iter().fold(argument, |text, (port, word)| text.replace(&port.to_string(), word))
        });
        std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_without_folders_of_this_machine_and_ports() {
        let places = Places {
            repository: "/home/somebody/fanfare".into(),
            programs: "/home/somebody/fanfare/target/release".into(),
            port: 20_000,
        };
        let mut ours = Command::new("/home/somebody/fanfare/target/release/fanfare");
        ours.args(["--listen", "127.0.0.1:20000", "--admin-listen", "127.0.0.1:20001"]);
        assert_eq!(
            places.shown(&ours, &[(20_000, "PORT"), (20_001, "ADMIN")]),
            "fanfare --listen 127.0.0.1:PORT --admin-listen 127.0.0.1:ADMIN"
        );
        let mut other = Command::new("/usr/bin/node");
        other.args(["/home/somebody/fanfare/benches/competitors/bun/server.mjs", "20000"]);
        assert_eq!(
            places.shown(&other, &[(20_000, "PORT")]),
            "node benches/competitors/bun/server.mjs PORT"
        );
    }
}
