//! What is made of the flags for other programs: completions for shells, and man pages.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use super::{Failure, files};

#[derive(Debug, Args)]
pub(super) struct CompletionsFlags {
    /// Shell that is to complete commands and flags
    #[arg(value_enum, ignore_case = true, value_name = "SHELL")]
    shell: Shell,
}

impl CompletionsFlags {
    /// Prints a script that the shell reads.
    pub(super) fn print(&self, program: &Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        let name = program.get_name();
        clap_complete::generate(self.shell, &mut without_hidden(program), name, &mut script);
        files::say(&String::from_utf8_lossy(&script))
    }
}

#[derive(Debug, Args)]
pub(super) struct ManPagesFlags {
    /// Folder to write a page for each command to; it is made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl ManPagesFlags {
    /// Writes the pages of a program and its commands, one file each.
    pub(super) fn write(&self, program: Command) -> Result<(), Failure> {
        let made = fs::create_dir_all(&self.folder);
        let written = made.and_then(|()| clap_mangen::generate_to(program, &self.folder));
        written.map_err(|error| Failure::Unwritten { file: self.folder.clone(), error })
    }
}

/// What completions offer: they would also name what help leaves out.
fn without_hidden(command: &Command) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    let visible_args = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let visible_commands = command.get_subcommands().filter(|command| !command.is_hide_set());
    let mut visible = Command::new(command.get_name().to_owned())
        .about(about)
        .args(visible_args.cloned())
        .subcommands(visible_commands.map(without_hidden));
    if let Some(version) = command.get_version() {
        visible = visible.version(version.to_owned());
    }
    visible
}
