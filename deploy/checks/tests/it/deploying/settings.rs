//! Every flag and variable of ours that a file or a document for operators names is one that the
//! programs have.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::OnceLock;

use super::dockerfile::stages;
use super::tool::{content, yaml};
use crate::support::{program, text};

/// What is looked through for variables, and for flags between backticks.
const FILES: [&str; 33] = [
    ".dockerignore",
    "deploy/Dockerfile",
    "deploy/caddy/Caddyfile",
    "deploy/docker-compose.yml",
    "deploy/fanfare.toml",
    "deploy/haproxy/cluster.cfg",
    "deploy/haproxy/haproxy.cfg",
    "deploy/helm/fanfare/README.md",
    "deploy/helm/fanfare/templates/_pod.tpl",
    "deploy/helm/fanfare/templates/_refusals.tpl",
    "deploy/helm/fanfare/templates/_settings.tpl",
    "deploy/helm/fanfare/values.yaml",
    "deploy/kubernetes/cluster.yaml",
    "deploy/kubernetes/fanfare.yaml",
    "deploy/kubernetes/nats.yaml",
    "deploy/nats/nats.conf",
    "deploy/nginx/fanfare.conf",
    "deploy/sysctl/90-fanfare.conf",
    "deploy/systemd/fanfare.service",
    "docs/cluster.md",
    "docs/comparison.md",
    "docs/faq.md",
    "docs/guarantees.md",
    "docs/install.md",
    "docs/migrating.md",
    "docs/openapi.yaml",
    "docs/operations.md",
    "docs/protocol.md",
    "docs/logs-and-traces.md",
    "docs/dashboards.md",
    "docs/loadgen.md",
    "README.md",
    "ARCHITECTURE.md",
];

#[test]
fn every_variable_that_is_named_is_one_of_the_servers() {
    let help = serve_help();
    let mut named = 0;
    for file in FILES {
        let text = text(file);
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for variable in words.filter(|word| word.starts_with("FANFARE_") && *word != "FANFARE_") {
            // Help shows no `=` where the value is a secret.
            let in_help =
                ["=", "]"].iter().any(|end| help.contains(&format!("[env: {variable}{end}")));
            // The other one is read when the server is compiled.
            let known = in_help || variable == "FANFARE_REVISION";
            assert!(known, "{file}: the server has no variable {variable}");
            named += 1;
        }
    }
    assert!(named > 20, "{named}");
}

#[test]
fn every_flag_in_a_document_is_one_of_the_programs() {
    let (server, generator) = (flags(&serve_help()), flags(&loadgen_help()));
    let mut named = 0;
    for file in FILES {
        for code in code(&text(file)) {
            let program = code.split(' ').next().unwrap_or_default();
            let program = program.rsplit('/').next().unwrap_or_default();
            let known = match program {
                "fanfare" => server.clone(),
                "loadgen" => generator.clone(),
                _ if program.starts_with("--") => server.union(&generator).cloned().collect(),
                _ => continue,
            };
            for flag in flags(&code) {
                // `--publish-…` stands for all that begin like this.
                let several = flag.ends_with('-') && known.iter().any(|one| one.starts_with(&flag));
                let there = several || known.contains(&flag);
                assert!(there, "{file}: {code}: there is no {flag}");
                named += 1;
            }
        }
    }
    assert!(named >= 15, "{named}");
}

#[test]
fn what_is_started_in_containers_are_commands_of_the_programs() {
    let compose = &yaml("deploy/docker-compose.yml")[0];
    let words = |value: &serde_json::Value| -> String {
        let words = value.as_array().expect("a list").iter();
        words.map(|word| word.as_str().expect("text")).collect::<Vec<_>>().join(" ")
    };
    let load = words(&compose["services"]["loadgen"]["command"]);
    assert!(load.starts_with("run "), "{load}");
    assert_known(&load, &flags(&loadgen_help()));

    let health = flags(&help(program::fanfare(), &["healthcheck", "--help"]));
    for server in ["fanfare", "node-1", "node-2", "node-3"] {
        let check = words(&compose["services"][server]["healthcheck"]["test"]);
        assert!(check.starts_with("CMD /usr/local/bin/fanfare healthcheck"), "{check}");
        assert_known(&check, &health);
    }
    let stages = stages();
    let mut instructions = stages.iter().flat_map(|stage| &stage.instructions);
    let (_, check) = instructions
        .find(|(word, rest)| word == "HEALTHCHECK" && rest != "NONE")
        .expect("a health check");
    assert_known(check.split_once("CMD ").expect("a command").1, &health);
}

fn assert_known(line: &str, known: &BTreeSet<String>) {
    let named = flags(line);
    assert!(!named.is_empty(), "{line}");
    for flag in named {
        assert!(known.contains(&flag), "{line}: there is no {flag}");
    }
}

/// The flags of a text: `--word` where no word goes before.
fn flags(text: &str) -> BTreeSet<String> {
    let mut flags = BTreeSet::new();
    for (at, _) in text.match_indices("--") {
        let before = text[..at].chars().next_back();
        let name: String = text[at + 2..]
            .chars()
            .take_while(|&c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            .collect();
        let begins = before.is_none_or(|c| !c.is_alphanumeric() && c != '-');
        if begins && name.starts_with(|c: char| c.is_ascii_lowercase()) {
            flags.insert(format!("--{name}"));
        }
    }
    flags
}

/// What stands between backticks, and the lines of code blocks.
fn code(text: &str) -> Vec<String> {
    let mut code = Vec::new();
    for (number, part) in text.split("```").enumerate() {
        if number % 2 == 1 {
            code.extend(part.replace("\\\n", " ").lines().map(|line| line.trim().to_owned()));
        } else {
            // A span may go over the end of a line, in a comment too.
            let part = part.replace("\n# ", " ").replace("\n    # ", " ").replace('\n', " ");
            code.extend(part.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    code
}

fn serve_help() -> String {
    static HELP: OnceLock<String> = OnceLock::new();
    HELP.get_or_init(|| help_of_commands(program::fanfare())).clone()
}

fn loadgen_help() -> String {
    static HELP: OnceLock<String> = OnceLock::new();
    HELP.get_or_init(|| help_of_commands(program::loadgen())).clone()
}

/// The help of a program and of each of its commands.
fn help_of_commands(program: &std::path::Path) -> String {
    let own = help(program, &["--help"]);
    let (_, commands) = own.split_once("Commands:\n").expect("commands");
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names = names.filter(|name| !name.is_empty() && *name != "help");
    let all: Vec<String> = names.map(|name| help(program, &[name, "--help"])).collect();
    [own.as_str(), &all.concat()].concat()
}

fn help(program: &std::path::Path, words: &[&str]) -> String {
    content(Command::new(program).args(words))
}
