//! Who may publish and subscribe: keys, issuers, and where tokens stand.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgAction, Args};
use url::Url;

use crate::auth::Authority;
use crate::auth::token::{Algorithm, Issuer, Key, KeyError, LegacyKeys, Verifier};
use crate::config::values::{HubUrl, Listed, algorithm, boolean, cookie_name};
use crate::config::{ConfigError, files};
use crate::http::{HostName, TokenPlaces};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Tokens")]
pub(super) struct TokenFlags {
    /// Secret that tokens of draft-07 are signed with, for publishers and subscribers; at least 32
    /// bytes. Better in a file, or in FANFARE_JWT_SECRET: command lines are seen by others
    #[arg(long, env = "FANFARE_JWT_SECRET", value_name = "SECRET", hide_env_values = true)]
    jwt_secret: Option<String>,
    /// File with the secret that tokens of draft-07 are signed with
    #[arg(long, env = "FANFARE_JWT_SECRET_FILE", value_name = "FILE")]
    jwt_secret_file: Option<PathBuf>,
    /// File with a public key as PEM that tokens of draft-07 are signed with
    #[arg(long, env = "FANFARE_JWT_KEY", value_name = "FILE")]
    jwt_key: Option<PathBuf>,
    /// Algorithm of --jwt-secret or --jwt-key, such as HS512 or PS256, where it is not HS256 for a
    /// secret and RS256, ES256, ES384 or EdDSA for a key
    #[arg(long, env = "FANFARE_JWT_ALGORITHM", value_name = "NAME", value_parser = algorithm)]
    jwt_algorithm: Option<Algorithm>,
    /// The same as --jwt-secret for tokens to publish with alone
    #[arg(
        long,
        env = "FANFARE_PUBLISHER_JWT_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    publisher_jwt_secret: Option<String>,
    /// The same as --jwt-secret-file for tokens to publish with alone
    #[arg(long, env = "FANFARE_PUBLISHER_JWT_SECRET_FILE", value_name = "FILE")]
    publisher_jwt_secret_file: Option<PathBuf>,
    /// The same as --jwt-key for tokens to publish with alone
    #[arg(long, env = "FANFARE_PUBLISHER_JWT_KEY", value_name = "FILE")]
    publisher_jwt_key: Option<PathBuf>,
    /// The same as --jwt-algorithm for tokens to publish with alone
    #[arg(long, env = "FANFARE_PUBLISHER_JWT_ALGORITHM", value_name = "NAME", value_parser = algorithm)]
    publisher_jwt_algorithm: Option<Algorithm>,
    /// The same as --jwt-secret for tokens to subscribe with alone
    #[arg(
        long,
        env = "FANFARE_SUBSCRIBER_JWT_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    subscriber_jwt_secret: Option<String>,
    /// The same as --jwt-secret-file for tokens to subscribe with alone
    #[arg(long, env = "FANFARE_SUBSCRIBER_JWT_SECRET_FILE", value_name = "FILE")]
    subscriber_jwt_secret_file: Option<PathBuf>,
    /// The same as --jwt-key for tokens to subscribe with alone
    #[arg(long, env = "FANFARE_SUBSCRIBER_JWT_KEY", value_name = "FILE")]
    subscriber_jwt_key: Option<PathBuf>,
    /// The same as --jwt-algorithm for tokens to subscribe with alone
    #[arg(long, env = "FANFARE_SUBSCRIBER_JWT_ALGORITHM", value_name = "NAME", value_parser = algorithm)]
    subscriber_jwt_algorithm: Option<Algorithm>,
    /// Issuer of tokens of 1.0 (OAuth 2.0 access tokens): their iss, byte for byte. It needs a key,
    /// and --public-url
    #[arg(long, env = "FANFARE_ISSUER", value_name = "ISSUER")]
    issuer: Option<String>,
    /// Secret that the issuer signs with; at least 32 bytes. Better in a file
    #[arg(long, env = "FANFARE_ISSUER_SECRET", value_name = "SECRET", hide_env_values = true)]
    issuer_secret: Option<String>,
    /// File with the secret that the issuer signs with
    #[arg(long, env = "FANFARE_ISSUER_SECRET_FILE", value_name = "FILE")]
    issuer_secret_file: Option<PathBuf>,
    /// File with a public key of the issuer as PEM
    #[arg(long, env = "FANFARE_ISSUER_KEY", value_name = "FILE")]
    issuer_key: Option<PathBuf>,
    /// File with the public keys of the issuer as a JSON Web Key Set
    #[arg(long, env = "FANFARE_ISSUER_JWKS", value_name = "FILE")]
    issuer_jwks: Option<PathBuf>,
    /// Algorithm that the issuer signs with, where it is not that of its key by itself
    #[arg(long, env = "FANFARE_ISSUER_ALGORITHM", value_name = "NAME", value_parser = algorithm)]
    issuer_algorithm: Option<Algorithm>,
    /// URL by which clients know the hub, such as https://push.example; may be given several times
    /// (or separated by commas). Tokens of 1.0 have to be made for one of them, and other hosts are
    /// not served
    #[arg(
        long = "public-url",
        env = "FANFARE_PUBLIC_URL",
        value_name = "URL",
        value_delimiter = ','
    )]
    public_urls: Vec<Listed<HubUrl>>,
    /// Let those without a token subscribe to public events
    #[arg(long, env = "FANFARE_ANONYMOUS_SUBSCRIBE", value_name = "BOOL", num_args = 0..=1,
          action = ArgAction::Set, value_parser = boolean,
          default_value_t = false, default_missing_value = "true")]
    anonymous_subscribe: bool,
    /// Name of the cookie with a token
    #[arg(
        long,
        env = "FANFARE_COOKIE_NAME",
        value_name = "NAME",
        value_parser = cookie_name,
        default_value = "__Secure-mercure_access_token"
    )]
    cookie_name: String,
    /// Name of the cookie of draft-07, which is looked for after the other
    #[arg(
        long,
        env = "FANFARE_LEGACY_COOKIE_NAME",
        value_name = "NAME",
        value_parser = cookie_name,
        default_value = "mercureAuthorization"
    )]
    legacy_cookie_name: String,
    /// Take tokens of draft-07 from the parameter authorization of a URL, too
    #[arg(long, env = "FANFARE_QUERY_TOKEN", value_name = "BOOL", num_args = 0..=1,
          action = ArgAction::Set, value_parser = boolean,
          default_value_t = true, default_missing_value = "true")]
    query_token: bool,
    /// Say in the response why a token was refused, and not in the log alone; where nothing is given,
    /// if all listeners are on loopback and no public URL is elsewhere
    #[arg(long, env = "FANFARE_EXPLAIN_TOKENS", value_name = "BOOL", num_args = 0..=1,
          action = ArgAction::Set, value_parser = boolean,
          default_missing_value = "true")]
    explain_tokens: Option<bool>,
}

/// What was given for one kind of token.
struct Given<'a> {
    secret: (&'static str, &'a Option<String>),
    secret_file: (&'static str, &'a Option<PathBuf>),
    key: (&'static str, &'a Option<PathBuf>),
    algorithm: (&'static str, Option<Algorithm>),
}

impl TokenFlags {
    /// Who decides what a request may do.
    pub(super) fn authority(&self) -> Result<Authority, ConfigError> {
        let verifier = Verifier {
            legacy: self.legacy_keys()?,
            issuers: self.issuers()?,
            audience: self.public_urls().iter().map(Url::to_string).collect(),
        };
        check_keys_differ(&verifier)?;
        if !verifier.takes_legacy() && !verifier.takes_access_tokens() {
            return Ok(Authority::Open);
        }
        Ok(Authority::Tokens {
            verifier: Arc::new(verifier),
            anonymous_subscribe: self.anonymous_subscribe,
        })
    }

    /// Whether responses say why a token was refused. A listener on loopback may have a proxy in front
    /// that strangers reach.
    pub(super) fn explains(&self, is_local: bool) -> bool {
        let strangers = self.hosts().iter().any(|host| !host.is_loopback());
        self.explain_tokens.unwrap_or(is_local && !strangers)
    }

    pub(super) fn places(&self) -> TokenPlaces {
        TokenPlaces {
            query: self.query_token,
            cookies: vec![self.cookie_name.clone(), self.legacy_cookie_name.clone()],
        }
    }

    /// The hosts of the public URLs.
    pub(super) fn hosts(&self) -> Vec<HostName> {
        let urls = self.public_urls();
        urls.iter().filter_map(|url| url.host_str()?.parse().ok()).collect()
    }

    /// The URLs by which clients know the hub.
    pub(super) fn public_urls(&self) -> Vec<Url> {
        Listed::all(&self.public_urls).into_iter().map(HubUrl::into_url).collect()
    }

    fn legacy_keys(&self) -> Result<LegacyKeys, ConfigError> {
        let both = Given {
            secret: ("--jwt-secret", &self.jwt_secret),
            secret_file: ("--jwt-secret-file", &self.jwt_secret_file),
            key: ("--jwt-key", &self.jwt_key),
            algorithm: ("--jwt-algorithm", self.jwt_algorithm),
        };
        let publisher = Given {
            secret: ("--publisher-jwt-secret", &self.publisher_jwt_secret),
            secret_file: ("--publisher-jwt-secret-file", &self.publisher_jwt_secret_file),
            key: ("--publisher-jwt-key", &self.publisher_jwt_key),
            algorithm: ("--publisher-jwt-algorithm", self.publisher_jwt_algorithm),
        };
        let subscriber = Given {
            secret: ("--subscriber-jwt-secret", &self.subscriber_jwt_secret),
            secret_file: ("--subscriber-jwt-secret-file", &self.subscriber_jwt_secret_file),
            key: ("--subscriber-jwt-key", &self.subscriber_jwt_key),
            algorithm: ("--subscriber-jwt-algorithm", self.subscriber_jwt_algorithm),
        };
        let both = both.key()?;
        Ok(LegacyKeys {
            publisher: publisher.key()?.or_else(|| both.clone()).into_iter().collect(),
            subscriber: subscriber.key()?.or(both).into_iter().collect(),
        })
    }

    fn issuers(&self) -> Result<Vec<Issuer>, ConfigError> {
        let given = Given {
            secret: ("--issuer-secret", &self.issuer_secret),
            secret_file: ("--issuer-secret-file", &self.issuer_secret_file),
            key: ("--issuer-key", &self.issuer_key),
            // That of a set belongs to its keys.
            algorithm: (
                "--issuer-algorithm",
                self.issuer_algorithm.filter(|_| self.issuer_jwks.is_none()),
            ),
        };
        let keys: Vec<Key> = match &self.issuer_jwks {
            Some(_) if given.key()?.is_some() => {
                return Err(ConfigError::OutOfRange {
                    flag: "--issuer-jwks",
                    problem: "is given beside a secret or a key of the issuer; give one of them, in variables too",
                });
            }
            Some(path) => {
                let flag = "--issuer-jwks";
                let set = Key::set(&files::read(flag, path)?, self.issuer_algorithm);
                set.map_err(|error| unusable(flag, &error))?
            }
            None => given.key()?.into_iter().collect(),
        };
        let out_of_range = |flag, problem| Err(ConfigError::OutOfRange { flag, problem });
        match &self.issuer {
            None if keys.is_empty() => Ok(Vec::new()),
            None => out_of_range(
                "--issuer",
                "is missing: name the issuer whose key was given, as it stands in `iss` of its tokens",
            ),
            Some(_) if keys.is_empty() => out_of_range(
                "--issuer",
                "has no key; give --issuer-secret-file, --issuer-key or --issuer-jwks",
            ),
            Some(_) if self.public_urls.is_empty() => out_of_range(
                "--public-url",
                "is missing: tokens of an issuer are made for one hub, so say by which URL its clients know it",
            ),
            Some(name) if Url::parse(name).is_err() => out_of_range(
                "--issuer",
                "is no URL; write it as in `iss` of its tokens, such as https://login.example",
            ),
            Some(name) => Ok(vec![Issuer { name: name.clone(), keys }]),
        }
    }
}

impl Given<'_> {
    fn key(&self) -> Result<Option<Key>, ConfigError> {
        let (flag, given) = match (self.secret.1, self.secret_file.1, self.key.1) {
            (None, None, None) if self.algorithm.1.is_some() => {
                return Err(ConfigError::OutOfRange {
                    flag: self.algorithm.0,
                    problem: "is given without the secret or the key that it is for; give that too, or leave the algorithm out",
                });
            }
            (None, None, None) => return Ok(None),
            (Some(secret), None, None) => {
                (self.secret.0, KeySource::Secret(secret.clone().into_bytes()))
            }
            (None, Some(path), None) => {
                (self.secret_file.0, KeySource::Secret(files::secret(self.secret_file.0, path)?))
            }
            (None, None, Some(path)) => {
                (self.key.0, KeySource::Pem(files::read(self.key.0, path)?))
            }
            _ => {
                return Err(ConfigError::OutOfRange {
                    flag: self.secret.0,
                    problem: "its file and its key are three ways to say what the same tokens are signed with; give one of them, in variables too",
                });
            }
        };
        let key = match given {
            KeySource::Secret(secret) => Key::secret(&secret, self.algorithm.1),
            KeySource::Pem(pem) => Key::pem(&pem, self.algorithm.1),
        };
        key.map(Some).map_err(|error| unusable(flag, &error))
    }
}

/// A key of an issuer that is one of draft-07, too, would make every token of the issuer good by the
/// weaker rules of that dialect.
fn check_keys_differ(verifier: &Verifier) -> Result<(), ConfigError> {
    let legacy = verifier.legacy.publisher.iter().chain(&verifier.legacy.subscriber);
    let mut of_issuers = verifier.issuers.iter().flat_map(|issuer| &issuer.keys);
    let legacy: Vec<_> = legacy.collect();
    if of_issuers.any(|key| legacy.iter().any(|other| key.is_same_as(other))) {
        return Err(ConfigError::OutOfRange {
            flag: "--issuer",
            problem: "has a key that is given for tokens of draft-07, too, whose rules are weaker; use another one for those",
        });
    }
    Ok(())
}

enum KeySource {
    Secret(Vec<u8>),
    Pem(Vec<u8>),
}

fn unusable(flag: &'static str, error: &KeyError) -> ConfigError {
    ConfigError::Key { flag, reason: error.to_string() }
}
