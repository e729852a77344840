//! The regular expressions that the crate `urlpattern` writes for the components of a pattern, as
//! automata.
//!
//! It asks for sixteen of them a pattern and uses few, so each is parsed when it is asked for, and
//! compiled when it is first used. The texts that they match have been made canonical and are of
//! ASCII, so expressions are over bytes: `\d` is a digit of ASCII, as in JavaScript.

use std::sync::OnceLock;

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};
use urlpattern::RegexSyntax;
use urlpattern::regexp::RegExp;

use super::UrlPatternError;
use crate::topic::automaton::Automaton;

/// Groups within groups.
const NESTING_MAX: u32 = 50;

/// An expression, which matches a whole text or none of it.
#[derive(Debug)]
pub(super) struct ComponentExpression {
    /// Between `^` and `$`, which the library puts around it.
    text: String,
    automaton: OnceLock<Option<Automaton>>,
}

impl ComponentExpression {
    pub(super) fn into_automaton(self) -> Result<Automaton, UrlPatternError> {
        let automaton = self.automaton.into_inner();
        let compiled = automaton.unwrap_or_else(|| compile(&self.text));
        compiled.ok_or(UrlPatternError::TooComplex)
    }
}

impl RegExp for ComponentExpression {
    fn syntax() -> RegexSyntax {
        RegexSyntax::Rust
    }

    fn parse(pattern: &str, _flags: &str, _force_eval: bool) -> Result<Self, ()> {
        let text = pattern.strip_prefix('^').and_then(|text| text.strip_suffix('$')).ok_or(())?;
        let expression = read(text).ok_or(())?;
        is_plain(&expression).then_some(()).ok_or(())?;
        Ok(Self { text: text.to_owned(), automaton: OnceLock::new() })
    }

    fn matches<'a>(&self, text: &'a str) -> Option<Vec<Option<&'a str>>> {
        let automaton = self.automaton.get_or_init(|| compile(&self.text)).as_ref()?;
        automaton.matches(text.as_bytes()).then(Vec::new)
    }

    fn pattern_string(&self) -> &str {
        &self.text
    }
}

fn read(text: &str) -> Option<Hir> {
    let mut parser = ParserBuilder::new();
    let parser = parser.unicode(false).utf8(false).nest_limit(NESTING_MAX);
    parser.build().parse(text).ok()
}

fn compile(text: &str) -> Option<Automaton> {
    Automaton::build(&read(text)?, |byte| byte)
}

/// Whether it only says which bytes follow each other. The automaton does not look around.
fn is_plain(expression: &Hir) -> bool {
    match expression.kind() {
        HirKind::Look(_) => false,
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) => true,
        HirKind::Repetition(repetition) => is_plain(&repetition.sub),
        HirKind::Capture(capture) => is_plain(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().all(is_plain),
    }
}
