//! Files of results are there whole or not at all, whatever becomes of the program and the disk.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Faults, Stub, eventually, loadgen, start};

/// How a run ends that has a result: well, or on a machine that was too busy for it.
const ENDED: [i32; 2] = [0, 4];

#[test]
fn a_program_that_is_killed_leaves_the_results_that_were_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("a.json");
    let stub = Stub::start(Faults::default());
    let line = |length: &str| {
        stub.load("x", &format!("-c 2 -r 20 -d {length} --json {} --append", json.display()))
    };
    let killed = |line: &str| {
        let before = stub.store().publishes().len();
        let going = start(line);
        eventually("events are published", || stub.store().publishes().len() > before + 3);
        let pid = i32::try_from(going.pid()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, Signal::KILL).expect("a process of ours");
        assert_eq!(going.wait().code, -9);
    };
    let finished = |line: &str| assert!(ENDED.contains(&loadgen(line).code), "{line}");
    killed(&line("30s"));
    assert!(!json.exists(), "there is no result, so there is no file of it");
    finished(&line("500ms"));
    let one = fs::read(&json).expect("a result");
    killed(&line("30s"));
    assert_eq!(fs::read(&json).expect("it is there"), one);
    finished(&line("500ms"));
    let file: serde_json::Value =
        serde_json::from_slice(&fs::read(&json).expect("it is there")).expect("JSON");
    assert_eq!(file["runs"].as_array().map(Vec::len), Some(2));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing lies beside it");
}

#[test]
fn a_file_that_is_no_whole_result_is_refused_before_the_run_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let stub = Stub::start(Faults::default());
    let good = folder.path().join("good.json");
    let ran = loadgen(&stub.load("x", &format!("-c 1 -r 20 --json {}", good.display())));
    assert!(ENDED.contains(&ran.code), "{}", ran.stderr);
    let whole = fs::read_to_string(&good).expect("a result");
    let published = stub.store().publishes().len();
    for (text, words) in [
        ("", "it is empty; delete it, or name another file"),
        ("\n", "it is empty"),
        (&whole[..whole.len() / 2], "it ends in the middle"),
        (&whole[..whole.len() - 3], "it ends in the middle"),
        ("{\"schema\":\"fanfare-loadgen/9\",\"runs\":[]}", "this program reads"),
        ("[]", "is not a result file of loadgen"),
    ] {
        let path = folder.path().join("bad.json");
        fs::write(&path, text).expect("it is written");
        let flags = format!("-c 1 -r 20 --json {} --append", path.display());
        let ran = loadgen(&stub.load("x", &flags));
        assert_eq!(ran.code, 1, "{text:.40}");
        assert!(ran.stderr.contains(words), "{text:.40}: {}", ran.stderr);
        assert_eq!(fs::read_to_string(&path).expect("it is there"), text, "it is left alone");
        for line in ["report", "compare"] {
            let other = if line == "compare" { good.display().to_string() } else { String::new() };
            let ran = loadgen(&format!("{line} {} {other}", path.display()));
            assert!(ran.code == 1 && ran.stderr.contains(words), "{line}: {}", ran.stderr);
        }
    }
    assert_eq!(stub.store().publishes().len(), published, "nothing was run");
}

#[test]
fn a_disk_that_is_full_is_said_and_costs_no_figure_on_the_screen() {
    let stub = Stub::start(Faults::default());
    for flag in ["--json", "--html", "--markdown", "--csv"] {
        let ran = loadgen(&stub.load("x", &format!("-c 1 -r 20 -d 300ms {flag} /dev/full")));
        assert_eq!(ran.code, 1, "{flag}: {}", ran.stdout);
        assert!(ran.stderr.contains("cannot write /dev/full: No space left"), "{}", ran.stderr);
        assert!(ran.stdout.contains("(exit code "), "{flag}: {}", ran.stdout);
    }
}
