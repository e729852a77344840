//! The machine that a run is made on, read from `/proc` and `/sys`.

use std::fs;

use crate::clock::boot_id;
use crate::plan::{FileBudget, Plan, local_ports};
use crate::result::{Environment, Limits};

/// What the machine is, for the result of a plan.
pub(crate) fn look(plan: &Plan) -> Environment {
    Environment {
        loadgen: env!("CARGO_PKG_VERSION").to_owned(),
        command: shown_command(),
        cpu: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
        cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64),
        memory: field("/proc/meminfo", "MemTotal").and_then(|text| kilobytes(&text)).unwrap_or(0),
        kernel: format!(
            "{} {}",
            line("/proc/sys/kernel/ostype"),
            line("/proc/sys/kernel/osrelease")
        ),
        clock_source: line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        boot_id: boot_id(),
        loopback: plan.targets.iter().all(|target| target.endpoint.is_loopback()),
        limits: Limits {
            open_files: FileBudget::raise().limit(),
            local_ports: local_ports(),
            backlog: line("/proc/sys/net/core/somaxconn").parse().unwrap_or(0),
            receive_buffer: line("/proc/sys/net/ipv4/tcp_rmem"),
            send_buffer: line("/proc/sys/net/ipv4/tcp_wmem"),
        },
    }
}

/// Resident memory of this process, in bytes.
pub(crate) fn own_memory() -> u64 {
    resident("/proc/self/statm").unwrap_or(0)
}

/// Resident memory of a process by its `statm`, in bytes.
pub(crate) fn resident(statm: &str) -> Option<u64> {
    let text = fs::read_to_string(statm).ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// The command line without what follows a flag for secrets.
fn shown_command() -> Vec<String> {
    const SECRET: &[&str] =
        &["--token", "--publish-token", "--cookie", "--header", "-H", "--publish-header"];
    let mut hides = false;
    let shown = |word: String| {
        if std::mem::replace(&mut hides, SECRET.contains(&word.as_str())) {
            return "(not shown)".to_owned();
        }
        if word.starts_with("-H") && word.len() > 2 {
            return "-H(not shown)".to_owned();
        }
        let flag = word.split_once('=').map(|(flag, _)| flag);
        match flag.filter(|flag| SECRET.contains(flag)) {
            Some(flag) => format!("{flag}=(not shown)"),
            None => word,
        }
    };
    std::env::args().map(shown).collect()
}

fn line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().replace('\t', " ")
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kilobytes(text: &str) -> Option<u64> {
    Some(text.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}
