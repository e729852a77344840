//! Selectors that have to be compiled before they match.

use super::SelectorError;
use super::template::Template;
use super::url_pattern::{TopicResolver, UrlPattern};

/// In which language a selector is written that is compiled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Language {
    Template,
    UrlPattern,
}

impl Language {
    /// How many there are.
    pub(super) const COUNT: usize = 2;

    /// Its number.
    pub(super) fn index(self) -> usize {
        match self {
            Self::Template => 0,
            Self::UrlPattern => 1,
        }
    }

    /// `None` when the text is none of this language and stands for an exact topic.
    pub(super) fn compile(
        self,
        text: &str,
        resolver: &TopicResolver,
    ) -> Option<Result<Compiled, SelectorError>> {
        match self {
            Self::Template => {
                let template = Template::compile(text)?;
                Some(template.map(Compiled::Template).map_err(SelectorError::from))
            }
            Self::UrlPattern => {
                let pattern = UrlPattern::compile(text, resolver);
                Some(pattern.map(Compiled::UrlPattern).map_err(SelectorError::from))
            }
        }
    }
}

/// A compiled selector.
#[derive(Debug)]
pub(super) enum Compiled {
    Template(Template),
    UrlPattern(UrlPattern),
}

impl Compiled {
    pub(super) fn language(&self) -> Language {
        match self {
            Self::Template(_) => Language::Template,
            Self::UrlPattern(_) => Language::UrlPattern,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Template(template) => template.as_str(),
            Self::UrlPattern(pattern) => pattern.as_str(),
        }
    }

    /// Whether a topic matches. A template also matches its own text: that is how draft-07 of the
    /// protocol compares the selectors of a subscriber with those of a token.
    pub(super) fn matches(&self, topic: &str) -> bool {
        match self {
            Self::Template(template) => template.as_str() == topic || template.matches(topic),
            Self::UrlPattern(pattern) => pattern.matches(topic),
        }
    }

    /// What compiling it took, in steps of building an automaton.
    pub(super) fn steps(&self) -> usize {
        match self {
            Self::Template(template) => template.steps(),
            Self::UrlPattern(pattern) => pattern.steps(),
        }
    }

    /// The memory that it holds, itself included.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Template(template) => template.bytes(),
            Self::UrlPattern(pattern) => pattern.bytes(),
        }
    }
}
