//! The targets of fuzzing: every parser of bytes from outside, each as a function of bytes that
//! panics when something that must hold does not.
//!
//! `tests/short.rs` runs each over its seeds and over inputs mutated from them, on any compiler. The
//! binary `fuzz` runs one of them under libFuzzer, which learns from the coverage what to try next:
//! `make fuzz`. An input that has found something becomes a seed.

mod connection;
mod expansion;
mod recovery;

use fanfare::fuzzing;
use fanfare_loadgen::fuzzing as loadgen;

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Also the name of its folder of seeds.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
    /// Whether all of its memory belongs to the thread that runs it, so that it can be measured.
    pub alone: bool,
}

/// All of them.
pub const TARGETS: [Target; 25] = [
    parser("selectors", fuzzing::selectors),
    parser("url_patterns", fuzzing::url_patterns),
    parser("token", fuzzing::token),
    parser("expansion", expansion::expansion),
    parser("form", fuzzing::form),
    parser("ndjson", fuzzing::ndjson),
    parser("event", fuzzing::event),
    parser("ids", fuzzing::ids),
    parser("beginning", fuzzing::beginning),
    parser("forwarded", fuzzing::forwarded),
    parser("host_and_origin", fuzzing::host_and_origin),
    parser("subscription_path", fuzzing::subscription_path),
    parser("record", fuzzing::record),
    parser("recovery", recovery::recovery),
    parser("policy_rules", fuzzing::policy_rules),
    parser("flags", fuzzing::flags),
    parser("trace_parent", fuzzing::trace_parent),
    parser("http_response", loadgen::http_response),
    parser("chunked_body", loadgen::chunked_body),
    parser("event_stream", loadgen::event_stream),
    parser("metrics_page", loadgen::metrics_page),
    parser("result_file", loadgen::result_file),
    parser("scenario", loadgen::scenario),
    server("http1", connection::http1),
    server("http2", connection::http2),
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

const fn parser(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run, alone: true }
}

const fn server(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run, alone: false }
}
