//! `loadgen capacity`: runs with more and more of one thing, and what the server bore.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::files::say;
use super::run::{interruption, once, outputs};
use super::{Failure, metrics, scenarios};
use crate::capacity::{Search, Tried, highest, lowest};
use crate::plan::{FileBudget, Form, Rate, Settings, Span};
use crate::result::{Outcome, ResultFile, Run, SCHEMA};

/// How long each level is measured by default. The help says so too.
const DURATION: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
#[command(
    mut_arg("duration", |flag| flag.help("How long to publish and measure at each level [default: 5s]")),
    mut_arg("append", |flag| flag.hide(true)),
    mut_arg("repeat", |flag| flag.hide(true))
)]
pub(super) struct Flags {
    /// Scenario to run at each level: a TOML file, or the name of a built-in scenario
    scenario: Option<PathBuf>,
    /// What to raise from level to level
    #[arg(long, value_enum, default_value = "rate")]
    raise: Raise,
    /// The first level: events a second, or subscribers
    #[arg(long, value_name = "N")]
    from: f64,
    /// The highest level to try: events a second, or subscribers
    #[arg(long, value_name = "N")]
    to: f64,
    /// Factor from one level to the next, until a level does not hold
    #[arg(long, value_name = "X", default_value_t = 2.0)]
    factor: f64,
    /// Show no progress while the levels run
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Raise {
    /// Events that are published a second
    Rate,
    /// Subscribers, each with a stream
    Connections,
}

/// Looks for the highest level at which everything holds. The exit code is 0 when there is one.
pub(super) fn capacity(flags: &Flags) -> Result<u8, Failure> {
    let mut settings = scenarios::under(flags.scenario.as_deref(), &flags.settings)?;
    settings.duration.get_or_insert(Span(DURATION));
    check(flags, &settings)?;
    let whole = matches!(flags.raise, Raise::Connections);
    let search = Search { from: flags.from, to: flags.to, factor: flags.factor, whole };
    let interrupted = interruption()?;
    let exporter = metrics::open(&settings, &at(&settings, flags.raise, flags.from).plan()?)?;
    let mut tried = Vec::new();
    let mut file = ResultFile { schema: SCHEMA.to_owned(), runs: Vec::new() };
    while let Some(level) = search.next(&tried) {
        let level_settings = at(&settings, flags.raise, level);
        let run = once(&level_settings, &interrupted, flags.quiet, exporter.as_ref())?;
        say(&line(flags.raise, level, &run))?;
        let outcome = run.verdict.outcome;
        file.runs.push(run);
        outputs(&settings).write(&file)?;
        metrics::linger(&settings, &interrupted, flags.quiet);
        if interrupted.load(std::sync::atomic::Ordering::Relaxed) {
            break;
        }
        tried.push(Tried { level, outcome });
    }
    say(&conclusion(flags, &tried, &file.runs))?;
    let first = file.runs.first().map_or(4, |run| run.verdict.exit_code);
    Ok(if highest(&tried).is_some() { 0 } else { first })
}

/// Whether the search makes sense, before the first run of it: no level may turn out to be over a
/// bound, and nothing that was requested is passed over.
fn check(flags: &Flags, settings: &Settings) -> Result<(), Failure> {
    let wrong = |why: &str| Err(Failure::Usage(why.to_owned()));
    let fits = flags.from > 0.0 && flags.to >= flags.from && flags.factor > 1.0;
    if !fits || !flags.to.is_finite() || !flags.factor.is_finite() {
        return wrong("the levels need 0 < --from <= --to, and a --factor above 1");
    }
    match flags.raise {
        Raise::Rate if flags.settings.rate.is_some() => {
            return wrong(
                "--raise rate sets the rate of each level: leave out --rate, or give --raise connections",
            );
        }
        Raise::Connections if flags.settings.connections.is_some() => {
            return wrong(
                "--raise connections sets the connections of each level: leave out --connections, or give --raise rate",
            );
        }
        Raise::Rate if matches!(settings.schedule, Some(Form::Steps(_))) => {
            return wrong(
                "--raise rate cannot raise the rates that --schedule steps names: leave out one of the two",
            );
        }
        _ => {}
    }
    if settings.repeat.is_some() {
        return wrong("loadgen capacity makes one run at each level: leave out --repeat");
    }
    if settings.append {
        return wrong("loadgen capacity always writes a new result: leave out --append");
    }
    let plan = at(settings, flags.raise, flags.to).plan()?;
    if matches!(flags.raise, Raise::Rate) && plan.publishing.is_none() {
        return wrong("--raise rate needs a publisher: give --publish URL");
    }
    Ok(FileBudget::raise().check(&plan)?)
}

fn at(settings: &Settings, raise: Raise, level: f64) -> Settings {
    let mut settings = settings.clone();
    match raise {
        Raise::Rate => settings.rate = Some(Rate::PerSecond(level)),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "above 0")]
        Raise::Connections => settings.connections = Some(level as usize),
    }
    let level = format!("{} {level:.0}", raise.name());
    settings.name = Some(match settings.name {
        Some(name) => format!("{name}, {level}"),
        None => level,
    });
    settings
}

fn line(raise: Raise, level: f64, run: &Run) -> String {
    let p99 = run
        .delivery
        .intended
        .as_ref()
        .map_or("–".to_owned(), |d| format!("{:.2} ms", d.at(0.99)));
    let why = run.verdict.reasons.first().map_or("held", String::as_str);
    let rate = match run.delivery.received {
        0 => "–".to_owned(),
        _ => format!("{:.0}", run.delivery.per_second),
    };
    format!("{} {level:>9.0}  {rate:>12} deliveries/s  p99 {p99:>10}  {why}", raise.name())
}

fn conclusion(flags: &Flags, tried: &[Tried], runs: &[Run]) -> String {
    let name = flags.raise.name();
    let edge = lowest(tried);
    let broke =
        edge.and_then(|edge| tried.iter().position(|tried| (tried.level - edge).abs() < 1e-9));
    let why = broke.and_then(|place| runs.get(place)).and_then(|run| run.verdict.reasons.first());
    let limit = broke.map(|place| tried[place].outcome);
    match (highest(tried), edge) {
        (None, _) => format!(
            "The first level, {name} {:.0}, did not hold: {}",
            flags.from,
            why.map_or("see above", String::as_str)
        ),
        (Some(held), None) => {
            format!("{name} {held:.0} held, the end of the range: the limit is higher")
        }
        (Some(held), Some(edge)) if limit == Some(Outcome::Invalid) => format!(
            "At least {name} {held:.0}. At {edge:.0} the generator was the limit, not the server: {}",
            why.map_or("see above", String::as_str)
        ),
        (Some(held), Some(edge)) => format!(
            "{name} {held:.0} held; {edge:.0} did not: {}",
            why.map_or("see above", String::as_str)
        ),
    }
}

impl Raise {
    fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Connections => "connections",
        }
    }
}
