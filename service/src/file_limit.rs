//! The number of files that the process may open, which is the number of sockets it may hold.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use thiserror::Error;

/// How much of the file limit connections may take at most; the rest is for everything else.
const CONNECTIONS_PERCENT: u64 = 90;

/// What is assumed where there is no limit.
const UNLIMITED: u64 = 1 << 20;

/// How many connections may be sent a refusal at the same time, beside those that are served.
pub const REFUSED_CONNECTIONS: usize = 64;

/// What a runtime of tokio has open: two handles of its epoll, what wakes it, and its end of the socket by
/// which it hears of signals.
const RUNTIME: u64 = 4;

/// What any server has open: standard input, output and error, the socket by which signals come (two), and the
/// runtimes of requests and of signals.
const PROCESS: u64 = 3 + 2 + 2 * RUNTIME;

/// What a public listener takes: itself, a supervisor's handle of it, and the connection that has just come
/// and is neither served nor refused yet.
const LISTENER: u64 = 3;

/// How many connections an admin listener serves at a time: a few scrapers and probes.
pub const ADMIN_CONNECTIONS: usize = 32;

/// What an admin listener takes: itself, a runtime, its connections, the one that has just come, and one that
/// made room for it and is not closed yet.
const ADMIN_LISTENER: u64 = 1 + RUNTIME + ADMIN_CONNECTIONS as u64 + 2;

/// What a shard takes: its epoll, and what wakes it.
const SHARD: u64 = 2;

/// What a data folder takes beside what is read for clients that come back: its lock; the newest segment, and
/// a segment with its index in which the writer looks something up, or the folder itself while its names are
/// synced; and three by which the upkeep makes an index, or reads one and its segment.
const DATA_FOLDER: u64 = 1 + 3 + 3;

/// How many threads read for clients that come back, and how many files they have open for each segment.
const READERS: u64 = 2;
const SEGMENT: u64 = 2;

/// What brokers take: a runtime, a connection, one that is tried in its place, and looking up names.
const BROKERS: u64 = RUNTIME + 4;

/// What sending traces takes: a runtime, a connection, and looking up a name.
const TRACES: u64 = RUNTIME + 2;

/// What is open for moments: settings and certificates that are read again, figures of the system, and
/// sockets to the issuers of keys, to what knows their addresses, to the supervisor and to a collector.
const FOR_MOMENTS: u64 = 8;

/// By how much a server needs files of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileNeeds {
    pub listeners: usize,
    pub admin_listeners: usize,
    pub shards: usize,
    pub has_data_folder: bool,
    pub has_brokers: bool,
    pub sends_traces: bool,
}

/// The server's own files leave none for a connection.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "the process may have {files_max} files open, and needs {needed} at least: {own} are the server's own, {refused} of which are connections that it turns away, and one is for a client; raise the limit (`ulimit -n`, `LimitNOFILE=` of systemd, `--ulimit nofile=` of Docker)",
    refused = REFUSED_CONNECTIONS
)]
pub struct TooFewFiles {
    files_max: u64,
    own: u64,
    needed: u64,
}

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

    /// How many connections there may be: as many as are wanted, or nine tenths of the files where nothing is
    /// said; or fewer where the rest is not enough for the server itself. When its log cannot open its next
    /// file, nobody gets an event.
    ///
    /// # Errors
    /// When there is not even one.
    pub fn connections_max(
        self,
        wanted: Option<usize>,
        needs: FileNeeds,
    ) -> Result<usize, TooFewFiles> {
        let (files_max, own) = (self.files_max, self.own_files(needs));
        let left = files_max.saturating_sub(own);
        if left == 0 {
            return Err(TooFewFiles { files_max, own, needed: own.saturating_add(1) });
        }
        let share = files_max.saturating_mul(CONNECTIONS_PERCENT) / 100;
        let wanted_files = wanted.map_or(share, |connections| connections as u64);
        if wanted.is_some() && wanted_files > left {
            tracing::warn!(
                connections = left,
                wanted,
                files = files_max,
                "--connections is more than the limit of open files has room for; lower it, or raise that limit (`ulimit -n`, `LimitNOFILE=` of systemd)"
            );
        }
        Ok(usize::try_from(wanted_files.min(left)).unwrap_or(usize::MAX))
    }

    /// The most that the server itself may have open at a time.
    fn own_files(self, needs: FileNeeds) -> u64 {
        let times = |files: u64, count: usize| files.saturating_mul(count as u64);
        let of_folder = if needs.has_data_folder { DATA_FOLDER + self.reader_files() } else { 0 };
        let of_brokers = if needs.has_brokers { BROKERS } else { 0 };
        let of_traces = if needs.sends_traces { TRACES } else { 0 };
        let of_many = times(LISTENER, needs.listeners)
            .saturating_add(times(ADMIN_LISTENER, needs.admin_listeners))
            .saturating_add(times(SHARD, needs.shards));
        let fixed = PROCESS + REFUSED_CONNECTIONS as u64 + FOR_MOMENTS;
        (fixed + of_folder + of_brokers + of_traces).saturating_add(of_many)
    }

    /// The most that the threads have open which read a data folder: each keeps as many segments open as the
    /// log lets it, by this limit.
    pub(crate) fn reader_files(self) -> u64 {
        READERS * SEGMENT * (self.files_max / 256).clamp(1, 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of a server with the usual settings on a machine with two processors.
    const USUAL: FileNeeds = FileNeeds {
        listeners: 1,
        admin_listeners: 1,
        shards: 1,
        has_data_folder: false,
        has_brokers: false,
        sends_traces: false,
    };
    const WITH_FOLDER: FileNeeds = FileNeeds { has_data_folder: true, ..USUAL };

    #[test]
    fn connections_may_take_nine_tenths_of_the_files_and_leave_the_server_what_it_needs_itself() {
        let cases = [
            (1 << 20, USUAL, 943_718),
            (1 << 20, WITH_FOLDER, 943_718),
            (20_000, USUAL, 18_000),
            (20_000, WITH_FOLDER, 18_000),
            (2_048, USUAL, 1_843),
            (1_024, USUAL, 895),
            (1_024, FileNeeds { shards: 31, ..USUAL }, 835),
            (1_024, FileNeeds { admin_listeners: 0, ..USUAL }, 921),
            (1_024, WITH_FOLDER, 872),
            (1_024, FileNeeds { has_brokers: true, ..USUAL }, 887),
            (1_024, FileNeeds { sends_traces: true, ..USUAL }, 889),
            (256, USUAL, 127),
            (256, WITH_FOLDER, 116),
            (130, USUAL, 1),
        ];
        for (files_max, needs, expected) in cases {
            let found = FileLimit { files_max }.connections_max(None, needs);
            assert_eq!(found, Ok(expected), "{files_max} files, {needs:?}");
        }
        let largest = FileNeeds { shards: usize::MAX, listeners: usize::MAX, ..WITH_FOLDER };
        FileLimit { files_max: 1 << 20 }.connections_max(None, largest).unwrap_err();
    }

    #[test]
    fn no_more_connections_are_taken_than_there_are_files_whatever_is_wanted() {
        for (wanted, expected) in [(1, 1), (940, 940), (2_000, 1_919), (usize::MAX, 1_919)] {
            let found = FileLimit { files_max: 2_048 }.connections_max(Some(wanted), USUAL);
            assert_eq!(found, Ok(expected), "{wanted}");
        }
    }

    #[test]
    fn a_limit_that_leaves_no_connection_is_refused_with_what_is_needed() {
        for (files_max, needs, needed) in
            [(64, USUAL, 130), (129, USUAL, 130), (64, WITH_FOLDER, 141)]
        {
            let said =
                FileLimit { files_max }.connections_max(None, needs).unwrap_err().to_string();
            let begins =
                format!("the process may have {files_max} files open, and needs {needed} ");
            assert!(said.starts_with(&begins), "{said}");
            assert!(said.contains("ulimit -n") && said.contains("LimitNOFILE="), "{said}");
            FileLimit { files_max: needed }.connections_max(Some(9), needs).unwrap();
        }
    }

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        let limit = FileLimit::raise();
        let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(UNLIMITED);
        assert_eq!(limit.files_max, hard);
    }
}
