//! Files that are written whole or not at all: the text goes into a file beside the one that is
//! meant, which then takes its name. A program that is killed, or a disk that is full, leaves what
//! was there before.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Replaces what a file holds.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let Some(destination) = Destination::of(path)? else {
        // A device or a pipe takes bytes and has no name to give away.
        return OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes());
    };
    let temporary = destination.create()?;
    let written = fill(&temporary, text).and_then(|()| fs::rename(&temporary, &destination.file));
    if written.is_err() {
        // What is left of it would only be in the way.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Whether a file can be written, without changing it or leaving one behind.
pub(super) fn check(path: &Path) -> io::Result<()> {
    let Some(destination) = Destination::of(path)? else {
        return OpenOptions::new().write(true).open(path).map(drop);
    };
    if destination.file.exists() {
        // It may be protected on purpose, which a new file in its place would not respect.
        OpenOptions::new().append(true).open(&destination.file)?;
    }
    fs::remove_file(destination.create()?)
}

fn fill(temporary: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(temporary)?;
    file.write_all(text.as_bytes())?;
    // A name that is there before its bytes would be an empty file after a loss of power.
    file.sync_all()
}

/// Where a file is, and its folder.
struct Destination {
    file: PathBuf,
}

impl Destination {
    /// Of a file that is there or not; nothing for what is no file. Behind a link it is the file
    /// that the link leads to.
    fn of(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if !found.is_file() => Ok(None),
            Ok(_) => Ok(Some(Self { file: fs::canonicalize(path)? })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Some(Self { file: path.to_owned() }))
            }
            Err(error) => Err(error),
        }
    }

    /// Makes an empty file beside it, with the rights of the one that it is to replace. Its name
    /// holds the process, so that two programs do not write into one.
    fn create(&self) -> io::Result<PathBuf> {
        let name = self.file.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}.part", std::process::id()));
        let temporary = self.file.with_file_name(temporary);
        let create = || OpenOptions::new().write(true).create_new(true).open(&temporary);
        let created = create().or_else(|error| match error.kind() {
            // Of a process that had the same number and was killed.
            io::ErrorKind::AlreadyExists => fs::remove_file(&temporary).and_then(|()| create()),
            _ => Err(error),
        })?;
        if let Ok(found) = fs::metadata(&self.file) {
            created.set_permissions(found.permissions())?;
        }
        Ok(temporary)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// The names in a folder.
    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_check_leaves_nothing_behind_and_a_write_one_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        check(&path).expect("it can be written");
        assert!(names(folder.path()).is_empty());
        write(&path, "one").expect("it is written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("its rights");
        check(&path).expect("it can be written again");
        write(&path, "two").expect("it is written again");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "two");
        assert_eq!(names(folder.path()), ["a.json"]);
        let rights = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(rights & 0o777, 0o640);
    }

    #[test]
    fn a_link_stays_one_and_a_device_is_written_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").expect("it is written");
        symlink(&file, &link).expect("a link");
        write(&link, "new").expect("it is written");
        assert_eq!(fs::read_to_string(&file).expect("it is there"), "new");
        assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
        check(Path::new("/dev/null")).expect("a device");
        write(Path::new("/dev/null"), "x").expect("a device");
    }

    #[test]
    fn what_cannot_be_written_keeps_what_it_holds() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(check(folder.path()).is_err(), "a folder is no file");
        assert!(check(&folder.path().join("no/such/folder")).is_err());
        // A device that is always full, by a name of its own.
        assert!(write(Path::new("/dev/full"), "x").is_err());
        let path = folder.path().join("kept");
        fs::write(&path, "old").expect("it is written");
        let temporary = folder.path().join(format!(".kept.{}.part", std::process::id()));
        fs::create_dir(&temporary).expect("something in the way");
        assert!(write(&path, "new").is_err());
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "old");
    }
}
