//! Man pages, as `man` shows them.

use std::path::Path;
use std::process::Command;

use crate::deploying::tool::{content, run};
use crate::support::program;

#[test]
fn every_command_has_a_page_that_man_shows_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    for program in [program::fanfare(), program::loadgen()] {
        content(Command::new(program).arg("man-pages").arg(folder.path()));
    }
    for (page, has) in [
        ("fanfare.1", "fanfare-token(1)"),
        ("fanfare-serve.1", "--retain-events"),
        ("fanfare-data-export.1", "NDJSON"),
        ("fanfare-completions.1", "zsh"),
        ("loadgen.1", "Exit codes"),
        ("loadgen-run.1", "--subscribe"),
    ] {
        let shown = show(&folder.path().join(page));
        assert!(shown.contains(has), "{page}: no {has} in {shown}");
    }
    let pages = std::fs::read_dir(folder.path()).unwrap();
    let names: Vec<_> = pages.map(|page| page.unwrap().file_name()).collect();
    assert!(names.len() > 12, "{names:?}");
    for hidden in ["fanfare-man-pages.1", "loadgen-worker.1", "loadgen-goals.1"] {
        assert!(!names.contains(&hidden.into()), "{hidden} is for nobody to read");
    }
}

/// The text of a page; whatever `man` finds wrong with it is an error.
fn show(page: &Path) -> String {
    let mut man = Command::new("man");
    man.args(["--warnings", "--encoding=UTF-8", "--local-file"]).arg(page);
    // Wide enough that no flag is broken.
    man.envs([("LC_ALL", "C.UTF-8"), ("MANWIDTH", "1000"), ("MAN_KEEP_FORMATTING", "")]);
    let (shown, said) = run(&mut man);
    assert!(shown && !said.contains("warning:"), "{}: {said}", page.display());
    said
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_with_its_name() {
    for program in [program::fanfare(), program::loadgen()] {
        let (written, said) = run(Command::new(program).args(["man-pages", "Cargo.toml/pages"]));
        assert!(!written && said.contains("Cargo.toml/pages"), "{said}");
    }
}
