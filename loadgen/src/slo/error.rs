//! What is wrong with the text of an SLO. Each message says what to write instead, because the only
//! reader is a person at a command line, who should not need the manual to mend a letter or to
//! learn which units there are.

use thiserror::Error;

/// What is wrong with the text of an SLO.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum SloError {
    /// There is nothing to compare with.
    #[error(
        "the SLO `{0}` compares nothing: write a metric, one of < <= == != >= > and a bound, \
         for instance `delivery.p99<25ms`"
    )]
    NoComparison(String),
    /// `=`, `!`, `=<` and the like.
    #[error("`{0}` is not a comparison of an SLO: write one of < <= == != >= >")]
    UnknownComparison(String),
    /// No such name.
    #[error("`{name}` is not a metric of an SLO: did you mean `{nearest}`?")]
    UnknownFigure {
        /// As it was written.
        name: String,
        /// The valid name with the fewest letters to change.
        nearest: String,
    },
    /// The bound does not begin with a number, or the number is badly written.
    #[error(
        "`{bound}` is not a bound for `{figure}`: write a number such as 25, 0.5, 90000, 90_000 or \
         90,000, with {units}"
    )]
    NotANumber {
        /// As it was written.
        bound: String,
        /// What it is compared with.
        figure: String,
        /// Which units are allowed.
        units: &'static str,
    },
    /// A duration without its unit.
    #[error("`{bound}` needs a unit, because `{figure}` is a duration: ns, us, ms or s")]
    MissingUnit {
        /// As it was written.
        bound: String,
        /// What it is compared with.
        figure: String,
    },
    /// A unit that the figure is not counted in.
    #[error("`{unit}` is not a unit of `{figure}`, which takes {units}")]
    WrongUnit {
        /// As it was written.
        unit: String,
        /// What it is compared with.
        figure: String,
        /// Which units are allowed.
        units: &'static str,
    },
}
