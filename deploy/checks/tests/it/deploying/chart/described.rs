//! The README of the chart says of each value what it means, once, and what it is by default; the schema knows it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::tool::yaml;
use super::release::CHART;
use crate::support::text;

/// The values by their paths, with what they are by default.
fn values() -> BTreeMap<String, Value> {
    let schema: Value =
        serde_json::from_str(&text(&format!("{CHART}/values.schema.json"))).expect("JSON");
    let mut found = BTreeMap::new();
    collect(&schema, &yaml(&format!("{CHART}/values.yaml"))[0], "", &mut found);
    found
}

/// Where the schema has names of its own it goes on below; a map of the user's is one value.
fn collect(schema: &Value, value: &Value, path: &str, found: &mut BTreeMap<String, Value>) {
    let Some(properties) = schema["properties"].as_object() else {
        found.insert(path.to_owned(), value.clone());
        return;
    };
    assert_eq!(schema["additionalProperties"], false, "{path}: it takes any name");
    let known = value.as_object().unwrap_or_else(|| panic!("{path} has no default"));
    for name in known.keys() {
        assert!(properties.contains_key(name), "{path}: the schema has no {name}");
    }
    for (name, below) in properties {
        // Of charts that have this one as a part; Helm adds it.
        if path.is_empty() && name == "global" {
            continue;
        }
        assert!(known.contains_key(name), "{path}: values.yaml has no {name}");
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        collect(below, &known[name], &path, found);
    }
}

#[test]
fn every_value_is_described_once_with_its_default() {
    let mut described = BTreeMap::new();
    let readme = text(&format!("{CHART}/README.md"));
    let (_, tables) = readme.split_once("\n## Values\n").expect("a chapter");
    let (tables, _) = tables.split_once("\n## ").expect("another");
    for row in tables.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.trim_matches('|').splitn(3, '|').map(str::trim).collect();
        let [name, default, meaning] = cells[..] else { panic!("{row}") };
        assert!(!meaning.is_empty(), "{name} is not described");
        let before = described.insert(name.trim_matches('`').to_owned(), default.to_owned());
        assert_eq!(before, None, "{name} is described twice");
    }
    let values = values();
    assert!(values.len() > 80, "{}", values.len());
    for (name, value) in &values {
        let default = described.remove(name).unwrap_or_else(|| panic!("{name} is not described"));
        assert_eq!(default, written(value), "{name}");
    }
    assert!(described.is_empty(), "there are no such values: {described:?}");
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => String::new(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

#[test]
fn the_chart_has_the_version_of_the_server() {
    let manifest = text("Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = ")).unwrap();
    let chart = yaml(&format!("{CHART}/Chart.yaml")).remove(0);
    assert_eq!(chart["appVersion"], version.trim_matches('"'));
    assert_eq!(chart["version"], chart["appVersion"]);
}
