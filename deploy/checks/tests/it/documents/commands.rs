//! Commands in documents work: make's targets, and the flags of our programs.
//!
//! A line of a code block that calls one of our programs is given to that program, with `--help`
//! behind it, which reads everything before it. Flags between backticks are checked in
//! `deploying::settings`. Calls of curl are made by `peers::commands` of the server's tests. Of other
//! programs it stands below what runs them, or why nothing does.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use super::markdown::documents;
use crate::support::{program, repository, text};

/// Programs of others that documents call.
const OTHERS: [&str; 14] = [
    "apt-get",
    "cargo",
    "ctr",
    "docker",
    "dpkg",
    "helm",
    "install",
    "kubectl",
    "mkdir",
    "mount",
    "nats-server",
    "podman",
    "systemctl",
    "tar",
];

enum Trial {
    /// This file runs it, or the same with other values.
    RunBy(&'static str),
    /// Nothing does.
    Untried(&'static str),
}

use Trial::{RunBy, Untried};

/// How a command of another program begins, and what runs it.
const TRIALS: [(&str, Trial); 29] = [
    ("docker build", RunBy("deploy/checks/docker/images.py")),
    ("docker run --rm -v fanfare-keys", Untried("plain.py gives the key by a folder")),
    ("docker run --rm fanfare:0.1.0 secret", Untried("project.py has the key made into a volume")),
    ("docker run --rm --stop-timeout", RunBy("deploy/checks/docker/plain.py")),
    ("docker run --rm --read-only --cap-drop ALL", RunBy("deploy/checks/docker/archived.py")),
    ("docker load -i", RunBy("deploy/checks/docker/archived.py")),
    ("ctr -n k8s.io images import", RunBy("deploy/checks/docker/archived.py")),
    ("podman load -i", Untried("no test has Podman; 4.3 took them by hand")),
    ("docker volume create", Untried("plain.py gives the key by a folder")),
    ("docker compose -f deploy/docker-compose.yml up", RunBy("deploy/checks/docker/project.py")),
    ("docker compose -f deploy/docker-compose.yml stop", RunBy("deploy/checks/docker/cluster.py")),
    ("docker compose -f deploy/docker-compose.yml run", RunBy("deploy/checks/docker/project.py")),
    ("systemctl enable --now", RunBy("deploy/checks/packages/service.py")),
    (
        "docker compose -f deploy/docker-compose.yml --profile '*' down",
        RunBy("deploy/checks/docker/project.py"),
    ),
    (
        "docker compose -f deploy/docker-compose.yml --profile load",
        RunBy("deploy/checks/docker/project.py"),
    ),
    (
        "docker compose -f deploy/docker-compose.yml --profile cluster",
        RunBy("deploy/checks/docker/cluster.py"),
    ),
    ("kubectl", Untried("there is no cluster: what it applies is read by the types of the API")),
    ("helm install", RunBy("deploy/checks/tests/it/deploying/chart")),
    ("tar -xzf", RunBy("deploy/checks/packages/archives.py")),
    ("apt-get install ./fanfare_", RunBy("deploy/checks/packages/machine.py")),
    ("cargo install --locked --path", Untried("it is `cargo build` with another place")),
    ("cargo build --release --locked -p fanfare", RunBy("Makefile")),
    ("cargo build --release -p fanfare --features otlp", RunBy("Makefile")),
    ("install -m", Untried("the package does it, which deploy/checks/packages installs")),
    ("systemctl daemon-reload", RunBy("deploy/checks/packages/service.py")),
    ("nats-server -js", RunBy("service/tests/it/cluster")),
    ("mkdir -p /mnt/small", RunBy("service/tests/it/data_folder/failing_disks.rs")),
    ("mount -t tmpfs", RunBy("service/tests/it/data_folder/failing_disks.rs")),
    ("mount -o remount", Untried("the test removes another file instead")),
];

#[test]
fn every_command_of_another_program_is_run_by_a_test_or_has_a_reason_why_not() {
    let mut used = BTreeSet::new();
    for document in documents() {
        for line in document.lines() {
            for command in commands_of_others(&line) {
                let trial = TRIALS.iter().position(|(begin, _)| command.starts_with(begin));
                let trial = trial.unwrap_or_else(|| panic!("{}: {command}", document.path));
                used.insert(trial);
            }
        }
    }
    for (at, (begin, trial)) in TRIALS.iter().enumerate() {
        assert!(used.contains(&at), "no document has {begin}");
        match trial {
            RunBy(path) => assert!(repository(path).exists(), "{begin}: {path}"),
            Untried(reason) => assert!(!reason.is_empty(), "{begin}"),
        }
    }
}

/// The calls of other programs in a line of a shell.
fn commands_of_others(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let parts = words.split(|word| ["|", "&&", ";"].contains(word));
    let commands = parts.map(|part| part.join(" ").trim_start_matches("TOKEN=$(").to_owned());
    let is_of_another = |command: &String| {
        OTHERS.iter().any(|name| command.split(' ').next() == Some(*name)) && command.contains(' ')
    };
    commands.filter(is_of_another).collect()
}

#[test]
fn every_target_of_make_that_a_document_names_is_there() {
    let targets = targets();
    let mut named = 0;
    for document in documents() {
        let code = document.spans().into_iter().chain(document.lines());
        for line in code {
            let mut words = line.split_whitespace();
            if let (Some("make"), Some(target)) = (words.next(), words.next()) {
                assert!(targets.contains(target), "{}: {line}: no {target}", document.path);
                named += 1;
            }
        }
    }
    assert!(named > 20, "{named}");
}

fn targets() -> BTreeSet<String> {
    let makefile = text("Makefile");
    let rules = makefile.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    rules.filter_map(|rule| rule.split_once(':')).map(|(target, _)| target.to_owned()).collect()
}

#[test]
fn every_line_of_a_code_block_that_calls_a_program_of_ours_can_be_read_by_it() {
    let mut tried = 0;
    for document in documents() {
        for line in document.lines() {
            for (program, arguments) in calls(&line) {
                let said = understood(program, &arguments);
                assert!(said.is_ok(), "{}: {line}\n{}", document.path, said.unwrap_err());
                tried += 1;
            }
        }
    }
    assert!(tried >= 15, "{tried}");
}

/// The calls of our programs in a line of a shell, with their arguments. Words in capitals stand for
/// what the reader knows; a call with one of them, or with dots, is not tried.
fn calls(line: &str) -> Vec<(&'static Path, Vec<String>)> {
    // What has no closing quote is no line of a shell.
    let words = shell_words::split(line).unwrap_or_default();
    let commands = words.split(|word| ["|", "&&", ";"].contains(&word.as_str()));
    let calls = commands.filter_map(call);
    calls.filter(|(_, arguments)| !arguments.iter().any(|word| is_placeholder(word))).collect()
}

fn call(command: &[String]) -> Option<(&'static Path, Vec<String>)> {
    let (first, rest) = command.split_first()?;
    if first == "make" {
        let flags = rest.iter().find_map(|word| word.strip_prefix("ARGS=")).unwrap_or_default();
        let flags = flags.split_whitespace().map(str::to_owned);
        return match rest.first()?.as_str() {
            "run" => Some((program::fanfare(), flags.collect())),
            "load" => {
                Some((program::loadgen(), [String::from("run")].into_iter().chain(flags).collect()))
            }
            _ => None,
        };
    }
    let name = first.rsplit('/').next()?;
    let program = match name {
        "fanfare" => program::fanfare(),
        "loadgen" => program::loadgen(),
        _ => return None,
    };
    let ends = |word: &&String| !word.starts_with(['#', '>', '&']);
    Some((program, rest.iter().take_while(ends).cloned().collect()))
}

fn is_placeholder(word: &str) -> bool {
    let capitals = word.chars().filter(char::is_ascii_uppercase).count();
    word.contains(['…', '$', '[', '<']) || capitals > 2
}

/// The program reads the flags up to `--help` and then only prints.
fn understood(program: &Path, arguments: &[String]) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .arg("--help")
        .current_dir(repository("."))
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}
