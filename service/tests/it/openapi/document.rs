//! The document, as far as tests read it.

use std::collections::BTreeSet;

use reqwest::{Method, Response};
use serde_json::{Map, Value, json};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.yaml");

/// What a path may have methods under.
const METHODS: [&str; 9] =
    ["get", "head", "query", "post", "put", "patch", "delete", "options", "trace"];

pub(super) struct OpenApi {
    whole: Value,
}

/// A method of a path.
#[derive(Clone, Copy)]
pub(super) struct Operation<'a> {
    document: &'a OpenApi,
    pub(super) path: &'a str,
    method: &'a str,
    of_path: &'a Value,
    own: &'a Value,
}

impl OpenApi {
    pub(super) fn read() -> Self {
        let text = std::fs::read_to_string(FILE).unwrap();
        Self { whole: serde_saphyr::from_str(&text).unwrap() }
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.whole["paths"].as_object().unwrap().keys().map(String::as_str)
    }

    pub(super) fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.whole["paths"].as_object().unwrap().iter();
        let operations = paths.flat_map(|(path, of_path)| {
            let own = of_path.as_object().unwrap().iter();
            let own = own.filter(|(key, _)| METHODS.contains(&key.as_str()));
            own.map(|(method, own)| Operation { document: self, path, method, of_path, own })
        });
        operations.collect()
    }

    /// What stands where a reference leads.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(pointer) => self.whole.pointer(pointer.strip_prefix('#').unwrap()).unwrap(),
            None => value,
        }
    }

    /// A component that describes responses.
    pub(super) fn response(&self, name: &str) -> &Value {
        &self.whole["components"]["responses"][name]
    }

    pub(super) fn properties(&self, schema: &str) -> &Map<String, Value> {
        self.whole["components"]["schemas"][schema]["properties"].as_object().unwrap()
    }

    /// Types of problems, each with the status that it comes with.
    pub(super) fn problems(&self) -> BTreeSet<(u16, String)> {
        let responses = self.whole["components"]["responses"].as_object().unwrap().iter();
        let types = responses.flat_map(|(name, response)| {
            let schema = &response["content"]["application/problem+json"]["schema"];
            let types = schema["properties"]["type"]["enum"].as_array();
            let types = types.into_iter().flatten().map(|it| it.as_str().unwrap().to_owned());
            types.map(|one| (name.parse().unwrap(), one)).collect::<Vec<_>>()
        });
        types.collect()
    }

    /// Asserts that a value is what a schema allows.
    pub(super) fn assert_allowed(&self, schema: &Value, value: &Value, what: &str) {
        // References within the schema lead into the document.
        let schema = json!({ "components": self.whole["components"], "allOf": [schema] });
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{what}: {value}: {errors:?}");
    }
}

impl<'a> Operation<'a> {
    pub(super) fn method(&self) -> Method {
        Method::from_bytes(self.method.to_uppercase().as_bytes()).unwrap()
    }

    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method(), self.path)
    }

    /// Its path with the examples of the document in its holes.
    pub(super) fn target(&self) -> String {
        let parameters = self.of_path["parameters"].as_array().into_iter().flatten();
        parameters.fold(self.path.to_owned(), |path, parameter| {
            let name = parameter["name"].as_str().unwrap();
            path.replace(&format!("{{{name}}}"), parameter["example"].as_str().unwrap())
        })
    }

    /// Parameters of its own, which do not stand in the path.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &'a Value> {
        let document = self.document;
        let parameters = self.own["parameters"].as_array().into_iter().flatten();
        parameters.map(|parameter| document.resolve(parameter))
    }

    /// The media type of what is to be sent.
    pub(super) fn media_type(&self) -> Option<&'a str> {
        let content = self.own["requestBody"]["content"].as_object()?;
        Some(content.keys().next()?)
    }

    /// The statuses that are told of it.
    pub(super) fn statuses(&self) -> Vec<u16> {
        let responses = self.own["responses"].as_object().unwrap().keys();
        responses.filter(|status| *status != "default").map(|it| it.parse().unwrap()).collect()
    }

    /// The first one, which is that of a request as it should be.
    pub(super) fn success(&self) -> u16 {
        self.statuses()[0]
    }

    /// The ways to be known; `None` for not at all.
    pub(super) fn schemes(&self) -> Vec<Option<&'a str>> {
        let own = self.own.get("security").unwrap_or(&self.document.whole["security"]);
        let schemes = own.as_array().unwrap().iter();
        schemes.map(|one| one.as_object().unwrap().keys().next().map(String::as_str)).collect()
    }

    pub(super) fn scheme(&self, name: &str) -> &'a Value {
        &self.document.whole["components"]["securitySchemes"][name]
    }

    /// Asserts that a response is as it is described, with its headers and its body.
    pub(super) async fn assert_described(&self, response: Response) {
        let what = format!("{}: {}", self.name(), response.status());
        let responses = &self.own["responses"];
        let described = responses.get(response.status().as_str());
        let described = described.unwrap_or_else(|| panic!("{what} is not described"));
        let described = self.document.resolve(described);
        for (name, header) in described["headers"].as_object().into_iter().flatten() {
            let header = self.document.resolve(header);
            let value = response.headers().get(name).map(|value| value.to_str().unwrap());
            assert!(value.is_some() || header["required"] != true, "{what}: no {name}");
            if let (Some(value), Some(constant)) = (value, header["schema"].get("const")) {
                assert_eq!(value, constant, "{what}: {name}");
            }
        }
        let Some(content) = described["content"].as_object() else {
            assert_eq!(response.text().await.unwrap(), "", "{what}");
            return;
        };
        let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        let media = content.get(&media_type);
        let media = media.unwrap_or_else(|| panic!("{what}: {media_type} is not described"));
        // A stream has no end, and a `HEAD` no body.
        if self.method == "head" || media_type == "text/event-stream" {
            return;
        }
        let body = response.text().await.unwrap();
        if let Some(schema) = media.get("itemSchema") {
            for line in body.lines() {
                self.document.assert_allowed(schema, &serde_json::from_str(line).unwrap(), &what);
            }
        } else if media_type.ends_with("json") {
            let body = serde_json::from_str(&body).unwrap();
            self.document.assert_allowed(&media["schema"], &body, &what);
        }
        assert!(!body.is_empty(), "{what}");
    }
}
