//! The command line: what there is to do, and how the program ends.

mod atomic_file;
mod capacity;
mod files;
mod generated;
mod metrics;
mod run;
mod scenarios;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::compare::{Input, compare};
use crate::export::ExportError;
use crate::plan::{FilesError, PlanError, Settings};
use crate::publish::PublishError;
use crate::readers::ReaderError;
use crate::result::UnreadableResult;
use crate::run::RunError;
use crate::slo::SloError;

/// Wrong flags, files or values.
const USAGE: u8 = 1;
/// The run could not be finished, so nothing can be said.
const INVALID: u8 = 4;
/// The target cannot be reached.
const UNREACHABLE: u8 = 5;

/// A load generator for servers of Server-Sent Events
#[derive(Debug, Parser)]
#[command(name = "loadgen", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 pass, 1 wrong usage, 2 fail: an SLO was missed, \
    3 fail: wrong deliveries, 4 invalid (the generator was the limit), 5 unreachable target";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a load test: hold event streams, publish, verify and measure
    Run(RunFlags),
    /// Find the limit of a server: raise the rate or the connections until an SLO is missed
    Capacity(capacity::Flags),
    /// Compare two results: does B differ from A by more than the noise between runs?
    Compare(CompareFlags),
    /// Make the reports of a result file again
    Report(ReportFlags),
    /// List the built-in scenarios
    Scenarios,
    /// List the metrics that an SLO (--slo) can name
    Slos,
    /// The name of `slos` in earlier versions
    #[command(hide = true)]
    Goals,
    /// Print the JSON Schema of result files
    Schema,
    /// Print what makes a shell complete commands and flags
    Completions(generated::CompletionsFlags),
    /// Write a man page for each command
    #[command(hide = true)]
    ManPages(generated::ManPagesFlags),
    /// Hold a share of the subscribers for another process of loadgen
    #[command(hide = true)]
    Worker,
}

#[derive(Debug, Args)]
struct RunFlags {
    /// Scenario to run: a TOML file, or the name of a built-in scenario
    scenario: Option<PathBuf>,
    /// Show no progress while the test runs
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Args)]
struct CompareFlags {
    /// Result file A, the baseline
    a: PathBuf,
    /// Result file B, which is compared with A
    b: PathBuf,
    /// Compare A and B even when their scenarios differ
    #[arg(long)]
    force: bool,
    /// Exit with code 2 when B is worse than A in any metric
    #[arg(long)]
    fail_on_worse: bool,
    /// Write the comparison as JSON to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a table for a pull request as Markdown to this file
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ReportFlags {
    /// Result file that --json wrote
    result: PathBuf,
    /// Write a report with plots as HTML to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write a summary for a pull request as Markdown to this file
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the last run as CSV to this file, with one line for each second
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

/// Why the program did not get to an end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Slo(#[from] SloError),
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Compare(#[from] crate::compare::Refused),
    #[error("cannot write {}: {error}", file.display())]
    Unwritten { file: PathBuf, error: io::Error },
    #[error("cannot read {}: {error}", file.display())]
    Unread { file: PathBuf, error: io::Error },
    #[error("{} is not a result file of loadgen: {why}", file.display())]
    NoResult { file: PathBuf, why: UnreadableResult },
    #[error("{} is longer than {} MiB, the limit of a result file", file.display(), files::LONGEST >> 20)]
    TooLong { file: PathBuf },
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Run(RunError::Publish(PublishError::Unreachable(..))) => UNREACHABLE,
            Self::Run(
                RunError::ReaderPool(ReaderError::Tls(_)) | RunError::Publish(PublishError::Tls(_)),
            ) => USAGE,
            Self::Run(_) | Self::Io(_) => INVALID,
            _ => USAGE,
        }
    }
}

/// Runs the program: reads the command line, does what it says, and returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; clap's own code for errors is that of a missed SLO.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    match command(cli.command) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            let _ = writeln!(io::stderr(), "loadgen: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn command(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Run(flags) => run::run(&flags),
        Command::Capacity(flags) => capacity::capacity(&flags),
        Command::Compare(flags) => compare_files(&flags),
        Command::Report(flags) => report(&flags),
        Command::Scenarios => scenarios::list().map(|()| 0),
        Command::Slos => slos().map(|()| 0),
        Command::Goals => {
            files::hint("`loadgen goals` is now called `loadgen slos`");
            slos().map(|()| 0)
        }
        Command::Schema => schema().map(|()| 0),
        Command::Completions(flags) => flags.print(&Cli::command()).map(|()| 0),
        Command::ManPages(flags) => flags.write(Cli::command()).map(|()| 0),
        Command::Worker => crate::readers::serve().map(|()| 0).map_err(Failure::Io),
    }
}

fn compare_files(flags: &CompareFlags) -> Result<u8, Failure> {
    let (a, b) = (files::read_result(&flags.a)?, files::read_result(&flags.b)?);
    let (name_a, name_b) = (flags.a.display().to_string(), flags.b.display().to_string());
    let (a, b) = (Input { label: &name_a, file: &a }, Input { label: &name_b, file: &b });
    let comparison = compare(&a, &b, flags.force)?;
    files::say(&comparison.text())?;
    if let Some(path) = &flags.json {
        files::write_json(path, &comparison)?;
    }
    if let Some(path) = &flags.markdown {
        files::write(path, &comparison.markdown())?;
    }
    Ok(if flags.fail_on_worse && comparison.is_worse() { 2 } else { 0 })
}

fn report(flags: &ReportFlags) -> Result<u8, Failure> {
    let file = files::read_result(&flags.result)?;
    for run in &file.runs {
        files::say(&crate::report::summary(run))?;
    }
    let outputs = files::Outputs {
        json: None,
        html: flags.html.as_deref(),
        markdown: flags.markdown.as_deref(),
        csv: flags.csv.as_deref(),
    };
    outputs.write(&file)?;
    Ok(0)
}

fn slos() -> Result<(), Failure> {
    let figures: Vec<_> = crate::slo::figures().collect();
    let width = figures.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
    for (name, unit, meaning) in figures {
        files::say(&format!("{name:width$}  {:<10}  {meaning}", unit.to_string()))?;
    }
    Ok(())
}

fn schema() -> Result<(), Failure> {
    let schema = schemars::schema_for!(crate::result::ResultFile);
    let text = serde_json::to_string_pretty(&schema).map_err(io::Error::from)?;
    files::say(&text)
}
