use std::io::Write;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

/// A standard error that takes nothing until the test lets it, and then passes on what it was
/// given.
struct Stuck {
    until: Receiver<()>,
    given: Sender<Vec<u8>>,
}

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // An error means that the test has dropped its end.
        let _ = self.until.recv();
        let _ = self.given.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stuck_standard_error_keeps_nobody_waiting_and_what_it_loses_is_counted() {
    let (let_go, until) = channel();
    let (given, taken) = channel();
    let (mut lines, writer, lost) = Writer::with_room(Stuck { until, given }, 4);
    for number in 0..10 {
        lines.write_all(format!("{number}\n").as_bytes()).unwrap();
    }
    // Four wait, and the writer may have a fifth in its hands.
    assert!(matches!(lost.dropped_lines(), 5 | 6), "{}", lost.dropped_lines());
    drop(let_go);
    drop(writer);
    let written: Vec<Vec<u8>> = taken.into_iter().collect();
    assert_eq!(written.len() + lost.dropped_lines(), 10);
    assert_eq!(written.first().unwrap(), b"0\n", "the oldest are kept");
}

#[test]
fn a_filter_that_cannot_be_read_is_named_with_one_that_can() {
    let settings =
        LoggingSettings { filter: "fanfare=loud".into(), format: LogFormat::Text, traces: None };
    let message = filter(&settings).unwrap_err().to_string();
    assert!(message.contains("`fanfare=loud`") && message.contains("fanfare=debug"), "{message}");
}

#[test]
fn spans_are_asked_for_by_traces_whatever_is_logged() {
    let traces = TraceSettings { endpoint: "http://127.0.0.1:1".into(), sample: 1.0 };
    for (traces, expected_match) in [(None, false), (Some(traces), true)] {
        let settings = LoggingSettings { filter: "warn".into(), format: LogFormat::Text, traces };
        let filter = filter(&settings).unwrap().to_string();
        assert_eq!(filter.contains("fanfare::trace=debug"), expected_match, "{filter}");
    }
}

/// Logging is of the process, so this needs one of its own.
fn alone(test: &str, filter: &str) -> Vec<String> {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .args(["--exact", test, "--nocapture"])
        .env("FANFARE_TEST_FILTER", filter)
        .env_remove("RUST_BACKTRACE")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap().lines().map(str::to_owned).collect()
}

/// What the tests below run, each in a process of its own; of no meaning by itself.
#[test]
#[allow(clippy::disallowed_methods, reason = "the tests below say it this way")]
fn a_thread_panics() {
    let Ok(filter) = std::env::var("FANFARE_TEST_FILTER") else { return };
    let _logging = start(&LoggingSettings { filter, format: LogFormat::Json, traces: None });
    let thread = std::thread::Builder::new().name("shard-7".into());
    let thread = thread.spawn(|| panic!("two\nlines and a \"quote\"")).unwrap();
    assert!(thread.join().is_err());
}

#[test]
fn a_panic_is_a_log_line_like_all_others() {
    let lines = alone("logging::tests::a_thread_panics", "info");
    let [line] = &lines[..] else { panic!("{lines:#?}") };
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["panic"], "two\nlines and a \"quote\"");
    assert_eq!(line["thread"], "shard-7");
    assert!(line["at"].as_str().unwrap().contains("logging/tests.rs:"), "{line}");
    assert!(line["message"].as_str().unwrap().starts_with("a thread panicked"), "{line}");
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
}

#[test]
fn a_panic_that_the_filter_shuts_out_is_printed_all_the_same() {
    let text = alone("logging::tests::a_thread_panics", "off").join("\n");
    assert!(text.contains("lines and a \"quote\"") && text.contains("shard-7"), "{text}");
}
