//! The modules of the crate import only what stands above them in `lib.rs`.

use std::collections::BTreeSet;
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

/// Without tests, which may look at everything.
fn files_of(module: &str) -> Vec<PathBuf> {
    let file = Path::new(SOURCES).join(module).with_extension("rs");
    if file.exists() {
        return vec![file];
    }
    let mut files = Vec::new();
    let mut folders = vec![Path::new(SOURCES).join(module)];
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
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let mut names = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
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
