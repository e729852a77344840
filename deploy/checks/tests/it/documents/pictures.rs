//! The pictures of the documents: each is shown somewhere, is said in words for whoever does not see
//! it, is made by `make pictures`, and is small enough to be loaded with a page.

use std::collections::BTreeMap;
use std::process::Command;

use super::markdown::documents;
use crate::support::repository;

const FOLDER: &str = "docs/pictures";
/// In bytes: of one, and of all.
const LARGEST: u64 = 200_000;
const ALL: u64 = 2_000_000;
/// A name is no description.
const SHORTEST_ALTERNATIVE: usize = 40;

/// The files that are there, with their sizes.
fn pictures() -> BTreeMap<String, u64> {
    let files = std::fs::read_dir(repository(FOLDER)).expect("a folder").map(Result::unwrap);
    let size = |file: &std::fs::DirEntry| file.metadata().expect("a file").len();
    files.map(|file| (file.file_name().display().to_string(), size(&file))).collect()
}

/// What the script makes, as it says itself.
fn made() -> Vec<String> {
    let mut command = Command::new("python3");
    command.args(["-B", "docs/pictures-source", "--list"]).current_dir(repository("."));
    let output = command.output().expect("python3, which `make setup-tests` installs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut names: Vec<String> =
        String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn every_picture_is_made_by_the_script_and_the_script_makes_no_other() {
    let there: Vec<String> = pictures().into_keys().collect();
    assert_eq!(
        there,
        made(),
        "in {FOLDER}, and what `python3 -B docs/pictures-source --list` says"
    );
}

#[test]
fn every_picture_is_shown_in_a_document_and_said_in_words() {
    let documents = documents();
    let mut unseen = pictures();
    for document in &documents {
        for (alternative, path) in document.images() {
            let file = document.folder().join(path);
            assert!(file.exists(), "{}: {path} is not there", document.path);
            let words = alternative.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.len() >= SHORTEST_ALTERNATIVE, "{}: {path}: {words:?}", document.path);
            let name = file.file_name().expect("a file").display().to_string();
            unseen.remove(&name);
        }
    }
    assert!(unseen.is_empty(), "no document shows {unseen:?}");
}

#[test]
fn pictures_are_small() {
    let pictures = pictures();
    for (name, size) in &pictures {
        assert!(*size < LARGEST, "{name} has {size} bytes; `make pictures` makes it smaller");
    }
    let all: u64 = pictures.values().sum();
    assert!(all < ALL, "{all} bytes together");
}
