//! Runs loadgen once against a server and reads the result file that it leaves.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::places::Places;
use crate::result::{self, RunResult};

/// The arguments of a load, with the address of the server where `URL` stands for it.
pub(crate) fn arguments(load: &str, port: u16) -> Vec<String> {
    let url = format!("http://127.0.0.1:{port}");
    load.split_whitespace().map(|word| word.replace("URL", &url)).collect()
}

/// One run, whose text goes into a log beside the result file.
pub(crate) fn run(
    places: &Places,
    arguments: &[String],
    server_pid: u32,
    file: &Path,
) -> anyhow::Result<RunResult> {
    let program = places.programs.join("loadgen");
    if !program.exists() {
        bail!("no {}; build fanfare-loadgen first, or say --programs", program.display());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    // A result of a former run must not be taken for that of this one.
    if file.exists() {
        fs::remove_file(file)?;
    }
    let log = file.with_extension("log");
    let output = File::create(&log)?;
    let mut command = Command::new(program);
    command.args(["run", "--quiet"]).args(arguments);
    command.args(["--server-pid", &server_pid.to_string()]).arg("--json").arg(file);
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    // Its exit code is its opinion of the run, which the file says in more words.
    let status = command.status().context("starting loadgen")?;
    if !file.exists() {
        bail!("loadgen wrote no result ({status}); see {}", log.display());
    }
    result::read(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_lead_to_the_server() {
        assert_eq!(
            arguments("--subscribe URL/events/user-{n} -c 19000", 20_000),
            ["--subscribe", "http://127.0.0.1:20000/events/user-{n}", "-c", "19000"]
        );
    }
}
