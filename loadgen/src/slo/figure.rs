//! The metrics that an SLO or a comparison can name: `families` and `singles` are the table of
//! names, and the help text, the documentation, the messages about wrong names and `compare` all
//! read it here.
//!
//! A figure that a run did not measure is absent, never zero: zero gaps among subscribers that
//! were not verified would be praise for nothing.

use std::fmt;

use super::families::{FAMILIES, Family};
use super::singles::{SINGLES, Single};
use super::statistic::{STATISTICS, Statistic};
use super::unit::Unit;
use crate::result::Run;

/// A figure of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Figure {
    /// A number by itself.
    Single(&'static Single),
    /// A statistic of durations.
    Of(&'static Family, &'static str, Statistic),
}

/// Old name and new name of metrics that were renamed. The old ones are understood for one version.
const RENAMED: [(&str, &str); 3] =
    [("reach", "delivery_ratio"), ("connect.head", "connect.headers"), ("own", "generator")];

/// The present name of a metric; nothing when the given one is the present one, or none.
pub(crate) fn renamed(name: &str) -> Option<String> {
    RENAMED.iter().find_map(|(old, new)| {
        let rest = name.strip_prefix(old)?;
        (rest.is_empty() || rest.starts_with('.')).then(|| format!("{new}{rest}"))
    })
}

impl Figure {
    /// The metric of this name, or of this name in an earlier version.
    pub(crate) fn named(name: &str) -> Option<Self> {
        if let Some(new) = renamed(name) {
            return Self::named(&new);
        }
        if let Some(single) = SINGLES.iter().find(|single| single.name == name) {
            return Some(Self::Single(single));
        }
        let (family, last) = name.rsplit_once('.')?;
        let family = FAMILIES.iter().find(|known| known.name == family)?;
        let (name, statistic, _) = STATISTICS.iter().find(|(known, _, _)| *known == last)?;
        Some(Self::Of(family, name, *statistic))
    }

    /// What it is counted in.
    pub(crate) fn unit(self) -> Unit {
        match self {
            Self::Single(single) => single.unit,
            Self::Of(..) => Unit::Duration,
        }
    }

    /// Its value in the base unit of its kind; infinite for a delivery that never happened, absent
    /// when it was not measured.
    pub(crate) fn measure(self, run: &Run) -> Option<f64> {
        match self {
            Self::Single(single) => (single.measure)(run),
            Self::Of(family, _, statistic) => (family.measure)(run, statistic),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single(single) => f.write_str(single.name),
            Self::Of(family, statistic, _) => write!(f, "{}.{statistic}", family.name),
        }
    }
}

/// Every figure: its name, its unit, and what it means.
pub(crate) fn figures() -> impl Iterator<Item = (String, Unit, String)> {
    let families = FAMILIES.iter().flat_map(|family| {
        STATISTICS.iter().map(|(last, _, which)| {
            let name = format!("{}.{last}", family.name);
            (name, Unit::Duration, format!("{}: the {which}", family.meaning))
        })
    });
    let singles = SINGLES.iter().map(|s| (s.name.to_owned(), s.unit, s.meaning.to_owned()));
    families.chain(singles)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::sample;

    #[test]
    fn every_figure_is_found_by_its_name_and_measured_on_a_full_run() {
        let run = sample::run();
        for (name, unit, meaning) in figures() {
            let figure = Figure::named(&name).unwrap_or_else(|| panic!("{name} is not found"));
            assert_eq!(figure.to_string(), name);
            assert_eq!(figure.unit(), unit);
            assert!(!meaning.is_empty());
            assert!(figure.measure(&run).is_some(), "{name} is not measured");
        }
    }

    #[test]
    fn a_name_of_an_earlier_version_is_the_metric_of_its_new_name() {
        for (old, new) in [
            ("reach", "delivery_ratio"),
            ("connect.head.p99", "connect.headers.p99"),
            ("own.cpu", "generator.cpu"),
        ] {
            assert_eq!(renamed(old).as_deref(), Some(new));
            assert_eq!(Figure::named(old).expect("understood").to_string(), new);
            assert_eq!(renamed(new), None);
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<String> = figures().map(|(name, _, _)| name).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn completion_alone_means_the_last_subscriber() {
        let run = sample::run();
        let of = |name| Figure::named(name).expect("known").measure(&run);
        assert_eq!(of("completion.p99"), of("completion.last.p99"));
        assert_ne!(of("completion.p99"), of("completion.first.p99"));
    }

    #[test]
    fn disconnects_are_what_the_server_closed_and_what_failed() {
        let run = sample::run();
        let found = Figure::named("disconnects").expect("known").measure(&run);
        assert_eq!(found, Some(5.0));
    }

    #[test]
    fn nothing_is_known_of_streams_that_nobody_verified() {
        let mut run = sample::run();
        run.subscribers.verified = 0;
        assert_eq!(Figure::named("gaps").expect("known").measure(&run), None);
        assert_eq!(Figure::named("away").expect("known").measure(&run), Some(1.0));
    }
}
