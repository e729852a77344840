//! Limits of memory that nobody has set, fitted to the memory that there is, and a warning where
//! those that are in force come to more.
//!
//! The defaults are those of a machine with a GiB to spare. Where there is less, what is retained and
//! what may be held beside it would reach the limit before any of ours acts, and the kernel would
//! kill the server. So what was not set shares what is left, in the proportions of the defaults.

use bytesize::ByteSize;
use clap::ArgMatches;
use clap::parser::ValueSource;

use super::config_file::ConfigFile;
use super::settings::variable_of;
use super::values::show_size;
use crate::memory_limit::MemoryLimit;

const MIB: u64 = 1 << 20;
/// What is left for the program itself, its connections and their sockets in the kernel: a third of
/// the limit, and not less than this.
const REST_MIN: u64 = 32 * MIB;

/// A setting of how much memory something may take.
struct MemoryHolder {
    key: &'static str,
    /// What it takes to work at all; less is not fitted.
    min: u64,
    /// Only then it is memory.
    holds: fn(&GivenSettings<'_>) -> bool,
    /// A value that has to be the same on several servers is nobody's to fit.
    may_be_fitted: fn(&GivenSettings<'_>) -> bool,
}

const HOLDERS: [MemoryHolder; 9] = [
    // With a data folder that is on the disk, and the servers of a cluster retain the same.
    holder("retain-bytes", |given| !given.has("data-dir"), |given| !given.has("nats")),
    MemoryHolder {
        min: 16 * MIB,
        ..holder("retain-memory", |given| given.has("data-dir"), |_| true)
    },
    holder("kept-bytes-max", |given| given.has("retain"), |_| true),
    holder("bodies-max", |_| true, |_| true),
    holder("output-buffers-max", |_| true, |_| true),
    holder("selectors-max", |_| true, |_| true),
    holder("subscriptions-max", |given| given.is_on("subscriptions"), |_| true),
    holder("grants-max", |_| true, |_| true),
    holder("partial-replays-max", |_| true, |_| true),
];

const fn holder(
    key: &'static str,
    holds: fn(&GivenSettings<'_>) -> bool,
    may_be_fitted: fn(&GivenSettings<'_>) -> bool,
) -> MemoryHolder {
    MemoryHolder { key, min: MIB, holds, may_be_fitted }
}

/// Settings as they were given, and the defaults of the others.
struct GivenSettings<'a> {
    matches: &'a ArgMatches,
    file: Option<&'a ConfigFile>,
}

/// What limits of memory come to.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryFit {
    limit: Option<MemoryLimit>,
    /// The settings that are fitted, with their values.
    fitted: Vec<(&'static str, ByteSize)>,
    warning: Option<String>,
}

/// One of them while it is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MemoryShare {
    key: &'static str,
    bytes: u64,
    min: u64,
    may_be_fitted: bool,
}

impl MemoryFit {
    /// For the settings of a server.
    pub(super) fn of(
        matches: &ArgMatches,
        file: Option<&ConfigFile>,
        limit: Option<MemoryLimit>,
    ) -> Self {
        let Some(limit) = limit else { return Self::default() };
        let given = GivenSettings { matches, file };
        let mut shares: Vec<MemoryShare> = HOLDERS
            .iter()
            .filter(|holder| (holder.holds)(&given))
            .map(|holder| given.share(holder))
            .collect();
        let defaults = shares.clone();
        fit(&mut shares, limit.bytes);
        let changed = defaults.iter().zip(&shares).filter(|(before, after)| before != after);
        let fitted = changed.map(|(_, share)| (share.key, ByteSize(share.bytes))).collect();
        Self { limit: Some(limit), fitted, warning: warning(&shares, &limit) }
    }

    /// The value that a setting is fitted to, if it is.
    pub(super) fn size(&self, key: &str) -> Option<ByteSize> {
        self.fitted.iter().find(|(fitted, _)| *fitted == key).map(|(_, size)| *size)
    }

    /// Puts the fitted value of a setting in the place of its default.
    pub(super) fn apply(&self, key: &str, size: &mut ByteSize) {
        *size = self.size(key).unwrap_or(*size);
    }

    /// How a fitted value is written, and where it comes from.
    pub(super) fn shown(&self, key: &str) -> Option<(String, String)> {
        let limit = self.limit?;
        Some((show_size(&self.size(key)?.as_u64()), format!("fitted to the {}", limit.set_by)))
    }

    /// What was found, and the settings that are fitted to it, as a line shows them.
    pub(super) fn summary(&self) -> (Option<MemoryLimit>, String) {
        let settings = self.fitted.iter();
        let settings = settings.map(|(key, size)| format!("{key}={}", show_size(&size.as_u64())));
        (self.limit, settings.collect::<Vec<_>>().join(" "))
    }

    pub(super) fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }
}

impl GivenSettings<'_> {
    fn share(&self, holder: &MemoryHolder) -> MemoryShare {
        let bytes = self.size(holder.key).unwrap_or_default();
        // A body may be as large as one may be, or the settings would not go together.
        let min = match holder.key {
            "bodies-max" => self.size("body-max").unwrap_or_default().max(holder.min),
            _ => holder.min,
        };
        let is_default = !self.is_set(holder.key);
        MemoryShare {
            key: holder.key,
            bytes,
            min: min.min(bytes),
            may_be_fitted: is_default && (holder.may_be_fitted)(self),
        }
    }

    fn size(&self, key: &str) -> Option<u64> {
        self.matches.get_one::<ByteSize>(&id_of(key)).map(ByteSize::as_u64)
    }

    fn is_on(&self, key: &str) -> bool {
        self.matches.get_one::<bool>(&id_of(key)).is_some_and(|is_on| *is_on)
    }

    fn has(&self, key: &str) -> bool {
        let mut values = self.matches.get_raw(&id_of(key)).into_iter().flatten();
        values.any(|value| !value.is_empty())
    }

    /// Whether somebody has said so, and not the program.
    fn is_set(&self, key: &str) -> bool {
        let source = self.matches.value_source(&id_of(key));
        matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
            || self.file.is_some_and(|file| file.place_of(variable_of(key).as_ref()).is_some())
    }
}

/// The name by which clap knows the flag of a setting.
fn id_of(key: &str) -> String {
    key.replace('-', "_")
}

/// Makes those that may be fitted smaller until all together leave the rest of the limit free, or each
/// has what it needs at least. They keep the proportions of their defaults.
fn fit(shares: &mut [MemoryShare], limit: u64) {
    let rest = (limit / 3).max(REST_MIN);
    let mut left = limit.saturating_sub(rest);
    let (mut open, fixed): (Vec<_>, Vec<_>) =
        shares.iter_mut().partition(|share| share.may_be_fitted);
    left = left.saturating_sub(fixed.iter().map(|share| share.bytes).sum());
    loop {
        let wanted: u64 = open.iter().map(|share| share.bytes).sum();
        if wanted <= left {
            return;
        }
        let part = |share: &MemoryShare| {
            whole(u128::from(share.bytes) * u128::from(left) / u128::from(wanted))
        };
        // Those that come to less than they need get what they need, and the others share anew.
        let Some(at) = open.iter().position(|share| part(share) < share.min) else {
            open.iter_mut().for_each(|share| share.bytes = part(share));
            return;
        };
        let share = open.swap_remove(at);
        share.bytes = share.min;
        left = left.saturating_sub(share.min);
    }
}

/// In MiB, as people write it.
fn whole(bytes: u128) -> u64 {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    bytes - bytes % MIB
}

/// What to do where the limits, and the rest of the program beside them, do not fit.
fn warning(shares: &[MemoryShare], limit: &MemoryLimit) -> Option<String> {
    let needed = shares.iter().map(|share| share.bytes).sum::<u64>() + REST_MIN;
    let iec = |bytes: u64| ByteSize(bytes).display().iec();
    let (set_by, has) = (limit.set_by, iec(limit.bytes));
    let list = list_of(shares);
    if needed > limit.bytes {
        let advice = match set_in(shares) {
            Some(flags) => {
                format!("lower {flags}, or leave out what is to be fitted by itself; or have")
            }
            None => "have".to_owned(),
        };
        return Some(format!(
            "what may be held in memory ({list}) comes to {} with {} for the server itself, and the {set_by} is {has}: the kernel kills the server when all of it is used; {advice} a limit of {} at least",
            iec(needed),
            iec(REST_MIN),
            iec(needed),
        ));
    }
    if needed > limit.available {
        return Some(format!(
            "what may be held in memory ({list}) comes to {} with {} for the server itself, and of the memory of the machine {} are available now: the kernel may kill the server when all of it is used; lower these limits, or end other programs",
            iec(needed),
            iec(REST_MIN),
            iec(limit.available),
        ));
    }
    None
}

/// The largest first.
fn list_of(shares: &[MemoryShare]) -> String {
    let mut shares: Vec<_> = shares.iter().collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.bytes));
    let shares = shares.iter().map(|share| format!("--{} {}", share.key, show_size(&share.bytes)));
    shares.collect::<Vec<_>>().join(", ")
}

/// The flags that somebody has set, if any are.
fn set_in(shares: &[MemoryShare]) -> Option<String> {
    let set = shares.iter().filter(|share| !share.may_be_fitted);
    let set: Vec<_> = set.map(|share| format!("--{}", share.key)).collect();
    (!set.is_empty()).then(|| set.join(" or "))
}
