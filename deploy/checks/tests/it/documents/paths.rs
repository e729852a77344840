//! Paths in documents lead somewhere.

use std::path::Path;

use super::markdown::{Document, documents};
use crate::support::{repository, text};

/// Made by commands, and ignored by git.
const MADE: [&str; 2] = ["target/", "benches/results/"];
/// Where the documents for those who change the code begin to count.
const CODE: [&str; 6] =
    ["service", "service/src", "service/tests", "loadgen", "loadgen/src", "grafana/source"];
/// Ends of the names of files.
const FILES: [&str; 12] = [
    ".rs", ".py", ".md", ".toml", ".json", ".yml", ".yaml", ".html", ".conf", ".cfg", ".js",
    ".service",
];

#[test]
fn every_link_leads_to_a_file_and_to_a_heading_in_it() {
    let documents = documents();
    let mut checked = 0;
    for document in &documents {
        for link in document.links().into_iter().filter(|link| !link.contains("://")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = document.folder().join(path);
            assert!(target.exists(), "{}: {link} is not there", document.path);
            if !heading.is_empty() {
                let same = |other: &&Document| {
                    path.is_empty() && other.path == document.path || is_same(other, &target)
                };
                let other = documents.iter().find(same);
                let other = other.unwrap_or_else(|| panic!("{}: {link}", document.path));
                let known = other.anchors().iter().any(|anchor| anchor == heading);
                assert!(known, "{}: {} has no heading {heading}", document.path, other.path);
            }
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn every_link_of_the_openapi_document_leads_to_a_heading_of_another() {
    let (documents, openapi) = (documents(), text("docs/openapi.yaml"));
    let mut checked = 0;
    for behind in openapi.split("url: ").skip(1) {
        let link = behind.split(['}', '\n']).next().unwrap_or_default();
        if link.contains("://") {
            continue;
        }
        let (path, heading) = link.split_once('#').unwrap_or((link, ""));
        let path = format!("docs/{path}");
        let document = documents.iter().find(|document| document.path == path);
        let anchors = document.unwrap_or_else(|| panic!("{link}")).anchors();
        assert!(heading.is_empty() || anchors.iter().any(|anchor| anchor == heading), "{link}");
        checked += 1;
    }
    assert!(checked > 5, "{checked}");
}

fn is_same(document: &Document, path: &Path) -> bool {
    let own = repository(&document.path).canonicalize();
    own.is_ok_and(|own| path.canonicalize().is_ok_and(|path| path == own))
}

#[test]
fn every_path_in_a_document_is_there() {
    let mut checked = 0;
    for document in documents() {
        let spans = document.spans();
        for path in spans.iter().filter_map(|span| as_path(span)) {
            let bases = bases(&document);
            let is_path = bases.iter().any(|base| begins_in(base, path));
            if is_path || FILES.iter().any(|end| path.ends_with(end)) {
                let there = bases.iter().any(|base| is_there(base, path));
                assert!(there, "{}: `{path}` is not there", document.path);
                checked += 1;
            }
        }
        for line in document.lines() {
            let words = line.split(|c: char| c.is_whitespace() || "'\"()=,;:<>".contains(c));
            for path in words.filter_map(|word| as_path(word.trim_end_matches('.'))) {
                if begins_in("", path) {
                    assert!(is_there("", path), "{}: {line}: {path} is not there", document.path);
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 100, "{checked}");
}

/// Those who use Fanfare know it from its root; those who change it from its crates, too.
fn bases(document: &Document) -> Vec<String> {
    let folder = Path::new(&document.path).parent().and_then(Path::to_str).unwrap_or_default();
    let of_code = ["ARCHITECTURE.md", "CONTRIBUTING.md"].contains(&document.path.as_str())
        || ["docs/decisions", "grafana"].contains(&folder);
    let code = CODE.iter().filter(|_| of_code);
    ["", folder].iter().chain(code).map(|base| (*base).to_owned()).collect()
}

/// A text that could be a path, and is not one that a command makes.
fn as_path(text: &str) -> Option<&str> {
    let path = text.trim_start_matches("./");
    let letters = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let relative = !path.is_empty() && !path.starts_with(['/', '.']) && path.chars().all(letters);
    let made = MADE.iter().any(|made| path.starts_with(made));
    (relative && !made && !path.contains("//")).then_some(path)
}

/// Whether the first part of a path with several is a folder.
fn begins_in(base: &str, path: &str) -> bool {
    path.split_once('/').is_some_and(|(first, _)| repository(base).join(first).is_dir())
}

/// Modules are named without the end of their file.
fn is_there(base: &str, path: &str) -> bool {
    let path = repository(base).join(path);
    path.exists() || path.with_extension("rs").exists()
}
