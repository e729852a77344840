//! A URL pattern (the WHATWG URL Pattern Standard), as a matcher of topics.
//!
//! The crate `urlpattern` reads a pattern and splits it into its eight components. What it would
//! match with is left behind: it makes a regular expression of every component, whose memory and
//! whose time a subscriber could make large. Here a component is a comparison of text where that is
//! all it says, and else an [`Automaton`], which is bounded when the pattern is read and takes one
//! step for each byte of a topic after that.
//!
//! A topic is parsed as a reference to a URL, relative to the hub's own. One that is none matches no
//! pattern.

mod expression;
mod resolver;
#[cfg(test)]
mod tests;

use std::fmt;
use std::mem::{size_of, size_of_val};
use std::panic::{AssertUnwindSafe, catch_unwind};

use thiserror::Error;
use urlpattern::matcher::InnerMatcher;
use urlpattern::{UrlPatternInit, UrlPatternOptions};

use self::expression::ComponentExpression;
pub use self::resolver::TopicResolver;
use self::resolver::UrlComponent;
use super::automaton::Automaton;

/// Why a text is no URL pattern that can be kept.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum UrlPatternError {
    /// A `:` without a name, a group that is not closed, an escape without a character.
    #[error("a name, a group or an escape in it is not complete")]
    Syntax,
    /// A group stands twice under one name.
    #[error("two groups in it have the same name")]
    DuplicateName,
    /// A component is none of a URL.
    #[error("a part of it cannot be a part of a URL")]
    Url,
    /// A regular expression in parentheses.
    #[error(
        "a regular expression in it is wrong, or has a look-around, an anchor or a back-reference"
    )]
    Expression,
    /// Compiling it, or keeping it, would cost too much.
    #[error(
        "it is too complex: use fewer groups, or `*` and `:name` in place of regular expressions"
    )]
    TooComplex,
}

/// What reading a pattern takes before automata are built, in their steps: at all, for each byte, and
/// for each group, for which the library writes expressions (measured: 35 µs, 0.3 µs and 18 µs).
const READING_STEPS: usize = 5_000;
const READING_STEPS_PER_BYTE: usize = 40;
const READING_STEPS_PER_GROUP: usize = 2_500;

/// A compiled URL pattern.
pub(super) struct UrlPattern {
    text: Box<str>,
    resolver: TopicResolver,
    /// Those components that not everything matches, the most telling first.
    components: Box<[(UrlComponent, Component)]>,
}

/// What one component of a URL has to be.
enum Component {
    Literal(Box<str>),
    Affixes { prefix: Box<str>, suffix: Box<str>, middle: Middle },
}

/// What has to stand between a fixed beginning and a fixed end.
enum Middle {
    Anything,
    /// At least one byte, and not this character if there is one.
    Segment(Option<char>),
    Automaton(Automaton),
}

impl UrlPattern {
    /// Compiles a pattern, which is relative to the URL of the hub.
    pub(super) fn compile(
        text: &str,
        resolver: &TopicResolver,
    ) -> Result<UrlPattern, UrlPatternError> {
        // The library counts brackets of a hostname below zero where there is one too many, which
        // panics in builds that look for that (0.6.0, `constructor_parser.rs`).
        let parse = || parse(text, resolver);
        let pattern =
            catch_unwind(AssertUnwindSafe(parse)).map_err(|_| UrlPatternError::Syntax)??;
        let components = components(pattern)?;
        Ok(UrlPattern { text: text.into(), resolver: resolver.clone(), components })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn matches(&self, topic: &str) -> bool {
        let url = self.resolver.resolve(topic);
        url.is_some_and(|url| self.matches_parts(|part| url.part(part)))
    }

    fn matches_parts<'a>(&self, text_of: impl Fn(UrlComponent) -> &'a str) -> bool {
        self.components.iter().all(|(part, component)| component.matches(text_of(*part)))
    }

    /// What compiling it took, in steps of building an automaton.
    pub(super) fn steps(&self) -> usize {
        let groups = self.text.bytes().filter(|byte| b":*{(".contains(byte)).count();
        let reading = READING_STEPS
            + self.text.len() * READING_STEPS_PER_BYTE
            + groups * READING_STEPS_PER_GROUP;
        let built = self.components.iter().map(|(_, component)| component.steps());
        reading + built.sum::<usize>()
    }

    /// The memory that it holds, itself included.
    pub(super) fn bytes(&self) -> usize {
        let held = self.components.iter().map(|(_, component)| component.bytes());
        size_of::<Self>() + self.text.len() + size_of_val(&*self.components) + held.sum::<usize>()
    }
}

impl fmt::Debug for UrlPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("UrlPattern").field(&self.text).finish()
    }
}

impl Component {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Literal(literal) => **literal == *text,
            Self::Affixes { prefix, suffix, middle } => text
                .strip_prefix(&**prefix)
                .and_then(|rest| rest.strip_suffix(&**suffix))
                .is_some_and(|text| middle.matches(text)),
        }
    }

    fn steps(&self) -> usize {
        match self {
            Self::Affixes { middle: Middle::Automaton(automaton), .. } => automaton.steps(),
            Self::Affixes { .. } | Self::Literal(_) => 0,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Literal(literal) => literal.len(),
            Self::Affixes { prefix, suffix, middle } => {
                let automaton = match middle {
                    Middle::Automaton(automaton) => automaton.bytes(),
                    Middle::Anything | Middle::Segment(_) => 0,
                };
                prefix.len() + suffix.len() + automaton
            }
        }
    }

    fn is_anything(&self) -> bool {
        match self {
            Self::Literal(_) => false,
            Self::Affixes { prefix, suffix, middle } => {
                prefix.is_empty() && suffix.is_empty() && matches!(middle, Middle::Anything)
            }
        }
    }
}

impl Middle {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Segment(delimiter) => {
                !text.is_empty() && !delimiter.is_some_and(|delimiter| text.contains(delimiter))
            }
            Self::Automaton(automaton) => automaton.matches(text.as_bytes()),
        }
    }
}

type Parsed = urlpattern::UrlPattern<ComponentExpression>;

fn parse(text: &str, resolver: &TopicResolver) -> Result<Parsed, UrlPatternError> {
    let read = |base| UrlPatternInit::parse_constructor_string::<ComponentExpression>(text, base);
    // With a base the standard also puts the base's folder before the path of `urn\:uuid\:*`, whose
    // scheme says that it is not relative.
    match read(None) {
        Err(urlpattern::Error::BaseUrlRequired) => of_init(read(Some(resolver.base().clone()))?),
        init => of_init(init?),
    }
}

fn of_init(init: UrlPatternInit) -> Result<Parsed, UrlPatternError> {
    Ok(Parsed::parse(init, UrlPatternOptions::default())?)
}

fn components(pattern: Parsed) -> Result<Box<[(UrlComponent, Component)]>, UrlPatternError> {
    let all = [
        (UrlComponent::Path, pattern.pathname),
        (UrlComponent::Host, pattern.hostname),
        (UrlComponent::Query, pattern.search),
        (UrlComponent::Fragment, pattern.hash),
        (UrlComponent::Scheme, pattern.protocol),
        (UrlComponent::Port, pattern.port),
        (UrlComponent::User, pattern.username),
        (UrlComponent::Password, pattern.password),
    ];
    let mut components = Vec::new();
    for (part, parsed) in all {
        let component = component(parsed)?;
        if !component.is_anything() {
            components.push((part, component));
        }
    }
    Ok(components.into())
}

fn component(
    parsed: urlpattern::component::Component<ComponentExpression>,
) -> Result<Component, UrlPatternError> {
    let matcher = parsed.matcher;
    let middle = match matcher.inner {
        InnerMatcher::Literal { literal } => return Ok(Component::Literal(literal.into())),
        InnerMatcher::SingleCapture { filter: None, allow_empty: true } => Middle::Anything,
        InnerMatcher::SingleCapture { filter, .. } => Middle::Segment(filter),
        InnerMatcher::RegExp { regexp } => Middle::Automaton(regexp?.into_automaton()?),
    };
    let (prefix, suffix) = (matcher.prefix.into(), matcher.suffix.into());
    Ok(Component::Affixes { prefix, suffix, middle })
}

impl From<urlpattern::Error> for UrlPatternError {
    fn from(error: urlpattern::Error) -> Self {
        use urlpattern::Error;
        match error {
            Error::Url(_) | Error::BaseUrlRequired | Error::BaseUrlWithInit => Self::Url,
            Error::RegExp(()) => Self::Expression,
            Error::Parser(error) if error.to_string().contains("duplicate name") => {
                Self::DuplicateName
            }
            Error::Tokenizer(..) | Error::Parser(_) => Self::Syntax,
        }
    }
}
