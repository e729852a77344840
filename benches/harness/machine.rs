//! Where and when figures were measured, which stands beside them wherever they are shown.

use std::fs;
use std::path::Path;
use std::thread::available_parallelism;

use procfs::Current as _;
use procfs::process::Process;

use crate::format::number;
use crate::result::{Machine, RunResult};

/// The machine, in words.
pub(crate) fn describe(machine: &Machine) -> String {
    format!(
        "{}, everything on this machine over loopback; loadgen {}",
        hardware(machine),
        machine.loadgen
    )
}

fn hardware(machine: &Machine) -> String {
    format!(
        "{} cores of {}, {} GiB, {}",
        machine.cores,
        machine.cpu,
        number(machine.memory as f64 / (1_u64 << 30) as f64),
        kernel_version(&machine.kernel)
    )
}

/// The name of the kernel and the first two numbers of its release: what follows says who built it.
fn kernel_version(kernel: &str) -> String {
    let (name, release) = kernel.split_once(' ').unwrap_or((kernel, ""));
    let numbers: Vec<&str> = release.split(|c: char| !c.is_ascii_digit()).take(2).collect();
    format!("{name} {}", numbers.join(".")).trim_end().to_owned()
}

/// This machine and the file system that a folder is on, where no run of loadgen says it.
pub(crate) fn with_disk(folder: &Path) -> String {
    let model = procfs::CpuInfo::current().ok();
    let model = model.and_then(|cpus| cpus.model_name(0).map(str::to_owned));
    let kernel = |file: &str| fs::read_to_string(Path::new("/proc/sys/kernel").join(file));
    let kernel = |file: &str| kernel(file).unwrap_or_default().trim().to_owned();
    let machine = Machine {
        cpu: model.unwrap_or_else(|| "an unknown processor".to_owned()),
        cores: available_parallelism().map_or(1, |cores| cores.get() as u64),
        memory: procfs::Meminfo::current().map_or(0, |memory| memory.mem_total),
        kernel: format!("{} {}", kernel("ostype"), kernel("osrelease")),
        loadgen: String::new(),
    };
    let disk = file_system(folder).unwrap_or_else(|| "an unknown file system".to_owned());
    format!("{}, {disk}", hardware(&machine))
}

/// The type of the file system that a folder is on.
fn file_system(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = Process::myself().ok()?.mountinfo().ok()?;
    let holds = mounts.into_iter().filter(|mount| folder.starts_with(&mount.mount_point));
    // What was mounted last lies above.
    let mount = holds.max_by_key(|mount| mount.mount_point.components().count())?;
    Some(mount.fs_type)
}

/// The present day, in UTC.
pub(crate) fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}

/// The day on which a run began, in UTC.
pub(crate) fn day(run: &RunResult) -> &str {
    run.started_at.split('T').next().unwrap_or_default()
}

/// How often everything was measured.
pub(crate) fn rounds(count: usize) -> String {
    if count == 1 { "1 round".to_owned() } else { format!("{count} rounds") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described_without_loadgen() {
        let text = with_disk(Path::new("/proc"));
        assert!(text.ends_with(", proc") && text.contains(" GiB, Linux "), "{text}");
        assert!(!text.contains("loadgen") && !text.starts_with('0'), "{text}");
    }

    #[test]
    fn of_a_kernel_two_numbers_are_shown() {
        for (kernel, shown) in [
            ("Linux 6.18.44-custom-1", "Linux 6.18"),
            ("Linux 6.1-rc3", "Linux 6.1"),
            ("Linux 6", "Linux 6"),
            ("Linux", "Linux"),
        ] {
            assert_eq!(kernel_version(kernel), shown);
        }
    }
}
