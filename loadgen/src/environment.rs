//! The machine that a run is made on, read from `/proc` and `/sys`.

use std::fs;

use crate::clock::boot_id;
use crate::plan::{FileBudget, HIDDEN, Plan, local_ports, without_secrets};
use crate::result::{Environment, Limits};

/// What the machine is, for the result of a plan.
pub(crate) fn look(plan: &Plan) -> Environment {
    Environment {
        loadgen: env!("CARGO_PKG_VERSION").to_owned(),
        command: shown(std::env::args()),
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

/// The command line without what follows a flag for secrets: in a word of its own, behind `=`, or
/// behind `H` in a word of short flags.
fn shown(words: impl Iterator<Item = String>) -> Vec<String> {
    const SECRET: &[&str] =
        &["--token", "--publish-token", "--cookie", "--header", "--publish-header"];
    let mut hides = false;
    let shown = |word: String| {
        let is_short = word.starts_with('-') && !word.starts_with("--");
        let header = word.find('H').filter(|_| is_short).map(|at| at + 1);
        let ends_in_header = header == Some(word.len());
        let next = SECRET.contains(&word.as_str()) || ends_in_header;
        if std::mem::replace(&mut hides, next) {
            hides = false;
            return HIDDEN.to_owned();
        }
        if let Some(at) = header.filter(|_| !ends_in_header) {
            return format!("{}{HIDDEN}", &word[..at]);
        }
        let flag = word.split_once('=').map(|(flag, _)| flag);
        match flag.filter(|flag| SECRET.contains(flag)) {
            Some(flag) => format!("{flag}={HIDDEN}"),
            None => without_secrets(&word),
        }
    };
    words.map(shown).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_the_command_line_is_shown_however_it_is_written() {
        for (line, wanted) in [
            ("run -c 5 --token secret -q", "run -c 5 --token (not shown) -q"),
            ("run --publish-token=secret", "run --publish-token=(not shown)"),
            ("run -H secret -c 5", "run -H (not shown) -c 5"),
            ("run -Hsecret -H=secret", "run -H(not shown) -H(not shown)"),
            ("run -qH secret -qHsecret", "run -qH (not shown) -qH(not shown)"),
            ("run --token --token x", "run --token (not shown) x"),
            ("run --name Host -c 5", "run --name Host -c 5"),
            ("run --subscribe http://u:p@h/{n}", "run --subscribe http://(not shown)@h/{n}"),
            ("run --publish=http://u:p@h/?x=y", "run --publish=http://(not shown)@h/?x=y"),
        ] {
            let words = shown(line.split(' ').map(str::to_owned)).join(" ");
            assert_eq!(words, wanted, "{line}");
        }
    }
}
