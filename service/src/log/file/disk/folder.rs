//! A folder of the file system.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

use super::{Disk, DiskFile, FileContent};

/// A folder of the file system.
#[derive(Clone, Debug)]
pub(in crate::log::file) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A folder that is there.
    pub(in crate::log::file) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Makes a file and removes it; one that has the name already is removed too. The files of a folder can be
    /// written where none can be added to it, which otherwise only the next segment would show.
    pub(in crate::log::file) fn make_and_remove(&self, name: &str) -> io::Result<()> {
        match self.create(name) {
            // It is left of a start that was cut off.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => drop(created?),
        }
        self.remove(name)
    }
}

impl Disk for Folder {
    type File = File;

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(&self.path)?;
        // What is no text was not written by us.
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn create(&self, name: &str) -> io::Result<File> {
        // Private events are in it.
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        options.open(self.path.join(name))
    }

    fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(self.path.join(name))
    }

    fn open_to_read(&self, name: &str) -> io::Result<File> {
        File::open(self.path.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let room = statvfs(&self.path)?;
        // Without what is kept for root.
        Ok(room.f_bavail.saturating_mul(room.f_frsize))
    }
}

impl FileContent for File {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match std::os::unix::fs::FileExt::read_at(self, &mut buffer[read..], at + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }
}

impl DiskFile for File {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    /// Room in advance makes a sync of one event half as expensive, since no length has to be written
    /// with it, and a full disk is seen before anything is written. File systems that have no such call
    /// only get the length.
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        match fallocate(self, FallocateFlags::empty(), 0, bytes) {
            Err(Errno::OPNOTSUPP) => self.set_len(bytes),
            result => Ok(result?),
        }
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
