//! The number of files that the process may open, which is the number of sockets it may hold.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How much of the file limit connections may take; the rest is for everything else.
const CONNECTIONS_PERCENT: u64 = 90;

/// What is assumed where there is no limit.
const UNLIMITED: u64 = 1 << 20;

/// The file limit after it was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLimit {
    /// How many files may be open.
    pub files_max: u64,
}

impl FileLimit {
    /// As it is, for a server that has the process from another program.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self { files_max: getrlimit(Resource::Nofile).current.unwrap_or(UNLIMITED) }
    }

    /// Raises the soft limit to the hard one, which needs no privilege.
    #[must_use]
    pub fn raise() -> Self {
        let before = getrlimit(Resource::Nofile);
        let filter = Rlimit { current: before.maximum, maximum: before.maximum };
        let now = match setrlimit(Resource::Nofile, filter) {
            Ok(()) => filter,
            Err(error) => {
                tracing::warn!(%error, "cannot raise the file limit");
                before
            }
        };
        Self { files_max: now.current.unwrap_or(UNLIMITED) }
    }

    /// How many connections fit.
    #[must_use]
    pub fn connections_max(self) -> usize {
        usize::try_from(self.files_max * CONNECTIONS_PERCENT / 100).unwrap_or(usize::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_may_take_nine_tenths_of_the_files() {
        for (files_max, expected) in [(1_024, 921), (20_000, 18_000), (1, 1)] {
            assert_eq!(FileLimit { files_max }.connections_max(), expected);
        }
    }

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        let limit = FileLimit::raise();
        let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(UNLIMITED);
        assert_eq!(limit.files_max, hard);
    }
}
