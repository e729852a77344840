//! The index of a segment: made from it, written beside it, and opened.

use std::io;
use std::sync::{Arc, PoisonError};

use super::super::chain::{content, is_full};
use super::super::disk::{Disk, DiskFile as _};
use super::super::index::{self, IndexHead, IndexLookup};
use super::super::indexed_segment::{IndexFile, IndexedSegment};
use super::super::segment::{self, ReadHead, SegmentHead};
use super::SegmentReader;
use crate::event::Sequence;

impl<D: Disk> SegmentReader<D> {
    /// Makes the index of a sealed segment and writes it beside it; nothing if the segment is damaged.
    pub(in crate::log::file) fn make_index(
        &self,
        first: Sequence,
    ) -> io::Result<Option<IndexedSegment>> {
        let Some((head, index)) = self.build_index(first)? else { return Ok(None) };
        self.write_index(first, &index)?;
        let filter = IndexLookup::new(&&index[..], &head).filter()?;
        Ok(filter.map(|filter| IndexedSegment::just_written(head, filter)))
    }

    /// The same at a start. Where the disk has no room for the file, the index stays in memory: a server
    /// that does not start because its disk is full could not be told to retain less.
    pub(in crate::log::file) fn make_index_at_start(
        &self,
        first: Sequence,
    ) -> io::Result<Option<IndexedSegment>> {
        let Some((head, index)) = self.build_index(first)? else { return Ok(None) };
        let filter = IndexLookup::new(&&index[..], &head).filter()?;
        Ok(match self.write_index(first, &index) {
            Err(error) if is_full(&error) => {
                filter.map(|filter| IndexedSegment::in_memory(head, filter, index.into()))
            }
            written => {
                written?;
                filter.map(|filter| IndexedSegment::just_written(head, filter))
            }
        })
    }

    /// Writes the index that had to stay in memory; the segment as it is then.
    pub(in crate::log::file) fn write_index_of(
        &self,
        segment: &IndexedSegment,
    ) -> io::Result<IndexedSegment> {
        if let Some(index) = &segment.in_memory {
            self.write_index(segment.head.first, index)?;
        }
        Ok(segment.with_file())
    }

    fn build_index(&self, first: Sequence) -> io::Result<Option<(IndexHead, Vec<u8>)>> {
        let bytes = content(&self.disk.open_to_read(&segment::name_of(first))?)?;
        let ReadHead::Good(head) = SegmentHead::read(&bytes) else { return Ok(None) };
        Ok(index::build(head, &bytes))
    }

    fn write_index(&self, first: Sequence, index: &[u8]) -> io::Result<()> {
        let name = index::name_of(first);
        let file = match self.disk.create(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.remove(&name)?;
                self.disk.create(&name)?
            }
            file => file?,
        };
        let written = file.write_at(index, 0).and_then(|()| file.sync());
        if written.is_err() {
            // Half of a file would only take more room.
            let _ = self.disk.remove(&name);
        }
        written?;
        self.disk.sync_names()
    }

    /// The index file of a segment, which is as it was written: made anew if it is not.
    pub(super) fn open_index(&self, segment: &IndexedSegment) -> io::Result<IndexFile<D::File>> {
        if let Some(index) = &segment.in_memory {
            return Ok(IndexFile::InMemory(Arc::clone(index)));
        }
        let name = index::name_of(segment.head.first);
        let open = || self.disk.open_to_read(&name);
        if segment.is_verified() {
            return open().map(IndexFile::OnDisk);
        }
        // Several may read all of it at the same time: who stands behind others for the processor holds no
        // lock for so long.
        if let Some(file) = if_there(open())?
            && IndexLookup::new(&file, &segment.head).is_whole()?
        {
            segment.set_verified();
            return Ok(IndexFile::OnDisk(file));
        }
        let _making = segment.making.lock().unwrap_or_else(PoisonError::into_inner);
        if segment.is_verified() {
            return open().map(IndexFile::OnDisk);
        }
        tracing::warn!(file = name, "an index file is damaged, and made anew");
        let made = self.make_index(segment.head.first)?;
        if made.is_none_or(|made| made.head != segment.head) {
            return Err(io::Error::other("the segment is damaged"));
        }
        segment.set_verified();
        open().map(IndexFile::OnDisk)
    }
}

fn if_there<F>(opened: io::Result<F>) -> io::Result<Option<F>> {
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
