//! `meta`: whose log it is. Written once, before anything else.
//!
//! ```text
//!  0  magic     8  89 46 4e 4c 4f 47 0d 0a
//!  8  version   4  1
//! 12  check     4  CRC-32C over everything that follows
//! 16  epoch     8  of its ids
//! 24  created   8  in milliseconds since 1970
//! ```

use crc32c::crc32c;

use super::disk::{Disk, DiskFile as _, FileContent as _};
use super::open_error::OpenError;
use crate::event::Epoch;

/// The name of the file.
pub(super) const NAME: &str = "meta";
/// The same while it is being written.
pub(super) const NEW_NAME: &str = "meta.new";
const MAGIC: [u8; 8] = [0x89, b'F', b'N', b'L', b'O', b'G', b'\r', b'\n'];
const VERSION: u32 = 1;
const BYTES: usize = 32;
/// Where the epoch stands.
pub(super) const EPOCH_AT: u64 = 16;

/// What a log is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogIdentity {
    /// The epoch of its ids. It stays the same for as long as the folder, so that clients resume over a
    /// restart.
    pub(super) epoch: Epoch,
    /// When the log began, in milliseconds since 1970.
    pub(super) created_ms: u64,
}

impl LogIdentity {
    /// That of the folder; a folder without a log gets the one that is given.
    pub(super) fn of<D: Disk>(disk: &D, names: &[String], new: Self) -> Result<Self, OpenError> {
        let has = |name: &str| names.iter().any(|other| other == name);
        if has(NAME) {
            return Self::read(disk);
        }
        if names.iter().any(|name| super::segment::first_of(name).is_some()) {
            return Err(Self::missing());
        }
        new.write(disk)?;
        Ok(new)
    }

    /// There are segments, and nothing says whose they are.
    pub(super) fn missing() -> OpenError {
        let what = "it is missing, and there are segments";
        OpenError::Corrupt { file: NAME.to_owned(), offset: 0, what }
    }

    /// It is of one log, and most segments are of another: so it is it that does not belong here.
    pub(super) fn of_another_log() -> OpenError {
        let what = "it is of another log than the segments beside it, as when a server was started with an empty folder before a copy was put there; `fanfare data check` names both, and --repair takes that of the segments and keeps their events";
        OpenError::Corrupt { file: NAME.to_owned(), offset: EPOCH_AT, what }
    }

    /// Writes it, over the one that is there.
    pub(super) fn write<D: Disk>(self, disk: &D) -> Result<(), OpenError> {
        let failed = |error| OpenError::using(NEW_NAME, &error);
        if disk.names()?.iter().any(|name| name == NEW_NAME) {
            disk.remove(NEW_NAME).map_err(failed)?;
        }
        let file = disk.create(NEW_NAME).map_err(failed)?;
        file.write_at(&self.to_bytes(), 0).map_err(failed)?;
        file.sync().map_err(failed)?;
        disk.rename(NEW_NAME, NAME).map_err(failed)?;
        Ok(disk.sync_names()?)
    }

    /// Reads that of a folder which has one.
    pub(super) fn read<D: Disk>(disk: &D) -> Result<Self, OpenError> {
        let mut bytes = [0; BYTES];
        let read = disk.open_to_read(NAME).and_then(|file| file.read_at(&mut bytes, 0));
        let count = read.map_err(|error| OpenError::reading(NAME, &error))?;
        let corrupt = |what| OpenError::Corrupt { file: NAME.to_owned(), offset: 0, what };
        if count < BYTES || bytes[..8] != MAGIC {
            return Err(corrupt("it does not begin as it should"));
        }
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        match word(8) {
            VERSION if crc32c(&bytes[16..]) != word(12) => Err(corrupt("its check does not match")),
            VERSION => Ok(Self { epoch: Epoch::from_bits(number(16)), created_ms: number(24) }),
            // It may be checked otherwise.
            version => Err(OpenError::Newer { file: NAME.to_owned(), version }),
        }
    }

    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.epoch.to_bits().to_le_bytes());
        bytes.extend_from_slice(&self.created_ms.to_le_bytes());
        let check = crc32c(&bytes[16..]);
        bytes[12..16].copy_from_slice(&check.to_le_bytes());
        bytes
    }
}
