//! The modules of the crate import only what stands above them in `lib.rs`, and the files of a folder
//! never each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

#[test]
fn each_module_imports_only_what_stands_above_it() {
    let lib = std::fs::read_to_string(Path::new(SOURCES).join("lib.rs")).unwrap();
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let modules: Vec<&str> = modules.collect();
    let mut imports = 0;
    for (place, module) in modules.iter().enumerate() {
        for file in files_of(module) {
            for imported in imported_by(&std::fs::read_to_string(&file).unwrap()) {
                let at = modules.iter().position(|known| *known == imported);
                let above = at.is_none_or(|at| at <= place);
                assert!(above, "{}: {imported} stands below {module}", file.display());
                imports += usize::from(at.is_some());
            }
        }
    }
    assert!(imports > 100, "{imports}");
}

/// Circles that are allowed: none, and none is to come.
const CIRCLES: [&str; 0] = [];

#[test]
fn no_files_of_a_folder_import_each_other_in_a_circle() {
    let mut imports = 0;
    let mut circles = Vec::new();
    for folder in folders() {
        let graph = imports_within(&folder);
        imports += graph.values().map(BTreeSet::len).sum::<usize>();
        let in_circle = graph.keys().filter(|name| reach(&graph, name).contains(*name));
        let name = folder.strip_prefix(SOURCES).unwrap().display();
        circles.extend(in_circle.map(|file| format!("{name}/{file}")));
    }
    assert_eq!(circles, CIRCLES);
    assert!(imports > 100, "{imports}");
}

/// Those with modules in them, below the root of the crate: its own modules have their order.
fn folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let mut open = vec![PathBuf::from(SOURCES)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path.clone());
                open.push(path);
            }
        }
    }
    folders
}

/// Which of its modules each module of a folder imports. A subfolder counts as one module.
fn imports_within(folder: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if name == "mod" || name.ends_with("tests") {
            continue;
        }
        let within = if path.is_dir() { files_below(path) } else { vec![path] };
        files.insert(name, within);
    }
    let crate_path = folder.strip_prefix(SOURCES).unwrap().to_string_lossy().replace('/', "::");
    let imports = files.iter().map(|(name, within)| {
        let imported = within.iter().flat_map(|file| {
            let code = code_of(&std::fs::read_to_string(file).unwrap());
            let mut names = names_behind(&code, &format!("crate::{crate_path}::"));
            names.extend(names_behind(&code, &"super::".repeat(levels(folder, file))));
            names
        });
        let imported = imported.filter(|other| other != name && files.contains_key(other));
        (name.clone(), imported.collect())
    });
    imports.collect()
}

/// How many times `super` leads from a file to a folder.
fn levels(folder: &Path, file: &Path) -> usize {
    let below = file.strip_prefix(folder).unwrap().components().count();
    if file.ends_with("mod.rs") { below - 1 } else { below }
}

/// All that can be come to from a module.
fn reach(graph: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(name) = open.pop() {
        let imported = graph.get(&name).into_iter().flatten();
        open.extend(imported.filter(|next| reached.insert((*next).clone())).cloned());
    }
    reached
}

#[test]
fn a_circle_would_be_found() {
    let graph = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]
        .map(|(from, to)| (from.to_owned(), BTreeSet::from([to.to_owned()])));
    let graph = BTreeMap::from(graph);
    let in_circle = graph.keys().filter(|name| reach(&graph, name).contains(*name));
    assert_eq!(in_circle.collect::<Vec<_>>(), ["a", "b", "c"]);
    let code = "use super::super::{x::{self, y}, z};\nuse super::w::{v};\nuse super::super::u::T;";
    let names: Vec<_> = names_behind(code, "super::super::").into_iter().collect();
    assert_eq!(names, ["u", "x", "z"]);
    assert_eq!(names_behind(code, "super::").into_iter().collect::<Vec<_>>(), ["w"]);
}

/// Without tests, which may look at everything.
fn files_of(module: &str) -> Vec<PathBuf> {
    let file = Path::new(SOURCES).join(module).with_extension("rs");
    if file.exists() {
        return vec![file];
    }
    files_below(Path::new(SOURCES).join(module))
}

fn files_below(folder: PathBuf) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            if name.ends_with("tests") {
                continue;
            }
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

/// The first names behind `crate::`, also of several between braces.
fn imported_by(source: &str) -> BTreeSet<String> {
    names_behind(&code_of(source), "crate::")
}

/// Without comments and the tests at the end of a file.
fn code_of(source: &str) -> String {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

/// The first names behind a path, also of several between braces.
fn names_behind(code: &str, path: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(path) {
        // The end of a longer path is another one.
        let before = code[..at].chars().next_back();
        if before.is_some_and(|before| before.is_alphanumeric() || "_:".contains(before)) {
            continue;
        }
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{').and_then(|rest| rest.split_once("};")) {
            Some((several, _)) => names.extend(at_top_level(several).map(first_name)),
            None => drop(names.insert(first_name(rest))),
        }
    }
    names.remove("super");
    names
}

/// The parts of a list, without what stands between braces inside it.
fn at_top_level(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    list.split(move |c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    })
}

fn first_name(path: &str) -> String {
    path.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
