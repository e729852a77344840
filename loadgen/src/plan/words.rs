//! Values of settings that are written as one word or one number with a unit, in flags and files
//! alike: read by `FromStr`, written by `Display`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Lets a type that is read and written as text be a value of a file, where a number is as good.
macro_rules! as_text {
    ($($kind:ty),*) => {$(
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                TextValue::deserialize(deserializer)?.to_string().parse().map_err(de::Error::custom)
            }
        }
    )*};
}
pub(super) use as_text;

/// What a file may hold where text is meant.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum TextValue {
    Whole(u64),
    Number(f64),
    Word(String),
}

impl fmt::Display for TextValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Word(text) => text.fmt(f),
        }
    }
}

/// The longest length of time. Sums and products of lengths stay far below what a moment can hold.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A length of time, such as `10s`, `250ms`, `1m 30s`, of at most a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "0" => Ok(Self(Duration::ZERO)),
            text => match humantime::parse_duration(text) {
                Ok(time) if time > LONGEST => Err(format!("{text:?} is longer than a year")),
                Ok(time) => Ok(Self(time)),
                Err(error) => Err(format!("{error}; write a time such as 10s, 250ms or 1m")),
            },
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// Which subscribers are parsed and verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verify {
    /// All.
    #[default]
    Full,
    /// One in so many; the bytes of the others are counted. At least 2.
    Sample(u32),
}

impl Verify {
    /// Whether a subscriber is parsed.
    pub(crate) fn parses(self, number: usize) -> bool {
        match self {
            Self::Full => true,
            // Not every N-th by number: topics, targets and workers are dealt out by number too,
            // and a common factor would leave some of them out.
            Self::Sample(every) => sample_place(number) < 1.0 / f64::from(every),
        }
    }
}

/// A number from 0 to 1 for each subscriber, evenly spread, and 0 for the first, so that at least
/// one is in every sample. Multiples of an irrational number other than that of the classes.
fn sample_place(number: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "subscribers are far fewer than 2^52")]
    let number = number as f64;
    (number * std::f64::consts::SQRT_2).fract()
}

impl FromStr for Verify {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let every = text.strip_prefix("sample=").and_then(|every| every.parse().ok());
        match (text, every) {
            ("full", _) | (_, Some(1)) => Ok(Self::Full),
            (_, Some(every @ 2..)) => Ok(Self::Sample(every)),
            _ => Err(format!("{text:?} is neither full nor sample=N")),
        }
    }
}

impl fmt::Display for Verify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("full"),
            Self::Sample(every) => write!(f, "sample={every}"),
        }
    }
}

/// How events are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PublishStyle {
    /// A POST with the payload as its body
    Raw,
    /// A POST of a form with `topic` and `data`, as Mercure hubs take it
    Form,
    /// One streaming request, with a line of JSON for each event
    Ndjson,
    /// A request whose body is made from --publish-body
    Template,
    /// A program that is started for each event, from --publish-command
    Command,
    /// Nothing is published: the server produces events by itself
    None,
}

/// How the generator cuts streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Cut {
    /// In order (FIN), as when a page is closed
    Fin,
    /// With a reset (RST), as when a process is killed
    Rst,
    /// In order or with a reset, at random
    #[default]
    Mix,
}

/// When a stream that has ended is requested again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reconnect {
    /// After the delay of the server's `retry` or of --retry, with `Last-Event-ID`
    #[default]
    Resume,
    /// After the same delay, without `Last-Event-ID`, as a client that does not know of it
    Forget,
    /// At once, with `Last-Event-ID`
    Now,
    /// Do not reconnect
    Never,
}

as_text!(Span, Verify);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_reaches_every_worker_and_every_topic() {
        for every in [2, 4, 20] {
            let verify = Verify::Sample(every);
            let all = (0..20_000).filter(|number| verify.parses(*number)).count();
            assert!(all.abs_diff(20_000 / every as usize) < 20, "{all} of one in {every}");
            for of in [2, 4, 20] {
                for index in 0..of {
                    let part = (index..2000).step_by(of).filter(|number| verify.parses(*number));
                    assert!(part.count() > 0, "one in {every}: none of {index} of {of}");
                }
            }
            assert!(verify.parses(0));
        }
    }
}
