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
    let versions = fs::read_to_string(places.competitors().join("nchan/.root/versions")).ok()?;
    let of = |package: &str| {
        let lines = versions.lines().filter_map(|line| line.split_once(' '));
        lines.into_iter().find(|(name, _)| *name == package).map(|(_, version)| version.to_owned())
    };
    Some(format!("{}, nginx {}", of("libnginx-mod-nchan")?, of("nginx")?))
}

pub(crate) fn mercure(_: &Places) -> Option<String> {
    first_line(&on_path("mercure")?, "version")
}

pub(crate) fn centrifugo(_: &Places) -> Option<String> {
    let line = first_line(&on_path("centrifugo")?, "version")?;
    Some(line.trim_start_matches("Centrifugo ").to_owned())
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
        assert_eq!(required("anyio==4\nfastapi==0.165.0\n", "fastapi").as_deref(), Some("0.165.0"));
    }
}
