//! What the log shares with the threads that read for it.

use std::sync::Arc;

use super::cold_pages::ColdPages;
use super::retained::Retained;
use super::segment_reader::SegmentReader;
use super::threads::{UpkeepSignal, WriterQueue};
use crate::clock::Clock;
use crate::event::Epoch;

/// The parts of a log in a folder.
pub(super) struct LogParts<D> {
    pub(super) epoch: Epoch,
    pub(super) clock: Clock,
    pub(super) retained: Arc<Retained>,
    pub(super) cold: ColdPages,
    pub(super) queue: WriterQueue,
    pub(super) upkeep: UpkeepSignal,
    pub(super) reader: SegmentReader<D>,
}
