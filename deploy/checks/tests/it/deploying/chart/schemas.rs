//! Helm's own linter, and the schemas of Kubernetes and of the operators that the chart knows.

use std::path::Path;

use serde_json::Value;

use super::super::tool::{content, linter, run};
use super::release::{ALL, CHART, Release, helm, made, values};
use crate::support::repository;

/// Kinds that are not Kubernetes' own.
const OF_OPERATORS: [&str; 3] = ["HTTPRoute", "PodMonitor", "PrometheusRule"];

#[test]
fn helm_is_content_with_the_chart_for_all_values() {
    for name in ALL {
        let mut lint = helm();
        let said = content(lint.args(["lint", "--strict", CHART, "--values"]).arg(values(name)));
        assert!(said.contains("1 chart(s) linted, 0 chart(s) failed"), "{name}: {said}");
        assert!(!said.contains("[WARNING]"), "{name}: {said}");
    }
}

#[test]
fn what_the_chart_makes_follows_the_schemas_of_kubernetes_without_unknown_fields() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for name in ALL {
        let release = Release::of(name);
        let (_, own): (Vec<_>, Vec<_>) =
            release.documents.iter().partition(|document| is_of_an_operator(document));
        for (number, document) in own.iter().enumerate() {
            let file = folder.path().join(format!("{name}-{number}.json"));
            std::fs::write(&file, document.to_string()).unwrap();
            files.push(file);
        }
    }
    assert!(files.len() > 30, "{files:?}");
    // The oldest that the chart says it is for, and the newest that the package knows.
    for version in ["1.30", "1.37"] {
        let mut check = linter("kubernetes-validate");
        content(check.args(["--strict", "-k", version]).args(&files));
    }
}

#[test]
fn what_the_chart_makes_for_operators_follows_their_schemas_without_unknown_fields() {
    let release = Release::of("everything");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("document.json");
    for kind in OF_OPERATORS {
        let document = release.document(kind);
        std::fs::write(&file, document.to_string()).unwrap();
        let (fits, said) = check(kind, &file);
        assert!(fits, "{kind}: {said}");
        // A field that does not exist, at the place where a misspelt one would be.
        let mut spoilt = document.clone();
        spoilt["spec"]["labelz"] = "x".into();
        std::fs::write(&file, spoilt.to_string()).unwrap();
        assert!(!check(kind, &file).0, "{kind}: it takes anything");
    }
}

#[test]
fn every_document_has_the_labels_by_which_it_is_found_and_a_name_of_its_release() {
    for (name, own) in [("memory", "fanfare"), ("everything", "push")] {
        for document in &Release::of(name).documents {
            let labels = &document["metadata"]["labels"];
            assert_eq!(labels["app.kubernetes.io/name"], "fanfare", "{document}");
            assert_eq!(labels["app.kubernetes.io/instance"], "fanfare", "{document}");
            assert_eq!(labels["app.kubernetes.io/managed-by"], "Helm", "{document}");
            let named = document["metadata"]["name"].as_str().unwrap();
            assert!(named.starts_with(own), "{name}: {named}");
        }
    }
}

#[test]
fn a_package_of_the_chart_has_the_rules_and_dashboards_and_makes_the_same() {
    let folder = tempfile::tempdir().unwrap();
    content(helm().args(["package", CHART, "--destination"]).arg(folder.path()));
    let package = folder.path().join("fanfare-0.1.0.tgz");
    let mut template = helm();
    template.args(["template", "fanfare"]).arg(package).arg("--values").arg(values("everything"));
    assert_eq!(made(&mut template), Release::of("everything").text);
}

fn is_of_an_operator(document: &Value) -> bool {
    OF_OPERATORS.iter().any(|kind| document["kind"] == *kind)
}

/// By the schema of its CustomResourceDefinition, which `make setup-tests` fetches.
fn check(kind: &str, file: &Path) -> (bool, String) {
    let schema = format!("deploy/checks/kubernetes/.built/schemas/{}.json", kind.to_lowercase());
    assert!(repository(&schema).exists(), "{schema} is not there; run `make setup-tests`");
    run(linter("check-jsonschema").args(["--schemafile", &schema]).arg(file))
}
