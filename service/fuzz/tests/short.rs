//! A short run of every target, with any compiler: its seeds, and inputs that are mutated from them
//! without knowing what they reach. It keeps the targets honest; to find things is for `make fuzz`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use fanfare_fuzz::{TARGETS, Target, target};
use peak_alloc::PeakAlloc;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;
/// The allocator counts for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Inputs of a run: a second or so where one takes long.
const INPUTS: usize = 600;
const INPUT_BYTES_MAX: usize = 8 << 10;
/// What an input may make a parser hold: a hundred compiled templates, or lists of ten thousand fields.
const MEMORY_MAX: usize = 48 << 20;
/// What means something somewhere.
const WORDS: [&[u8]; 24] = [
    b"\n",
    b"\r\n\r\n",
    b"\0",
    b"{",
    b"}",
    b"{+a*}",
    b"{?a,b:3}",
    b"%",
    b"%41",
    b"%FF",
    b"&topic=",
    b"=",
    b"*",
    b":",
    b"\"",
    b"\\u0000",
    b"[[[[",
    b"\xEF\xBB\xBF",
    b"\xF0\x9F\x98\x80",
    b"99999999999999999999",
    b"-1",
    b"content-length: 5\r\n",
    b"transfer-encoding: chunked\r\n",
    b"\0\0\x08\x06\0\0\0\0\0",
];

macro_rules! short_runs {
    ($($name:ident)*) => {
        const RUN: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { short_run(stringify!($name)); })*
    };
}

short_runs!(selectors url_patterns token expansion form ndjson event ids beginning forwarded host_and_origin
            subscription_path record recovery policy_rules flags trace_parent http_response chunked_body
            event_stream metrics_page result_file scenario http1 http2);

#[test]
fn every_target_has_a_short_run_and_seeds() {
    let mut targets = TARGETS.map(|target| target.name).to_vec();
    assert_eq!(targets, RUN);
    targets.sort_unstable();
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds")).unwrap();
    let mut folders: Vec<_> =
        folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
    folders.sort_unstable();
    assert_eq!(folders, targets);
}

fn short_run(name: &str) {
    let target = target(name).expect("a target");
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "{name} has no seeds");
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for seed in seeds.iter().map(Vec::as_slice).chain([&b""[..]]) {
        try_input(target, seed);
    }
    let mut random = StdRng::seed_from_u64(1);
    for _ in 0..INPUTS {
        let mut input = seeds[random.random_range(0..seeds.len())].clone();
        for _ in 0..random.random_range(1..5) {
            mutate(&mut input, &seeds, &mut random);
        }
        input.truncate(INPUT_BYTES_MAX);
        try_input(target, &input);
    }
}

fn try_input(target: Target, input: &[u8]) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let result = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    assert!(result.is_ok(), "{} fails for b\"{}\"", target.name, input.escape_ascii());
    let held = MEMORY.peak_usage().saturating_sub(before);
    assert!(
        !target.alone || held <= MEMORY_MAX,
        "{} holds {held} bytes for b\"{}\"",
        target.name,
        input.escape_ascii()
    );
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut StdRng) {
    let at = random.random_range(0..=input.len());
    let end = (at + random.random_range(1..64)).min(input.len());
    match random.random_range(0..6) {
        0 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
        1 if at < input.len() => input[at] = random.random(),
        2 => drop(input.drain(at..end)),
        3 => {
            let copies = input[at..end].repeat(random.random_range(1..40));
            input.splice(at..at, copies);
        }
        4 => {
            let other = &seeds[random.random_range(0..seeds.len())];
            let from = random.random_range(0..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        _ => {
            let word = WORDS[random.random_range(0..WORDS.len())];
            input.splice(at..at, word.iter().copied());
        }
    }
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    // The order of a folder is none, and a run is to be the same everywhere.
    paths.sort_unstable();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}
