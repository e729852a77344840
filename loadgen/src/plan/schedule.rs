//! When events are due: a list of moments that depends on nothing that the server does. That is
//! what makes the load an open loop, and the latency from the due moment honest.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::words::{Span, TextValue, as_text};

/// How many events a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rate {
    /// A number above 0.
    PerSecond(f64),
    /// As fast as the server responds: a closed loop, which says nothing about latency under a
    /// load.
    Max,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().replace('_', "").trim_end_matches("/s") {
            "max" => Ok(Self::Max),
            text => match text.parse::<f64>() {
                Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(Self::PerSecond(rate)),
                _ => Err(format!(
                    "{text:?} is not a rate; write events a second, such as 10 or 0.5, or max"
                )),
            },
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(rate) => rate.fmt(f),
            Self::Max => f.write_str("max"),
        }
    }
}

/// The form of a schedule, as it is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Form {
    /// Evenly spaced.
    #[default]
    Constant,
    /// At random, independent of each other, as many users would.
    Poisson,
    /// So many at the same moment.
    Burst(u32),
    /// One rate after another: `steps:10/5s,100/5s`.
    Steps(Vec<(f64, Duration)>),
}

impl FromStr for Form {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not a schedule; write constant, poisson, burst:N or steps:10/5s,100/5s"
            )
        };
        match text.split_once(':') {
            None if text == "constant" => Ok(Self::Constant),
            None if text == "poisson" => Ok(Self::Poisson),
            Some(("burst", size)) => {
                let size = size.parse().ok().filter(|size| *size > 0);
                size.map(Self::Burst).ok_or_else(wrong)
            }
            Some(("steps", steps)) => {
                let step = |step: &str| {
                    let (rate, span) = step.split_once('/')?;
                    let rate =
                        rate.parse().ok().filter(|rate: &f64| *rate >= 0.0 && rate.is_finite())?;
                    Some((rate, span.parse::<Span>().ok()?.0))
                };
                let steps: Option<Vec<_>> = steps.split(',').map(step).collect();
                steps.filter(|steps| !steps.is_empty()).map(Self::Steps).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Poisson => f.write_str("poisson"),
            Self::Burst(size) => write!(f, "burst:{size}"),
            Self::Steps(steps) => {
                let steps: Vec<_> =
                    steps.iter().map(|(rate, span)| format!("{rate}/{}", Span(*span))).collect();
                write!(f, "steps:{}", steps.join(",").replace(' ', ""))
            }
        }
    }
}

as_text!(Rate, Form);

/// A rate and a form that fit together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) rate: Rate,
    pub(crate) form: Form,
}

impl Schedule {
    /// How many events are due in this time; the mean for `poisson`, nothing for `max`.
    pub(crate) fn events(&self, time: Duration) -> Option<f64> {
        match (&self.form, self.rate) {
            (Form::Steps(steps), _) => {
                let mut left = time;
                let mut events = 0.0;
                for (rate, span) in steps {
                    let part = left.min(*span);
                    events += rate * part.as_secs_f64();
                    left -= part;
                }
                Some(events)
            }
            (_, Rate::PerSecond(rate)) => Some(rate * time.as_secs_f64()),
            (_, Rate::Max) => None,
        }
    }

    /// The most events a second that it has at any time; nothing for `max`.
    pub(crate) fn peak(&self) -> Option<f64> {
        match (&self.form, self.rate) {
            (Form::Steps(steps), _) => {
                Some(steps.iter().map(|(rate, _)| *rate).fold(0.0, f64::max))
            }
            (_, Rate::PerSecond(rate)) => Some(rate),
            (_, Rate::Max) => None,
        }
    }

    /// The moments at which one of so many publishers has to publish, from the start, without an
    /// end. A publisher takes every so many-th event; of independent random ones each makes its own
    /// share.
    pub(crate) fn of_publisher(&self, publisher: usize, publishers: usize, seed: u64) -> Due {
        Due {
            schedule: self.clone(),
            next: publisher as u64,
            publishers: publishers as u64,
            random: SmallRng::seed_from_u64(seed ^ (publisher as u64) << 40),
            at: 0.0,
        }
    }
}

/// The moments of one publisher.
#[derive(Debug)]
pub(crate) struct Due {
    schedule: Schedule,
    /// The number of the publisher's next event among those of all publishers.
    next: u64,
    publishers: u64,
    random: SmallRng,
    /// Seconds, for random moments.
    at: f64,
}

impl Iterator for Due {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let number = self.next;
        self.next += self.publishers;
        #[expect(clippy::cast_precision_loss, reason = "events are far fewer than 2^52")]
        let seconds = match (&self.schedule.form, self.schedule.rate) {
            (_, Rate::Max) => 0.0,
            (Form::Constant, Rate::PerSecond(rate)) => number as f64 / rate,
            (Form::Burst(size), Rate::PerSecond(rate)) => {
                (number / u64::from(*size)) as f64 * f64::from(*size) / rate
            }
            (Form::Poisson, Rate::PerSecond(rate)) => {
                // The wait between independent events of a given rate is exponential.
                let uniform: f64 = self.random.random();
                self.at += -(1.0 - uniform).ln() * self.publishers as f64 / rate;
                self.at
            }
            (Form::Steps(steps), _) => return steps_at(steps, number as f64),
        };
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// When the event of this number is due; nothing after the last step.
fn steps_at(steps: &[(f64, Duration)], number: f64) -> Option<Duration> {
    let mut before = 0.0;
    let mut begin = Duration::ZERO;
    for (rate, span) in steps {
        let events = rate * span.as_secs_f64();
        if number < before + events {
            return Duration::try_from_secs_f64((number - before) / rate).ok().map(|at| begin + at);
        }
        before += events;
        begin += *span;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(rate: &str, form: &str) -> Schedule {
        Schedule { rate: rate.parse().expect("a rate"), form: form.parse().expect("a form") }
    }

    /// The first moments of all publishers together, in milliseconds, in order.
    fn moments(schedule: &Schedule, publishers: usize, count: usize) -> Vec<u64> {
        let mut all: Vec<_> = (0..publishers)
            .flat_map(|publisher| schedule.of_publisher(publisher, publishers, 1).take(count))
            .map(|due| u64::try_from(due.as_millis()).expect("short"))
            .collect();
        all.sort_unstable();
        all.truncate(count);
        all
    }

    #[test]
    fn a_schedule_is_the_same_for_any_number_of_lanes() {
        let cases: [(&str, &str, &[u64]); 4] = [
            ("10", "constant", &[0, 100, 200, 300, 400]),
            ("0.5", "constant", &[0, 2000, 4000, 6000, 8000]),
            ("10", "burst:2", &[0, 0, 200, 200, 400]),
            ("1", "steps:2/1s,10/200ms,1/9s", &[0, 500, 1000, 1100, 1200]),
        ];
        for (rate, form, wanted) in cases {
            for publishers in [1, 2, 3] {
                assert_eq!(
                    moments(&schedule(rate, form), publishers, 5),
                    wanted,
                    "{rate} {form} {publishers}"
                );
            }
        }
    }

    #[test]
    fn random_moments_have_the_rate_and_the_spread_of_independent_events() {
        for publishers in [1, 4] {
            let all = moments(&schedule("100", "poisson"), publishers, 20_000);
            let rate = 20_000.0 / (all[19_999] as f64 / 1000.0);
            assert!((97.0..103.0).contains(&rate), "{rate}");
            // The standard deviation of the waits equals their mean.
            let waits: Vec<_> = all.windows(2).map(|two| (two[1] - two[0]) as f64).collect();
            let variance = waits.iter().map(|wait| (wait - 10.0).powi(2)).sum::<f64>() / 19_999.0;
            assert!((9.0..11.0).contains(&variance.sqrt()), "{variance}");
        }
    }

    #[test]
    fn steps_end_and_their_events_are_known() {
        let steps = schedule("1", "steps:2/1s,0/1s,10/1s");
        let due: Vec<_> = steps.of_publisher(0, 1, 1).map(|due| due.as_millis()).collect();
        assert_eq!(due.len(), 12);
        assert_eq!(due[2], 2000);
        assert_eq!(steps.events(Duration::from_millis(2500)), Some(7.0));
        assert_eq!(steps.peak(), Some(10.0));
    }

    #[test]
    fn what_is_no_schedule_is_named() {
        for text in ["", "burst", "burst:0", "steps:", "steps:5", "steps:5/x", "Constant", "ramp:1"]
        {
            let error = text.parse::<Form>().expect_err(text);
            assert!(error.contains("write constant, poisson"), "{error}");
        }
        for text in ["", "-1", "0", "fast", "inf", "NaN"] {
            assert!(text.parse::<Rate>().expect_err(text).contains("is not a rate"), "{text}");
        }
    }
}
