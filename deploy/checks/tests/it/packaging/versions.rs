//! The version stands in one place, `workspace.package` of `Cargo.toml`; whatever names it elsewhere
//! agrees. CONTRIBUTING.md has the rule.

use crate::support::text;

/// Files that name the version of a release, and the words before it.
const NAMED: [(&str, &str); 13] = [
    ("README.md", "fanfare-"),
    ("README.md", "fanfare_"),
    ("deploy/README.md", "fanfare:"),
    ("deploy/helm/fanfare/README.md", "fanfare:"),
    ("docs/operations.md", "--build-arg VERSION="),
    ("docs/operations.md", "fanfare:"),
    ("deploy/kubernetes/fanfare.yaml", "registry.example/fanfare:"),
    ("deploy/kubernetes/cluster.yaml", "registry.example/fanfare:"),
    ("docs/install.md", "fanfare-"),
    ("docs/install.md", "fanfare_"),
    ("docs/install.md", "fanfare-loadgen_"),
    ("docs/install.md", "fanfare:"),
    ("docs/install.md", "fanfare-loadgen:"),
];

#[test]
fn whatever_names_the_version_agrees_with_the_manifest() {
    let version = version();
    for (file, words) in NAMED {
        let text = text(file);
        let named: Vec<&str> = text
            .split(words)
            .skip(1)
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            .collect();
        assert!(!named.is_empty(), "{file}: no {words}");
        for rest in named {
            let found = version_at_the_beginning(rest);
            assert_eq!(found, version, "{file}: {words}{}", rest.lines().next().unwrap());
        }
    }
}

#[test]
fn every_crate_has_the_version_of_the_workspace() {
    for member in ["benches", "deploy/checks", "loadgen", "service", "service/fuzz", "service/loom"]
    {
        let manifest = text(&format!("{member}/Cargo.toml"));
        assert!(manifest.contains("\nversion.workspace = true\n"), "{member}");
    }
}

/// Whoever looks at a package, an image or the help of Cargo reads the same.
#[test]
fn labels_of_images_say_what_the_manifests_say() {
    let dockerfile = text("deploy/Dockerfile");
    let licence = value(&text("Cargo.toml"), "license");
    assert!(dockerfile.contains(&format!("image.licenses=\"{licence}\"")), "{licence}");
    for folder in ["service", "loadgen"] {
        let description = value(&text(&format!("{folder}/Cargo.toml")), "description");
        let label = format!("image.description=\"{description}\"");
        assert!(dockerfile.contains(&label), "deploy/Dockerfile: no {label}");
        // What is shown in lists of packages.
        assert!(description.len() < 80, "{description}");
    }
}

/// The newest section of the changelog is that of this version, or of what comes after it.
#[test]
fn the_changelog_has_a_section_for_each_release_the_newest_first() {
    let changelog = text("CHANGELOG.md");
    let headings: Vec<&str> =
        changelog.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let (first, releases) = headings.split_first().expect("a section");
    let (unreleased, releases) =
        if *first == "Unreleased" { (true, releases) } else { (false, &headings[..]) };
    let releases: Vec<Release> = releases.iter().map(|heading| Release::read(heading)).collect();
    assert!(releases.is_sorted_by(|a, b| a > b), "{headings:?}");
    let version = numbers(&version());
    match releases.first() {
        None => assert!(unreleased, "nothing is released, and nothing is to be"),
        Some(newest) if unreleased => assert!(version > newest.version, "{headings:?}"),
        Some(newest) => assert_eq!(version, newest.version, "{headings:?}"),
    }
}

/// `0.1.0 (2026-11-29)`.
#[derive(Debug, PartialEq, PartialOrd)]
struct Release {
    version: Vec<u32>,
    date: String,
}

impl Release {
    fn read(heading: &str) -> Self {
        let (version, date) = heading.split_once(" (").expect("a version and a date");
        let date = date.strip_suffix(')').expect("a date in brackets");
        let digits = date.replace('-', "");
        assert!(date.len() == 10 && digits.len() == 8, "{heading}: year-month-day");
        assert!(digits.chars().all(|c| c.is_ascii_digit()), "{heading}: year-month-day");
        Self { version: numbers(version), date: date.to_owned() }
    }
}

#[test]
fn a_heading_of_a_release_is_read_as_version_and_date() {
    let read = Release::read("0.10.2 (2026-11-29)");
    assert_eq!(read.version, [0, 10, 2]);
    assert!(read > Release::read("0.9.0 (2026-12-01)"));
    for wrong in ["0.1.0", "0.1.0 (29.11.2026)", "v0.1.0 (2026-11-29)", "0.1.0 (2026-11-29"] {
        assert!(std::panic::catch_unwind(|| Release::read(wrong)).is_err(), "{wrong}");
    }
}

fn version() -> String {
    let manifest = text("Cargo.toml");
    let (_, package) = manifest.split_once("[workspace.package]\n").expect("a table");
    value(package, "version")
}

/// The first value of a key.
fn value(manifest: &str, key: &str) -> String {
    let mut values =
        manifest.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
    values.next().unwrap_or_else(|| panic!("no {key}")).trim_matches('"').to_owned()
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().expect("a number")).collect()
}

/// Three numbers, as far as they go.
fn version_at_the_beginning(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..end].trim_end_matches('.')
}
