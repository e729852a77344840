//! The server: parses, builds, runs, and says how it ended.

use std::io::Write as _;
use std::process::ExitCode;

use fanfare::app::App;
use fanfare::config::{Cli, Config, HealthCheck, ListFormat, Task, UsageError};
use fanfare::greeting::greeting;
use fanfare::health_check;
use fanfare::logging::{self, LogFormat};
use fanfare::metrics::{self, listing};
use tokio::signal::unix::{SignalKind, signal};

/// The settings or the machine do not allow a start (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    match cli.into_task() {
        Ok(Task::Serve(config)) => serve(*config),
        Ok(Task::HealthCheck(check)) => ask(&check),
        Ok(Task::ListMetrics(format)) => list_metrics(format),
        Err(error) => fail(&error, LogFormat::Text),
    }
}

/// Prints help, or what is wrong with the command line.
fn explain(error: &UsageError) -> ExitCode {
    // That nobody reads it is no failure.
    let _ = error.print();
    if error.is_failure() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}

fn serve(config: Config) -> ExitCode {
    let format = config.logging.format;
    // Until the end of the process: then lines and spans that wait are written.
    let _logging = match logging::start(&config.logging) {
        Ok(logging) => logging,
        Err(error) => return fail(&error, LogFormat::Text),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, format),
    };
    runtime.block_on(run(config))
}

async fn run(config: Config) -> ExitCode {
    let (demos, format) = (config.demos, config.logging.format);
    let (first, second) = match (Ending::new(), Ending::new()) {
        (Ok(first), Ok(second)) => (first, second),
        (Err(error), _) | (_, Err(error)) => return fail(&error, format),
    };
    if let Err(error) = ignore_hangups() {
        return fail(&error, format);
    }
    let app = match App::build(config) {
        Ok(app) => app,
        Err(error) => return fail(&error, format),
    };
    let hello = greeting(app.addresses(), app.admin_addresses(), demos);
    // A closed standard output is no reason not to serve.
    let _ = std::io::stdout().write_all(hello.as_bytes());
    app.run(first.asked(1), second.asked(2)).await;
    ExitCode::SUCCESS
}

/// Exit code 1 is what container engines take for "unhealthy".
fn ask(check: &HealthCheck) -> ExitCode {
    match health_check::ask(check) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "fanfare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn list_metrics(format: ListFormat) -> ExitCode {
    let metrics = metrics::catalogue();
    let list = match format {
        ListFormat::Text => listing::text(&metrics),
        ListFormat::Markdown => listing::markdown(&metrics),
    };
    // A reader that has seen enough, such as `head`, is no failure.
    let _ = std::io::stdout().write_all(list.as_bytes());
    ExitCode::SUCCESS
}

/// SIGHUP asks services to read their settings again, and ends a program that does not handle it,
/// here without a drain.
fn ignore_hangups() -> std::io::Result<()> {
    let mut hangups = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            tracing::info!(
                "SIGHUP: nothing is reloaded yet; settings are read at the start, so restart to change them"
            );
        }
    });
    Ok(())
}

/// The signals that ask the server to end.
struct Ending {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Ending {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn asked(mut self, times: usize) {
        for _ in 0..times {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
        }
    }
}

/// Says why the server does not start: as plain text, or as a log line once it is known that lines
/// are for machines.
fn fail(error: &dyn std::error::Error, format: LogFormat) -> ExitCode {
    if format == LogFormat::Json && tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!(%error, "the server does not start");
        return ExitCode::from(USAGE);
    }
    let _ = writeln!(std::io::stderr(), "fanfare: {error}");
    ExitCode::from(USAGE)
}
