//! The OpenAPI document and the server's own tables, held against each other, so that neither grows
//! alone. What the document says of each is tried on a running server by `tests/it/openapi`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::pages::Pages;
use super::super::publish::PARAMETERS;
use super::super::resume::STREAM_PARAMETERS;
use super::*;

fn document() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn described_paths(document: &Value) -> &Map<String, Value> {
    document["paths"].as_object().unwrap()
}

/// The route that takes a path of the document; none for those of pages.
fn route_of(path: &str) -> Option<&'static str> {
    ROUTES.iter().map(|(route, _)| *route).find(|route| leads_to(route, path))
}

#[test]
fn each_path_of_the_document_has_the_methods_of_what_serves_it() {
    const METHODS: [&str; 9] =
        ["get", "head", "query", "post", "put", "patch", "delete", "options", "trace"];
    let (document, pages) = (document(), Pages::new(true));
    for (path, item) in described_paths(&document) {
        let page = || pages.paths().find(|page| leads_to(path, page)).and_then(|it| pages.at(it));
        let endpoint = routed(path).or_else(|| page().map(Endpoint::Page));
        let served = endpoint.unwrap_or_else(|| panic!("nothing serves {path}")).methods();
        let served: BTreeSet<String> = served.split(", ").map(str::to_lowercase).collect();
        let described = item.as_object().unwrap().keys().map(String::as_str);
        let described = described.filter(|key| METHODS.contains(key)).map(str::to_owned);
        assert_eq!(described.collect::<BTreeSet<_>>(), served, "{path}");
    }
}

#[test]
fn every_route_and_every_page_has_a_path_in_the_document() {
    let document = document();
    let described = described_paths(&document);
    let routes: BTreeSet<_> = described.keys().filter_map(|path| route_of(path)).collect();
    assert_eq!(routes, ROUTES.iter().map(|(route, _)| *route).collect());
    let of_pages: Vec<_> = described.keys().filter(|path| route_of(path).is_none()).collect();
    for page in Pages::new(true).paths() {
        assert!(of_pages.iter().any(|path| leads_to(path, page)), "{page}");
    }
}

/// The parameters of a method in the query, those of tokens too.
fn parameters<'a>(document: &'a Value, path: &str, method: &str) -> BTreeSet<&'a str> {
    let operation = &document["paths"][path][method];
    let own = operation["parameters"].as_array().unwrap().iter();
    let own = own.map(|one| match one["$ref"].as_str() {
        Some(pointer) => document.pointer(&pointer[1..]).unwrap(),
        None => one,
    });
    let security = operation.get("security").unwrap_or(&document["security"]);
    let schemes = security.as_array().unwrap().iter().flat_map(|one| one.as_object().unwrap());
    let schemes = schemes.map(|(name, _)| &document["components"]["securitySchemes"][name]);
    let in_query = own.chain(schemes).filter(|one| one["in"] == "query");
    in_query.map(|one| one["name"].as_str().unwrap()).collect()
}

#[test]
fn the_document_has_every_parameter_that_the_server_knows_and_no_other() {
    let document = document();
    let publish = parameters(&document, "/events/{topic}", "post");
    assert_eq!(publish, PARAMETERS.into());
    let streams = ["/events/{topic}", "/stream-time", "/stream-training"];
    for path in streams {
        assert_eq!(parameters(&document, path, "get"), STREAM_PARAMETERS.into(), "{path}");
    }
    let selectors = ["topic", "match", "match_exact", "match_urlpattern"];
    let of_hub = STREAM_PARAMETERS.into_iter().chain(selectors).collect();
    for method in ["get", "head", "query"] {
        assert_eq!(parameters(&document, HUB_PATH, method), of_hub, "{method}");
    }
}

/// What the type of a problem may end with, read where it is written: there is no other list.
fn slugs() -> BTreeSet<&'static str> {
    let source = include_str!("problem.rs");
    let (_, behind) = source.split_once("fn slug(&self) -> &'static str {").unwrap();
    let (body, _) = behind.split_once("\n    }\n").unwrap();
    body.split('"').skip(1).step_by(2).collect()
}

#[test]
fn every_type_of_problem_is_in_the_document_and_no_other() {
    const PREFIX: &str = "urn:fanfare:problem:";
    let document = document();
    let responses = document["components"]["responses"].as_object().unwrap().values();
    let types = responses.filter_map(|response| {
        let schema = &response["content"]["application/problem+json"]["schema"];
        schema["properties"]["type"]["enum"].as_array()
    });
    let types = types.flatten().map(|name| name.as_str().unwrap().strip_prefix(PREFIX).unwrap());
    let slugs = slugs();
    assert!(slugs.len() > 20, "{slugs:?}");
    assert_eq!(types.collect::<BTreeSet<_>>(), slugs);
}

#[test]
fn the_document_is_of_this_version() {
    assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
}
