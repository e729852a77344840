//! The settings of a run as people write them: as flags, and under the same names in a scenario
//! file. A flag wins over the file, and the file over the default.
//!
//! Nothing is checked here but the form of each value; [`super::build`] makes a [`super::Plan`].

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::schedule::Form;
use super::{Cut, HIDDEN, PlanError, PublishStyle, Rate, Reconnect, Span, Verify, without_secrets};
use crate::clock::Clock;

/// What may be asked for. Every value is optional, so that one layer can lie over another.
#[derive(Clone, Debug, Default, Args, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Settings {
    /// What this run is called in reports
    #[arg(long, value_name = "TEXT", help_heading = "Scenario")]
    pub(crate) name: Option<String>,
    /// What it is for, one sentence
    #[arg(long, value_name = "TEXT", help_heading = "Scenario")]
    pub(crate) about: Option<String>,

    /// Where to subscribe; {topic} stands for the number of the topic, and n in braces for that of
    /// the subscriber, who then has a topic of its own. Several
    /// URLs share the subscribers
    #[arg(long, value_name = "URL", help_heading = "Subscribers")]
    pub(crate) subscribe: Vec<String>,
    /// How many streams to hold [default: 100]
    #[arg(short = 'c', long, value_name = "N", help_heading = "Subscribers")]
    pub(crate) connections: Option<usize>,
    /// New connections a second [default: as fast as the handshakes allow]
    #[arg(long, value_name = "N", help_heading = "Subscribers")]
    pub(crate) connect_rate: Option<f64>,
    /// Attempts at the same time [default: 256]
    #[arg(long, value_name = "N", help_heading = "Subscribers")]
    pub(crate) handshakes: Option<usize>,
    /// Attempts of a subscriber before it gives up [default: 3]
    #[arg(long, value_name = "N", help_heading = "Subscribers")]
    pub(crate) attempts: Option<u32>,
    /// How long an attempt may take [default: 10s]
    #[arg(long, value_name = "TIME", help_heading = "Subscribers")]
    pub(crate) connect_timeout: Option<Span>,
    /// How long it may take until all are there [default: 2m]
    #[arg(long, value_name = "TIME", help_heading = "Subscribers")]
    pub(crate) ramp_timeout: Option<Span>,
    /// Connect to this address, whatever the URL says; may be repeated, and is used in turn
    #[arg(long, value_name = "IP:PORT", help_heading = "Subscribers")]
    pub(crate) address: Vec<SocketAddr>,
    /// Connect from these addresses in turn: IP, IP-IP or IP/BITS
    #[arg(long, value_name = "RANGE", help_heading = "Subscribers")]
    pub(crate) source: Vec<String>,
    /// A header of every subscription, as NAME: VALUE
    #[arg(short = 'H', long, value_name = "HEADER", help_heading = "Subscribers")]
    pub(crate) header: Vec<String>,
    /// A bearer token for every subscription
    #[arg(long, value_name = "TOKEN", help_heading = "Subscribers")]
    pub(crate) token: Option<String>,
    /// A cookie of every subscription, as NAME=VALUE
    #[arg(long, value_name = "COOKIE", help_heading = "Subscribers")]
    pub(crate) cookie: Vec<String>,
    /// Version of HTTP for subscriptions: 1.1 or 2 [default: 1.1]
    #[arg(long, value_name = "VERSION", help_heading = "Subscribers")]
    pub(crate) http: Option<String>,
    /// Streams over one connection of HTTP/2 [default: 100]
    #[arg(long, value_name = "N", help_heading = "Subscribers")]
    pub(crate) streams: Option<usize>,
    /// Only hold the streams: nobody publishes, no event is expected, and none has to be verified
    #[arg(long, help_heading = "Subscribers")]
    pub(crate) hold: bool,
    /// Believe any certificate: for tests only
    #[arg(long, help_heading = "Subscribers")]
    pub(crate) insecure: bool,
    /// A file of certificates to believe, in PEM, besides the system's
    #[arg(long, value_name = "FILE", help_heading = "Subscribers")]
    pub(crate) ca: Option<PathBuf>,
    /// Receive buffer of sockets that are read fast, SO_RCVBUF [default: the kernel's]
    #[arg(long, value_name = "BYTES", help_heading = "Subscribers")]
    pub(crate) receive_buffer: Option<ByteSize>,

    /// How many topics; subscribers and events are spread over them [default: 1]
    #[arg(long, value_name = "N", help_heading = "Topics")]
    pub(crate) topics: Option<u32>,
    /// How subscribers choose: uniform or zipf:EXPONENT [default: uniform]
    #[arg(long, value_name = "FORM", help_heading = "Topics")]
    pub(crate) popularity: Option<String>,
    /// How events choose: uniform or zipf:EXPONENT [default: uniform]
    #[arg(long, value_name = "FORM", help_heading = "Topics")]
    pub(crate) event_popularity: Option<String>,
    /// Begin of all random choices [default: 1]
    #[arg(long, value_name = "N", help_heading = "Topics")]
    pub(crate) seed: Option<u64>,

    /// Where to publish; {topic}, or n in braces, stands for the number of the topic
    #[arg(long, value_name = "URL", help_heading = "Publishers")]
    pub(crate) publish: Option<String>,
    /// How to publish [default: raw with --publish, otherwise none]
    #[arg(long, value_enum, value_name = "STYLE", help_heading = "Publishers")]
    pub(crate) publish_style: Option<PublishStyle>,
    /// The topic's name for form and ndjson [default: what the first --subscribe asks for]
    #[arg(long, value_name = "TEXT", help_heading = "Publishers")]
    pub(crate) publish_topic: Option<String>,
    /// Body for style template, with {topic}, {payload} or {json}
    #[arg(long, value_name = "TEXT", help_heading = "Publishers")]
    pub(crate) publish_body: Option<String>,
    /// Method of requests [default: POST]
    #[arg(long, value_name = "NAME", help_heading = "Publishers")]
    pub(crate) publish_method: Option<String>,
    /// Program and arguments for style command, with {topic} and {payload}; no shell reads it
    #[arg(long, value_name = "COMMAND", help_heading = "Publishers")]
    pub(crate) publish_command: Option<String>,
    /// A header of every publish request, as NAME: VALUE
    #[arg(long, value_name = "HEADER", help_heading = "Publishers")]
    pub(crate) publish_header: Vec<String>,
    /// A bearer token for publishing
    #[arg(long, value_name = "TOKEN", help_heading = "Publishers")]
    pub(crate) publish_token: Option<String>,
    /// How long an answer, or the program of style command, may take [default: 10s]
    #[arg(long, value_name = "TIME", help_heading = "Publishers")]
    pub(crate) publish_timeout: Option<Span>,
    /// Connections that publish at the same time [default: 1]
    #[arg(long, value_name = "N", help_heading = "Publishers")]
    pub(crate) publishers: Option<usize>,
    /// Events a second, of all publishers together, or max [default: 10]
    #[arg(short = 'r', long, value_name = "R", help_heading = "Publishers")]
    pub(crate) rate: Option<Rate>,
    /// constant, poisson, burst:N or steps:10/5s,100/5s [default: constant]
    #[arg(long, value_name = "FORM", help_heading = "Publishers")]
    pub(crate) schedule: Option<Form>,
    /// Bytes of data of an event, at least 76 [default: 150]
    #[arg(long, value_name = "BYTES", help_heading = "Publishers")]
    pub(crate) payload: Option<ByteSize>,

    /// How long to measure [default: 10s]
    #[arg(short = 'd', long, value_name = "TIME", help_heading = "Time")]
    pub(crate) duration: Option<Span>,
    /// How long to publish before that [default: 1s]
    #[arg(long, value_name = "TIME", help_heading = "Time")]
    pub(crate) warmup: Option<Span>,
    /// How long to wait at the end for what has not arrived [default: 10s]
    #[arg(long, value_name = "TIME", help_heading = "Time")]
    pub(crate) tail: Option<Span>,
    /// monotonic, or wall when publishers are on another host [default: monotonic]
    #[arg(long, value_name = "CLOCK", value_parser = clock, help_heading = "Time")]
    pub(crate) clock: Option<Clock>,
    /// How far apart the hosts' clocks may be; needed for latencies with --clock wall
    #[arg(long, value_name = "TIME", help_heading = "Time")]
    pub(crate) clock_error: Option<Span>,

    /// full, or sample=N: parse about one subscriber in N and count the bytes of the rest [default: full]
    #[arg(long, value_name = "HOW", help_heading = "Verifying")]
    pub(crate) verify: Option<Verify>,
    /// A kind of event by which the server announces a loss, besides fanfare-gap
    #[arg(long, value_name = "KIND", help_heading = "Verifying")]
    pub(crate) loss_event: Vec<String>,
    /// A goal, such as delivery.p99<25ms, reach==1 or gaps==0; may be repeated
    #[arg(long, value_name = "GOAL", help_heading = "Verifying")]
    pub(crate) slo: Vec<String>,

    /// Share of subscribers that read slowly, from 0 to 1
    #[arg(long, value_name = "SHARE", help_heading = "Trouble")]
    pub(crate) slow_share: Option<f64>,
    /// Bytes a second that a slow one reads [default: 1kB]
    #[arg(long, value_name = "BYTES", help_heading = "Trouble")]
    pub(crate) slow_rate: Option<ByteSize>,
    /// Share of subscribers that stop reading once they are connected
    #[arg(long, value_name = "SHARE", help_heading = "Trouble")]
    pub(crate) stopped_share: Option<f64>,
    /// Share of subscribers that vanish once they are connected: half-open peers whose packets are lost
    #[arg(long, value_name = "SHARE", help_heading = "Trouble")]
    pub(crate) vanished_share: Option<f64>,
    /// Cut each stream at random, once in so long on the average
    #[arg(long, value_name = "TIME", help_heading = "Trouble")]
    pub(crate) cut_every: Option<Span>,
    /// How to cut [default: mix]
    #[arg(long, value_enum, value_name = "HOW", help_heading = "Trouble")]
    pub(crate) cut: Option<Cut>,
    /// Cut many streams at this moment after the start
    #[arg(long, value_name = "TIME", help_heading = "Trouble")]
    pub(crate) storm_at: Option<Span>,
    /// Share of subscribers in that storm [default: 1]
    #[arg(long, value_name = "SHARE", help_heading = "Trouble")]
    pub(crate) storm_share: Option<f64>,
    /// What a subscriber does when its stream has ended [default: resume]
    #[arg(long, value_enum, value_name = "HOW", help_heading = "Trouble")]
    pub(crate) reconnect: Option<Reconnect>,
    /// The wait before a new attempt until the server sends retry [default: 1s]
    #[arg(long, value_name = "TIME", help_heading = "Trouble")]
    pub(crate) retry: Option<Span>,
    /// Lengthen each such wait by up to this share, at random [default: 0]
    #[arg(long, value_name = "SHARE", help_heading = "Trouble")]
    pub(crate) jitter: Option<f64>,

    /// Processes that share the subscribers [default: 1]
    #[arg(long, value_name = "N", help_heading = "Generator")]
    pub(crate) processes: Option<usize>,
    /// Reading threads of each process [default: 1]
    #[arg(long, value_name = "N", help_heading = "Generator")]
    pub(crate) workers: Option<usize>,
    /// Runs, one after another, into one result
    #[arg(long, value_name = "N", help_heading = "Generator")]
    pub(crate) repeat: Option<usize>,

    /// Watch the CPU and memory of this process
    #[arg(long, value_name = "PID", help_heading = "Server")]
    pub(crate) server_pid: Option<u32>,
    /// Read this page of metrics before and after
    #[arg(long, value_name = "URL", help_heading = "Server")]
    pub(crate) server_metrics: Option<String>,

    /// Write the result to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
    /// Add to the runs of the --json file instead of replacing them, for runs in turn
    #[arg(long, help_heading = "Output")]
    pub(crate) append: bool,
    /// Write a report with plots to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) html: Option<PathBuf>,
    /// Write a summary for a pull request to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write one line a second of the last run to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) csv: Option<PathBuf>,

    /// Serve this program's own metrics for Prometheus at /metrics of this address while it runs; port 0
    /// takes any that is free
    #[arg(long, value_name = "IP:PORT", help_heading = "Metrics")]
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// How long the last values of each run stay there, so that they are scraped [default: 0s]
    #[arg(long, value_name = "TIME", help_heading = "Metrics")]
    pub(crate) metrics_linger: Option<Span>,

    /// Allow targets beyond this machine: load on somebody else's server is an attack
    #[arg(long, help_heading = "Bounds")]
    pub(crate) i_own_this_target: bool,
    /// The most connections [default: 100000]
    #[arg(long, value_name = "N", help_heading = "Bounds")]
    pub(crate) limit_connections: Option<usize>,
    /// The most events a second [default: 100000]
    #[arg(long, value_name = "N", help_heading = "Bounds")]
    pub(crate) limit_rate: Option<f64>,
    /// The longest time of publishing [default: 15m]
    #[arg(long, value_name = "TIME", help_heading = "Bounds")]
    pub(crate) limit_duration: Option<Span>,
}

/// Bytes of a scenario.
const LONGEST: u64 = 1 << 20;

/// Settings that must not be in a file that people pass on.
const SECRET: &[&str] = &["token", "publish-token", "cookie", "header", "publish-header"];

impl Settings {
    /// The settings of a scenario file under these flags.
    pub(crate) fn over_file(&self, file: &Path) -> Result<Self, PlanError> {
        let unread = |error| PlanError::ScenarioUnread { file: file.to_owned(), error };
        let mut text = String::new();
        let opened = std::fs::File::open(file).map_err(unread)?;
        opened.take(LONGEST + 1).read_to_string(&mut text).map_err(unread)?;
        if text.len() as u64 > LONGEST {
            let why = format!("it is longer than {} MiB", LONGEST >> 20);
            return Err(PlanError::Scenario { file: file.to_owned(), why });
        }
        self.over_text(file, &text)
    }

    /// The same of a scenario's text; `file` is its name for messages.
    pub(crate) fn over_text(&self, file: &Path, text: &str) -> Result<Self, PlanError> {
        // What is wrong is shown with its line, in which there may be an address.
        let wrong =
            |why: String| PlanError::Scenario { file: file.to_owned(), why: without_secrets(&why) };
        let below: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if below.i_own_this_target {
            // Files are passed on; that a target is yours only you can say.
            return Err(wrong(
                "i-own-this-target is not for files: if the target is yours, give \
                 --i-own-this-target on the command line"
                    .to_owned(),
            ));
        }
        let mut merged = below.values();
        merged.extend(self.values());
        serde_json::from_value(Value::Object(merged)).map_err(|error| wrong(error.to_string()))
    }

    /// What has been set, by the names of the flags.
    pub(crate) fn values(&self) -> Map<String, Value> {
        let Ok(Value::Object(mut values)) = serde_json::to_value(self) else {
            unreachable!("a struct of plain values")
        };
        values.retain(|_, value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::Array(items) => !items.is_empty(),
            _ => true,
        });
        values
    }

    /// Whether a plan of these can be made without asking a name server.
    pub(crate) fn names_no_host(&self) -> bool {
        let mut urls = self.subscribe.iter().chain(&self.publish).chain(&self.server_metrics);
        urls.all(|url| url::Url::parse(url).is_ok_and(|url| url.domain().is_none()))
    }

    /// The same without secrets, for results.
    pub(crate) fn shown(&self) -> Map<String, Value> {
        let mut values = self.values();
        for (name, value) in &mut values {
            if SECRET.contains(&name.as_str()) {
                *value = HIDDEN.into();
            } else {
                hide(value);
            }
        }
        values
    }
}

/// Takes secrets out of the addresses in a value.
fn hide(value: &mut Value) {
    match value {
        Value::String(text) => *text = without_secrets(text),
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}

fn clock(text: &str) -> Result<Clock, String> {
    match text {
        "monotonic" => Ok(Clock::Monotonic),
        "wall" => Ok(Clock::Wall),
        _ => Err(format!("{text:?} is neither monotonic nor wall")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        settings: Settings,
    }

    fn flags(words: &[&str]) -> Settings {
        let words = ["loadgen"].iter().chain(words);
        Flags::try_parse_from(words).expect("flags").settings
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("scenario.toml");
        std::fs::write(&path, text).expect("written");
        (folder, path)
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_rest_of_the_file_stays() {
        let (_folder, path) =
            file("connections = 50\nrate = 20\nduration = '5s'\nslo = ['gaps==0']");
        let merged = flags(&["--rate", "30", "-d", "1m"]).over_file(&path).expect("a scenario");
        assert_eq!(merged.connections, Some(50));
        assert_eq!(merged.rate, Some(Rate::PerSecond(30.0)));
        assert_eq!(merged.duration.expect("set").to_string(), "1m");
        assert_eq!(merged.slo, ["gaps==0"]);
    }

    #[test]
    fn what_a_file_may_not_hold_is_named_with_its_place() {
        for (text, part) in [
            ("conections = 5", "conections"),
            ("rate = 'fast'", "is no rate"),
            ("duration = 'long'", "write a time such as 10s"),
            ("connections = -1", "line 1"),
            ("i-own-this-target = true", "give --i-own-this-target on the command line"),
        ] {
            let (_folder, path) = file(text);
            let error = flags(&[]).over_file(&path).expect_err(text).to_string();
            assert!(error.contains(part) && error.contains("scenario.toml"), "{error}");
        }
    }

    #[test]
    fn a_result_shows_no_secret() {
        for words in [
            ["--token", "hidden", "-H", "X-Key: hidden"],
            [
                "--subscribe",
                "http://u:hidden@127.0.0.1/{n}",
                "--publish",
                "http://hidden@127.0.0.1/",
            ],
            [
                "--server-metrics",
                "http://:hidden@127.0.0.1/",
                "--subscribe",
                "http://h/?token=hidden",
            ],
            ["--publish-command", "redis-cli -u redis://u:hidden@h", "--publish-topic", "x"],
        ] {
            let shown = Value::Object(flags(&words).shown()).to_string();
            assert!(!shown.contains("hidden") && shown.contains(HIDDEN), "{shown}");
        }
    }
}
