//! The plain manifests are what the chart makes, and say how they are used.

use std::process::Command;

use super::super::tool::{content, yaml};
use super::release::Release;
use crate::support::text;

#[test]
fn the_manifests_are_what_the_chart_makes() {
    content(Command::new("python3").args(["-B", "deploy/kubernetes/build", "--check"]));
}

#[test]
fn the_manifests_begin_with_how_they_are_used_and_explain_what_they_set() {
    for (file, at_least) in [("fanfare.yaml", 60), ("cluster.yaml", 50)] {
        let manifest = text(&format!("deploy/kubernetes/{file}"));
        assert!(manifest.lines().next().unwrap().contains("on Kubernetes 1.30 or later"), "{file}");
        assert!(
            manifest.contains(&format!("kubectl apply -f deploy/kubernetes/{file}"))
                || manifest.contains(&format!(" -f deploy/kubernetes/{file}`")),
            "{file}"
        );
        let comments = manifest.lines().filter(|line| line.trim().starts_with('#')).count();
        assert!(comments >= at_least, "{file}: {comments}");
        for left_out in ["helm.sh/chart", "managed-by", "# Source"] {
            assert!(!manifest.contains(left_out), "{file}: {left_out}");
        }
    }
}

/// What Kubernetes never lets anybody change is the same, so that a release takes over what was applied.
#[test]
fn a_release_with_the_same_values_is_the_manifest() {
    let release = Release::of("memory");
    let mut set = yaml("deploy/kubernetes/fanfare.yaml");
    set.retain(|document| document["kind"] == "StatefulSet");
    let (applied, released) = (&set[0]["spec"], &release.workload()["spec"]);
    for fixed in ["selector", "serviceName", "podManagementPolicy"] {
        assert_eq!(applied[fixed], released[fixed], "{fixed}");
    }
    assert_eq!(set[0]["metadata"]["name"], release.workload()["metadata"]["name"]);
}
