//! One target under libFuzzer: `fuzz --target=NAME [FLAG OF LIBFUZZER]… [FOLDER OF INPUTS]…`.
//!
//! libFuzzer has the entry point of the process and reads the command line; it passes over what
//! begins with two dashes.

#![no_main]

use std::sync::LazyLock;

use fanfare_fuzz::{TARGETS, Target, target};

static CHOSEN: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::args().find_map(|flag| Some(flag.strip_prefix("--target=")?.to_owned()));
    name.as_deref().and_then(target).unwrap_or_else(|| {
        panic!("there is no such target; give --target= with one of {:?}", TARGETS.map(|t| t.name))
    })
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (CHOSEN.run)(bytes));
