//! What a log asks of a disk, so that a model can stand in for one.
//!
//! The contract is that of a POSIX file system, and no more: what was written can be lost until it
//! was synced, a part of it as well, and in any order; a name is lost until its folder was synced.
//! One assumption is made of the medium: a write that is cut damages no byte outside of it.

pub(crate) mod model;
pub(crate) mod oracle;

use std::io;

/// A folder with files, and nothing else in it.
pub(crate) trait Disk {
    /// Makes an empty file, which must not be there.
    fn create(&self, name: &str) -> io::Result<()>;

    /// The names of all files, in no order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Gives a file another name, which another file may have until then.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes what was done to names durable.
    fn sync_folder(&self) -> io::Result<()>;

    fn len(&self, name: &str) -> io::Result<u64>;

    /// The bytes of a file from a place on, at most so many.
    fn read_at(&self, name: &str, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>>;

    /// Writes some bytes, which may lie behind the end.
    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes a file longer, with zeros, or shorter.
    fn set_len(&self, name: &str, len: u64) -> io::Result<()>;

    /// Makes the bytes and the length of a file durable.
    fn sync(&self, name: &str) -> io::Result<()>;
}

#[cfg(test)]
mod tests;
