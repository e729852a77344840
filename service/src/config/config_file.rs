//! The configuration file: TOML with a key for each setting, which is its flag without the dashes
//! before it.
//!
//! A value of the file stands where the default of its flag would: a variable and a flag override
//! it, and the same rules and messages hold for it. Tables are for what flags cannot say: one
//! `[[issuers]]` for each of several issuers.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::settings;
use clap::Command;
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// No file of settings is as large; a device that never ends is not read for ever.
const BYTES_MAX: u64 = 1 << 20;
/// The key of the tables.
const ISSUERS: &str = "issuers";
/// What a name has to have in common with a known one for that to be proposed.
const LIKE: f64 = 0.7;

/// What a configuration file says.
#[derive(Clone)]
pub(super) struct ConfigFile {
    path: PathBuf,
    entries: BTreeMap<String, FileEntry>,
    issuers: Vec<IssuerTable>,
}

/// Values may be secrets.
impl fmt::Debug for ConfigFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("ConfigFile");
        let keys: Vec<_> = self.entries.keys().collect();
        shown.field("path", &self.path).field("keys", &keys).finish_non_exhaustive()
    }
}

/// The value of one key.
#[derive(Clone, PartialEq, Eq)]
struct FileEntry {
    /// As they would be written on a command line; several for an array.
    values: Vec<String>,
    /// From 1.
    line: usize,
}

/// An issuer of tokens of 1.0, as `[[issuers]]` names it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct IssuerTable {
    /// As `--issuer`.
    pub(super) issuer: String,
    /// As `--issuer-secret`.
    pub(super) secret: Option<String>,
    /// As `--issuer-secret-file`.
    pub(super) secret_file: Option<PathBuf>,
    /// As `--issuer-key`.
    pub(super) key: Option<PathBuf>,
    /// As `--issuer-jwks`.
    pub(super) jwks: Option<String>,
    /// As `--issuer-algorithm`.
    pub(super) algorithm: Option<String>,
}

/// Why a configuration file cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum ConfigFileError {
    #[error("the configuration file {path} cannot be read: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("the configuration file {path} is no TOML: {reason}")]
    Syntax { path: String, reason: String },
    #[error("{path}, line {line}: there is no setting `{key}`{advice}")]
    UnknownKey { path: String, line: usize, key: String, advice: String },
    #[error(
        "{path}, line {line}: `{key}` cannot be {kind}; write a text, a number, true or false, or an array of those"
    )]
    Kind { path: String, line: usize, key: String, kind: &'static str },
    #[error("{path}, line {line}: `{key}` is one value and no array")]
    NoArray { path: String, line: usize, key: String },
    #[error("{path}, line {line}: `{key}` stands there twice")]
    Twice { path: String, line: usize, key: String },
    #[error("{path}, [[issuers]]: {reason}")]
    Issuers { path: String, reason: String },
}

impl ConfigFile {
    /// The file that the command line names, or else the variable.
    pub(super) fn path(line: &[OsString], variable: Option<OsString>) -> Option<PathBuf> {
        let mut words = line.iter();
        while let Some(word) = words.next() {
            if word == "--config" {
                return words.next().map(PathBuf::from);
            }
            let named = word.to_str().and_then(|word| word.strip_prefix("--config="));
            if let Some(path) = named {
                return Some(path.into());
            }
        }
        // A variable that is empty is one that is not set.
        let variable = variable?;
        match variable.to_str().map(str::trim) {
            Some("") => None,
            Some(path) => Some(path.into()),
            None => Some(variable.into()),
        }
    }

    pub(super) fn read(path: &Path) -> Result<Self, ConfigFileError> {
        let unreadable = |reason: String| ConfigFileError::Unreadable {
            path: path.display().to_string(),
            reason,
        };
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(|error| unreadable(error.to_string()))?;
        let read = file.take(BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|error| unreadable(error.to_string()))?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(unreadable(format!("it has more than {BYTES_MAX} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".into()))?;
        Self::parse(path, &text)
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, ConfigFileError> {
        let name = || path.display().to_string();
        let table = DeTable::parse(text).map_err(|error| ConfigFileError::Syntax {
            path: name(),
            reason: syntax_error(text, &error),
        })?;
        let mut file =
            Self { path: path.to_owned(), entries: BTreeMap::new(), issuers: Vec::new() };
        for (key, value) in table.into_inner() {
            let line = line_of(text, key.span().start);
            let key = key.into_inner().replace('_', "-");
            if key == ISSUERS {
                file.issuers = issuers(value.into_inner(), &name)?;
                continue;
            }
            let kind = |kind| ConfigFileError::Kind { path: name(), line, key: key.clone(), kind };
            let values = values(value).map_err(kind)?;
            let entry = FileEntry { values, line };
            if file.entries.insert(key.clone(), entry).is_some() {
                return Err(ConfigFileError::Twice { path: name(), line, key });
            }
        }
        Ok(file)
    }

    pub(super) fn issuers(&self) -> &[IssuerTable] {
        &self.issuers
    }

    /// Checks that each key is a setting of the server, and an array only where a flag may be given
    /// several times.
    pub(super) fn check_keys(&self, serve: &Command) -> Result<(), ConfigFileError> {
        let path = || self.path.display().to_string();
        for (key, FileEntry { values, line }) in &self.entries {
            let known = settings::settings(serve).find(|(_, name)| name == key);
            let Some((arg, _)) = known else {
                let advice = advice(key, serve);
                return Err(ConfigFileError::UnknownKey {
                    path: path(),
                    line: *line,
                    key: key.clone(),
                    advice,
                });
            };
            if values.len() != 1 && arg.get_value_delimiter().is_none() {
                return Err(ConfigFileError::NoArray {
                    path: path(),
                    line: *line,
                    key: key.clone(),
                });
            }
        }
        Ok(())
    }

    /// The values for a setting, by its variable: commands that share a variable share its value.
    pub(super) fn values_for(&self, variable: &OsStr) -> Option<&[String]> {
        let (_, entry) = self.entry(variable)?;
        Some(&entry.values)
    }

    /// Where a setting stands in the file.
    pub(super) fn place_of(&self, variable: &OsStr) -> Option<String> {
        let (_, entry) = self.entry(variable)?;
        Some(format!("{}, line {}", self.path.display(), entry.line))
    }

    fn entry(&self, variable: &OsStr) -> Option<(&String, &FileEntry)> {
        let variable = variable.to_str()?;
        self.entries.iter().find(|(key, _)| settings::variable_of(key) == variable)
    }

    /// The same file, but for keys that `may_change` does not name: those have the values that they
    /// have in `start`. Also the keys of which that is another value.
    pub(super) fn pinned_to(
        mut self,
        start: Option<&Self>,
        may_change: impl Fn(&str) -> bool,
    ) -> (Self, Vec<String>) {
        let none = BTreeMap::new();
        let before = start.map_or(&none, |start| &start.entries);
        let pinned = |entries: &BTreeMap<String, FileEntry>| -> BTreeMap<String, FileEntry> {
            let pinned = entries.iter().filter(|(key, _)| !may_change(key));
            pinned.map(|(key, entry)| (key.clone(), entry.clone())).collect()
        };
        let (old, new) = (pinned(before), pinned(&self.entries));
        let values = |entries: &BTreeMap<String, FileEntry>, key: &String| {
            entries.get(key).map(|entry| entry.values.clone())
        };
        let mut changed: Vec<String> = old.keys().chain(new.keys()).cloned().collect();
        changed.retain(|key| values(&old, key) != values(&new, key));
        changed.sort_unstable();
        changed.dedup();
        self.entries.retain(|key, _| may_change(key));
        self.entries.extend(old);
        (self, changed)
    }
}

#[cfg(test)]
impl ConfigFile {
    /// Its keys and values, in the order of the keys.
    pub(super) fn summary(&self) -> String {
        let entries = self.entries.iter();
        let entries = entries.map(|(key, entry)| format!("{key} {}", entry.values.join(" ")));
        entries.collect::<Vec<_>>().join(", ")
    }
}

/// What to write instead of a key that is not known.
pub(super) fn advice(key: &str, serve: &Command) -> String {
    let nearest = settings::settings(serve)
        .map(|(_, name)| name)
        .map(|name| (strsim::jaro_winkler(name, key), name))
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest {
        Some((likeness, name)) if likeness > LIKE => format!("; did you mean `{name}`?"),
        _ => "; `fanfare config --list` shows all of them".to_owned(),
    }
}

/// As the values would be written on a command line. The error says what cannot be one.
fn values(value: Spanned<DeValue<'_>>) -> Result<Vec<String>, &'static str> {
    match value.into_inner() {
        DeValue::Array(entries) => entries.into_iter().map(|entry| single(&entry)).collect(),
        other => single(&Spanned::new(0..0, other)).map(|value| vec![value]),
    }
}

fn single(value: &Spanned<DeValue<'_>>) -> Result<String, &'static str> {
    match value.as_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Boolean(value) => Ok(value.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Integer(_) => Err("a number in another base than ten"),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Datetime(_) => Err("a date"),
        DeValue::Array(_) => Err("an array of arrays"),
        DeValue::Table(_) => Err("a table"),
    }
}

fn issuers(
    value: DeValue<'_>,
    name: &impl Fn() -> String,
) -> Result<Vec<IssuerTable>, ConfigFileError> {
    let error = |reason: String| ConfigFileError::Issuers { path: name(), reason };
    let DeValue::Array(tables) = value else {
        return Err(error("write a table [[issuers]] for each issuer".to_owned()));
    };
    let mut issuers = Vec::new();
    for table in tables {
        let read = IssuerTable::deserialize(toml::de::ValueDeserializer::from(table));
        issuers.push(read.map_err(|problem| error(problem.message().to_owned()))?);
    }
    Ok(issuers)
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// Without the line itself, which may hold a secret.
fn syntax_error(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| format!("line {}: ", line_of(text, span.start)));
    let message = error.message().replace('\n', ", ");
    format!("{}{message}", line.unwrap_or_default())
}
