//! Who may publish and subscribe: keys, issuers, and where tokens stand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{ArgAction, Args};
use url::Url;

use crate::auth::Authority;
use crate::auth::token::{
    Algorithm, FetchedKeys, Issuer, IssuerKeys, Key, KeyError, LegacyKeys, Verifier,
};
use crate::config::config_file::IssuerTable;
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
    /// File with the public keys of the issuer as a JSON Web Key Set, or the URL of one, which is
    /// fetched again when it changes
    #[arg(long, env = "FANFARE_ISSUER_JWKS", value_name = "FILE|URL")]
    issuer_jwks: Option<String>,
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
    /// Who decides what a request may do. `tables` are issuers beside the one of the flags.
    pub(super) fn authority(&self, tables: &[IssuerTable]) -> Result<Authority, ConfigError> {
        let legacy = self.legacy_keys()?;
        let verifier = Verifier {
            issuers: self.issuers(tables, &legacy)?,
            legacy,
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

    fn issuers(
        &self,
        tables: &[IssuerTable],
        legacy: &LegacyKeys,
    ) -> Result<Vec<Issuer>, ConfigError> {
        let out_of_range = |flag, problem| Err(ConfigError::OutOfRange { flag, problem });
        let given = GivenIssuer {
            flag: "--issuer",
            key: Given {
                secret: ("--issuer-secret", &self.issuer_secret),
                secret_file: ("--issuer-secret-file", &self.issuer_secret_file),
                key: ("--issuer-key", &self.issuer_key),
                algorithm: ("--issuer-algorithm", self.issuer_algorithm),
            },
            jwks: ("--issuer-jwks", self.issuer_jwks.as_deref()),
        };
        let of_flags = match &self.issuer {
            None if given.is_empty() => {
                // An algorithm alone is refused.
                given.key.key()?;
                None
            }
            None => {
                return out_of_range(
                    "--issuer",
                    "is missing: name the issuer whose key was given, as it stands in `iss` of its tokens",
                );
            }
            Some(name) => Some(given.issuer(name, legacy)?),
        };
        let of_tables = tables.iter().map(|table| issuer_of_table(table, legacy));
        let issuers: Vec<Issuer> =
            of_flags.into_iter().map(Ok).chain(of_tables).collect::<Result<_, _>>()?;
        if !issuers.is_empty() && self.public_urls.is_empty() {
            return out_of_range(
                "--public-url",
                "is missing: tokens of an issuer are made for one hub, so say by which URL its clients know it",
            );
        }
        let mut names: Vec<_> = issuers.iter().map(|issuer| &issuer.name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return out_of_range("--issuer", "is named twice; name each issuer once");
        }
        Ok(issuers)
    }
}

/// An issuer of the configuration file.
fn issuer_of_table(table: &IssuerTable, legacy: &LegacyKeys) -> Result<Issuer, ConfigError> {
    let algorithm = match &table.algorithm {
        None => None,
        Some(name) => Some(algorithm(name).map_err(|reason| ConfigError::Key {
            flag: "[[issuers]] algorithm",
            reason: reason.to_owned(),
        })?),
    };
    let given = GivenIssuer {
        flag: "[[issuers]]",
        key: Given {
            secret: ("[[issuers]] secret", &table.secret),
            secret_file: ("[[issuers]] secret-file", &table.secret_file),
            key: ("[[issuers]] key", &table.key),
            algorithm: ("[[issuers]] algorithm", algorithm),
        },
        jwks: ("[[issuers]] jwks", table.jwks.as_deref()),
    };
    given.issuer(&table.issuer, legacy)
}

/// What was given for one issuer.
struct GivenIssuer<'a> {
    flag: &'static str,
    key: Given<'a>,
    jwks: (&'static str, Option<&'a str>),
}

impl GivenIssuer<'_> {
    fn is_empty(&self) -> bool {
        self.key.is_empty() && self.jwks.1.is_none()
    }

    fn issuer(&self, name: &str, legacy: &LegacyKeys) -> Result<Issuer, ConfigError> {
        let out_of_range = |flag, problem| Err(ConfigError::OutOfRange { flag, problem });
        if self.is_empty() {
            return out_of_range(
                self.flag,
                "has no key; give --issuer-secret-file, --issuer-key or --issuer-jwks",
            );
        }
        if Url::parse(name).is_err() {
            return out_of_range(
                self.flag,
                "is no URL; write it as in `iss` of its tokens, such as https://login.example",
            );
        }
        let (flag, jwks) = self.jwks;
        let keys = match jwks {
            Some(_) if !self.key.is_empty() => {
                return out_of_range(
                    flag,
                    "is given beside a secret or a key of the issuer; give one of them, in variables too",
                );
            }
            Some(url) if url.contains("://") => {
                let url =
                    jwks_url(url).map_err(|problem| ConfigError::OutOfRange { flag, problem })?;
                let excluded = [legacy.publisher.clone(), legacy.subscriber.clone()].concat();
                IssuerKeys::Fetched(FetchedKeys::new(url, self.key.algorithm.1, excluded))
            }
            Some(path) => {
                let set = Key::set(&files::read(flag, Path::new(path))?, self.key.algorithm.1);
                IssuerKeys::given(set.map_err(|error| unusable(flag, &error))?)
            }
            None => IssuerKeys::given(self.key.key()?.into_iter().collect()),
        };
        Ok(Issuer { name: name.to_owned(), keys })
    }
}

impl Given<'_> {
    fn is_empty(&self) -> bool {
        self.secret.1.is_none() && self.secret_file.1.is_none() && self.key.1.is_none()
    }

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
    let given = verifier.issuers.iter().filter_map(|issuer| match &issuer.keys {
        IssuerKeys::Given(keys) => Some(keys),
        // These leave out such a key when they are fetched.
        IssuerKeys::Fetched(_) => None,
    });
    let mut of_issuers = given.flat_map(|keys| keys.iter());
    let legacy: Vec<_> = legacy.collect();
    if of_issuers.any(|key| legacy.iter().any(|other| key.is_same_as(other))) {
        return Err(ConfigError::OutOfRange {
            flag: "--issuer",
            problem: "has a key that is given for tokens of draft-07, too, whose rules are weaker; use another one for those",
        });
    }
    Ok(())
}

/// Where keys are fetched from; over a connection that nobody else can write into.
fn jwks_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text);
    let url = url.map_err(|_| "is no URL; write one such as https://login.example/jwks.json")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "has a user or a password, which would stand in the log; write one such as https://login.example/jwks.json",
        );
    }
    let host = url.host_str().and_then(|host| host.parse::<HostName>().ok());
    let is_loopback = host.is_some_and(|host| host.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback => Ok(url),
        _ => Err(
            "is not https, and http is for loopback only, because anybody on its way could put keys of their own in; write one such as https://login.example/jwks.json",
        ),
    }
}

enum KeySource {
    Secret(Vec<u8>),
    Pem(Vec<u8>),
}

fn unusable(flag: &'static str, error: &KeyError) -> ConfigError {
    ConfigError::Key { flag, reason: error.to_string() }
}
