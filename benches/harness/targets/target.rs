//! What a target is: something to reach, and where its figures come from.

use crate::compare::Standing;
use crate::targets::judge::{Evidence, Finding};

/// Something to reach.
#[derive(Debug)]
pub(crate) struct Target {
    /// Several may have one id.
    pub(crate) id: &'static str,
    /// Names its row and its files.
    pub(crate) key: &'static str,
    pub(crate) what: &'static str,
    pub(crate) goal: &'static str,
    pub(crate) source: Source,
}

/// Where its figures come from.
#[derive(Debug)]
pub(crate) enum Source {
    Runs(Runs),
    /// The last `make compare`.
    Comparison(fn(&Standing) -> Option<Finding>),
    Publishing(PublishTarget),
}

/// Runs of loadgen, each against a fresh server.
#[derive(Debug)]
pub(crate) struct Runs {
    pub(crate) loads: Vec<TargetLoad>,
    pub(crate) storage: Storage,
    pub(crate) judge: fn(&Evidence) -> Option<Finding>,
}

/// What one run does.
#[derive(Clone, Debug)]
pub(crate) struct TargetLoad {
    /// The arguments of loadgen; `URL` stands for the server.
    pub(crate) arguments: String,
    pub(crate) meanwhile: Meanwhile,
}

/// What the harness does while loadgen loads the server.
#[derive(Clone, Debug)]
pub(crate) enum Meanwhile {
    Nothing,
    /// Other requests are made, and their responses timed.
    Requests,
    /// The server is killed and started again.
    Restart,
    /// Another loadgen opens as many streams as another load replays on, and replays nothing.
    Newcomers(String),
    Replays(ReplayLoad),
}

/// Another loadgen replays what is retained on the disk.
#[derive(Clone, Debug)]
pub(crate) struct ReplayLoad {
    pub(crate) arguments: String,
    /// How many events its streams replay, all together.
    pub(crate) events: u64,
}

/// Where the server keeps events.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Storage {
    Memory,
    /// In a folder that holds so many events at the beginning.
    Disk {
        flags: &'static [&'static str],
        events: u64,
    },
}

/// Publishing to the log on disk: measured by the harness at the log itself, beside a bare file, and by
/// loadgen over HTTP.
#[derive(Debug)]
pub(crate) struct PublishTarget {
    /// How many wait at the same time.
    pub(crate) publishers: usize,
    pub(crate) judge: fn(&Evidence) -> Option<Finding>,
}

impl From<String> for TargetLoad {
    fn from(arguments: String) -> Self {
        Self { arguments, meanwhile: Meanwhile::Nothing }
    }
}
