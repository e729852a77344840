//! What can be wrong with a topic or a selector.
//!
//! The messages are shown to the client that sent the text, so each says what is wrong and what to
//! do next. Positions count bytes from the start of the text, the first is 0. The text itself is
//! not repeated: it can be long, and the reader has it.

use thiserror::Error;

use super::url_pattern::UrlPatternError;

/// The longest selector, in bytes.
pub(super) const SELECTOR_BYTES_MAX: usize = 4096;
/// The most selectors of one set.
pub(super) const SELECTORS_MAX: usize = 1_000;

/// The most URL patterns of one set. They cost more to compile than to name, and Laravel's presence
/// channels need one each.
pub(super) const URL_PATTERNS_MAX: usize = 256;

/// The most work that the selectors of a request may take together to compile.
pub(super) const COMPILE_STEPS_MAX: usize = 12_000_000;

/// Why a text is not a topic.
#[derive(Error, Debug, PartialEq, Eq, Clone)]
pub enum TopicError {
    /// There is no text.
    #[error("the topic is empty: name one, for example `https://example.com/books/1`")]
    Empty,
    /// The text passes the limit.
    #[error(
        "the topic is {bytes} bytes long and at most {max} are allowed: \
         use a shorter name and put the details into the data"
    )]
    TooLong {
        /// The length of the text.
        bytes: usize,
        /// The longest that is allowed.
        max: usize,
    },
    /// The text has a character of the classes C0, DEL or C1.
    #[error("the topic has a control character at byte {at}: remove it or percent-encode it")]
    ControlCharacter {
        /// Where the character starts.
        at: usize,
    },
    /// The text has a character of the category Cf, which nobody sees.
    #[error(
        "the topic has an invisible format character at byte {at}, such as those that join emoji: \
         remove it or percent-encode it"
    )]
    FormatCharacter {
        /// Where the character starts.
        at: usize,
    },
}

/// Why a text is not a selector, or why selectors are not a set.
#[derive(Error, Debug, PartialEq, Eq, Clone)]
pub enum SelectorError {
    /// A set without a member.
    #[error("there is no selector: give at least one topic or URI Template, or `*` for everything")]
    NoSelectors,
    /// A set with too many members.
    #[error(
        "there are more than {max} selectors: merge some of them into a URI Template, \
         or open a second stream for the rest",
        max = SELECTORS_MAX
    )]
    TooMany,
    /// There is no text.
    #[error("the selector is empty: give a topic or a URI Template, or `*` for everything")]
    Empty,
    /// The text passes the limit.
    #[error(
        "the selector is {bytes} bytes long and at most {max} are allowed: \
         shorten it, for example with a variable in place of the long part",
        max = SELECTOR_BYTES_MAX
    )]
    TooLong {
        /// The length of the text.
        bytes: usize,
    },
    /// The text has a character of the classes C0, DEL or C1.
    #[error("the selector has a control character at byte {at}: remove it or percent-encode it")]
    ControlCharacter {
        /// Where the character starts.
        at: usize,
    },
    /// The text has a character of the category Cf, which nobody sees.
    #[error(
        "the selector has an invisible format character at byte {at}, such as those that join \
         emoji: remove it or percent-encode it"
    )]
    FormatCharacter {
        /// Where the character starts.
        at: usize,
    },
    /// A set with too many URL patterns.
    #[error(
        "there are more than {max} URL patterns: merge some of them, name the topics, \
         or open a second stream for the rest",
        max = URL_PATTERNS_MAX
    )]
    TooManyUrlPatterns,
    /// The text is no URL pattern that can be kept.
    #[error("the URL pattern cannot be used: {0}")]
    UrlPattern(UrlPatternError),
    /// The template is right, but compiling and keeping it would cost too much.
    #[error(
        "the URI Template is too complex: leave out the `:n` of a variable or make n smaller, \
         write `{{x}}` for a variable before other text where `{{+x}}` or `{{x*}}` is not needed, \
         use fewer variables, or split the template into several selectors; \
         `{{+x}}` behind a fixed beginning matches everything that begins with it"
    )]
    TooComplex,
    /// Each pattern is right, and all of them together cost too much.
    #[error(
        "the patterns take more than {max} steps to compile together: use fewer or shorter ones, with \
         fewer groups and variables and smaller `:n`, name the topics, or open a second stream for the rest",
        max = COMPILE_STEPS_MAX
    )]
    TooMuchTogether,
    /// The template is right, and there is no memory left to keep it.
    #[error(
        "the patterns that are subscribed to take all the memory that they may: retry \
         later, or name the topics; whoever runs the server can raise --selectors-max"
    )]
    BudgetExhausted,
}
