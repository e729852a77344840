//! How the stream has to be set up: made, and checked.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::jetstream::stream::{
    Config, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType,
};

use super::retention::RetainedLimits;
use super::settings::{NatsLogSettings, StreamProblem, StreamRemedy};
use crate::event::{Epoch, Sequence};

/// What a new stream has for copies.
const REPLICAS: usize = 3;
/// How long the broker knows attempts again: far longer than an append is held.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// The broker keeps so much more than what nodes show: see `retention`.
const MARGIN: i64 = 2;

const EPOCH: &str = "fanfare_epoch";
const EPOCH_FROM: &str = "fanfare_epoch_from";
const RETAINED: &str = "fanfare_retain";

/// The epoch of a stream, and the message with which it began; 0 if that was the stream's beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StreamEpoch {
    pub(super) epoch: Epoch,
    pub(super) from: Sequence,
}

impl StreamEpoch {
    pub(super) fn of(config: &Config) -> Option<Self> {
        let number = |key: &str| config.metadata.get(key)?.parse::<u64>().ok();
        let epoch = Epoch::from_bits(number(EPOCH)?);
        Some(Self { epoch, from: Sequence(number(EPOCH_FROM)?) })
    }

    pub(super) fn write(self, config: &mut Config) {
        config.metadata.insert(EPOCH.to_owned(), self.epoch.to_bits().to_string());
        config.metadata.insert(EPOCH_FROM.to_owned(), self.from.to_string());
    }
}

/// The stream as it is made.
pub(super) fn new_config(settings: &NatsLogSettings, epoch: Epoch) -> Config {
    let limits = settings.limits();
    let mut config = Config {
        name: settings.stream.clone(),
        subjects: vec![settings.subject()],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        storage: StorageType::File,
        num_replicas: if settings.allow_unsafe { 1 } else { REPLICAS },
        max_messages: doubled(limits.messages_max),
        max_bytes: doubled(limits.bytes_max),
        max_age: age_of(limits),
        max_messages_per_subject: -1,
        duplicate_window: DUPLICATE_WINDOW,
        deny_delete: true,
        deny_purge: true,
        allow_direct: true,
        metadata: HashMap::from([(RETAINED.to_owned(), limits.to_string())]),
        ..Config::default()
    };
    StreamEpoch { epoch, from: Sequence(0) }.write(&mut config);
    config
}

fn doubled(limit: u64) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_mul(MARGIN)
}

/// No limit where it would be longer than a broker can count; never shorter than the window in which it
/// knows attempts again, which a broker would refuse.
fn age_of(limits: RetainedLimits) -> Duration {
    let ms = limits.age_max_ms.saturating_mul(MARGIN.unsigned_abs());
    if ms > i64::MAX as u64 / 1_000_000 {
        return Duration::ZERO;
    }
    Duration::from_millis(ms).max(DUPLICATE_WINDOW)
}

/// Says what is wrong with a stream first, and what mends it.
pub(super) fn check(config: &Config, settings: &NatsLogSettings) -> Result<(), StreamProblem> {
    if StreamEpoch::of(config).is_none() {
        return Err(StreamProblem::NotOurs);
    }
    let ours = settings.limits();
    let theirs = config.metadata.get(RETAINED).cloned().unwrap_or_default();
    if theirs != ours.to_string() {
        return Err(StreamProblem::Retention { theirs, ours: ours.to_string() });
    }
    let wrong = |faults: Vec<StreamFault>| faults.into_iter().find(|fault| fault.is_there);
    let remedy = |flags: Option<String>| match flags {
        Some(flags) => StreamRemedy::Edit { stream: config.name.clone(), flags },
        None => StreamRemedy::MakeAnew,
    };
    if let Some(StreamFault { what, flags, .. }) = wrong(faults(config, settings)) {
        return Err(StreamProblem::Setting { what, remedy: remedy(flags) });
    }
    match wrong(dangers(config)).filter(|_| !settings.allow_unsafe) {
        Some(StreamFault { what, flags, .. }) => {
            Err(StreamProblem::Unsafe { what, remedy: remedy(flags) })
        }
        None => Ok(()),
    }
}

/// What may be wrong with a stream.
struct StreamFault {
    is_there: bool,
    what: String,
    /// What to edit the stream with; nothing where the brokers refuse to change it.
    flags: Option<String>,
}

impl StreamFault {
    fn edited(is_there: bool, what: impl Into<String>, flags: impl Into<String>) -> Self {
        Self { is_there, what: what.into(), flags: Some(flags.into()) }
    }

    fn made_anew(is_there: bool, what: &str) -> Self {
        Self { is_there, what: what.to_owned(), flags: None }
    }
}

/// What may lose events that were confirmed.
fn dangers(config: &Config) -> Vec<StreamFault> {
    vec![
        StreamFault::edited(
            config.num_replicas < REPLICAS,
            format!("it has {} copies, not {REPLICAS}", config.num_replicas),
            "--replicas=3",
        ),
        StreamFault::made_anew(
            !config.deny_delete || !config.deny_purge,
            "messages may be deleted from it",
        ),
        StreamFault::made_anew(
            config.persist_mode == Some(PersistenceMode::Async),
            "it confirms messages before it has written them",
        ),
    ]
}

/// What no node could work with.
fn faults(config: &Config, settings: &NatsLogSettings) -> Vec<StreamFault> {
    let (limits, subject) = (settings.limits(), settings.subject());
    let needs = |has: i64, needs: i64| has > 0 && has < needs;
    let (messages, bytes, age) =
        (doubled(limits.messages_max), doubled(limits.bytes_max), age_of(limits));
    let too_young = !config.max_age.is_zero() && (age.is_zero() || config.max_age < age);
    vec![
        StreamFault::edited(
            config.subjects != [subject.clone()],
            "it has other subjects",
            format!("--subjects={subject}"),
        ),
        StreamFault::made_anew(
            config.retention != RetentionPolicy::Limits,
            "it does not keep events for every reader",
        ),
        StreamFault::edited(
            config.discard != DiscardPolicy::Old,
            "it does not drop the oldest events first",
            "--discard=old",
        ),
        StreamFault::made_anew(config.storage != StorageType::File, "it is in memory"),
        StreamFault::edited(
            needs(config.max_messages, messages),
            format!("it has to keep twice what is retained, {messages} messages"),
            format!("--max-msgs={messages}"),
        ),
        StreamFault::edited(
            needs(config.max_bytes, bytes),
            format!("it has to keep twice what is retained, {bytes} bytes"),
            format!("--max-bytes={bytes}"),
        ),
        StreamFault::edited(
            too_young,
            "it has to keep messages twice as long as they are retained",
            format!("--max-age={}s", age.as_secs()),
        ),
        StreamFault::edited(
            config.max_messages_per_subject > 0,
            "it keeps only so many messages of a subject",
            "--max-msgs-per-subject=-1",
        ),
        StreamFault::edited(
            config.duplicate_window < DUPLICATE_WINDOW,
            "it forgets too early which messages it has",
            "--dupe-window=2m",
        ),
        StreamFault::edited(
            config.allow_rollup || config.no_ack,
            "messages may be removed from its middle, or are not confirmed",
            "--no-allow-rollup --ack",
        ),
        StreamFault::made_anew(
            config.allow_message_ttl || config.sealed,
            "single messages may end before others, or it takes none",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::settings::BrokerAccess;
    use super::*;
    use crate::log::MemoryLogSettings;

    fn settings() -> NatsLogSettings {
        NatsLogSettings {
            servers: Vec::new(),
            access: BrokerAccess::default(),
            monitors: Vec::new(),
            stream: "push".to_owned(),
            create: true,
            allow_unsafe: false,
            append_timeout: Duration::from_secs(15),
            data_bytes_max: 1 << 20,
            retained: MemoryLogSettings::default(),
        }
    }

    #[test]
    fn a_stream_that_was_made_here_can_be_used_and_knows_its_epoch() {
        let epoch = Epoch::begun_at(5_000, 7);
        let config = new_config(&settings(), epoch);
        assert_eq!(check(&config, &settings()), Ok(()));
        let begun = StreamEpoch { epoch, from: Sequence(0) };
        assert_eq!(StreamEpoch::of(&config), Some(begun));
        assert_eq!((config.max_messages, config.max_age.as_secs()), (200_000, 2 * 24 * 60 * 60));
        let mut for_ever = settings();
        for_ever.retained.age_max = Duration::MAX;
        assert_eq!(new_config(&for_ever, epoch).max_age, Duration::ZERO);
    }

    #[test]
    fn one_that_may_lose_events_is_refused_with_what_mends_it() {
        type Change = fn(&mut Config);
        let cases: [(Change, &str, bool); 14] = [
            (|config| config.metadata.clear(), "no Fanfare made it", false),
            (
                |config| drop(config.metadata.insert(RETAINED.into(), "events=1".into())),
                "give all nodes the same --retain-events",
                false,
            ),
            (|config| config.subjects.push("x".into()), "--subjects=push.events", false),
            (|config| config.retention = RetentionPolicy::WorkQueue, "make it anew", false),
            (|config| config.discard = DiscardPolicy::New, "--discard=old", false),
            (
                |config| config.storage = StorageType::Memory,
                "in memory; that cannot be changed",
                false,
            ),
            (|config| config.max_messages = 100_000, "--max-msgs=200000", false),
            (|config| config.max_bytes = 1, "--max-bytes=536870912", false),
            (|config| config.max_age /= 2, "--max-age=172800s", false),
            (|config| config.duplicate_window /= 2, "--dupe-window=2m", false),
            (|config| config.allow_rollup = true, "--no-allow-rollup", false),
            (|config| config.num_replicas = 1, "--replicas=3", true),
            (|config| config.deny_purge = false, "deleted from it, so that", true),
            (|config| config.deny_delete = false, "remove the stream, and let --nats-create", true),
        ];
        for (change, expected, for_trying) in cases {
            let mut config = new_config(&settings(), Epoch::begun_at(5_000, 7));
            change(&mut config);
            let problem = check(&config, &settings()).unwrap_err().to_string();
            assert!(problem.contains(expected), "{problem}");
            let all_is_allowed = NatsLogSettings { allow_unsafe: true, ..settings() };
            assert_eq!(check(&config, &all_is_allowed).is_ok(), for_trying, "{problem}");
        }
    }
}
