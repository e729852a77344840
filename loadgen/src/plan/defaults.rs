//! The defaults of settings: what holds where neither a flag nor the scenario says anything.
//! `--help` names them too, and a test holds both to each other.

use std::time::Duration;

pub(super) const NAME: &str = "run";
pub(super) const CONNECTIONS: usize = 100;
/// Connection attempts under way at the same time.
pub(super) const HANDSHAKES: usize = 256;
/// Connection attempts of a subscriber before it gives up.
pub(super) const ATTEMPTS: u32 = 3;
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const RAMP_TIMEOUT: Duration = Duration::from_secs(2 * 60);
/// Event streams on each HTTP/2 connection.
pub(super) const STREAMS: usize = 100;
pub(super) const TOPICS: u32 = 1;
pub(super) const SEED: u64 = 1;
/// The topic's name where neither a flag nor a URL gives one.
pub(super) const TOPIC_NAME: &str = "load";
pub(super) const PUBLISH_METHOD: &str = "POST";
pub(super) const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const PUBLISHERS: usize = 1;
/// Events a second.
pub(super) const RATE: f64 = 10.0;
/// Bytes of an event's data.
pub(super) const PAYLOAD: usize = 150;
pub(super) const DURATION: Duration = Duration::from_secs(10);
pub(super) const WARMUP: Duration = Duration::from_secs(1);
pub(super) const TAIL: Duration = Duration::from_secs(10);
/// Bytes a second that a slow subscriber reads.
pub(super) const SLOW_RATE: u64 = 1000;
pub(super) const STORM_SHARE: f64 = 1.0;
pub(super) const RETRY: Duration = Duration::from_secs(1);
pub(super) const PROCESSES: usize = 1;
pub(super) const WORKERS: usize = 1;
pub(super) const LIMIT_CONNECTIONS: usize = 100_000;
/// Events a second.
pub(super) const LIMIT_RATE: f64 = 100_000.0;
pub(super) const LIMIT_DURATION: Duration = Duration::from_secs(15 * 60);

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::super::Settings;

    fn settings(flags: &[String]) -> Settings {
        let here = "http://127.0.0.1:1/x".to_owned();
        let fixed = ["loadgen", "--subscribe", &here, "--publish", &here].map(str::to_owned);
        let words = fixed.iter().chain(flags);
        let matches = Settings::augment_args(Command::new("loadgen")).get_matches_from(words);
        Settings::from_arg_matches(&matches).expect("flags")
    }

    /// Without what is drawn anew for each plan.
    fn plan(flags: &[String]) -> serde_json::Value {
        let mut plan = settings(flags).plan().expect("a plan");
        plan.run = 0;
        serde_json::to_value(plan).expect("plain values")
    }

    #[test]
    fn the_defaults_in_the_help_are_those_of_the_plan() {
        let mut seen = 0;
        for flag in Settings::augment_args(Command::new("loadgen")).get_arguments() {
            let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
            let Some((_, rest)) = help.split_once("[default: ") else { continue };
            let default = rest.trim_end_matches(']').to_owned();
            let name = flag.get_id().as_str().replace('_', "-");
            // What a default follows from, in words; and what is not part of a plan.
            let in_words = ["as fast", "the kernel", "the topic", "raw with", "never"];
            let other = ["repeat", "metrics-linger"].contains(&name.as_str());
            if other || in_words.iter().any(|words| default.starts_with(words)) {
                continue;
            }
            let mut flags = vec![format!("--{name}"), default.clone()];
            if name == "storm-share" {
                flags.extend(["--storm-at", "2s"].map(str::to_owned));
            }
            let without = flags[2..].to_vec();
            assert_eq!(plan(&flags), plan(&without), "--{name} {default}");
            seen += 1;
        }
        assert!(seen > 30, "{seen}");
    }

    /// The limits are no part of a plan: they refuse one.
    #[test]
    fn the_limits_in_the_help_are_those_that_refuse_a_plan() {
        for (flags, fits) in [
            (["--connections", "100000"], true),
            (["--connections", "100001"], false),
            (["--rate", "100000"], true),
            (["--rate", "100001"], false),
            (["--duration", "899s"], true),
            (["--duration", "900s"], false),
        ] {
            let flags = flags.map(str::to_owned);
            assert_eq!(settings(&flags).plan().is_ok(), fits, "{flags:?}");
        }
    }
}
