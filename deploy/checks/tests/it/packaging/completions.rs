//! Completions, asked of the shells themselves.

use std::path::Path;
use std::process::Command;

use crate::deploying::tool::{content, run};
use crate::support::program;

/// What is typed, and what a shell makes of it.
const TYPED: [(&str, &str); 5] = [
    ("fanfare tok", "token"),
    ("fanfare serve --retain-ev", "--retain-events"),
    ("fanfare data exp", "export"),
    ("loadgen capa", "capacity"),
    ("loadgen run --jwt-secret-f", "--jwt-secret-file"),
];
/// What help leaves out.
const HIDDEN: [(&str, &str); 3] =
    [("fanfare", "man-pages"), ("loadgen", "man-pages"), ("loadgen", "goals")];

#[test]
fn bash_completes_commands_and_flags() {
    // It calls the function with the program, the word under the cursor and the one before.
    let ask = r#"source "$1"; COMP_WORDS=($2); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        "_${COMP_WORDS[0]}" "${COMP_WORDS[0]}" "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    check("bash", |script, typed| {
        content(Command::new("bash").args(["--norc", "-c", ask, "bash"]).arg(script).arg(typed))
    });
}

#[test]
fn fish_completes_commands_and_flags() {
    let ask = "source $argv[1]; complete --do-complete=$argv[2]";
    check("fish", |script, typed| {
        let mut fish = Command::new("fish");
        content(fish.args(["--no-config", "-c", ask]).arg(script).arg(typed))
    });
}

/// Completion of zsh needs a terminal: it is typed on one, with the key that completes behind it.
#[test]
fn zsh_completes_commands_and_flags() {
    let ask = r#"zmodload zsh/zpty; zpty terminal zsh -f -i
        zpty -w terminal "PS1= fpath=($1 \$fpath)"
        zpty -w terminal "autoload -U compinit; compinit -u -D; print is''ready"
        zpty -r -m terminal said "*isready*"
        zpty -w -n terminal "$2"$'\t'
        zpty -r -m terminal said "*$3*" && print -- "$said""#;
    for (typed, expected) in TYPED {
        let folder = tempfile::tempdir().unwrap();
        let name = typed.split(' ').next().expect("a word");
        let script = folder.path().join(format!("_{name}"));
        std::fs::write(&script, completions(name, "zsh")).unwrap();
        let mut zsh = Command::new("timeout");
        zsh.args(["60", "zsh", "-f", "-c", ask, "zsh"]).arg(folder.path());
        let (completed, said) = run(zsh.args([typed, expected]));
        assert!(completed && said.contains(expected), "{typed}: {said}");
    }
}

#[test]
fn no_shell_is_told_of_commands_that_help_leaves_out() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        for (name, hidden) in HIDDEN {
            assert!(!completions(name, shell).contains(hidden), "{name} {shell}: {hidden}");
        }
    }
}

#[test]
fn a_shell_that_is_not_known_is_refused_with_those_that_are() {
    let (succeeded, said) = run(Command::new(program::fanfare()).args(["completions", "csh"]));
    assert!(!succeeded && said.contains("bash, elvish, fish, powershell, zsh"), "{said}");
}

/// Has a shell complete what is typed; `ask` gives what it offers.
fn check(shell: &str, ask: impl Fn(&Path, &str) -> String) {
    for (typed, expected) in TYPED {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let name = typed.split(' ').next().expect("a word");
        std::fs::write(&file, completions(name, shell)).expect("it is written");
        let offered = ask(file.path(), typed);
        let first_words = offered.lines().filter_map(|line| line.split_whitespace().next());
        assert!(first_words.into_iter().any(|word| word == expected), "{typed}: {offered}");
    }
}

fn completions(name: &str, shell: &str) -> String {
    let program = if name == "fanfare" { program::fanfare() } else { program::loadgen() };
    content(Command::new(program).args(["completions", shell]))
}
