//! The server: parses, builds, runs, and says how it ended.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use fanfare::app::{App, End};
use fanfare::auth::token::Secret;
use fanfare::config::{
    Cli, Config, DataCommand, HealthCheck, ListFormat, NewSecret, SettingsReader, Task,
    TopSettings, UsageError,
};
use fanfare::data_folder;
use fanfare::greeting::greeting;
use fanfare::health_check;
use fanfare::logging::{self, LogFormat, LoggingSettings};
use fanfare::metrics::{self, listing};
use fanfare::reload::Reloader;
use fanfare::signals::Signals;
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The settings or the machine do not allow a start (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;

/// Why nothing can be served, whatever the settings say.
#[derive(Debug, Error)]
#[error(
    "cannot begin to serve: {0}; raise the limits of open files and of threads (`ulimit -n`, `ulimit -u`)"
)]
struct NoRuntime(std::io::Error);

fn main() -> ExitCode {
    let mut cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    let hints = cli.take_hints();
    let reader = cli.reader();
    let format = cli.log_format();
    match cli.into_task() {
        Ok(Task::Serve(config)) => serve(*config, &hints, &reader),
        Ok(Task::CheckConfig) => settings_are_good(&hints),
        Ok(Task::Print(text)) => print(&text),
        Ok(Task::WriteManPages(folder)) => write_man_pages(&folder),
        Ok(Task::HealthCheck(check)) => ask(&check),
        Ok(Task::Top(settings)) => watch(&settings),
        Ok(Task::ListMetrics(format)) => list_metrics(format),
        Ok(Task::MakeSecret(new)) => make_secret(&new),
        Ok(Task::PrintToken(token)) => print_secret(&token),
        Ok(Task::Data(command)) => look_into(&command),
        Err(error) => refuse(&error, format),
    }
}

/// Prints help, or what is wrong with the command line.
fn explain(error: &UsageError) -> ExitCode {
    // That it cannot be written is no failure.
    let _ = error.print();
    if error.is_failure() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}

fn serve(config: Config, hints: &[String], reader: &SettingsReader) -> ExitCode {
    let format = config.logging.format;
    // Until the end of the process: then lines and spans that wait are written.
    let _logging = match logging::start(&config.logging) {
        Ok(logging) => logging,
        Err(error) => return fail(&error, LogFormat::Text),
    };
    for hint in hints {
        tracing::warn!("{hint}");
    }
    let (signals, runtime) = match (Signals::watch(), tokio::runtime::Runtime::new()) {
        (Ok(signals), Ok(runtime)) => (signals, runtime),
        (Err(error), _) | (_, Err(error)) => return fail(&NoRuntime(error), format),
    };
    let code = runtime.block_on(run(config, &signals, reader));
    // Dropping the runtime would wait for tasks that are busy in it.
    runtime.shutdown_background();
    code
}

async fn run(config: Config, signals: &Signals, reader: &SettingsReader) -> ExitCode {
    let (demos, format) = (config.demos, config.logging.format);
    // Before anything is served: a signal that is not handled ends the process, without a drain.
    let hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => return fail(&error, format),
    };
    let app = match App::build(&config) {
        Ok(app) => app,
        Err(error) => return fail(&error, format),
    };
    tokio::spawn(reload_on(hangups, app.reloader(), reader.clone()));
    // For machines the line `ready` has the addresses: many collect standard output as well.
    if format == LogFormat::Text {
        // A closed standard output is no reason not to serve.
        let _ = std::io::stdout().write_all(greeting(&app.bound(), demos).as_bytes());
    }
    match app.run(signals.first(), signals.second()).await {
        End::Drained => ExitCode::SUCCESS,
        End::Forced => signals.exit_code(),
    }
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

#[cfg(feature = "top")]
fn watch(settings: &TopSettings) -> ExitCode {
    match fanfare::top::run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "fanfare: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(feature = "top"))]
fn watch(_: &TopSettings) -> ExitCode {
    let _ = writeln!(
        std::io::stderr(),
        "fanfare: this build has no `top`; build one with `cargo build --release -p fanfare --features top`"
    );
    ExitCode::from(USAGE)
}

fn list_metrics(format: ListFormat) -> ExitCode {
    let metrics = metrics::catalogue();
    let list = match format {
        ListFormat::Text => listing::text(&metrics),
        ListFormat::Markdown => listing::markdown(&metrics),
    };
    print(&list)
}

/// A reader that has seen enough, such as `head`, is no failure.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn write_man_pages(folder: &Path) -> ExitCode {
    match Cli::write_man_pages(folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(
                std::io::stderr(),
                "fanfare: {}: {error}; give a folder that can be written",
                folder.display()
            );
            ExitCode::FAILURE
        }
    }
}

fn print_secret(secret: &Secret) -> ExitCode {
    let _ = writeln!(std::io::stdout(), "{}", secret.reveal());
    ExitCode::SUCCESS
}

fn make_secret(new: &NewSecret) -> ExitCode {
    let secret = Secret::random();
    let Some(path) = &new.file else { return print_secret(&secret) };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| writeln!(file, "{}", secret.reveal()));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == ErrorKind::AlreadyExists && new.if_missing => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            let next = match error.kind() {
                ErrorKind::AlreadyExists => {
                    "; give another file, or --if-missing to leave it alone"
                }
                _ => "",
            };
            let _ = writeln!(std::io::stderr(), "fanfare: {}: {error}{next}", path.display());
            ExitCode::FAILURE
        }
    }
}

fn look_into(command: &DataCommand) -> ExitCode {
    match data_folder::look_into(command, &mut std::io::stdout().lock(), &mut std::io::stderr()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(&error, LogFormat::Text),
    }
}

/// SIGHUP asks services to read their settings again.
async fn reload_on(mut hangups: Signal, reloader: Reloader, reader: SettingsReader) {
    while hangups.recv().await.is_some() {
        reloader.reload(&reader).await;
    }
}

fn settings_are_good(hints: &[String]) -> ExitCode {
    for hint in hints {
        let _ = writeln!(std::io::stderr(), "fanfare: {hint}");
    }
    print("the settings can be used\n")
}

/// Says what is wrong with the settings, before there is a log.
fn refuse(error: &dyn std::error::Error, format: LogFormat) -> ExitCode {
    let _logging =
        (format == LogFormat::Json).then(|| logging::start(&LoggingSettings::of_errors(format)));
    fail(error, format)
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
