//! The settings that are in force, and where each comes from; and the list of all there are.

use std::ffi::OsStr;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use super::config_file::ConfigFile;
use super::memory_fit::MemoryFit;
use super::settings::{is_reloaded, settings, variable_of};

/// All settings with their values as a configuration file, and behind each where it comes from.
/// Values of secrets are not shown; a setting without a value is a comment.
pub(super) fn list(
    command: &Command,
    matches: &ArgMatches,
    file: Option<&ConfigFile>,
    fit: &MemoryFit,
) -> String {
    let mut text = String::new();
    let mut heading = None;
    for (arg, name) in settings(command) {
        if arg.get_help_heading() != heading {
            heading = arg.get_help_heading();
            text += &format!("\n# {}\n", heading.unwrap_or_default());
        }
        if let Some((size, origin)) = fit.shown(name) {
            text += &format!("{name} = {}  # {origin}\n", toml_text(&size));
            continue;
        }
        let origin = origin(arg, name, matches, file);
        match value(arg, matches) {
            Some(_) if arg.is_hide_env_values_set() => {
                text += &format!("# {name} = (hidden)  # {origin}\n");
            }
            Some(value) => text += &format!("{name} = {value}  # {origin}\n"),
            None => text += &format!("# {name} has no value\n"),
        }
    }
    for issuer in file.into_iter().flat_map(ConfigFile::issuers) {
        text += &format!("\n[[issuers]]\nissuer = {}\n", toml_text(&issuer.issuer));
    }
    text.trim_start().to_owned()
}

fn origin(arg: &Arg, name: &str, matches: &ArgMatches, file: Option<&ConfigFile>) -> String {
    let variable = variable_of(name);
    match matches.value_source(arg.get_id().as_str()) {
        Some(ValueSource::CommandLine) => "command line".to_owned(),
        Some(ValueSource::EnvVariable) => {
            // An earlier name of it, where that was given.
            let name = arg.get_env().unwrap_or(OsStr::new(&variable)).to_string_lossy();
            format!("environment variable {name}")
        }
        _ => file
            .and_then(|file| file.place_of(OsStr::new(&variable)))
            .unwrap_or_else(|| "default".to_owned()),
    }
}

fn value(arg: &Arg, matches: &ArgMatches) -> Option<String> {
    let values = matches.get_raw(arg.get_id().as_str())?;
    let values: Vec<String> = values.map(|value| toml_value(&value.to_string_lossy())).collect();
    if arg.get_value_delimiter().is_some() {
        return Some(format!("[{}]", values.join(", ")));
    }
    values.into_iter().next()
}

fn toml_value(text: &str) -> String {
    let text = text.trim();
    let is_bare = text == "true" || text == "false" || text.parse::<u32>().is_ok();
    if is_bare { text.to_owned() } else { toml_text(text) }
}

/// A basic string of TOML is written as one of JSON is.
fn toml_text(text: &str) -> String {
    json!(text).to_string()
}

/// All settings as a Markdown table for each heading.
pub(super) fn markdown(command: &Command) -> String {
    let mut text = String::new();
    let mut heading = None;
    for (arg, name) in settings(command) {
        if arg.get_help_heading() != heading {
            heading = arg.get_help_heading();
            text += &format!(
                "\n### {}\n\n| key and flag | variable | default | reloaded | meaning |\n|---|---|---|---|---|\n",
                heading.unwrap_or_default()
            );
        }
        let variable = variable_of(name);
        let default = default_of(arg).map_or_else(String::new, |value| format!("`{value}`"));
        let reloaded = if is_reloaded(name) { "yes" } else { "" };
        let help = help_of(arg).replace('|', "\\|");
        text += &format!("| `{name}` | `{variable}` | {default} | {reloaded} | {help} |\n");
    }
    text.trim_start().to_owned()
}

/// All settings as a JSON Schema of the configuration file, for editors.
pub(super) fn schema(command: &Command) -> String {
    let mut properties = serde_json::Map::new();
    for (arg, name) in settings(command) {
        let single = json!({ "type": ["string", "integer", "number", "boolean"] });
        let mut property = if arg.get_value_delimiter().is_some() {
            json!({ "anyOf": [single, { "type": "array", "items": single }] })
        } else {
            single
        };
        property["description"] = help_of(arg).into();
        if let Some(default) = default_of(arg) {
            property["default"] = default.into();
        }
        properties.insert(name.to_owned(), property);
    }
    let text = json!({ "type": "string" });
    let issuer = json!({
        "type": "object",
        "required": ["issuer"],
        "additionalProperties": false,
        "properties": {
            "issuer": text, "secret": text, "secret-file": text, "key": text, "jwks": text,
            "algorithm": text,
        },
    });
    properties.insert("issuers".to_owned(), json!({ "type": "array", "items": issuer }));
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration file of fanfare",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    format!("{schema:#}\n")
}

fn default_of(arg: &Arg) -> Option<String> {
    let values = arg.get_default_values();
    let values: Vec<_> = values.iter().map(|value| value.to_string_lossy()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn help_of(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    help.split_whitespace().collect::<Vec<_>>().join(" ")
}
