//! Folders that cannot be written to: snapshots, which are read all the same, and those of another user.
//! As root, who alone mounts file systems and gives folders away.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use super::commands::{Done, data, end, filled};
use super::flags;
use crate::support::{PROGRAM, Program};

const ACTIONS: [&str; 3] = ["check", "stat", "export"];
/// The exit code of what the machine does not allow (`EX_USAGE`).
const USAGE: Option<i32> = Some(64);
/// A user whom nobody has made.
const OTHER: u32 = 12_345;

/// A folder as a snapshot of it would be mounted, until it is dropped.
struct Snapshot(tempfile::TempDir);

impl Snapshot {
    fn of(folder: &Path) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mounted =
            Done::of(Command::new("mount").args(["-o", "bind,ro"]).args([folder, place.path()]));
        assert_eq!(mounted.code, Some(0), "as root: {}", mounted.notes);
        Self(place)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).output();
    }
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_written_to_is_read_with_a_lock_file_and_without_one() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let expected = ACTIONS.map(|action| data(&[action], folder.path()).output);
    for has_lock in [true, false] {
        if !has_lock {
            fs::remove_file(folder.path().join("LOCK")).unwrap();
        }
        let snapshot = Snapshot::of(folder.path());
        for (action, expected) in ACTIONS.into_iter().zip(&expected) {
            let done = data(&[action], snapshot.path());
            assert_eq!(done.code, Some(0), "{action}, {has_lock}: {}", done.notes);
            assert_eq!(&done.output, expected, "{action}, {has_lock}");
        }
        assert_eq!(folder.path().join("LOCK").exists(), has_lock);
    }

    let server = Program::start(&flags(folder.path(), &[]));
    let snapshot = Snapshot::of(folder.path());
    let owner = format!("is used by another process ({})", server.child.id());
    for action in ACTIONS {
        let done = data(&[action], snapshot.path());
        assert_eq!((done.code, done.output.as_str()), (USAGE, ""), "{action}: {}", done.notes);
        assert!(done.notes.contains(&owner), "{action}: {}", done.notes);
    }
    end(server).await;
}

/// The program without the privilege of root to use what belongs to others.
fn unprivileged() -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--bounding-set=-dac_override,-dac_read_search").arg(PROGRAM);
    command
}

/// Gives the folder away, as with `chown` and `chmod`, and its lock file too where there is to be one.
fn give_away(folder: &Path, (owner, mode): (u32, u32), lock: Option<u32>) {
    let file = folder.join("LOCK");
    let _ = fs::remove_file(&file);
    if let Some(owner) = lock {
        fs::write(&file, "").unwrap();
        chown(&file, Some(owner), None).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    }
    chown(folder, Some(owner), None).unwrap();
    fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_folder_of_another_user_is_refused_with_the_user_to_whom_it_belongs() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    filled(&folder).await;
    let file = folder.join("LOCK");
    let cases = [
        ((OTHER, 0o755), None, &folder),
        ((OTHER, 0o700), None, &folder),
        ((0, 0o700), Some(OTHER), &file),
    ];
    for (number, (owner, lock, whose)) in cases.into_iter().enumerate() {
        give_away(&folder, owner, lock);
        let advice = format!("{} belongs to user {OTHER}, and this is user 0: ", whose.display());
        let mut refused: Vec<_> = ACTIONS
            .iter()
            .map(|&action| Done::of(unprivileged().args(["data", action]).arg(&folder)))
            .collect();
        let fixed = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        refused.push(Done::of(unprivileged().args(fixed).args(flags(&folder, &[]))));
        for done in refused {
            assert_eq!((done.code, done.output.as_str()), (USAGE, ""), "{number}: {}", done.notes);
            assert!(done.notes.contains("Permission denied"), "{number}: {}", done.notes);
            assert!(done.notes.contains(&advice), "{number}: {}", done.notes);
        }
        assert_eq!(file.exists(), lock.is_some(), "{number}: nothing is made");
    }
}
