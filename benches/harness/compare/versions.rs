//! Which version of each server is measured, as it says itself or as the file that pins it says. A
//! version that cannot be learnt is not shown; it stops nothing.

use std::fs;

use crate::places::Places;
use crate::programs::{first_line, on_path};

pub(crate) fn axum(places: &Places) -> Option<String> {
    let lock = fs::read_to_string(places.repository.join("Cargo.lock")).ok()?;
    Some(format!("{}, tokio {}", locked(&lock, "axum")?, locked(&lock, "tokio")?))
}

pub(crate) fn bun(places: &Places) -> Option<String> {
    first_line(&places.competitors().join("bun/node_modules/.bin/bun"), "--version")
}

pub(crate) fn better_sse(places: &Places) -> Option<String> {
    let package = places.competitors().join("better-sse/node_modules/better-sse/package.json");
    let package: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(package).ok()?).ok()?;
    let node = first_line(&on_path("node")?, "--version")?;
    Some(format!("{}, Node {}", package.get("version")?.as_str()?, node.trim_start_matches('v')))
}

pub(crate) fn fastapi(places: &Places) -> Option<String> {
    python(places, "fastapi")
}

pub(crate) fn sse_starlette(places: &Places) -> Option<String> {
    python(places, "sse-starlette")
}

fn python(places: &Places, name: &str) -> Option<String> {
    let folder = places.competitors().join(name);
    let pinned = fs::read_to_string(folder.join("requirements.txt")).ok()?;
    let python = first_line(&folder.join(".venv/bin/python"), "--version")?;
    Some(format!(
        "{}, uvicorn {}, {python}",
        required(&pinned, name)?,
        required(&pinned, "uvicorn")?
    ))
}

pub(crate) fn nchan(places: &Places) -> Option<String> {
    let of = |package| unpacked(places, "nchan", package);
    Some(format!("{}, nginx {}", of("libnginx-mod-nchan")?, of("nginx")?))
}

/// The version of a Debian package that was unpacked for a competitor.
pub(crate) fn unpacked(places: &Places, competitor: &str, package: &str) -> Option<String> {
    let file = places.competitors().join(competitor).join(".root/versions");
    listed(&fs::read_to_string(file).ok()?, package)
}

pub(crate) fn mercure(places: &Places) -> Option<String> {
    go_module(places, "mercure", "github.com/dunglas/mercure")
}

pub(crate) fn centrifugo(places: &Places) -> Option<String> {
    go_module(places, "centrifugo", "github.com/centrifugal/centrifugo/v6")
}

/// The version of a Go module that a competitor is built of.
pub(crate) fn go_module(places: &Places, competitor: &str, module: &str) -> Option<String> {
    let file = places.competitors().join(competitor).join("go.mod");
    let version = listed(&fs::read_to_string(file).ok()?, module)?;
    Some(version.trim_start_matches('v').to_owned())
}

/// What stands behind a name in a list of names and versions.
fn listed(list: &str, name: &str) -> Option<String> {
    list.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word == "require");
        (words.next() == Some(name)).then(|| words.next().map(str::to_owned))?
    })
}

/// The version of a package in Cargo.lock.
fn locked(lock: &str, package: &str) -> Option<String> {
    let after = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?.1;
    Some(after.split_once('"')?.0.to_owned())
}

/// The version of a package in requirements.txt.
fn required(pinned: &str, package: &str) -> Option<String> {
    let lines = pinned.lines().filter_map(|line| line.split_once("=="));
    lines.into_iter().find(|(name, _)| *name == package).map(|(_, version)| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_where_they_are_pinned() {
        let lock = "[[package]]\nname = \"axum-core\"\nversion = \"1\"\n\n[[package]]\nname = \"axum\"\nversion = \"0.8.9\"\n";
        assert_eq!(locked(lock, "axum").as_deref(), Some("0.8.9"));
        assert_eq!(locked(lock, "tokio"), None);
        let packages = "nginx-common 1.0\nnginx 1.22.1-9\n";
        assert_eq!(listed(packages, "nginx").as_deref(), Some("1.22.1-9"));
        let modules =
            "require a/b v1.2.3\n\nrequire (\n\ta/b/c v2.0.0 // indirect\n)\n\ntool a/b/d\n";
        assert_eq!(listed(modules, "a/b").as_deref(), Some("v1.2.3"));
        assert_eq!(listed(modules, "a/b/c").as_deref(), Some("v2.0.0"));
        assert_eq!(listed(modules, "a/b/d"), None);
        assert_eq!(required("anyio==4\nfastapi==0.165.0\n", "fastapi").as_deref(), Some("0.165.0"));
    }
}
