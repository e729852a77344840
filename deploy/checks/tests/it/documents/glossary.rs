//! The glossary, held to: words that it gives up do not come back in what is named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::support::repository;

/// A word that stands as code in the last column, and the folder in the heading above it.
fn given_up() -> Vec<(String, String)> {
    let glossary = read(&repository("docs/glossary.md"));
    let (mut folder, mut words) = (String::new(), Vec::new());
    for line in glossary.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            folder = in_code(heading).next().unwrap_or_default().to_owned();
        } else if let Some((_, last)) = line.strip_suffix('|').and_then(|row| row.rsplit_once('|'))
        {
            words.extend(in_code(last).map(|word| (folder.clone(), word.to_owned())));
        }
    }
    words
}

fn in_code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn words_that_the_glossary_gives_up_name_nothing_in_the_code() {
    let given_up = given_up();
    assert!(given_up.len() > 10, "{given_up:?}");
    let (mut found, mut checked) = (BTreeSet::new(), 0);
    for folder in given_up.iter().map(|(folder, _)| folder).collect::<BTreeSet<_>>() {
        let words: Vec<_> = given_up.iter().filter(|(of, _)| of == folder).collect();
        for file in sources(repository(folder)) {
            let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let names = names_in(&read(&file));
            for name in names.into_iter().chain(stem) {
                let word = words.iter().find(|(_, word)| has_word(&name, word));
                found.extend(word.map(|(_, word)| format!("{}: {name} ({word})", file.display())));
                checked += 1;
            }
        }
    }
    assert!(checked > 10_000, "{checked}");
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn words_that_the_glossary_gives_up_are_in_no_flag_and_in_no_name_of_a_metric() {
    let given_up = given_up();
    let metrics = read(&repository("docs/metrics.md"));
    let metrics = in_code(&metrics).filter(|name| name.contains('_'));
    let flags = read(&repository("docs/operations.md"));
    let flags = in_code(&flags).filter_map(|span| span.strip_prefix("--"));
    let names: Vec<String> =
        metrics.map(str::to_owned).chain(flags.map(|flag| flag.replace('-', "_"))).collect();
    assert!(names.len() > 80, "{}", names.len());
    for name in names {
        let word = given_up.iter().find(|(_, word)| has_word(&name, word));
        assert_eq!(word, None, "{name}");
    }
}

/// Of a crate, without its tests: the files that define a type of this name.
fn definitions_in(crate_folder: &str) -> BTreeMap<String, BTreeSet<PathBuf>> {
    let mut definitions: BTreeMap<String, BTreeSet<PathBuf>> = BTreeMap::new();
    for file in sources(repository(crate_folder)) {
        if file.iter().any(|part| part.to_string_lossy().trim_end_matches(".rs") == "tests") {
            continue;
        }
        for name in read(&file).lines().filter_map(type_defined_by) {
            definitions.entry(name.to_owned()).or_default().insert(file.clone());
        }
    }
    definitions
}

/// A definition begins its line; what is indented is an associated type, or local to a function.
fn type_defined_by(line: &str) -> Option<&str> {
    let after_visibility = match line.strip_prefix("pub") {
        Some(rest) => rest.split_once(' ')?.1,
        None => line,
    };
    let (keyword, rest) = after_visibility.split_once(' ')?;
    let is_type = ["struct", "enum", "trait", "type", "union"].contains(&keyword);
    is_type.then(|| rest.split(|c: char| !c.is_alphanumeric()).next()).flatten()
}

#[test]
fn a_type_name_stands_for_one_thing_in_a_crate() {
    // Two implementations of one type, of which a feature chooses one.
    const ONE_THING: [&str; 1] = ["Export"];
    for crate_folder in ["service/src", "loadgen/src"] {
        let definitions = definitions_in(crate_folder);
        assert!(definitions.len() > 100, "{crate_folder}: {}", definitions.len());
        let twice = definitions
            .iter()
            .filter(|(name, files)| files.len() > 1 && !ONE_THING.contains(&name.as_str()));
        assert_eq!(twice.collect::<Vec<_>>(), [], "{crate_folder}");
    }
}

#[test]
fn a_definition_of_a_type_is_known_by_its_line() {
    let cases = [
        ("pub(super) struct SlotCell {", Some("SlotCell")),
        ("enum Mode {", Some("Mode")),
        ("pub type Row<T> = Vec<T>;", Some("Row")),
        ("    type Err = String;", None),
        ("pub fn structure() {}", None),
        ("// struct Comment;", None),
    ];
    for (line, expected) in cases {
        assert_eq!(type_defined_by(line), expected, "{line}");
    }
}

#[test]
fn a_name_has_a_word_however_it_is_written() {
    let cases = [
        ("DoorBell", "bell", true),
        ("ring_bell", "bell", true),
        ("BELLS", "bell", false),
        ("label", "bell", false),
        ("letting_go", "letting_go", true),
        ("PendingLettingGo", "letting_go", true),
        ("letting_good", "letting_go", false),
    ];
    for (name, word, expected) in cases {
        assert_eq!(has_word(name, word), expected, "{name} and {word}");
    }
    let code = "// bell\nfn a(b: &str) { \"bell\"; r#\"bell\"#; 'x'; c::<D>() /* bell */ }";
    let names: Vec<_> = names_in(code).into_iter().collect();
    assert_eq!(names, ["D", "a", "b", "c", "fn", "str"]);
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn sources(folder: PathBuf) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder]);
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).expect("a folder of ours");
        for path in entries.map(|entry| entry.expect("a folder that stays").path()) {
            let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            // What was installed or built is not ours.
            let is_ours = !name.starts_with('.') && name != "target" && name != "node_modules";
            if path.is_dir() && is_ours {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The words of a source that are no comments and no literals.
fn names_in(source: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw_string(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let begin = hashes + 2;
            rest[begin..].find(&end).map_or(rest.len(), |at| begin + at + end.len())
        } else if first == '"' {
            end_of_string(rest)
        } else if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            names.insert(rest[..end].to_owned());
            end
        } else if let Some(character) = character(rest) {
            character
        } else {
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    names
}

/// How many `#` a raw string has that begins here.
fn raw_string(rest: &str) -> Option<usize> {
    let rest =
        rest.strip_prefix("r#").map_or_else(|| rest.strip_prefix('r'), |_| Some(&rest[1..]))?;
    let hashes = rest.bytes().take_while(|&byte| byte == b'#').count();
    rest[hashes..].starts_with('"').then_some(hashes)
}

fn end_of_string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// The length of a character literal that begins here; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let skip = if inside.starts_with('\\') { 2 } else { inside.chars().next()?.len_utf8() };
    let end = inside.get(skip..)?.find('\'')?;
    (inside.starts_with('\\') || end == 0).then_some(1 + skip + end + 1)
}

/// Whether a name has a word, or several words in a row, in snake or camel case.
fn has_word(name: &str, word: &str) -> bool {
    let mut snake = String::new();
    let mut before = '_';
    for c in name.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
        before = c;
    }
    format!("_{snake}_").contains(&format!("_{word}_"))
}
