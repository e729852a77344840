//! One server while it runs: started on a port of its own, waited for until it serves, and ended by
//! its process id whatever happens.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::http::Client;
use crate::process::Process;

/// How a server is started, and how it is known that it serves.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) title: String,
    pub(crate) command: Command,
    /// Gets the response 200 as soon as it serves.
    pub(crate) ready_url: String,
    /// Whether what serves is a child of the process that is started.
    pub(crate) serves_in_a_child: bool,
}

/// A server that serves.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    /// The process that serves, for loadgen to watch.
    pub(crate) pid: u32,
}

impl Server {
    /// Starts it, with its log in a folder, and waits until it serves.
    pub(crate) fn start(launch: Launch, folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut process = Process::start(&launch.title, launch.command, &folder.join("log"))?;
        let client = Client::new();
        process.wait_until(|| client.is_ok(&launch.ready_url))?;
        let pid = if launch.serves_in_a_child {
            child_of(process.id()).context("no process that serves")?
        } else {
            process.id()
        };
        Ok(Self { process, pid })
    }

    /// Ends it as a crash does, at once.
    pub(crate) fn kill(self) -> anyhow::Result<()> {
        self.process.kill()
    }
}

/// The process whose parent this one is.
fn child_of(parent: u32) -> Option<u32> {
    let parent = i32::try_from(parent).ok()?;
    // Some end while they are looked at.
    let mut all = procfs::process::all_processes().ok()?.flatten();
    let child = all.find(|process| process.stat().is_ok_and(|stat| stat.ppid == parent))?;
    u32::try_from(child.pid).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_of_a_process_is_found() {
        // A parent of its own, because other tests of this process have children, too.
        let mut shell = Command::new("sh");
        let mut shell = shell.args(["-c", "sleep 60 & echo $!; wait"]);
        shell = shell.stdout(std::process::Stdio::piped());
        let mut parent = shell.spawn().expect("sh");
        let mut line = String::new();
        let mut output = std::io::BufReader::new(parent.stdout.take().expect("its output"));
        std::io::BufRead::read_line(&mut output, &mut line).expect("the id of its child");
        let child: u32 = line.trim().parse().expect("a number");
        assert_eq!(child_of(parent.id()), Some(child));
        let pid = rustix::process::Pid::from_raw(i32::try_from(child).expect("an id"));
        rustix::process::kill_process(pid.expect("an id"), rustix::process::Signal::KILL)
            .expect("it runs");
        parent.wait().expect("it was started here");
        assert_eq!(child_of(u32::MAX), None);
    }
}
