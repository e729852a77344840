//! Entry points for fuzzing: each takes bytes from anywhere through one parser of the server, and
//! panics when something that must hold for every input does not.
//!
//! The crate in `fuzz/` runs them. They stand here because most of the parsers are private; nothing
//! of the server calls them, and they promise no stability to other callers.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Parser as _;

pub use crate::http::fuzzing::{
    beginning, form, forwarded, host_and_origin, ndjson, subscription_path,
};

use crate::auth::token::{Issuer, IssuerKeys, Key, LegacyKeys, Role, TokenPlace, Verifier};
use crate::config::{Cli, Task};
use crate::delivery::{Policies, PolicyRule};
use crate::event::fuzzing::{check_draft, check_message};
use crate::event::{CustomId, DraftFields, EventType, HubId, Retry};
use crate::hub::Resume;
use crate::logging::TraceParent;
use crate::topic::{Notation, Selector, SelectorCompiler, SelectorSet, Topic, TopicResolver};

/// Selectors, one a line, and in the last line a topic that is matched against all of them.
///
/// # Panics
/// When a selector is not what was written, or its set does not match what it matches.
pub fn selectors(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (lines, topic) = text.rsplit_once('\n').unwrap_or((&text, ""));
    let selectors: Vec<Selector> = lines.split('\n').filter_map(selector).collect();
    for selector in &selectors {
        // A matcher that builds itself while it runs must not change its mind.
        assert_eq!(selector.matches(topic), selector.matches(topic), "{selector} on {topic:?}");
    }
    let expected = selectors.iter().any(|selector| selector.matches(topic));
    let count = selectors.len();
    match SelectorSet::new(selectors) {
        Ok(set) => {
            assert_eq!(set.matches(topic), expected, "{set:?} on {topic:?}");
            assert_eq!(set.matches_any([topic]), expected, "{set:?} on {topic:?}");
        }
        Err(error) => {
            assert!(count == 0 || count > SelectorSet::MAX, "{count} selectors: {error}");
        }
    }
}

fn selector(text: &str) -> Option<Selector> {
    let selector = match Selector::parse(text) {
        Ok(selector) => selector,
        Err(error) => {
            check_message(&error.to_string());
            return None;
        }
    };
    assert!(text.len() <= Selector::MAX_BYTES);
    assert_eq!(selector.as_str(), text);
    assert_eq!(Selector::parse(text).as_ref(), Ok(&selector));
    assert!(selector.matches(text), "{selector} does not match its own text");
    Some(selector)
}

/// URL patterns, one a line, and in the last line a topic that is matched against all of them.
///
/// # Panics
/// When a pattern is not what was written, or takes more memory than one may.
pub fn url_patterns(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (lines, topic) = text.rsplit_once('\n').unwrap_or((&text, ""));
    // The reading library counts brackets below zero where overflow is looked for, and panics.
    let lines = lines.split('\n').take(20).filter(|line| !line.contains(']'));
    let compiler = SelectorCompiler::new(64 << 20, TopicResolver::default());
    for line in lines {
        match compiler.compile(Notation::UrlPattern, line) {
            Ok(pattern) => {
                assert_eq!(pattern.as_str(), line);
                assert_eq!(pattern.matches(topic), pattern.matches(topic), "{line} on {topic:?}");
            }
            Err(error) => check_message(&error.to_string()),
        }
    }
    assert!(compiler.bytes() < 20 * (1 << 20), "{}", compiler.bytes());
}

/// A token of either dialect. None of them is signed, so none may be accepted.
///
/// # Panics
/// When one is, or when the reason for which it is refused cannot be shown.
pub fn token(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let key = || Key::secret(b"a secret that no input of a fuzzer knows", None).ok();
    let verifier = Verifier {
        legacy: LegacyKeys {
            publisher: key().into_iter().collect(),
            subscriber: key().into_iter().collect(),
        },
        issuers: vec![Issuer {
            name: "https://i".into(),
            keys: IssuerKeys::given(key().into_iter().collect()),
        }],
        audience: vec!["https://hub/.well-known/mercure".into()],
    };
    // What stands between the dots is as a rule JSON, which a mutator would hardly keep encoded.
    let encoded: Vec<_> = text.split('.').map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
    for token in [text.as_ref(), &encoded.join(".")] {
        for place in [TokenPlace::Header, TokenPlace::Query] {
            match verifier.verify(token, Role::Subscriber, place) {
                Ok(granted) => panic!("{granted:?}"),
                Err(error) => check_message(&error.to_string()),
            }
        }
    }
}

/// Whether a selector that can be parsed matches a topic, for an oracle that stands elsewhere.
#[must_use]
pub fn selector_matches(selector: &str, topic: &str) -> Option<bool> {
    let selector = Selector::parse(selector).ok()?;
    selector.exact_topic().is_none().then(|| selector.matches(topic))
}

/// The fields of an event, one a line: topic, type, id, retry, and the rest is data. What is
/// accepted must stand in the frame so that nothing of it can be taken for another field.
///
/// # Panics
/// When the frame says anything else than the fields.
pub fn event(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(5, '\n');
    let mut part = || parts.next().unwrap_or_default();
    let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned().into());
    let fields = DraftFields {
        topics: vec![part().to_owned().into()],
        event_type: optional(part()),
        id: optional(part()),
        retry: optional(part()),
        data: part().to_owned().into(),
        private: false,
        end: false,
    };
    check_draft(fields);
}

/// What an event's id may be, where a client resumes, names of events and waits.
///
/// # Panics
/// When something is accepted that is not what was written.
pub fn ids(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(id) = HubId::parse(&text) {
        assert_eq!(HubId::parse(&id.to_string()), Some(id));
    }
    match CustomId::parse(&text) {
        Ok(id) => assert_eq!(id.as_str(), text),
        Err(error) => check_message(&error.to_string()),
    }
    match Resume::parse(&text) {
        None => assert_eq!(text, ""),
        Some(Resume::Earliest) => assert!(text.eq_ignore_ascii_case("earliest")),
        Some(Resume::Now) => assert_eq!(text, "now"),
        Some(Resume::After(id)) => assert_eq!(id, text),
    }
    let _ = (EventType::parse(&text), Retry::parse(&text));
    if let Ok(topic) = Topic::parse(&text, 4_096) {
        assert_eq!(topic.as_str(), text);
    }
}

/// A record of an event, as a log has it on disk.
///
/// # Panics
/// When what was read is written down as something else.
pub fn record(bytes: &[u8]) {
    crate::log::fuzzing::record(bytes);
}

/// A data folder with anything in it: batches that are whole, with any records or with good ones, holes,
/// and what is none of these. All files of the folder are removed first.
///
/// # Panics
/// When it cannot be used after a repair, or shows something else then.
pub fn recovery(folder: &Path, bytes: &[u8]) {
    crate::log::fuzzing::recovery(folder, bytes);
}

/// Rules of policies, one a line.
///
/// # Panics
/// When a set of rules cannot be built of rules that were accepted.
pub fn policy_rules(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let rules = text.split('\n').take(100).filter_map(|line| line.parse::<PolicyRule>().ok());
    let _ = format!("{:?}", Policies::new(rules));
}

/// Command-line flags, one a line, with the values of every kind that they take.
///
/// # Panics
/// When settings are accepted that no server could run with.
pub fn flags(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let flags = text.split('\n').filter(|flag| !flag.is_empty()).take(50);
    let line = std::iter::once("fanfare").chain(flags);
    // The library's own errors quote what was given; the command line has a limit of its own.
    let Ok(cli) = Cli::try_parse_from(line) else { return };
    if let Ok(Task::Serve(config)) = cli.into_task() {
        assert!(config.http.headers_timeout > Duration::ZERO, "{config:?}");
        assert!(config.http.headers_bytes_max <= 1 << 20, "{config:?}");
        assert!(config.delivery.shards > 0, "{config:?}");
        assert!(config.http.retry_ms.start() <= config.http.retry_ms.end(), "{config:?}");
    }
}

/// A `traceparent`, and after a line break the `tracestate`.
///
/// # Panics
/// When an id is accepted that is not one.
pub fn trace_parent(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (parent, state) = text.split_once('\n').unwrap_or((&text, ""));
    let Some(trace) = TraceParent::parse(parent, state) else { return };
    for (id, digits) in [(trace.trace_id, 32), (trace.parent_id, 16)] {
        assert_eq!(id.len(), digits, "{id}");
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        assert!(id.bytes().any(|byte| byte != b'0'), "{id}");
    }
}
