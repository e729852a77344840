//! The modules of the crate import only what stands above them in `lib.rs`, and the files of a
//! folder do not import each other in a circle, so that there is always one to begin reading with.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// Circles that are known, as `folder: one, other`. None may be added.
const KNOWN_CIRCLES: [&str; 0] = [];

#[test]
fn each_module_imports_only_what_stands_above_it() {
    let lib = read_to_string(Path::new(SOURCES).join("lib.rs")).expect("a source file");
    let module = |line: &str| {
        let name = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ")?;
        Some(name.strip_suffix(';')?.to_owned())
    };
    let modules: Vec<String> = lib.lines().filter_map(module).collect();
    let mut imports = 0;
    for (place, module) in modules.iter().enumerate() {
        for file in files_of(&Path::new(SOURCES).join(module)) {
            for imported in names_behind("crate::", &code_of(&file)) {
                let at = modules.iter().position(|known| *known == imported);
                let above = at.is_none_or(|at| at <= place);
                assert!(above, "{}: {imported} stands below {module}", file.display());
                imports += usize::from(at.is_some());
            }
        }
    }
    assert!(imports > 100, "{imports}");
}

#[test]
fn the_files_of_a_folder_import_each_other_in_no_circle() {
    let mut circles = Vec::new();
    let mut folders = vec![PathBuf::from(SOURCES)];
    while let Some(folder) = folders.pop() {
        let inside = read_dir(&folder)
            .expect("a source file")
            .map(|entry| entry.expect("a source file").path());
        folders.extend(inside.filter(|path| path.is_dir()));
        // The order of the whole is tested above.
        if folder != Path::new(SOURCES) {
            let name = folder.strip_prefix(SOURCES).expect("a source file").display().to_string();
            let circle = circle_in(&folder);
            circles.extend((!circle.is_empty()).then(|| format!("{name}: {}", circle.join(", "))));
        }
    }
    assert_eq!(circles, KNOWN_CIRCLES);
}

/// The children of a folder that are in a circle, or import one that is.
fn circle_in(folder: &Path) -> Vec<String> {
    let children: BTreeSet<String> = read_dir(folder)
        .expect("a source file")
        .map(|entry| entry.expect("a source file").path())
        .filter(|path| path.is_dir() || path.extension().is_some_and(|end| end == "rs"))
        .map(|path| path.file_stem().expect("a source file").to_string_lossy().into_owned())
        .filter(|name| name != "mod" && !name.ends_with("tests"))
        .collect();
    let own = folder
        .strip_prefix(SOURCES)
        .expect("a source file")
        .display()
        .to_string()
        .replace('/', "::");
    let reexported = reexported_by(&code_of(&folder.join("mod.rs")), &children);
    let mut left = BTreeMap::new();
    for child in &children {
        let mut imported = BTreeSet::new();
        for file in files_of(&folder.join(child)) {
            let code = code_of(&file);
            // A file of the folder is one level below it, and one of a child's folder at least two.
            let depth = file.strip_prefix(folder).expect("a source file").components().count();
            let is_root = file.file_name().is_some_and(|name| name == "mod.rs");
            let up = "super::".repeat(depth - usize::from(is_root));
            for name in names_behind(&up, &code)
                .into_iter()
                .chain(names_behind(&format!("crate::{own}::"), &code))
            {
                let name = reexported.get(&name).cloned().unwrap_or(name);
                imported.extend(Some(name).filter(|name| children.contains(name) && name != child));
            }
        }
        left.insert(child.clone(), imported);
    }
    // Takes away what imports nothing that is left, until only circles are.
    loop {
        let names: BTreeSet<String> = left.keys().cloned().collect();
        let before = left.len();
        left.retain(|_, imported| !imported.is_disjoint(&names));
        if left.len() == before {
            return names.into_iter().collect();
        }
    }
}

/// Names that a folder's own file makes known, by the child that they are from.
fn reexported_by(code: &str, children: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for child in children {
        for path in [format!("use {child}::"), format!("use self::{child}::")] {
            names.extend(names_behind(&path, code).into_iter().map(|name| (name, child.clone())));
        }
    }
    names
}

/// The files of a module, without tests, which may look at everything.
fn files_of(module: &Path) -> Vec<PathBuf> {
    let file = module.with_extension("rs");
    if file.exists() {
        return vec![file];
    }
    let (mut files, mut folders) = (Vec::new(), vec![module.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in read_dir(&folder).expect("a source file") {
            let path = entry.expect("a source file").path();
            if path.file_stem().expect("a source file").to_string_lossy().ends_with("tests") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The lines of a file without comments and tests.
fn code_of(file: &Path) -> String {
    let source = read_to_string(file).expect("a source file");
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

/// The first names behind this path, also of several between braces.
fn names_behind(path: &str, code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(path) {
        // Not the end of a longer path.
        if code[..at].ends_with([':', '_']) || code[..at].ends_with(char::is_alphanumeric) {
            continue;
        }
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{').and_then(|rest| rest.split_once("};")) {
            Some((several, _)) => names.extend(several.split(',').map(first_name)),
            None => drop(names.insert(first_name(rest))),
        }
    }
    names
}

fn first_name(path: &str) -> String {
    path.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
