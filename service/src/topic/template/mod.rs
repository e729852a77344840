//! A URI Template (RFC 6570) turned around: not expanded, but compiled into a matcher.
//!
//! A topic matches when some values for the variables (undefined, a string, a list, an associative
//! array) make the template expand to it. What [`grammar`] reads, [`pattern`] writes down as a
//! regular expression, rule by rule. There is one thing that a regular expression cannot say: when
//! a variable stands in a template twice, both places may match different values.
//!
//! The expression runs on automata, so the time for a match grows with the length of the topic and
//! never explodes, whatever the template; the limits below keep the factor and the memory small.

mod grammar;
mod pattern;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

use self::grammar::Piece;
use super::error::SelectorError;

/// Bytes of a template from the first place on that may vary, usually a variable. It bounds the
/// work of writing and reading the expression of a hostile template before its size is known, and
/// what a long literal behind a variable can cost: at every byte of a topic, each byte of the
/// literal may be a place to be at.
const VARYING_BYTES: usize = 512;

/// Bytes for the compiled program, which lives as long as its selector: thousands may be alive at
/// once. It also bounds the worst time for a match, which is program size times topic length.
/// An ordinary template takes about 6 KiB; `{x:80}` and a query of twenty names just fit.
const PROGRAM_BYTES: usize = 64 * 1024;

/// Bytes for the automaton that a thread builds while it matches, once for each template and
/// thread. When it is full it is emptied and built anew, so a small one costs time, not matches.
const AUTOMATON_BYTES: usize = 32 * 1024;

/// A compiled template.
pub(super) struct Template {
    text: Box<str>,
    /// How much of the text stands at the start of every topic that matches. Comparing it first
    /// settles most topics, and keeps it out of the expression, where every byte costs about fifty.
    fixed_bytes: usize,
    rest: Regex,
}

impl Template {
    pub(super) fn compile(text: &str) -> Result<Template, SelectorError> {
        let mut pieces = grammar::parse(text)?;
        let fixed_bytes = split_fixed_start(&mut pieces);
        if text.len() - fixed_bytes > VARYING_BYTES {
            return Err(SelectorError::TooComplex);
        }
        let rest = RegexBuilder::new(&pattern::write(&pieces))
            .unicode(false)
            .size_limit(PROGRAM_BYTES)
            .dfa_size_limit(AUTOMATON_BYTES)
            .build()
            .map_err(|error| too_complex(&error))?;
        Ok(Template { text: text.into(), fixed_bytes, rest })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn matches(&self, topic: &str) -> bool {
        topic
            .strip_prefix(&self.text[..self.fixed_bytes])
            .is_some_and(|rest| self.rest.is_match(rest.as_bytes()))
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Template").field(&self.text).finish()
    }
}

/// Cuts off the start that every expansion copies as it is, and says how long it was.
fn split_fixed_start(pieces: &mut [Piece<'_>]) -> usize {
    let Some(Piece::Literal(literal)) = pieces.first_mut() else { return 0 };
    let fixed = literal.find(|c| !pattern::is_copied(c)).unwrap_or(literal.len());
    *literal = &literal[fixed..];
    fixed
}

/// The expression is written by us, so its syntax is right: what is left to fail is its size.
fn too_complex(error: &regex::Error) -> SelectorError {
    debug_assert!(matches!(error, regex::Error::CompiledTooBig(_)), "{error}");
    SelectorError::TooComplex
}
