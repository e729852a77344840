//! A control group with a limit of memory, as a container is one to the kernel; of version 1 or 2,
//! whichever has the memory on this machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::PROGRAM;

/// Where groups may be made.
struct Hierarchy {
    root: PathBuf,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// A group with a limit, and one within it that a process runs in: limits of outer groups hold, too.
/// Both are removed with it, so whatever runs there has to end before.
pub(crate) struct Group {
    outer: PathBuf,
    inner: PathBuf,
    version: Version,
}

impl Hierarchy {
    fn of_memory() -> io::Result<Self> {
        let first = Path::new("/sys/fs/cgroup/memory");
        if first.join("memory.limit_in_bytes").exists() {
            return Ok(Self { root: first.to_owned(), version: Version::One });
        }
        let second = Path::new("/sys/fs/cgroup");
        let controllers = fs::read_to_string(second.join("cgroup.subtree_control"))?;
        if controllers.split_whitespace().any(|controller| controller == "memory") {
            return Ok(Self { root: second.to_owned(), version: Version::Two });
        }
        Err(io::Error::other("no control group here limits memory"))
    }
}

impl Group {
    /// With a limit of so many bytes.
    ///
    /// # Errors
    /// Where this user may make none, or nothing is limited here.
    pub(crate) fn with_limit(bytes: u64) -> io::Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let Hierarchy { root, version } = Hierarchy::of_memory()?;
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let outer = root.join(format!("fanfare-test-{}-{number}", std::process::id()));
        fs::create_dir(&outer)?;
        let inner = outer.join("service");
        let group = Self { outer, inner, version };
        group.limit(bytes)?;
        Ok(group)
    }

    fn limit(&self, bytes: u64) -> io::Result<()> {
        let write = |name: &str, value: &str| fs::write(self.outer.join(name), value);
        match self.version {
            Version::One => {
                // The root has it set on most machines, and then it cannot be written again.
                let _ = write("memory.use_hierarchy", "1");
                write("memory.limit_in_bytes", &bytes.to_string())?;
                write("memory.swappiness", "0")?;
            }
            Version::Two => {
                write("cgroup.subtree_control", "+memory")?;
                write("memory.max", &bytes.to_string())?;
                // There is none where the machine does not swap.
                let _ = write("memory.swap.max", "0");
            }
        }
        fs::create_dir(&self.inner)
    }

    /// The program, to be started in it.
    pub(crate) fn command(&self) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"echo $$ > "$0/cgroup.procs" && exec "$@""#]);
        shell.arg(&self.inner).arg(PROGRAM);
        shell
    }

    /// How many processes the kernel has killed in it for want of memory.
    pub(crate) fn killed(&self) -> u64 {
        let file = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        let text = fs::read_to_string(self.inner.join(file)).expect("the group is there");
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill ")).expect("a count");
        line.parse().expect("a number")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.inner);
        let _ = fs::remove_dir(&self.outer);
    }
}
