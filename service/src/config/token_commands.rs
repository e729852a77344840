//! The commands that make secrets and tokens, for those who have nothing yet that makes them.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::values::{ABOVE_ZERO, HubUrl, algorithm, time};
use super::{ConfigError, files};
use crate::auth::token::{Algorithm, Grant, Secret, TokenRequest};
use crate::topic::{Notation, SelectorCompiler, TopicResolver};

/// A secret that is to be made.
#[derive(Clone, Debug)]
pub struct NewSecret {
    /// Where it is written; `None` for standard output.
    pub file: Option<PathBuf>,
    /// Nothing is done where there is one.
    pub if_missing: bool,
}

#[derive(Args, Clone, Debug)]
pub(super) struct SecretFlags {
    /// File that the secret is written to, readable by its owner alone; without it the secret is
    /// printed
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Leave a file alone that is there already
    #[arg(long, requires = "file")]
    if_missing: bool,
}

impl SecretFlags {
    pub(super) fn into_task(self) -> NewSecret {
        NewSecret { file: self.file, if_missing: self.if_missing }
    }
}

#[derive(Args, Clone, Debug)]
pub(super) struct TokenCommandFlags {
    /// Topic to publish to: an exact one, `*` for all, or with `*` for any characters as in
    /// news/*; may be given several times
    #[arg(long, value_name = "TOPIC")]
    publish: Vec<String>,
    /// Topic whose private events may be seen, written as for --publish; may be given several times
    #[arg(long, value_name = "TOPIC")]
    subscribe: Vec<String>,
    /// JSON that is told of the streams of its holder to those who watch active subscriptions, such as
    /// {"name":"Ada"}
    #[arg(long, value_name = "JSON")]
    payload: Option<String>,
    /// How long the token is valid
    #[arg(long, value_name = "TIME", value_parser = time(ABOVE_ZERO), default_value = "1h")]
    expires: humantime::Duration,
    /// Secret to sign a token of draft-07 with
    #[arg(long, env = "FANFARE_JWT_SECRET", value_name = "SECRET", hide_env_values = true)]
    jwt_secret: Option<String>,
    /// File with the secret to sign a token of draft-07 with
    #[arg(long, env = "FANFARE_JWT_SECRET_FILE", value_name = "FILE")]
    jwt_secret_file: Option<PathBuf>,
    /// Make a token of 1.0, by this issuer; the server has to know it by the same name
    #[arg(long, env = "FANFARE_ISSUER", value_name = "ISSUER")]
    issuer: Option<String>,
    /// Secret to sign a token of 1.0 with
    #[arg(long, env = "FANFARE_ISSUER_SECRET", value_name = "SECRET", hide_env_values = true)]
    issuer_secret: Option<String>,
    /// File with the secret to sign a token of 1.0 with
    #[arg(long, env = "FANFARE_ISSUER_SECRET_FILE", value_name = "FILE")]
    issuer_secret_file: Option<PathBuf>,
    /// URL of the hub that a token of 1.0 is made for, as the server knows it
    #[arg(long = "public-url", env = "FANFARE_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Algorithm to sign with: HS256, HS384 or HS512
    #[arg(long, value_name = "NAME", value_parser = algorithm, default_value = "HS256")]
    algorithm: Algorithm,
    /// Configuration file of the server
    #[arg(long, env = "FANFARE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl TokenCommandFlags {
    pub(super) fn into_token(self) -> Result<Secret, ConfigError> {
        let out_of_range = |flag, problem| Err(ConfigError::OutOfRange { flag, problem });
        if self.publish.is_empty() && self.subscribe.is_empty() {
            return out_of_range("--publish", "and --subscribe are missing; name a topic, or `*`");
        }
        let access_token = self.access_token()?;
        let (flag, secret, file) = match access_token {
            None => ("--jwt-secret", &self.jwt_secret, &self.jwt_secret_file),
            Some(_) => ("--issuer-secret", &self.issuer_secret, &self.issuer_secret_file),
        };
        let secret = match (secret, file) {
            (Some(_), Some(_)) => {
                return out_of_range(
                    flag,
                    "and its file are two ways to say what to sign with; give one of them, in variables and the configuration file too",
                );
            }
            (Some(secret), None) => secret.clone().into_bytes(),
            (None, Some(path)) => files::secret(flag, path)?,
            (None, None) => {
                return out_of_range(
                    flag,
                    "or its file is missing; give the one that the server has",
                );
            }
        };
        let is_access_token = access_token.is_some();
        let grants = |topics: &[String]| {
            topics.iter().map(|topic| grant(topic, is_access_token)).collect::<Vec<_>>()
        };
        let request = TokenRequest {
            publish: grants(&self.publish),
            subscribe: grants(&self.subscribe),
            payload: self.payload.as_deref().map(payload).transpose()?,
            lifetime: *self.expires,
            access_token,
        };
        check_grants("--publish", &request.publish)?;
        check_grants("--subscribe", &request.subscribe)?;
        if request.payload.is_some() && request.subscribe.is_empty() {
            return out_of_range(
                "--payload",
                "is told of streams, and --subscribe is missing; name a topic, or `*`",
            );
        }
        let token = request.sign(&secret, self.algorithm);
        token.map_err(|error| ConfigError::Key { flag, reason: error.to_string() })
    }

    /// Issuer and hub of a token of 1.0.
    fn access_token(&self) -> Result<Option<(String, String)>, ConfigError> {
        match (&self.issuer, &self.public_url) {
            (None, _) => Ok(None),
            (Some(issuer), Some(url)) => {
                // The server's own variable may list several.
                let url = url.split(',').next().unwrap_or_default().trim();
                let url: HubUrl = url.parse().map_err(|problem: &'static str| {
                    ConfigError::OutOfRange { flag: "--public-url", problem }
                })?;
                Ok(Some((issuer.clone(), url.into_url().to_string())))
            }
            (Some(_), None) => Err(ConfigError::OutOfRange {
                flag: "--public-url",
                problem: "is missing: a token of an issuer is made for one hub",
            }),
        }
    }
}

fn payload(text: &str) -> Result<Value, ConfigError> {
    serde_json::from_str(text).map_err(|_| ConfigError::OutOfRange {
        flag: "--payload",
        problem: "is no JSON; write an object such as '{\"name\":\"Ada\"}', or a text in quotes such as '\"Ada\"'",
    })
}

/// Reads the grants as the server will, which would refuse the whole token for one that cannot be used.
fn check_grants(flag: &'static str, grants: &[Grant]) -> Result<(), ConfigError> {
    let compiler = SelectorCompiler::new(usize::MAX, TopicResolver::default());
    for (notation, text) in grants {
        compiler.compile(*notation, text).map_err(|error| ConfigError::Grant {
            flag,
            topic: text.clone(),
            reason: error.to_string(),
        })?;
    }
    Ok(())
}

/// `news/*` becomes a pattern of the dialect: `news/{+0}` in draft-07, and itself in 1.0.
fn grant(topic: &str, is_access_token: bool) -> Grant {
    if topic == "*" || !topic.contains('*') {
        let notation = if is_access_token { Notation::Exact } else { Notation::TopicOrTemplate };
        return (notation, topic.to_owned());
    }
    if is_access_token {
        return (Notation::UrlPattern, topic.to_owned());
    }
    let mut template = String::new();
    for (number, part) in topic.split('*').enumerate() {
        if number > 0 {
            template += &format!("{{+{}}}", number - 1);
        }
        template += part;
    }
    (Notation::TopicOrTemplate, template)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters_in_both_dialects() {
        let cases = [
            ("news", Notation::TopicOrTemplate, "news", Notation::Exact, "news"),
            ("*", Notation::TopicOrTemplate, "*", Notation::Exact, "*"),
            ("news/*", Notation::TopicOrTemplate, "news/{+0}", Notation::UrlPattern, "news/*"),
            (
                "a/*/b/*",
                Notation::TopicOrTemplate,
                "a/{+0}/b/{+1}",
                Notation::UrlPattern,
                "a/*/b/*",
            ),
        ];
        for (topic, old, template, new, pattern) in cases {
            assert_eq!(grant(topic, false), (old, template.to_owned()));
            assert_eq!(grant(topic, true), (new, pattern.to_owned()));
        }
    }
}
