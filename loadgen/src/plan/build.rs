//! From settings to a plan: defaults, what follows from what, and everything that can be wrong,
//! each with the next step in its message.

use std::time::Duration;

use url::Url;

use super::check::check_together;
use super::defaults;
use super::headers::{bearer, parse_header, parse_headers};
use super::schedule::Form;
use super::signed_token::signed_token;
use super::target::sources;
use super::{
    Address, Endpoint, FaultPlan, MetricsPage, Plan, PlanError, Protocol, PublishStyle,
    PublishTarget, Publishing, Ramp, Rate, Reconnect, Schedule, ServerWatch, Settings, Span,
    Target, Template, Timing, TlsTrust, Topics,
};
use crate::clock::Clock;
use crate::payload;

/// How much longer than its run a token is good that the run has signed: subscribers connect before it,
/// and clocks differ.
const LIFETIME_MARGIN: Duration = Duration::from_secs(60 * 60);

type Result<T> = std::result::Result<T, PlanError>;

impl Settings {
    /// The run that these settings ask for.
    pub(crate) fn plan(&self) -> Result<Plan> {
        let targets = self.targets()?;
        let topics = self.topic_plan()?;
        let timing = self.timing()?;
        let plan = Plan {
            name: self.name.clone().unwrap_or_else(|| defaults::NAME.to_owned()),
            about: self.about.clone(),
            run: rand::random(),
            seed: self.seed.unwrap_or(defaults::SEED),
            publishing: self.publishing()?,
            ramp: self.ramp()?,
            topics,
            timing,
            verify: self.verify.unwrap_or_default(),
            loss_events: [vec!["fanfare-gap".to_owned()], self.loss_event.clone()].concat(),
            faults: self.faults()?,
            processes: at_least_one(
                "--processes",
                self.processes.unwrap_or(defaults::PROCESSES),
                64,
            )?,
            workers: at_least_one("--workers", self.workers.unwrap_or(defaults::WORKERS), 256)?,
            server: self.server()?,
            exports: self.metrics_listen.is_some(),
            targets,
            failover: self.failover,
        };
        if self.hold && plan.publishing.is_some() {
            return Err(PlanError::Conflict(
                "--hold publishes nothing: leave out --publish and --publish-style",
            ));
        }
        self.check_limits(&plan)?;
        check_together(&plan)?;
        Ok(plan)
    }

    fn targets(&self) -> Result<Vec<Target>> {
        if self.subscribe.is_empty() {
            return Err(PlanError::NoTarget);
        }
        let protocol = match self.http.as_deref() {
            None | Some("1.1" | "1") => Protocol::Http1,
            Some("2") => {
                let streams =
                    at_least_one("--streams", self.streams.unwrap_or(defaults::STREAMS), 10_000)?;
                Protocol::Http2 { streams }
            }
            Some(other) => return Err(PlanError::Version(other.to_owned())),
        };
        let mut headers = parse_headers(&self.header)?;
        bearer(self.token.as_deref(), &mut headers)?;
        self.sign(&mut headers)?;
        if !self.cookie.is_empty() {
            headers.push(parse_header(&format!("cookie: {}", self.cookie.join("; ")))?);
        }
        let sources: Vec<_> =
            self.source.iter().map(|text| sources(text)).collect::<Result<Vec<_>>>()?.concat();
        let trust = TlsTrust { insecure: self.insecure, ca: self.ca.clone() };
        let target = |url: &String| {
            let address = Address::parse(url)?;
            let mut headers = headers.clone();
            address.authorize(&mut headers)?;
            let Address { mut endpoint, path, .. } = address;
            if !self.address.is_empty() {
                endpoint.addresses.clone_from(&self.address);
            }
            self.check_owner(&endpoint)?;
            Ok(Target {
                endpoint,
                path,
                headers,
                protocol,
                trust: trust.clone(),
                sources: sources.clone(),
            })
        };
        self.subscribe.iter().map(target).collect()
    }

    fn check_owner(&self, endpoint: &Endpoint) -> Result<()> {
        if self.i_own_this_target || endpoint.is_loopback() {
            return Ok(());
        }
        let addresses: Vec<_> = endpoint.addresses.iter().map(ToString::to_string).collect();
        Err(PlanError::NotLoopback(format!("{} ({})", endpoint.authority, addresses.join(", "))))
    }

    fn topic_plan(&self) -> Result<Topics> {
        let own = self.subscribe.iter().any(|url| url.contains("{n}"));
        if own && self.topics.is_some() {
            return Err(PlanError::Conflict(
                "{n} gives every subscriber a topic of its own: leave out --topics, or write {topic}",
            ));
        }
        let has_place = own || self.subscribe.iter().all(|url| url.contains("{topic}"));
        if self.topics.is_some_and(|topics| topics > 1) && !has_place {
            return Err(PlanError::Conflict(
                "--topics needs a place for the topic in every --subscribe URL: write {topic} there",
            ));
        }
        let connections = u32::try_from(self.connections()).unwrap_or(u32::MAX);
        let count = if own { connections.max(1) } else { self.topics.unwrap_or(defaults::TOPICS) };
        in_range("--topics", count as usize, 1, payload::TOPICS)?;
        Ok(Topics {
            count,
            own,
            zipf: popularity(self.popularity.as_deref())?,
            event_zipf: popularity(self.event_popularity.as_deref())?,
        })
    }

    fn connections(&self) -> usize {
        self.connections.unwrap_or(defaults::CONNECTIONS)
    }

    fn ramp(&self) -> Result<Ramp> {
        if let Some(rate) = self.connect_rate.filter(|rate| !(*rate > 0.0 && rate.is_finite())) {
            return Err(PlanError::Range {
                name: "--connect-rate",
                value: rate.to_string(),
                range: "more than 0 a second".to_owned(),
            });
        }
        Ok(Ramp {
            connections: self.connections(),
            connect_rate: self.connect_rate,
            handshakes: at_least_one(
                "--handshakes",
                self.handshakes.unwrap_or(defaults::HANDSHAKES),
                65_536,
            )?,
            attempts: self.attempts.unwrap_or(defaults::ATTEMPTS).max(1),
            handshake_timeout: span(self.connect_timeout, defaults::CONNECT_TIMEOUT),
            timeout: span(self.ramp_timeout, defaults::RAMP_TIMEOUT),
        })
    }

    /// Adds a token to requests that have nothing of the kind, if there is a secret to sign one with.
    fn sign(&self, headers: &mut Vec<(String, String)>) -> Result<()> {
        let Some(file) = &self.jwt_secret_file else { return Ok(()) };
        if headers.iter().any(|(name, _)| name == "authorization") {
            return Ok(());
        }
        let Timing { warmup, duration, tail, .. } = self.timing()?;
        let lifetime = warmup + duration + tail + LIFETIME_MARGIN;
        bearer(Some(&signed_token(file, lifetime)?), headers)
    }

    fn publishing(&self) -> Result<Option<Publishing>> {
        let default = if self.publish.is_empty() { PublishStyle::None } else { PublishStyle::Raw };
        let style = self.publish_style.unwrap_or(default);
        if style == PublishStyle::None {
            return Ok(None);
        }
        let targets = self.publish_targets()?;
        if targets.is_empty() && style != PublishStyle::Command {
            return Err(PlanError::Conflict(
                "--publish-style needs a URL to publish to: give --publish URL",
            ));
        }
        let payload = self
            .payload
            .map_or(defaults::PAYLOAD, |size| usize::try_from(size.as_u64()).unwrap_or(usize::MAX));
        in_range("--payload", payload, payload::SMALLEST, payload::LARGEST)?;
        let publishers = self.publishers.unwrap_or(defaults::PUBLISHERS);
        in_range("--publishers", publishers, 1, payload::MAX_PUBLISHERS)?;
        Ok(Some(Publishing {
            style,
            targets,
            topic: self.topic_template(),
            body: self.publish_body(style)?,
            method: self
                .publish_method
                .clone()
                .unwrap_or_else(|| defaults::PUBLISH_METHOD.to_owned()),
            publishers,
            schedule: self.schedule()?,
            payload,
            timeout: span(self.publish_timeout, defaults::PUBLISH_TIMEOUT),
        }))
    }

    fn publish_targets(&self) -> Result<Vec<PublishTarget>> {
        let mut headers = parse_headers(&self.publish_header)?;
        bearer(self.publish_token.as_deref(), &mut headers)?;
        self.sign(&mut headers)?;
        let target = |url: &String| {
            let address = Address::parse(url)?;
            self.check_owner(&address.endpoint)?;
            let mut headers = headers.clone();
            address.authorize(&mut headers)?;
            let Address { endpoint, path, .. } = address;
            Ok(PublishTarget { endpoint, path, headers })
        };
        self.publish.iter().map(target).collect()
    }

    fn publish_body(&self, style: PublishStyle) -> Result<Vec<Template>> {
        match (style, &self.publish_body, &self.publish_command) {
            (PublishStyle::Template, Some(body), _) => Ok(vec![Template(body.clone())]),
            (PublishStyle::Template, None, _) => {
                Err(PlanError::Conflict("--publish-style template needs --publish-body"))
            }
            (PublishStyle::Command, _, Some(command)) => {
                let words = shell_words::split(command)
                    .map_err(|error| PlanError::Command(error.to_string()))?;
                if words.is_empty() {
                    return Err(PlanError::Command("it is empty".to_owned()));
                }
                Ok(words.into_iter().map(Template).collect())
            }
            (PublishStyle::Command, _, None) => {
                Err(PlanError::Conflict("--publish-style command needs --publish-command"))
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The topic's name: what the first subscription names, in the `topic` of its query or after
    /// the first part of its path, unless it is given.
    fn topic_template(&self) -> Template {
        let from_url = || {
            let text = self.subscribe.first()?;
            let url = Url::parse(text).ok()?;
            if let Some((_, topic)) = url.query_pairs().find(|(name, _)| name == "topic") {
                return Some(topic.into_owned());
            }
            let mut parts = url.path().trim_start_matches('/').splitn(2, '/');
            let topic = parts.nth(1)?.replace("%7B", "{").replace("%7D", "}");
            Some(topic)
        };
        Template(
            self.publish_topic
                .clone()
                .or_else(from_url)
                .unwrap_or_else(|| defaults::TOPIC_NAME.to_owned()),
        )
    }

    fn schedule(&self) -> Result<Schedule> {
        let form = self.schedule.clone().unwrap_or_default();
        let rate = self.rate.unwrap_or(Rate::PerSecond(defaults::RATE));
        if form != Form::Constant && rate == Rate::Max {
            return Err(PlanError::Conflict(
                "--rate max has no schedule: leave out --rate max or --schedule",
            ));
        }
        if matches!(form, Form::Steps(_)) && self.rate.is_some() {
            return Err(PlanError::Conflict(
                "--schedule steps names its own rates: leave out --rate",
            ));
        }
        Ok(Schedule { rate, form })
    }

    fn timing(&self) -> Result<Timing> {
        let duration = match (&self.schedule, self.duration) {
            (Some(Form::Steps(steps)), None) => steps.iter().map(|(_, span)| *span).sum(),
            (_, duration) => span(duration, defaults::DURATION),
        };
        let warmup = match &self.schedule {
            // The steps are the run: nothing may come before them.
            Some(Form::Steps(_)) => span(self.warmup, Duration::ZERO),
            _ => span(self.warmup, defaults::WARMUP),
        };
        if duration.is_zero() {
            return Err(PlanError::Range {
                name: "--duration",
                value: "0s".to_owned(),
                range: "more than 0".to_owned(),
            });
        }
        let clock = self.clock.unwrap_or_default();
        if self.clock_error.is_some() && clock == Clock::Monotonic {
            return Err(PlanError::Conflict(
                "--clock-error is for --clock wall: one monotonic clock has no error",
            ));
        }
        let clock_error = self.clock_error.map(|span| span.0);
        Ok(Timing { warmup, duration, tail: span(self.tail, defaults::TAIL), clock, clock_error })
    }

    fn faults(&self) -> Result<FaultPlan> {
        let shares = [
            ("--slow-share", self.slow_share),
            ("--stopped-share", self.stopped_share),
            ("--vanished-share", self.vanished_share),
            ("--storm-share", self.storm_share),
            ("--jitter", self.jitter),
        ];
        for (name, share) in shares {
            if let Some(share) = share.filter(|share| !(0.0..=1.0).contains(share)) {
                let range = "from 0 to 1".to_owned();
                return Err(PlanError::Range { name, value: share.to_string(), range });
            }
        }
        let or_none = |share: Option<f64>| share.unwrap_or(0.0);
        let (slow, stopped) = (or_none(self.slow_share), or_none(self.stopped_share));
        let vanished = or_none(self.vanished_share);
        if slow + stopped + vanished > 1.0 {
            return Err(PlanError::Conflict(
                "--slow-share, --stopped-share and --vanished-share are more than 1 together",
            ));
        }
        let bytes = |size: bytesize::ByteSize| size.as_u64();
        Ok(FaultPlan {
            slow_share: slow,
            slow_rate: self.slow_rate.map_or(defaults::SLOW_RATE, bytes).max(1),
            stopped_share: stopped,
            vanished_share: vanished,
            cut_every: self.cut_every.map(|span| span.0.max(Duration::from_millis(10))),
            cut: self.cut.unwrap_or_default(),
            storm: self
                .storm_at
                .map(|span| (span.0, self.storm_share.unwrap_or(defaults::STORM_SHARE))),
            reconnect: self.reconnect.unwrap_or(Reconnect::Resume),
            retry: span(self.retry, defaults::RETRY),
            jitter: or_none(self.jitter),
            receive_buffer: self
                .receive_buffer
                .map(|size| usize::try_from(bytes(size)).unwrap_or(usize::MAX)),
        })
    }

    fn server(&self) -> Result<ServerWatch> {
        let metrics = match &self.server_metrics {
            Some(url) => {
                let address = Address::parse(url)?;
                self.check_owner(&address.endpoint)?;
                if address.endpoint.tls {
                    return Err(PlanError::Conflict(
                        "--server-metrics is read over plain http only: give an http:// URL",
                    ));
                }
                let authorization = address.authorization().map(str::to_owned);
                let Address { endpoint, path, .. } = address;
                Some(MetricsPage { endpoint, path: path.0, authorization })
            }
            None => None,
        };
        Ok(ServerWatch { pid: self.server_pid, metrics })
    }
}

fn span(span: Option<Span>, default: Duration) -> Duration {
    span.map_or(default, |span| span.0)
}

fn at_least_one(name: &'static str, value: usize, most: usize) -> Result<usize> {
    in_range(name, value, 1, most).map(|()| value)
}

fn in_range(name: &'static str, value: usize, least: usize, most: usize) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(PlanError::Range {
        name,
        value: value.to_string(),
        range: format!("from {least} to {most}"),
    })
}

fn popularity(text: Option<&str>) -> Result<Option<f64>> {
    match text {
        None | Some("uniform") => Ok(None),
        Some(text) => {
            let exponent = text.strip_prefix("zipf:").and_then(|exponent| exponent.parse().ok());
            let fits = |exponent: &f64| *exponent > 0.0 && *exponent <= 10.0;
            exponent.filter(fits).map(Some).ok_or_else(|| PlanError::Popularity(text.to_owned()))
        }
    }
}
