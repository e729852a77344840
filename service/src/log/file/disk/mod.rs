//! What the log needs of a disk: a folder of files that are written, synced, and gone or not after a
//! crash.
//!
//! The operations are few, so that a model of them can crash at every one (`model`).

mod folder;
#[cfg(test)]
pub(super) mod model;

pub(super) use folder::Folder;

use std::io;

use rustix::io::Errno;

/// Whether an error says that the disk does not give back what is on it: a repair may do without. Any other
/// one may be gone at the next attempt.
pub(super) fn is_media_error(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| {
        matches!(
            errno,
            Errno::IO
                | Errno::BADMSG
                | Errno::UCLEAN
                | Errno::REMOTEIO
                | Errno::NODATA
                | Errno::ILSEQ
        )
    })
}

/// A folder. Its names are as good as files are: what was created, renamed or removed is that after a
/// crash only when `sync_names` has returned.
pub(super) trait Disk: Clone + Send + Sync + 'static {
    /// A file of it.
    type File: DiskFile;

    /// The names of all files, in no order.
    fn names(&self) -> io::Result<Vec<String>>;

    /// A new, empty file.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// A file that is there.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// The same where nothing is written: the folder may be on a file system that cannot be.
    fn open_to_read(&self, name: &str) -> io::Result<Self::File> {
        self.open(name)
    }

    /// Gives a file another name, in the place of the file that has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    fn sync_names(&self) -> io::Result<()>;

    /// How much room there is for this user.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// What can be read of a file.
pub(super) trait FileContent: Send + Sync {
    /// Its length.
    fn bytes(&self) -> io::Result<u64>;

    /// Reads from a position to the end of the buffer, or of the file; how much that was.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
}

/// A file. What was written is there after a crash only when `sync` has returned: before that any part
/// of it may be, in sectors.
///
/// A `sync` that failed says nothing of what was written before it, and neither does one after it that
/// succeeds: the kernel may have dropped the pages.
pub(super) trait DiskFile: FileContent {
    /// Writes all of it.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Makes the file so long, with zeros, and with room on the disk for all of it.
    fn allocate(&self, bytes: u64) -> io::Result<()>;

    fn truncate(&self, bytes: u64) -> io::Result<()>;

    fn sync(&self) -> io::Result<()>;
}

/// A file that is in memory.
impl FileContent for &[u8] {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(self.len());
        let count = buffer.len().min(self.len() - from);
        buffer[..count].copy_from_slice(&self[from..from + count]);
        Ok(count)
    }
}
