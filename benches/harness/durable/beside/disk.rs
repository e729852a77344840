//! Which file system a folder is on: in memory, nothing that is measured would be true.

use std::path::Path;

use anyhow::{Context as _, bail};
use procfs::process::Process;

/// File systems that keep what is written in memory.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// The name of the file system of a folder that is there, which is on a disk.
pub(super) fn file_system(folder: &Path) -> anyhow::Result<String> {
    let folder = folder.canonicalize().with_context(|| format!("no {}", folder.display()))?;
    let mounts = Process::myself()?.mountinfo().context("which file systems there are")?;
    let mounts = mounts.0.into_iter().map(|mount| (mount.mount_point, mount.fs_type));
    let name = of(&folder, mounts).context("the folder is on no file system that is known")?;
    if IN_MEMORY.contains(&name.as_str()) {
        bail!("{} is on {name}, in memory; name one on a disk with --folder", folder.display());
    }
    Ok(name)
}

/// Of mounts in the order in which they were made: the last of those that are nearest hides the others.
fn of<P: AsRef<Path>>(folder: &Path, mounts: impl Iterator<Item = (P, String)>) -> Option<String> {
    let around = mounts.filter(|(point, _)| folder.starts_with(point));
    let nearest = around.max_by_key(|(point, _)| point.as_ref().components().count());
    nearest.map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_that_was_made_last_is_the_one() {
        let mounts = || {
            [("/", "ext4"), ("/work", "xfs"), ("/work", "tmpfs"), ("/working", "btrfs")]
                .map(|(point, name)| (point, name.to_owned()))
                .into_iter()
        };
        for (folder, name) in
            [("/home/a", "ext4"), ("/work", "tmpfs"), ("/work/a/b", "tmpfs"), ("/works", "ext4")]
        {
            assert_eq!(of(Path::new(folder), mounts()).as_deref(), Some(name), "{folder}");
        }
        assert_eq!(of(Path::new("/a"), std::iter::empty::<(&str, String)>()), None);
    }

    #[test]
    fn memory_is_refused() {
        let shared = Path::new("/dev/shm");
        let error = file_system(shared).expect_err("it is in memory").to_string();
        assert!(error.contains("--folder"), "{error}");
    }
}
