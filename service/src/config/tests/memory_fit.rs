//! Limits of memory fit themselves to the memory that there is, where nobody has set them.

use std::ffi::OsString;

use super::*;
use crate::memory_limit::LimitSetter;

const MIB: u64 = 1 << 20;
const PLENTY: u64 = 1 << 40;

/// In MiB: retained, bodies, output buffers, selectors, grants.
type Sizes = [u64; 5];

const DEFAULTS: Sizes = [256, 256, 64, 64, 32];

fn container(mib: u64) -> MemoryLimit {
    MemoryLimit { bytes: mib * MIB, set_by: LimitSetter::Container, available: PLENTY }
}

fn read_within(limit: MemoryLimit, flags: &[&str]) -> Cli {
    let line = std::iter::once(&"fanfare").chain(flags).map(OsString::from).collect::<Vec<_>>();
    environment::read(&line, &|_| None, Some(limit)).unwrap()
}

fn config_within(limit: MemoryLimit, flags: &[&str]) -> Config {
    match read_within(limit, flags).into_task_on(&NETWORK, ReadFor::Start).unwrap() {
        Task::Serve(config) => *config,
        other => panic!("not for serving: {other:?}"),
    }
}

fn sizes(config: &Config) -> Sizes {
    let retained = config.data.as_ref().map_or(config.log.bytes_max, |data| data.memory_max);
    let http = &config.http;
    [
        retained,
        http.bodies_bytes_max,
        config.delivery.output_buffers_max,
        http.selectors_bytes_max,
        http.grants_bytes_max,
    ]
    .map(|bytes| bytes as u64 / MIB)
}

#[test]
fn what_nobody_has_set_shares_the_memory_that_there_is_in_the_proportions_of_the_defaults() {
    let cases: [(u64, &[&str], Sizes); 12] = [
        (1 << 20, &[], DEFAULTS),
        (1_024, &[], DEFAULTS),
        (512, &[], [128, 128, 32, 32, 16]),
        (256, &[], [64, 64, 16, 16, 8]),
        (128, &[], [32, 32, 8, 8, 4]),
        (64, &[], [11, 11, 2, 2, 1]),
        // Each has what it needs to work at all, and a body may be as large as one may be.
        (32, &[], [1, 4, 1, 1, 1]),
        (1, &[], [1, 4, 1, 1, 1]),
        (64, &["--body-max=16MiB"], [9, 16, 2, 2, 1]),
        // What is set stays, and the others share what is left.
        (64, &["--retain-bytes=24MiB"], [24, 4, 1, 1, 1]),
        (128, &["--bodies-max=8MiB", "--grants-max=1MiB"], [49, 8, 12, 12, 1]),
        // A data folder may be far larger than the memory.
        (128, &["--data-dir=data", "--retain-bytes=10GiB"], [32, 32, 8, 8, 4]),
    ];
    for (mib, flags, expected) in cases {
        let config = config_within(container(mib), flags);
        assert_eq!(sizes(&config), expected, "{mib} MiB {flags:?}");
    }
}

#[test]
fn what_is_fitted_leaves_a_third_of_the_limit_free() {
    for mib in 48..1_100 {
        let sum: u64 = sizes(&config_within(container(mib), &[])).iter().sum();
        assert!(sum * 3 <= mib * 2, "{sum} of {mib}");
    }
}

#[test]
fn active_subscriptions_are_fitted_where_they_are_announced_and_a_shared_log_never() {
    let config = config_within(container(128), &["--subscriptions"]);
    assert_eq!(config.subscriptions_bytes_max, Some(7 << 20));
    assert!(config_within(container(128), &[]).subscriptions_bytes_max.is_none());
    let config = config_within(container(128), &["--nats", "nats://127.0.0.1:4222"]);
    assert_eq!(sizes(&config), [256, 4, 1, 1, 1], "others retain as much");
}

#[test]
fn without_a_container_the_memory_of_the_machine_counts_and_unknown_is_plenty() {
    let machine = MemoryLimit { set_by: LimitSetter::Machine, ..container(512) };
    assert_eq!(sizes(&config_within(machine, &[])), [128, 128, 32, 32, 16]);
    assert_eq!(sizes(&config(&[]).unwrap()), DEFAULTS);
}

#[test]
fn a_value_that_is_fitted_says_so_among_the_settings_in_force() {
    let shown = |limit, flags: &[&str]| {
        let cli = read_within(limit, &[&["config"], flags].concat());
        match cli.into_task_on(&NETWORK, ReadFor::Start).unwrap() {
            Task::Print(text) => text,
            other => panic!("{other:?}"),
        }
    };
    let text = shown(container(64), &["--bodies-max=5MiB"]);
    for line in [
        "retain-bytes = \"16MiB\"  # fitted to the memory limit of the container",
        "bodies-max = \"5MiB\"  # command line",
        "retain-memory = \"256MiB\"  # default",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
    let machine = MemoryLimit { set_by: LimitSetter::Machine, ..container(64) };
    assert!(shown(machine, &[]).contains("# fitted to the memory of the machine"));
    assert!(!shown(container(1_024), &[]).contains("fitted"));
}

/// The memory there is, flags, and what a warning names.
type MemoryCase<'a> = (MemoryLimit, &'a [&'a str], Option<&'a [&'a str]>);

#[test]
fn limits_that_do_not_fit_are_warned_of_with_the_numbers_and_what_to_do() {
    let set = ["--retain-bytes=200MiB", "--grants-max=1MiB"];
    let scarce =
        MemoryLimit { set_by: LimitSetter::Machine, available: 100 * MIB, ..container(2_000) };
    let cases: [MemoryCase<'_>; 7] = [
        (container(1_024), &[], None),
        (container(64), &[], None),
        (container(64), &["--data-dir=data", "--retain-bytes=1TiB"], None),
        (
            container(64),
            &set,
            Some(&[
                "--retain-bytes 200MiB, --bodies-max 4MiB, --output-buffers-max 1MiB",
                "comes to 240.0 MiB with 32.0 MiB for the server itself",
                "memory limit of the container is 64.0 MiB",
                "lower --retain-bytes or --grants-max",
                "a limit of 240.0 MiB at least",
            ]),
        ),
        // Nothing is set that could be lowered.
        (container(16), &[], Some(&["is 16.0 MiB", "; have a limit of 41.0 MiB at least"])),
        (
            container(280),
            &["--nats", "nats://127.0.0.1:4222"],
            Some(&["--retain-bytes 256MiB", "lower --retain-bytes,"]),
        ),
        (scarce, &[], Some(&["712.0 MiB", "memory of the machine 100.0 MiB are available now"])),
    ];
    for (limit, flags, expected) in cases {
        let warnings = read_within(limit, flags).take_hints();
        let Some(expected) = expected else {
            assert_eq!(warnings, [""; 0], "{flags:?}");
            continue;
        };
        let [warning] = &warnings[..] else { panic!("{flags:?}: {warnings:?}") };
        for words in expected {
            assert!(warning.contains(words), "{words}: {warning}");
        }
    }
}

#[test]
fn a_value_of_the_file_is_one_that_was_set() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"retain-bytes = \"256MiB\"\n").unwrap();
    let path = file.path().to_str().unwrap();
    assert_eq!(sizes(&config_within(container(64), &["--config", path])), [256, 4, 1, 1, 1]);
}
