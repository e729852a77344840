//! A URI Template (RFC 6570) turned around: not expanded, but compiled into a matcher.
//!
//! A topic matches when some values for the variables (undefined, a string, a list, an associative
//! array) make the template expand to it. What [`grammar`] reads, [`pattern`] writes down as a
//! regular expression, rule by rule. There is one thing that a regular expression cannot say: when
//! a variable stands in a template twice, both places may match different values.
//!
//! The expression becomes an [`Automaton`] that takes one step for each byte of a topic. A template
//! whose automaton would be large, or long in building, is refused when it is read.

mod alphabet;
mod grammar;
mod pattern;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::fmt;
use std::mem::size_of;

use self::grammar::Piece;
use super::automaton::Automaton;

/// Bytes of a template from the first place on that may vary, usually a variable. Together with
/// [`VARIABLES_MAX`] it bounds the work of writing the expression, before an automaton has a size.
const VARYING_BYTES: usize = 512;

/// Variables of a template.
const VARIABLES_MAX: usize = 64;

/// What reading a template takes before an automaton is built, in its steps, and for each byte.
const READING_STEPS: usize = 3_000;
const READING_STEPS_PER_BYTE: usize = 40;

/// Compiling a template, or keeping it, would cost too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooComplex;

/// A compiled template.
pub(super) struct Template {
    text: Box<str>,
    /// How much of the text stands at the start of every topic that matches, and how much at the
    /// end. Comparing it settles most topics, and keeps it out of the automaton, where every byte
    /// is a state or, behind a variable that may hold it too, a part of many.
    start_bytes: usize,
    end_bytes: usize,
    middle: Automaton,
}

impl Template {
    /// `None` when the text is no template.
    pub(super) fn compile(text: &str) -> Option<Result<Template, TooComplex>> {
        Some(Template::of(text, grammar::parse(text)?).ok_or(TooComplex))
    }

    fn of(text: &str, mut pieces: Vec<Piece<'_>>) -> Option<Template> {
        let start_bytes = split_fixed_start(&mut pieces);
        if text.len() - start_bytes > VARYING_BYTES || variables(&pieces) > VARIABLES_MAX {
            return None;
        }
        let end_bytes = split_fixed_end(&mut pieces);
        let middle = Automaton::build(&pattern::of(&pieces), alphabet::code)?;
        Some(Template { text: text.into(), start_bytes, end_bytes, middle })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn matches(&self, topic: &str) -> bool {
        topic
            .strip_prefix(&self.text[..self.start_bytes])
            .and_then(|rest| rest.strip_suffix(&self.text[self.text.len() - self.end_bytes..]))
            .is_some_and(|middle| self.middle.matches(middle.as_bytes()))
    }

    /// What compiling it took, in steps of building an automaton.
    pub(super) fn steps(&self) -> usize {
        READING_STEPS + self.text.len() * READING_STEPS_PER_BYTE + self.middle.steps()
    }

    /// The memory that it holds, itself included.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.text.len() + self.middle.bytes()
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

/// Cuts off the end that every expansion copies as it is, and says how long it was.
fn split_fixed_end(pieces: &mut [Piece<'_>]) -> usize {
    let Some(Piece::Literal(literal)) = pieces.last_mut() else { return 0 };
    let varying = literal.trim_end_matches(pattern::is_copied).len();
    // A copied character may still belong to a percent-encoded octet.
    let varying = if literal[..varying].ends_with('%') { literal.len() } else { varying };
    let fixed = literal.len() - varying;
    *literal = &literal[..varying];
    fixed
}

fn variables(pieces: &[Piece<'_>]) -> usize {
    let count = |piece: &Piece<'_>| match piece {
        Piece::Literal(_) => 0,
        Piece::Expression(expression) => expression.variables.len(),
    };
    pieces.iter().map(count).sum()
}
