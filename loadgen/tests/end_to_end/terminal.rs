//! What a person sees while a run goes on: a view that is redrawn on a terminal, a line a second
//! elsewhere, nothing when asked to be quiet. The report alone goes to standard output.

use std::process::{Command, Stdio};

use crate::support::{Fanfare, loadgen};

#[test]
fn without_a_terminal_there_is_a_line_a_second_apart_from_the_report() {
    let server = Fanfare::start();
    let flags = server.load("load", "-c 5 -r 20").replacen("-d 1s", "-d 3s", 1);
    let ran = loadgen(&flags);
    ran.assert_all_arrived(5);
    let lines: Vec<_> = ran.stderr.lines().collect();
    let all = lines.iter().position(|line| *line == "connecting  5 of 5");
    let all = all.unwrap_or_else(|| panic!("not all were said to be there: {}", ran.stderr));
    // Where connecting takes longer than a second it is said how far it is.
    let is_ramp = |line: &&str| line.starts_with("connecting  ");
    assert!(lines[..all].iter().all(is_ramp), "{}", ran.stderr);
    // At most three of publishing and ten of the tail: fewer when everything has come, or when the
    // program was held up.
    let seconds = &lines[all + 1..];
    let known = |line: &&str| line.contains(" s of 3 s") || line.starts_with("waiting for ");
    assert!((1..=13).contains(&seconds.len()), "{}", ran.stderr);
    assert!(seconds.iter().all(known), "nothing else: {}", ran.stderr);
    assert!(seconds.iter().all(|line| line.contains("5 streams") && line.contains("deliveries/s")));
    assert!(!ran.stderr.contains('\u{1b}') && !ran.stdout.contains('\u{1b}'));
    assert!(ran.stdout.contains("Correctness") && !ran.stdout.contains("connecting"));
}

#[test]
fn quiet_is_quiet() {
    let server = Fanfare::start();
    let ran = loadgen(&server.load("load", "-c 5 -r 20 -q"));
    ran.assert_all_arrived(5);
    assert_eq!(ran.stderr, "");
    assert!(ran.stdout.contains("Correctness"));
}

#[test]
fn on_a_terminal_the_view_is_redrawn_and_gone_at_the_end() {
    let server = Fanfare::start();
    let program = env!("CARGO_BIN_EXE_loadgen");
    // Long enough to be drawn many times even if that is held up for a second.
    let line = server.load("load", "-c 5 -r 20").replacen("-d 1s", "-d 3s", 1);
    let command = format!("{program} {line}");
    let output = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env("TERM", "xterm-256color")
        .stdin(Stdio::null())
        .output()
        .expect("script, of the Debian package bsdutils");
    let shown = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(matches!(output.status.code(), Some(0 | 4)), "{shown:?}");
    for word in ["connecting", "5 of 5", "publishing", "5 streams", "deliveries/s"] {
        assert!(shown.contains(word), "no {word} in {shown:?}");
    }
    // A line is erased before it is drawn again.
    const ERASE: &str = "\u{1b}[2K";
    assert!(shown.matches(ERASE).count() > 5, "{shown:?}");
    let (view, report) = shown.rsplit_once(ERASE).expect("just seen");
    assert!(view.contains("publishing"));
    assert!(report.contains("Correctness") && !report.contains("5 streams"), "{report:?}");
}
