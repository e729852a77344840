//! Reads the text of an SLO. The grammar is `METRIC COMPARISON NUMBER [UNIT]`, with spaces anywhere
//! between the four.
//!
//! Written by hand: a parser library would be larger than the grammar, and its messages would speak
//! of tokens and not of metrics and units.

use std::str::FromStr;

use super::figure::renamed;
use super::{Figure, Operator, Slo, SloError, Unit, figures};

impl FromStr for Slo {
    type Err = SloError;

    fn from_str(text: &str) -> Result<Self, SloError> {
        let split = text.find(['<', '>', '=', '!']);
        let (name, rest) = text.split_at(split.unwrap_or(text.len()));
        if split.is_none() || name.trim().is_empty() {
            return Err(SloError::NoComparison(text.to_owned()));
        }
        let (comparison, bound) = comparison(rest)?;
        let figure = figure(name.trim())?;
        let bound = bound_of(figure, bound.trim())?;
        Ok(Self { expression: text.to_owned(), figure, comparison, bound })
    }
}

/// What to say of an SLO that names its metric as an earlier version did.
pub(crate) fn hint(text: &str) -> Option<String> {
    let name = text.split(['<', '>', '=', '!']).next()?.trim();
    let new = renamed(name)?;
    Some(format!("the metric `{name}` of --slo is now called `{new}`"))
}

/// The comparison that a text begins with, and what follows it.
fn comparison(text: &str) -> Result<(Operator, &str), SloError> {
    let end = text.find(|c| !matches!(c, '<' | '>' | '=' | '!')).unwrap_or(text.len());
    let (written, rest) = text.split_at(end);
    let comparison = match written {
        "<" => Operator::Less,
        "<=" => Operator::AtMost,
        "==" => Operator::Equal,
        "!=" => Operator::Unequal,
        ">=" => Operator::AtLeast,
        ">" => Operator::Greater,
        _ => return Err(SloError::UnknownComparison(written.to_owned())),
    };
    Ok((comparison, rest))
}

fn figure(name: &str) -> Result<Figure, SloError> {
    Figure::named(name)
        .ok_or_else(|| SloError::UnknownFigure { name: name.to_owned(), nearest: nearest(name) })
}

/// The valid name with the fewest letters to change; of equally near ones, the first in the table.
fn nearest(name: &str) -> String {
    let distance = |known: &String| strsim::levenshtein(name, known);
    figures().map(|(known, _, _)| known).min_by_key(distance).unwrap_or_default()
}

/// A bound in the base unit of its figure.
fn bound_of(figure: Figure, text: &str) -> Result<f64, SloError> {
    let unit = figure.unit();
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '_' | ',' | '.')).unwrap_or(text.len());
    let (digits, suffix) = text.split_at(end);
    let number = number(digits).ok_or_else(|| SloError::NotANumber {
        bound: text.to_owned(),
        figure: figure.to_string(),
        units: unit.choices(),
    })?;
    let suffix = suffix.trim();
    unit.read(number, suffix).ok_or_else(|| match unit {
        Unit::Duration if suffix.is_empty() => {
            SloError::MissingUnit { bound: text.to_owned(), figure: figure.to_string() }
        }
        _ => SloError::WrongUnit {
            unit: suffix.to_owned(),
            figure: figure.to_string(),
            units: unit.choices(),
        },
    })
}

/// A number without a sign. A comma only separates thousands: `1,5` is refused and not read as 15.
fn number(text: &str) -> Option<f64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let whole =
        if whole.contains(',') { without_commas(whole) } else { without_underscores(whole) };
    let mut plain = whole?;
    if let Some(fraction) = fraction {
        plain.push('.');
        plain.push_str(&without_underscores(fraction)?);
    }
    plain.parse().ok()
}

fn without_commas(text: &str) -> Option<String> {
    let groups: Vec<&str> = text.split(',').collect();
    let fits = |(at, group): (usize, &&str)| {
        let width = group.len() == 3 || (at == 0 && (1..3).contains(&group.len()));
        width && group.bytes().all(|byte| byte.is_ascii_digit())
    };
    groups.iter().enumerate().all(fits).then(|| groups.concat())
}

fn without_underscores(text: &str) -> Option<String> {
    let digits = |group: &str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    text.split('_').all(digits).then(|| text.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slos_are_read_with_their_units() {
        use Operator::{AtLeast, AtMost, Equal, Greater, Less, Unequal};
        for (text, figure, comparison, bound) in [
            ("delivery.p99<25ms", "delivery.p99", Less, 25.0),
            ("delivery.p99 <= 1.5 s", "delivery.p99", AtMost, 1500.0),
            ("  ack.mean<250us ", "ack.mean", Less, 0.25),
            ("ack.min>80µs", "ack.min", Greater, 0.08),
            ("generator.lag.p999<500ns", "generator.lag.p999", Less, 0.0005),
            ("connect.first_byte.max<=3s", "connect.first_byte.max", AtMost, 3000.0),
            ("completion.last.p9999<1s", "completion.last.p9999", Less, 1000.0),
            ("delivery_ratio==1", "delivery_ratio", Equal, 1.0),
            ("delivery_ratio==100%", "delivery_ratio", Equal, 1.0),
            ("delivery_ratio >= 99.5 %", "delivery_ratio", AtLeast, 0.995),
            ("gaps!=0", "gaps", Unequal, 0.0),
            ("deliveries_per_second>=90000", "deliveries_per_second", AtLeast, 90_000.0),
            ("deliveries_per_second>=90_000", "deliveries_per_second", AtLeast, 90_000.0),
            ("received>=1,234,567", "received", AtLeast, 1_234_567.0),
            ("server.cpu_us_per_delivery<=4.25", "server.cpu_us_per_delivery", AtMost, 4.25),
            ("server.memory_per_subscriber<20KiB", "server.memory_per_subscriber", Less, 20_480.0),
            ("server.memory_after<1.5MB", "server.memory_after", Less, 1_500_000.0),
            ("generator.bytes_per_subscriber<900", "generator.bytes_per_subscriber", Less, 900.0),
        ] {
            let slo: Slo = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(slo.figure.to_string(), figure, "{text}");
            assert_eq!(slo.comparison, comparison, "{text}");
            assert!((slo.bound - bound).abs() < 1e-9, "{text}: {}", slo.bound);
            assert_eq!(slo.to_string(), text);
        }
    }

    const EXAMPLE: &str = "write a metric, one of < <= == != >= > and a bound, for instance \
                           `delivery.p99<25ms`";
    const NUMBERS: &str = "write a number such as 25, 0.5, 90000, 90_000 or 90,000, with";

    #[test]
    fn a_wrong_slo_says_what_to_write_instead() {
        for (text, message) in [
            ("", format!("the SLO `` compares nothing: {EXAMPLE}")),
            ("delivery.p99", format!("the SLO `delivery.p99` compares nothing: {EXAMPLE}")),
            ("<25ms", format!("the SLO `<25ms` compares nothing: {EXAMPLE}")),
            ("gaps=0", "`=` is not a comparison of an SLO: write one of < <= == != >= >".to_owned()),
            ("gaps=<0", "`=<` is not a comparison of an SLO: write one of < <= == != >= >".to_owned()),
            ("gaps<>0", "`<>` is not a comparison of an SLO: write one of < <= == != >= >".to_owned()),
            (
                "delivry.p99<25ms",
                "`delivry.p99` is not a metric of an SLO: did you mean `delivery.p99`?".to_owned(),
            ),
            (
                "delivery.p99.9<25ms",
                "`delivery.p99.9` is not a metric of an SLO: did you mean `delivery.p999`?".to_owned(),
            ),
            ("gap==0", "`gap` is not a metric of an SLO: did you mean `gaps`?".to_owned()),
            ("Gaps==0", "`Gaps` is not a metric of an SLO: did you mean `gaps`?".to_owned()),
            (
                "delivery.p99<25",
                "`25` needs a unit, because `delivery.p99` is a duration: ns, us, ms or s"
                    .to_owned(),
            ),
            (
                "delivery.p99<25min",
                "`min` is not a unit of `delivery.p99`, which takes ns, us, ms or s".to_owned(),
            ),
            (
                "server.cpu_us_per_delivery<4us",
                "`us` is not a unit of `server.cpu_us_per_delivery`, which takes no unit, because its \
                 name says microseconds"
                    .to_owned(),
            ),
            (
                "server.memory_after<20kb",
                "`kb` is not a unit of `server.memory_after`, which takes no unit (bytes) or one of \
                 B, KB, MB, GB, KiB, MiB, GiB"
                    .to_owned(),
            ),
            (
                "gaps==0%",
                "`%` is not a unit of `gaps`, which takes no unit (a plain number)".to_owned(),
            ),
            (
                "delivery_ratio==all",
                format!(
                    "`all` is not a bound for `delivery_ratio`: {NUMBERS} no unit (a share from 0 to 1) or %"
                ),
            ),
            (
                "delivery.p99<",
                format!("`` is not a bound for `delivery.p99`: {NUMBERS} ns, us, ms or s"),
            ),
            (
                "delivery.p99<1,5ms",
                format!("`1,5ms` is not a bound for `delivery.p99`: {NUMBERS} ns, us, ms or s"),
            ),
            ("gaps<-1", format!("`-1` is not a bound for `gaps`: {NUMBERS} no unit (a plain number)")),
        ] {
            let error = text.parse::<Slo>().expect_err(text);
            assert_eq!(error.to_string(), message, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_whole_or_not_at_all() {
        for (text, value) in [
            ("0", Some(0.0)),
            ("0.5", Some(0.5)),
            ("1_000_000", Some(1e6)),
            ("1,000.25", Some(1000.25)),
            ("12,345", Some(12_345.0)),
            ("", None),
            (".5", None),
            ("5.", None),
            ("1.2.3", None),
            ("1__0", None),
            ("_1", None),
            ("1_", None),
            ("1,00", None),
            ("1000,000", None),
            (",100", None),
            ("1_0,000", None),
        ] {
            assert_eq!(number(text), value, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "[a-z.µ<>=!0-9_, %]{0,24}") {
            let _ = text.parse::<Slo>();
        }
    }
}
