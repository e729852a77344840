//! Reading the documents of the repository: which there are, their links, and the code in them.

use std::path::{Path, PathBuf};

use crate::support::{repository, text};

/// Names and words of every time belong into a history.
const HISTORY: &str = "CHANGELOG.md";

/// Where documents lie, from the root of the repository.
const FOLDERS: [&str; 8] = [
    "",
    "docs",
    "docs/decisions",
    "docs/recipes",
    "grafana",
    "deploy/helm/fanfare",
    "clients/js",
    "clients/python",
];

/// A document.
pub(super) struct Document {
    /// From the root of the repository.
    pub(super) path: String,
    pub(super) text: String,
}

/// All documents that say how things are now.
pub(super) fn documents() -> Vec<Document> {
    let mut paths: Vec<String> = FOLDERS.iter().flat_map(|folder| markdown_in(folder)).collect();
    paths.retain(|path| path != HISTORY);
    paths.sort();
    assert!(paths.len() >= 19, "{paths:?}");
    paths.into_iter().map(|path| Document { text: text(&path), path }).collect()
}

fn markdown_in(folder: &str) -> Vec<String> {
    let files = std::fs::read_dir(repository(folder)).expect("a folder").map(Result::unwrap);
    let names = files.map(|file| file.file_name().display().to_string());
    let names = names.filter(|name| name.ends_with(".md"));
    names.map(|name| Path::new(folder).join(name).display().to_string()).collect()
}

impl Document {
    /// The folder that links start from.
    pub(super) fn folder(&self) -> PathBuf {
        let folder = Path::new(&self.path).parent();
        repository(folder.and_then(Path::to_str).unwrap_or_default())
    }

    /// What links lead to, with the part behind `#`.
    pub(super) fn links(&self) -> Vec<&str> {
        let links = self.text.split("](").skip(1);
        links.filter_map(|rest| rest.split_once(')')).map(|(link, _)| link).collect()
    }

    /// Pictures: the text for whoever does not see them, and their path.
    pub(super) fn images(&self) -> Vec<(&str, &str)> {
        let images = self.text.split("![").skip(1);
        let parts = images.filter_map(|rest| {
            let (alternative, rest) = rest.split_once("](")?;
            Some((alternative, rest.split_once(')')?.0))
        });
        parts.collect()
    }

    /// What stands between single backticks.
    pub(super) fn spans(&self) -> Vec<String> {
        let prose: Vec<&str> = self.text.split("```").step_by(2).collect();
        let prose = prose.join("").replace('\n', " ");
        prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    /// The lines of code blocks; a line that ends with a backslash goes on in the next.
    pub(super) fn lines(&self) -> Vec<String> {
        let blocks = self.text.split("```").skip(1).step_by(2);
        let blocks = blocks.map(|block| block.replace("\\\n", " "));
        blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// The names by which links reach the headings.
    pub(super) fn anchors(&self) -> Vec<String> {
        let prose: Vec<&str> = self.text.split("```").step_by(2).collect();
        let prose = prose.join("");
        let headings = prose.lines().filter(|line| line.starts_with('#'));
        headings.map(|heading| anchor(heading.trim_start_matches('#').trim())).collect()
    }
}

/// As GitHub makes them: lower case, hyphens for spaces, nothing but letters, digits, `-` and `_`.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|&c| c.is_alphanumeric() || " -_".contains(c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
