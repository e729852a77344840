//! A folder of the file system.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Resource, getrlimit};

use super::{Disk, DiskFile, FileContent};
use crate::logging::log_limited;

/// How often room is asked for in advance. Some file systems give back what they have found so far when a
/// signal comes, so that signals that follow closely on each other would let it never end.
const ALLOCATE_TRIES: usize = 16;

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
        // A file system of the network may be interrupted while it asks.
        let room = retry_on_intr(|| statvfs(&self.path))?;
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
        check_size(at + bytes.len() as u64)?;
        self.write_all_at(bytes, at)
    }

    /// Room in advance makes a sync of one event half as expensive, since no length has to be written
    /// with it, and a full disk is seen before anything is written. Where there is no such call, or none
    /// that comes to its end, the file only gets the length.
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        check_size(bytes)?;
        match has_allocated(|| fallocate(self, FallocateFlags::empty(), 0, bytes))? {
            true => Ok(()),
            false => self.set_len(bytes),
        }
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Whether the call has made room; not where the file system or the kernel has none, or signals do not let
/// it end.
fn has_allocated(mut allocate: impl FnMut() -> Result<(), Errno>) -> Result<bool, Errno> {
    for _ in 0..ALLOCATE_TRIES {
        match allocate() {
            Err(Errno::INTR) => {}
            // A file system in user space or a filter of system calls has other words for it.
            Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL | Errno::PERM) => return Ok(false),
            allocated => return allocated.map(|()| true),
        }
    }
    Ok(false)
}

/// Refuses to make a file larger than the process may. The system would do so too, but with a signal that
/// ends a program which is not prepared for it (SIGXFSZ), and a program with a hub in it has its signals for
/// itself.
fn check_size(bytes: u64) -> io::Result<()> {
    let checked = within_size(bytes, getrlimit(Resource::Fsize).current);
    if let Err(error) = &checked {
        log_limited!(ERROR, "the event log cannot write: {error}");
    }
    checked
}

fn within_size(bytes: u64, max: Option<u64>) -> io::Result<()> {
    let Some(max) = max.filter(|max| bytes > *max) else { return Ok(()) };
    let why = format!(
        "a file of {bytes} bytes is over the limit of the size of files, {max} bytes; raise that limit (`ulimit -f`, `LimitFSIZE=` of systemd), or lower --retain-bytes, of which a file takes an eighth"
    );
    Err(io::Error::new(io::ErrorKind::FileTooLarge, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_asked_for_again_after_a_signal_and_where_there_is_no_way_only_the_length_is_set() {
        const INTERRUPTED: Result<(), Errno> = Err(Errno::INTR);
        type Answers = &'static [Result<(), Errno>];
        let cases: [(Answers, Result<bool, Errno>); 8] = [
            (&[Ok(())], Ok(true)),
            (&[INTERRUPTED, INTERRUPTED, Ok(())], Ok(true)),
            (&[Err(Errno::OPNOTSUPP)], Ok(false)),
            (&[Err(Errno::NOSYS)], Ok(false)),
            (&[INTERRUPTED, Err(Errno::NOSYS)], Ok(false)),
            (&[INTERRUPTED; ALLOCATE_TRIES], Ok(false)),
            (&[INTERRUPTED, Err(Errno::NOSPC)], Err(Errno::NOSPC)),
            (&[Err(Errno::IO)], Err(Errno::IO)),
        ];
        for (answers, expected) in cases {
            let mut left = answers.iter();
            let allocated = has_allocated(|| *left.next().expect("it is not asked again"));
            assert_eq!(allocated, expected, "{answers:?}");
            assert_eq!(left.len(), 0, "{answers:?}");
        }
    }

    #[test]
    fn a_file_that_may_not_become_so_large_is_refused_with_the_limit_and_what_to_do() {
        for (bytes, max, is_refused) in
            [(0, Some(0), false), (1, Some(0), true), (10, Some(10), false), (11, Some(10), true)]
        {
            let checked = within_size(bytes, max);
            assert_eq!(checked.is_err(), is_refused, "{bytes} bytes within {max:?}");
        }
        within_size(u64::MAX, None).unwrap();
        let error = within_size(64 << 20, Some(10 << 20)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        let said = error.to_string();
        assert!(said.contains("67108864 bytes") && said.contains("10485760"), "{said}");
        assert!(said.contains("`ulimit -f`") && said.contains("--retain-bytes"), "{said}");
    }

    #[test]
    fn a_folder_is_as_it_was_after_it_was_seen_whether_files_can_be_made_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Folder::at(folder.path());
        disk.make_and_remove("tried").unwrap();
        assert_eq!(disk.names().unwrap(), [""; 0]);
        // As a start leaves it that was cut off.
        disk.create("tried").unwrap();
        disk.make_and_remove("tried").unwrap();
        assert_eq!(disk.names().unwrap(), [""; 0]);
        std::fs::create_dir(folder.path().join("tried")).unwrap();
        disk.make_and_remove("tried").unwrap_err();
        let gone = Folder::at(&folder.path().join("gone"));
        assert_eq!(gone.make_and_remove("tried").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
