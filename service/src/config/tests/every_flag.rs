//! What holds for every flag of every command. The flags are taken from the commands themselves, so
//! that a new one is tried here without being added.

use std::collections::BTreeSet;

use clap::Arg;

use super::*;

const GARBAGE: &str = "@?!";

/// What 0 comes to.
#[derive(Clone, Copy)]
enum Zero {
    /// What the help of the flag says about it.
    Said(&'static str),
    /// The flag is a boolean, and 0 means no.
    No,
    /// It is refused.
    Refused,
}

const ZERO: [(&str, Zero); 75] = [
    ("--listen", Zero::Refused),
    ("--admin-listen", Zero::Refused),
    ("--open", Zero::No),
    ("--host", Zero::Said("host")),
    ("--cors-origin", Zero::Refused),
    ("--demos", Zero::No),
    ("--jwt-algorithm", Zero::Refused),
    ("--publisher-jwt-algorithm", Zero::Refused),
    ("--subscriber-jwt-algorithm", Zero::Refused),
    ("--issuer-algorithm", Zero::Refused),
    ("--public-url", Zero::Refused),
    ("--anonymous-subscribe", Zero::No),
    ("--cookie-name", Zero::Refused),
    ("--legacy-cookie-name", Zero::Refused),
    ("--query-token", Zero::No),
    ("--explain-tokens", Zero::No),
    ("--tickets-max", Zero::Refused),
    ("--subscriptions", Zero::No),
    ("--subscriptions-max", Zero::Refused),
    ("--shards", Zero::Said("0: the number of cores minus one")),
    ("--heartbeat", Zero::Said("0s for never")),
    ("--age-max", Zero::Said("0s for never")),
    ("--policy", Zero::Refused),
    ("--lag-events", Zero::Said("0 for no such limit")),
    ("--lag-bytes", Zero::Said("0 for no such limit")),
    ("--output-buffers-max", Zero::Refused),
    ("--retry", Zero::Refused),
    ("--retain-events", Zero::Refused),
    ("--retain-bytes", Zero::Refused),
    ("--retain-age", Zero::Said("0s for no limit")),
    ("--sync", Zero::Refused),
    ("--retain-memory", Zero::Refused),
    ("--retain", Zero::Refused),
    ("--kept-topics-max", Zero::Refused),
    ("--kept-bytes-max", Zero::Refused),
    ("--repair", Zero::No),
    ("--nats", Zero::Refused),
    ("--nats-stream", Zero::Refused),
    ("--nats-monitor", Zero::Refused),
    ("--nats-create", Zero::No),
    ("--nats-unsafe", Zero::No),
    ("--append-timeout", Zero::Refused),
    ("--event-data-max", Zero::Refused),
    ("--event-topics-max", Zero::Refused),
    ("--topic-max", Zero::Refused),
    ("--headers-max", Zero::Refused),
    ("--headers-timeout", Zero::Refused),
    ("--body-max", Zero::Refused),
    ("--bodies-max", Zero::Refused),
    ("--selectors-max", Zero::Refused),
    ("--grants-max", Zero::Refused),
    ("--partial-replays-max", Zero::Refused),
    ("--trusted-proxy", Zero::Refused),
    ("--streams-per-address", Zero::Said("0 for no limit")),
    ("--streams-per-token", Zero::Said("0 for no limit")),
    ("--subscriptions-per-token", Zero::Said("0 for no")),
    ("--publish-rate", Zero::Said("0 for no limit")),
    ("--publish-burst", Zero::Refused),
    ("--body-timeout", Zero::Refused),
    ("--connections", Zero::Said("0 for 90 %")),
    ("--connections-per-address", Zero::Said("0 for no limit")),
    ("--http2-streams", Zero::Refused),
    ("--send-buffer", Zero::Refused),
    ("--unsent-max", Zero::Said("0 for the kernel's own")),
    ("--peer-timeout", Zero::Said("0s for the kernel's own")),
    ("--drain-window", Zero::Said("0s for all at once")),
    ("--retry-on-reject", Zero::No),
    ("--log-level", Zero::Refused),
    ("--log-format", Zero::Refused),
    ("--otlp-endpoint", Zero::Refused),
    ("--trace-sample", Zero::Said("from 0 to 1")),
    ("--admin", Zero::Refused),
    ("--timeout", Zero::Refused),
    ("--interval", Zero::Refused),
    ("--format", Zero::Refused),
];

/// A flag that takes a value, and the words that make a command line which may have it.
struct Flag {
    line: &'static [&'static str],
    name: String,
    arg: Arg,
}

impl Flag {
    fn try_with(&self, value: &str) -> Result<Task, String> {
        let flag = format!("{}={value}", self.name);
        task(&[self.line, &[flag.as_str()]].concat())
    }
}

/// Of `serve`, which has the flags of no command at all, and of the others. Hidden ones belong to a
/// standard, which says what is done with them.
fn flags() -> Vec<Flag> {
    const LINES: [&[&str]; 5] = [
        &["serve"],
        &["healthcheck"],
        &["top"],
        &["metrics", "--list"],
        &["data", "stat", "folder"],
    ];
    // Any text is one of these, and whether it will do is seen when it is used.
    const TEXTS: [&str; 5] = ["SECRET", "FILE", "DIR", "FILE|URL", "ISSUER"];
    let mut flags = Vec::new();
    for line in LINES {
        let command = Cli::command();
        let below = |command, word: &&str| clap::Command::find_subcommand(command, word);
        let mut words = line.iter();
        let command =
            std::iter::successors(Some(&command), |&command| below(command, words.next()?));
        let command = command.last().expect("a command");
        for arg in command.get_arguments() {
            let value = arg.get_value_names().map_or("", |names| names[0].as_str());
            if arg.get_action().takes_values() && !arg.is_hide_set() && !TEXTS.contains(&value) {
                let name = format!("--{}", arg.get_long().expect("no positional arguments"));
                flags.push(Flag { line: line_for(&name).unwrap_or(line), name, arg: arg.clone() });
            }
        }
    }
    flags
}

/// An algorithm is of use with a key alone, and what is said of the data folder or of brokers with
/// one.
fn line_for(flag: &str) -> Option<&'static [&'static str]> {
    const SECRET: &str = "a secret that is long enough for every algorithm of this kind, for tests";
    match flag {
        "--jwt-algorithm" => Some(&["serve", "--jwt-secret", SECRET]),
        "--publisher-jwt-algorithm" => Some(&["serve", "--publisher-jwt-secret", SECRET]),
        "--subscriber-jwt-algorithm" => Some(&["serve", "--subscriber-jwt-secret", SECRET]),
        "--sync" | "--retain-memory" | "--repair" => Some(&["serve", "--data-dir", "data"]),
        "--nats" => Some(&["serve", "--demos=false"]),
        "--nats-stream" | "--nats-create" | "--nats-unsafe" | "--nats-monitor"
        | "--append-timeout" => {
            Some(&["serve", "--demos=false", "--nats", "nats://127.0.0.1:4222"])
        }
        "--issuer-algorithm" => Some(&[
            "serve",
            "--issuer",
            "https://issuer.example",
            "--issuer-secret",
            SECRET,
            "--public-url",
            "https://push.example",
        ]),
        _ => None,
    }
}

/// The value that an error tells to write.
fn example(message: &str) -> Option<&str> {
    let markers = ["such as ", "write ", "possible values: "];
    let (_, behind) = markers.iter().find_map(|marker| message.split_once(marker))?;
    Some(behind.split_whitespace().next()?.trim_end_matches([',', ';', '.', ')', ']']))
}

#[test]
fn a_value_that_cannot_be_read_is_named_with_its_flag_and_an_example_that_can() {
    for flag in flags() {
        let message = flag.try_with(GARBAGE).expect_err(&flag.name);
        assert!(message.contains(&flag.name), "{}: {message}", flag.name);
        assert!(message.contains(GARBAGE), "{}: {message}", flag.name);
        let example = example(&message).unwrap_or_else(|| panic!("no example: {message}"));
        let taken = flag.try_with(example);
        assert!(taken.is_ok(), "{message}\n{example} is not taken: {}", taken.unwrap_err());
    }
}

#[test]
fn white_space_around_a_value_and_empty_entries_of_a_list_are_no_part_of_it() {
    for flag in flags() {
        let message = flag.try_with(GARBAGE).expect_err(&flag.name);
        let example = example(&message).unwrap();
        let taken = flag.try_with(&format!("  {example}\t\n"));
        assert!(taken.is_ok(), "{}: {}", flag.name, taken.unwrap_err());
        if let Some(mark) = flag.arg.get_value_delimiter() {
            let list = format!("{mark} {example} {mark}{mark} {example}{mark}");
            let taken = flag.try_with(&list);
            assert!(taken.is_ok(), "{}: {}", flag.name, taken.unwrap_err());
        }
    }
}

#[test]
fn zero_means_what_the_flag_says_and_is_refused_where_it_says_nothing() {
    let known: BTreeSet<&str> = ZERO.iter().map(|(flag, _)| *flag).collect();
    let flags = flags();
    let all: BTreeSet<&str> = flags.iter().map(|flag| flag.name.as_str()).collect();
    assert_eq!(known, all, "each flag has its line in the table");
    for (name, zero) in ZERO {
        let flag = flags.iter().find(|flag| flag.name == name).unwrap();
        let help = flag.arg.get_help().map(ToString::to_string).unwrap_or_default();
        let taken = flag.try_with("0");
        match zero {
            Zero::Said(words) => {
                assert!(taken.is_ok(), "{name}: {}", taken.unwrap_err());
                assert!(help.contains(words), "{name} says nothing about 0: {help}");
            }
            Zero::No => assert!(taken.is_ok(), "{name}: {}", taken.unwrap_err()),
            Zero::Refused => {
                let message = taken.expect_err(name);
                assert!(message.contains(name), "{name}: {message}");
                assert!(example(&message).is_some(), "{name}: {message}");
            }
        }
    }
}

#[test]
fn the_flag_is_named_when_a_number_is_negative() {
    for flag in flags() {
        let name = flag.arg.get_value_names().unwrap_or_default()[0].as_str();
        if ["N", "SIZE", "TIME", "RATIO", "MIN..MAX"].contains(&name) {
            for negative in ["-1", "-1s", "-1MiB"] {
                let message = task(&[flag.line, &[&flag.name, negative]].concat()).unwrap_err();
                let named = format!("'{negative}' for '{} <{name}>'", flag.name);
                assert!(message.contains(&named), "{message}");
            }
        }
    }
}

#[test]
fn the_rules_for_values_are_in_the_help() {
    let help = Cli::command().render_long_help().to_string();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for rule in ["TIME ", "SIZE ", "N ", "BOOL ", "0 ", "SIGHUP", "empty variable", "Exit codes"] {
        assert!(help.contains(rule), "{rule}");
    }
}
