//! The OpenAPI document of the admin listener and its own tables, held against each other. What the
//! document says of each field is tried on a running server by `tests/it/admin`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::problem::SLUGS;
use super::route::{AdminEndpoint, PATHS};
use super::status::of_cluster;
use crate::http::Pages;
use crate::log::ClusterStatus;

fn document() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/admin-openapi.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn each_path_of_the_document_has_the_methods_of_what_serves_it() {
    const METHODS: [&str; 5] = ["get", "head", "put", "delete", "post"];
    let document = document();
    for (path, item) in document["paths"].as_object().unwrap() {
        let served = AdminEndpoint::of(path).methods();
        let served: BTreeSet<String> = served.split(", ").map(str::to_lowercase).collect();
        let described = item.as_object().unwrap().keys().map(String::as_str);
        let described = described.filter(|key| METHODS.contains(key)).map(str::to_owned);
        assert_eq!(described.collect::<BTreeSet<_>>(), served, "{path}");
    }
}

#[test]
fn every_path_and_every_page_is_in_the_document_and_no_other() {
    let document = document();
    let described = document["paths"].as_object().unwrap().keys().map(String::as_str);
    let expected: BTreeSet<_> = PATHS.into_iter().chain(["/", "/assets/{name}"]).collect();
    assert_eq!(described.collect::<BTreeSet<_>>(), expected);
    for path in PATHS {
        assert_ne!(AdminEndpoint::of(path), AdminEndpoint::Page, "{path}");
    }
    let pages = Pages::of_admin();
    for page in pages.paths() {
        assert!(page == "/" || page.starts_with("/assets/"), "{page}");
    }
    for asset in ["admin.css", "admin.js", "style.css", "problem.js"] {
        assert!(pages.paths().any(|page| page == format!("/assets/{asset}")), "{asset}");
    }
}

#[test]
fn every_type_of_problem_is_in_the_document_and_no_other() {
    let document = document();
    let types = &document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"];
    let types = types.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let slugs = types.map(|name| name.strip_prefix("urn:fanfare:problem:").unwrap());
    assert_eq!(slugs.collect::<BTreeSet<_>>(), SLUGS.into());
}

#[test]
fn a_shared_log_is_as_the_document_describes_it() {
    let schema = json!({
        "components": document()["components"],
        "$ref": "#/components/schemas/Cluster",
    });
    let validator = jsonschema::validator_for(&schema).unwrap();
    let heard = ClusterStatus { heard_ms: 1_764_413_345_678, ..ClusterStatus::default() };
    for status in [ClusterStatus::default(), heard] {
        let value = of_cluster(&status);
        let errors: Vec<_> = validator.iter_errors(&value).map(|it| it.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

#[test]
fn the_document_is_of_this_version() {
    assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
}
