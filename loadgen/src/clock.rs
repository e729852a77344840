//! The one clock of a run: the kernel's monotonic clock, read as nanoseconds.
//!
//! All processes of one boot (and one time namespace) share it, so a moment may be written into a
//! payload by one and compared by another; `std::time::Instant` cannot be written down. The wall
//! clock steps and slews, so it serves only between hosts, and only with a stated error. Every
//! payload says which clock it was stamped with: [`ClockId`] differs between boots.

use std::fs;
use std::ops::{Add, Sub};
use std::time::Duration;

use rustix::time::{ClockId as Kernel, clock_gettime};
use serde::{Deserialize, Serialize};

/// A moment: nanoseconds of a [`Clock`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// Later than any other.
    pub const NEVER: Self = Self(u64::MAX);

    /// Nanoseconds since an earlier moment; 0 when that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time until a later moment; nothing when that has passed.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        Duration::from_nanos(later.since(self))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }
}

/// Which clock the moments of a run are read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// The monotonic clock of this boot.
    #[default]
    Monotonic,
    /// The time of day, for publishers and subscribers on different hosts.
    Wall,
}

impl Clock {
    /// The moment that it is.
    #[must_use]
    pub fn now(self) -> Moment {
        let kernel = match self {
            Self::Monotonic => Kernel::Monotonic,
            Self::Wall => Kernel::Realtime,
        };
        let time = clock_gettime(kernel);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        Moment(seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0))
    }

    /// What payloads are marked with: equal only where moments may be compared.
    #[must_use]
    pub fn id(self) -> ClockId {
        match self {
            Self::Wall => ClockId(0),
            Self::Monotonic => {
                let namespace = fs::read_link("/proc/self/ns/time").unwrap_or_default();
                let name = format!("{} {}", boot_id(), namespace.display());
                ClockId(crc32fast::hash(name.as_bytes()) | 1)
            }
        }
    }
}

/// Identifies a clock: a hash of the boot and the time namespace, or 0 for the time of day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockId(pub u32);

/// The kernel's name for this boot.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// A duration in nanoseconds, at most 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// CPU time that the calling thread has used.
pub(crate) fn thread_cpu() -> Duration {
    let time = clock_gettime(Kernel::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Time that the calling thread was ready and waited for a processor; unknown on kernels built
/// without scheduler statistics.
pub(crate) fn thread_waiting() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split_whitespace().nth(1)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_goes_on_and_names_its_boot() {
        let first = Clock::Monotonic.now();
        assert!(Clock::Monotonic.now() >= first);
        assert_ne!(Clock::Monotonic.id(), Clock::Wall.id());
        assert_eq!(Clock::Monotonic.id(), Clock::Monotonic.id());
    }

    #[test]
    fn moments_do_not_wrap() {
        assert_eq!(Moment(5).since(Moment(9)), 0);
        assert_eq!(Moment::NEVER + Duration::from_secs(1), Moment::NEVER);
        assert_eq!(Moment(5) - Duration::from_secs(1), Moment(0));
    }
}
