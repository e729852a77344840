//! What is measured while events arrive: histograms, one entry a second, and how single events
//! reached their subscribers. Each worker has its own; they are merged at the end, and nothing is
//! shared while a run goes on.

mod buckets;
mod compact;
mod completion;
mod durations;
mod estimate;
mod recorder;
mod recovery;
mod seconds;

pub(crate) use buckets::{BOUNDS, Buckets, SharedBuckets, Timed};
pub(crate) use compact::Compact;
pub(crate) use completion::{Completions, Follow};
pub(crate) use durations::Durations;
pub(crate) use estimate::events_in;
pub(crate) use recorder::{Counts, ReadTime, Recorder};
pub(crate) use recovery::Recovery;
pub(crate) use seconds::{SecondTally, Seconds};
