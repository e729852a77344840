//! The index of a segment: made from it, written beside it, and opened.

use std::io;
use std::sync::{Arc, PoisonError};

use super::super::chain::{content, is_full};
use super::super::cold_page::ReadFault;
use super::super::disk::{Disk, DiskFile as _};
use super::super::index::{self, IndexHead, IndexLookup};
use super::super::indexed_segment::{IndexFile, IndexedSegment};
use super::super::segment::{self, ReadHead, SegmentHead};
use super::SegmentReader;
use crate::event::Sequence;
use crate::logging::log_limited;

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

    /// The index of a segment, as it was written: made anew where its file is missing or cannot be read.
    pub(super) fn open_index(&self, segment: &IndexedSegment) -> io::Result<IndexFile<D::File>> {
        if let Some(index) = &segment.in_memory {
            return Ok(IndexFile::InMemory(Arc::clone(index)));
        }
        let name = index::name_of(segment.head.first);
        if segment.is_verified()
            && let Some(file) = unless_lost(self.disk.open_to_read(&name))?
        {
            return Ok(IndexFile::OnDisk(file));
        }
        // Several may read all of it at the same time.
        if let Some(file) = self.verified_index(segment, &name)? {
            return Ok(IndexFile::OnDisk(file));
        }
        let _making = segment.making.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody has made it in the meantime.
        if segment.is_verified()
            && let Some(file) = unless_lost(self.disk.open_to_read(&name))?
        {
            return Ok(IndexFile::OnDisk(file));
        }
        let built = self.build_index(segment.head.first)?;
        let Some((_, index)) = built.filter(|(head, _)| *head == segment.head) else {
            return Err(io::Error::other("the segment is damaged"));
        };
        log_limited!(WARN, file = name, "an index file is damaged or missing, and made anew");
        let written = self.write_index(segment.head.first, &index);
        match written.and_then(|()| self.disk.open_to_read(&name)) {
            Ok(file) => {
                segment.set_verified();
                Ok(IndexFile::OnDisk(file))
            }
            // What was to be looked up can be, all the same.
            Err(error) => {
                log_limited!(
                    ERROR,
                    file = name,
                    "cannot write an index file, and tries again: {error}"
                );
                Ok(IndexFile::InMemory(index.into()))
            }
        }
    }

    /// The index file, if it is there and all of it is as it was written.
    fn verified_index(&self, segment: &IndexedSegment, name: &str) -> io::Result<Option<D::File>> {
        let Some(file) = unless_lost(self.disk.open_to_read(name))? else { return Ok(None) };
        let is_whole = unless_lost(IndexLookup::new(&file, &segment.head).is_whole())?;
        if is_whole != Some(true) {
            return Ok(None);
        }
        segment.set_verified();
        Ok(Some(file))
    }
}

/// What was read, unless it is missing or the disk does not give it back.
fn unless_lost<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if ReadFault::of(&error) == ReadFault::Lost => Ok(None),
        Err(error) => Err(error),
    }
}
