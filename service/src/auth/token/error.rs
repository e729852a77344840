//! Why a token is refused.
//!
//! The reasons are for logs, and for the holder of the token where the server explains them. They
//! repeat nothing of a token but names that are no secret: its issuer and its audience.

use thiserror::Error;

/// Why a token is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TokenError {
    /// It is no JSON Web Token in the compact form.
    #[error("it is no JSON Web Token: three parts of base64url with two objects of JSON")]
    NotAToken,
    /// Its header has `crit`.
    #[error("its header has `crit`, and nothing that could stand there is understood here")]
    Critical,
    /// It is one of draft-07, for which there are no keys.
    #[error(
        "it is a token of draft-07 (claim `mercure`), and there is no key for such; start the server with --jwt-secret or --jwt-key"
    )]
    NoLegacyKey,
    /// It is one of 1.0, and there is no issuer.
    #[error(
        "it is a token of 1.0, and no issuer is known; start the server with --issuer, or put a claim `mercure` into a token of draft-07"
    )]
    NoIssuer,
    /// Its `typ` is another.
    #[error("the `typ` of its header is not `at+jwt`")]
    Type,
    /// It was made by somebody else, or says nothing of it.
    #[error("its issuer is {}", quoted(issuer.as_deref()))]
    Issuer {
        /// Its `iss`, if that is a text.
        issuer: Option<String>,
    },
    /// It stands in the target of a request.
    #[error("it stands in the URL, where tokens of 1.0 are not accepted; send it in a header")]
    InUrl,
    /// The keys of its issuer are not known yet.
    #[error("the keys of its issuer have not been fetched yet")]
    KeysNotFetched,
    /// Its `kid` is that of no key.
    #[error("no key has the `kid` of its header")]
    UnknownKey,
    /// Its `alg` is not that of a key.
    #[error("the `alg` of its header is not that of a key that it may be signed with")]
    Algorithm,
    /// It was changed, or signed with another key.
    #[error("bad signature")]
    Signature,
    /// Its time is over.
    #[error("expired {seconds} s ago")]
    Expired {
        /// For how long.
        seconds: u64,
    },
    /// Its time has not begun.
    #[error("not valid for another {seconds} s")]
    NotYetValid {
        /// For how long not.
        seconds: u64,
    },
    /// It is for somebody else.
    #[error("its audience is not this hub, which is {expected}")]
    Audience {
        /// What it has to contain.
        expected: String,
    },
    /// A claim is missing or cannot be read.
    #[error("{0}")]
    Claims(String),
    /// It grants more than one token may.
    #[error("it has more than {max} grants")]
    TooManyGrants {
        /// The most.
        max: usize,
    },
}

fn quoted(text: Option<&str>) -> String {
    text.map_or_else(
        || "not a text".to_owned(),
        |text| format!("{:?}, which is not known here", text.chars().take(256).collect::<String>()),
    )
}

/// A kind of fault, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// It cannot be read.
    Malformed,
    /// Signed with another key, or in a way that is not allowed.
    Signature,
    /// Expired, or not valid yet.
    Time,
    /// Of another issuer, for another audience, or of a dialect that is not accepted.
    Foreign,
}

impl TokenFault {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Malformed, Self::Signature, Self::Time, Self::Foreign];

    /// Its name among metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Signature => "signature",
            Self::Time => "time",
            Self::Foreign => "foreign",
        }
    }
}

impl TokenError {
    /// Its kind.
    #[must_use]
    pub fn fault(&self) -> TokenFault {
        match self {
            Self::NotAToken | Self::Critical | Self::Claims(_) | Self::TooManyGrants { .. } => {
                TokenFault::Malformed
            }
            Self::KeysNotFetched | Self::UnknownKey | Self::Algorithm | Self::Signature => {
                TokenFault::Signature
            }
            Self::Expired { .. } | Self::NotYetValid { .. } => TokenFault::Time,
            Self::NoLegacyKey
            | Self::NoIssuer
            | Self::Type
            | Self::Issuer { .. }
            | Self::InUrl
            | Self::Audience { .. } => TokenFault::Foreign,
        }
    }
}
