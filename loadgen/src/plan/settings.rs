//! The settings of a run as people write them: as flags, and under the same names in a scenario
//! file. A flag wins over the file, and the file over the default.
//!
//! Nothing is checked here but the form of each value; [`super::build`] makes a [`super::Plan`].

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use clap::Args;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::schedule::Form;
use super::{Cut, HIDDEN, PlanError, PublishStyle, Rate, Reconnect, Span, Verify, without_secrets};
use crate::clock::Clock;

/// What may be asked for. Every value is optional, so that one layer can lie over another.
#[derive(Clone, Debug, Default, Args, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Settings {
    /// The name of this run in reports
    #[arg(long, value_name = "TEXT", help_heading = "Scenario")]
    pub(crate) name: Option<String>,
    /// What this run is for, in one sentence, for reports
    #[arg(long, value_name = "TEXT", help_heading = "Scenario")]
    pub(crate) about: Option<String>,

    /// URL to subscribe at; {topic} stands for the number of the topic, and n in braces for the
    /// number of the subscriber, which then has a topic of its own. Several URLs share the
    /// subscribers
    #[arg(long, value_name = "URL", help_heading = "Subscribers")]
    pub(crate) subscribe: Vec<String>,
    /// Number of subscribers: how many event streams to hold open [default: 100]
    #[arg(short = 'c', long, value_name = "N", help_heading = "Subscribers")]
    pub(crate) connections: Option<usize>,
    /// New connections a second while subscribers connect [default: as fast as --handshakes allows]
    #[arg(long, value_name = "N", help_heading = "Subscribers")]
    pub(crate) connect_rate: Option<f64>,
    /// Most connection attempts under way at the same time [default: 256]
    #[arg(long, value_name = "N", help_heading = "Subscribers")]
    pub(crate) handshakes: Option<usize>,
    /// Connection attempts of a subscriber before it gives up [default: 3]
    #[arg(long, value_name = "N", help_heading = "Subscribers")]
    pub(crate) attempts: Option<u32>,
    /// Longest time of a connection attempt, until the response headers are there [default: 10s]
    #[arg(long, value_name = "TIME", help_heading = "Subscribers")]
    pub(crate) connect_timeout: Option<Span>,
    /// Longest time until all subscribers are connected [default: 2m]
    #[arg(long, value_name = "TIME", help_heading = "Subscribers")]
    pub(crate) ramp_timeout: Option<Span>,
    /// Address to connect to instead of that of the --subscribe URL; several are used in turn
    #[arg(long, value_name = "IP:PORT", help_heading = "Subscribers")]
    pub(crate) address: Vec<SocketAddr>,
    /// Local addresses to connect from, in turn: IP, IP-IP or IP/BITS
    #[arg(long, value_name = "RANGE", help_heading = "Subscribers")]
    pub(crate) source: Vec<String>,
    /// Header of every subscription request, as NAME: VALUE
    #[arg(short = 'H', long, value_name = "HEADER", help_heading = "Subscribers")]
    pub(crate) header: Vec<String>,
    /// Bearer token of every subscription request
    #[arg(long, value_name = "TOKEN", help_heading = "Subscribers")]
    pub(crate) token: Option<String>,
    /// File with the secret of a server of the Mercure protocol: signs a bearer token of draft-07 with
    /// HS256 for every request to subscribe and to publish that has none
    #[arg(long, value_name = "FILE", help_heading = "Subscribers")]
    pub(crate) jwt_secret_file: Option<PathBuf>,
    /// Cookie of every subscription request, as NAME=VALUE
    #[arg(long, value_name = "COOKIE", help_heading = "Subscribers")]
    pub(crate) cookie: Vec<String>,
    /// HTTP version of subscriptions: 1.1 or 2 [default: 1.1]
    #[arg(long, value_name = "VERSION", help_heading = "Subscribers")]
    pub(crate) http: Option<String>,
    /// Event streams on each HTTP/2 connection [default: 100]
    #[arg(long, value_name = "N", help_heading = "Subscribers")]
    pub(crate) streams: Option<usize>,
    /// Only hold the streams open: nothing is published, no event is expected or verified
    #[arg(long, help_heading = "Subscribers")]
    pub(crate) hold: bool,
    /// Accept any TLS certificate: for tests only
    #[arg(long, help_heading = "Subscribers")]
    pub(crate) insecure: bool,
    /// PEM file with certificates to trust besides those of the system
    #[arg(long, value_name = "FILE", help_heading = "Subscribers")]
    pub(crate) ca: Option<PathBuf>,
    /// Receive buffer (SO_RCVBUF) of the sockets of fast subscribers [default: the kernel's]
    #[arg(long, value_name = "BYTES", help_heading = "Subscribers")]
    pub(crate) receive_buffer: Option<ByteSize>,

    /// Number of topics that subscribers and events are spread over [default: 1]
    #[arg(long, value_name = "N", help_heading = "Topics")]
    pub(crate) topics: Option<u32>,
    /// How subscribers are spread over topics: uniform or zipf:EXPONENT [default: uniform]
    #[arg(long, value_name = "FORM", help_heading = "Topics")]
    pub(crate) popularity: Option<String>,
    /// How events are spread over topics: uniform or zipf:EXPONENT [default: uniform]
    #[arg(long, value_name = "FORM", help_heading = "Topics")]
    pub(crate) event_popularity: Option<String>,
    /// Seed of all random choices [default: 1]
    #[arg(long, value_name = "N", help_heading = "Topics")]
    pub(crate) seed: Option<u64>,

    /// URL to publish to; {topic}, or n in braces, stands for the number of the topic, {id} for an id
    /// that is the same whenever the event is sent. Several URLs share the publishers
    #[arg(long, value_name = "URL", help_heading = "Publishers")]
    #[serde(deserialize_with = "one_or_several")]
    pub(crate) publish: Vec<String>,
    /// Format of publish requests [default: raw with --publish, otherwise none]
    #[arg(long, value_enum, value_name = "STYLE", help_heading = "Publishers")]
    pub(crate) publish_style: Option<PublishStyle>,
    /// Topic name in publish requests of style form and ndjson [default: the topic of the first
    /// --subscribe URL]
    #[arg(long, value_name = "TEXT", help_heading = "Publishers")]
    pub(crate) publish_topic: Option<String>,
    /// Body of publish requests of style template, with {topic}, {payload} or {json}
    #[arg(long, value_name = "TEXT", help_heading = "Publishers")]
    pub(crate) publish_body: Option<String>,
    /// HTTP method of publish requests [default: POST]
    #[arg(long, value_name = "NAME", help_heading = "Publishers")]
    pub(crate) publish_method: Option<String>,
    /// Program and arguments that publish an event with style command, with {topic} and {payload};
    /// they are not passed to a shell
    #[arg(long, value_name = "COMMAND", help_heading = "Publishers")]
    pub(crate) publish_command: Option<String>,
    /// Header of every publish request, as NAME: VALUE
    #[arg(long, value_name = "HEADER", help_heading = "Publishers")]
    pub(crate) publish_header: Vec<String>,
    /// Bearer token of every publish request
    #[arg(long, value_name = "TOKEN", help_heading = "Publishers")]
    pub(crate) publish_token: Option<String>,
    /// Longest time of a publish call: until its response, or until the program of style command
    /// has ended [default: 10s]
    #[arg(long, value_name = "TIME", help_heading = "Publishers")]
    pub(crate) publish_timeout: Option<Span>,
    /// Number of publishers, each with a connection of its own [default: 1]
    #[arg(long, value_name = "N", help_heading = "Publishers")]
    pub(crate) publishers: Option<usize>,
    /// Events a second of all publishers together, or max for a closed loop [default: 10]
    #[arg(short = 'r', long, value_name = "R", help_heading = "Publishers")]
    pub(crate) rate: Option<Rate>,
    /// When events are due: constant, poisson, burst:N or steps:10/5s,100/5s [default: constant]
    #[arg(long, value_name = "FORM", help_heading = "Publishers")]
    pub(crate) schedule: Option<Form>,
    /// Size of an event's data in bytes, at least 76 [default: 150]
    #[arg(long, value_name = "BYTES", help_heading = "Publishers")]
    pub(crate) payload: Option<ByteSize>,

    /// How long to publish and measure, after the warm-up [default: 10s]
    #[arg(short = 'd', long, value_name = "TIME", help_heading = "Time")]
    pub(crate) duration: Option<Span>,
    /// How long to publish before measuring begins [default: 1s]
    #[arg(long, value_name = "TIME", help_heading = "Time")]
    pub(crate) warmup: Option<Span>,
    /// Longest wait, after publishing has ended, for events that have not arrived [default: 10s]
    #[arg(long, value_name = "TIME", help_heading = "Time")]
    pub(crate) tail: Option<Span>,
    /// Clock of time stamps: monotonic, or wall when publishers are on another host [default:
    /// monotonic]
    #[arg(long, value_name = "CLOCK", value_parser = clock, help_heading = "Time")]
    pub(crate) clock: Option<Clock>,
    /// Largest difference between the clocks of the hosts; without it, --clock wall gives no
    /// latency
    #[arg(long, value_name = "TIME", help_heading = "Time")]
    pub(crate) clock_error: Option<Span>,

    /// Which subscribers are verified: full for all, or sample=N to parse about one in N and count
    /// the bytes of the others [default: full]
    #[arg(long, value_name = "HOW", help_heading = "Verification")]
    pub(crate) verify: Option<Verify>,
    /// Event type by which the server announces lost events, besides fanfare-gap
    #[arg(long, value_name = "KIND", help_heading = "Verification")]
    pub(crate) loss_event: Vec<String>,
    /// Service level objective (SLO) that the run must meet, such as delivery.p99<25ms,
    /// delivery_ratio==1 or gaps==0; may be repeated. `loadgen slos` lists the metrics
    #[arg(long, value_name = "SLO", help_heading = "Verification")]
    pub(crate) slo: Vec<String>,

    /// Share of subscribers that read slowly, from 0 to 1 [default: 0]
    #[arg(long, value_name = "SHARE", help_heading = "Fault injection")]
    pub(crate) slow_share: Option<f64>,
    /// Bytes a second that a slow subscriber reads [default: 1kB]
    #[arg(long, value_name = "BYTES", help_heading = "Fault injection")]
    pub(crate) slow_rate: Option<ByteSize>,
    /// Share of subscribers that stop reading once they are connected, from 0 to 1 [default: 0]
    #[arg(long, value_name = "SHARE", help_heading = "Fault injection")]
    pub(crate) stopped_share: Option<f64>,
    /// Share of subscribers that vanish once they are connected, from 0 to 1: half-open connections
    /// whose packets are dropped [default: 0]
    #[arg(long, value_name = "SHARE", help_heading = "Fault injection")]
    pub(crate) vanished_share: Option<f64>,
    /// Disconnect each stream at random moments, on average once in this time [default: never]
    #[arg(long, value_name = "TIME", help_heading = "Fault injection")]
    pub(crate) cut_every: Option<Span>,
    /// How --cut-every and --storm-at disconnect a stream [default: mix]
    #[arg(long, value_enum, value_name = "HOW", help_heading = "Fault injection")]
    pub(crate) cut: Option<Cut>,
    /// Reconnect storm: disconnect many streams at once, this long after publishing began
    #[arg(long, value_name = "TIME", help_heading = "Fault injection")]
    pub(crate) storm_at: Option<Span>,
    /// Share of subscribers that the reconnect storm of --storm-at disconnects, from 0 to 1
    /// [default: 1]
    #[arg(long, value_name = "SHARE", help_heading = "Fault injection")]
    pub(crate) storm_share: Option<f64>,
    /// How a subscriber reconnects when its stream has ended [default: resume]
    #[arg(long, value_enum, value_name = "HOW", help_heading = "Fault injection")]
    pub(crate) reconnect: Option<Reconnect>,
    /// Reconnect delay until the server sends one in a retry field [default: 1s]
    #[arg(long, value_name = "TIME", help_heading = "Fault injection")]
    pub(crate) retry: Option<Span>,
    /// Go on at the next --subscribe URL when a stream has ended or cannot be opened, and at the next
    /// --publish URL when a publish call failed or was answered with 500 or more
    #[arg(long, help_heading = "Fault injection")]
    pub(crate) failover: bool,
    /// Random jitter: lengthen each reconnect delay by up to this share of it, from 0 to 1
    /// [default: 0]
    #[arg(long, value_name = "SHARE", help_heading = "Fault injection")]
    pub(crate) jitter: Option<f64>,

    /// Number of processes that share the subscribers [default: 1]
    #[arg(long, value_name = "N", help_heading = "Generator")]
    pub(crate) processes: Option<usize>,
    /// Number of threads of each process that read event streams [default: 1]
    #[arg(long, value_name = "N", help_heading = "Generator")]
    pub(crate) workers: Option<usize>,
    /// Number of runs to make one after another, all into one result [default: 1]
    #[arg(long, value_name = "N", help_heading = "Generator")]
    pub(crate) repeat: Option<usize>,

    /// Process id of the server, whose CPU time and memory are measured
    #[arg(long, value_name = "PID", help_heading = "Server")]
    pub(crate) server_pid: Option<u32>,
    /// URL of the server's Prometheus metrics, which are read before and after the run
    #[arg(long, value_name = "URL", help_heading = "Server")]
    pub(crate) server_metrics: Option<String>,

    /// Write the result as JSON to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
    /// Add the new runs to those in the --json file instead of replacing them
    #[arg(long, help_heading = "Output")]
    pub(crate) append: bool,
    /// Write a report with plots as HTML to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) html: Option<PathBuf>,
    /// Write a summary for a pull request as Markdown to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write the last run as CSV to this file, with one line for each second
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) csv: Option<PathBuf>,

    /// Address at which to serve loadgen's own Prometheus metrics, at /metrics, during the run;
    /// port 0 takes any free port
    #[arg(long, value_name = "IP:PORT", help_heading = "Metrics")]
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// How long to go on serving the last metrics after each run, so that they are scraped
    /// [default: 0s]
    #[arg(long, value_name = "TIME", help_heading = "Metrics")]
    pub(crate) metrics_linger: Option<Span>,

    /// Confirm that targets beyond this machine are yours: load on somebody else's server is an
    /// attack
    #[arg(long, help_heading = "Limits")]
    pub(crate) i_own_this_target: bool,
    /// Largest --connections that is accepted [default: 100000]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub(crate) limit_connections: Option<usize>,
    /// Largest --rate that is accepted, in events a second [default: 100000]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub(crate) limit_rate: Option<f64>,
    /// Longest warm-up and duration together that are accepted [default: 15m]
    #[arg(long, value_name = "TIME", help_heading = "Limits")]
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
            // Files are passed on; that a target is the user's own, only the user can say.
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

/// A list of texts, or one alone.
fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a text or a list of texts")]
    enum Texts {
        One(String),
        Several(Vec<String>),
    }
    Texts::deserialize(deserializer).map(|texts| match texts {
        Texts::One(one) => vec![one],
        Texts::Several(several) => several,
    })
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
    fn a_file_may_name_one_url_to_publish_to_or_several() {
        for (text, expected) in [
            ("publish = 'http://a/'", vec!["http://a/"]),
            ("publish = ['http://a/', 'http://b/']", vec!["http://a/", "http://b/"]),
            ("", vec![]),
        ] {
            let (_folder, path) = file(text);
            assert_eq!(flags(&[]).over_file(&path).expect(text).publish, expected);
            let over = flags(&["--publish", "http://c/"]).over_file(&path).expect(text);
            assert_eq!(over.publish, ["http://c/"]);
        }
    }

    #[test]
    fn what_a_file_may_not_hold_is_named_with_its_place() {
        for (text, part) in [
            ("conections = 5", "conections"),
            ("rate = 'fast'", "is not a rate"),
            ("duration = 'long'", "write a time such as 10s"),
            ("connections = -1", "line 1"),
            ("publish = 5", "a text or a list of texts"),
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
