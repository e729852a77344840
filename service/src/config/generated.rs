//! What is made of the flags for other programs: completions for shells, and man pages.

use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::{Args, Command};
use clap_complete::Shell;

#[derive(Args, Clone, Debug)]
pub(super) struct CompletionsFlags {
    /// Shell that is to complete commands and flags
    #[arg(value_enum, ignore_case = true, value_name = "SHELL")]
    shell: Shell,
}

impl CompletionsFlags {
    /// A script that the shell reads.
    pub(super) fn script(&self, program: &Command) -> String {
        let mut script = Vec::new();
        let name = program.get_name();
        clap_complete::generate(self.shell, &mut without_hidden(program), name, &mut script);
        String::from_utf8_lossy(&script).into_owned()
    }
}

#[derive(Args, Clone, Debug)]
pub(super) struct ManPagesFlags {
    /// Folder to write a page for each command to; it is made if it is not there
    #[arg(value_name = "DIR")]
    pub(super) folder: PathBuf,
}

/// Writes the pages of a program and its commands, one file each.
pub(super) fn write_man_pages(program: Command, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    clap_mangen::generate_to(program, folder)
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
