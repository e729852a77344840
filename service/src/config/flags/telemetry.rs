//! The flags of log lines and traces, and what they come to.
//!
//! Beside our own variable for the receiver of traces we read the one of the OpenTelemetry
//! standard, which platforms set for every program. It is ambient, so a build that cannot send
//! traces passes over it; our own flag it refuses.

use clap::builder::{EnumValueParser, PossibleValue};
use clap::{Args, ValueEnum};

use crate::config::ConfigError;
use crate::config::values::{Trimmed, ratio, text};
use crate::logging::{self, LogFormat, LoggingSettings, TraceSettings};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs and traces")]
pub(super) struct TelemetryFlags {
    /// Which diagnostic log lines are written: off, error, warn, info, debug, trace, or a filter
    /// such as fanfare=debug,h2=info
    #[arg(long, env = "FANFARE_LOG_LEVEL", value_name = "FILTER", default_value = "info",
          value_parser = logging::check_filter)]
    log_level: String,
    /// Format of diagnostic log lines
    #[arg(long, env = "FANFARE_LOG_FORMAT", value_name = "FORMAT", ignore_case = true,
          default_value = "text", value_parser = Trimmed(EnumValueParser::<LogFormat>::new()))]
    pub(super) log_format: LogFormat,
    /// Send traces of requests to this receiver of OTLP over HTTP, such as http://127.0.0.1:4318;
    /// needs a build with the feature otlp. OTEL_EXPORTER_OTLP_ENDPOINT is read too
    #[arg(long, env = "FANFARE_OTLP_ENDPOINT", value_name = "URL", value_parser = text)]
    otlp_endpoint: Option<String>,
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide = true, value_parser = text)]
    otel_exporter_otlp_endpoint: Option<String>,
    /// Share of the traces begun by this server that is recorded, from 0 to 1; whether others are
    /// recorded was decided where they began
    #[arg(long, env = "FANFARE_TRACE_SAMPLE", value_name = "RATIO", default_value_t = 1.0,
          value_parser = ratio)]
    trace_sample: f64,
}

impl TelemetryFlags {
    pub(super) fn into_settings(self) -> Result<LoggingSettings, ConfigError> {
        // The variable of the standard is often set for everything on a platform: one that cannot
        // be used is passed over, and keeps no server from starting.
        let ambient = self.otel_exporter_otlp_endpoint;
        let ambient = ambient.filter(|url| logging::EXPORTS_TRACES && is_plain_http(url));
        // An empty flag turns traces off where a platform sets the variable.
        let endpoint = self.otlp_endpoint.or(ambient).filter(|endpoint| !endpoint.is_empty());
        if let Some(endpoint) = endpoint.as_deref().filter(|endpoint| !is_plain_http(endpoint)) {
            return Err(ConfigError::BadEndpoint { endpoint: endpoint.to_owned() });
        }
        Ok(LoggingSettings {
            filter: self.log_level,
            format: self.log_format,
            traces: endpoint.map(|endpoint| TraceSettings { endpoint, sample: self.trace_sample }),
        })
    }
}

fn is_plain_http(endpoint: &str) -> bool {
    endpoint.strip_prefix("http://").is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && !rest.contains(['?', '#', ' '])
    })
}

impl ValueEnum for LogFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Text => PossibleValue::new("text").help("Text, for people"),
            Self::Json => PossibleValue::new("json").help("One JSON object a line, for machines"),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct LevelLine {
        #[command(flatten)]
        flags: TelemetryFlags,
    }

    fn settings(flags: &[&str]) -> Result<LoggingSettings, String> {
        let flags = std::iter::once(&"fanfare").chain(flags);
        let line = LevelLine::try_parse_from(flags).map_err(|error| error.to_string())?;
        line.flags.into_settings().map_err(|error| error.to_string())
    }

    #[test]
    fn traces_are_off_until_somebody_says_where_to() {
        let expected =
            LoggingSettings { filter: "info".into(), format: LogFormat::Text, traces: None };
        assert_eq!(settings(&[]).unwrap(), expected);
        assert_eq!(settings(&["--trace-sample", "0.5", "--otlp-endpoint", ""]).unwrap(), expected);
    }

    #[test]
    fn our_own_flag_wins_over_that_of_the_standard_which_only_an_exporter_heeds() {
        let (own, standard) = ("http://127.0.0.1:1", "http://127.0.0.1:2");
        let (own_flag, other_flag) = ("--otlp-endpoint", "--otel-exporter-otlp-endpoint");
        let heeded = logging::EXPORTS_TRACES.then_some(standard);
        let cases: [(&[&str], Option<&str>); 4] = [
            (&[other_flag, "https://collector:4318"], None),
            (&[own_flag, own], Some(own)),
            (&[own_flag, own, other_flag, standard], Some(own)),
            (&[other_flag, standard], heeded),
        ];
        for (flags, expected) in cases {
            let traces = settings(flags).unwrap().traces;
            assert_eq!(traces.map(|traces| traces.endpoint).as_deref(), expected, "{flags:?}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_what_would_do() {
        let cases = [
            (["--otlp-endpoint", "https://collector:4318"], "plain HTTP"),
            (["--otlp-endpoint", "127.0.0.1:4318"], "http://127.0.0.1:4318"),
            (["--otlp-endpoint", "http://"], "--otlp-endpoint"),
            (["--trace-sample", "1.1"], "from 0 to 1"),
            (["--trace-sample", "NaN"], "from 0 to 1"),
            (["--trace-sample", "all"], "from 0 to 1"),
            (["--log-format", "xml"], "json"),
        ];
        for (flags, advice) in cases {
            let message = settings(&flags).unwrap_err();
            assert!(message.contains(advice), "{flags:?}: {message}");
        }
    }
}
