//! What the claims of a token grant, in both dialects.

use std::time::SystemTime;
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Number, Value};

use super::TokenError;
use crate::topic::{Notation, SelectorSet};

/// The `type` of the authorization details of the protocol (1.0, "Authorization Details").
const DETAIL_TYPE: &str = "https://mercure.rocks/authorization-detail";

/// The most grants of one token, over all its details and actions.
const GRANTS_MAX: usize = SelectorSet::MAX;

/// A selector as it stands in a token. Its notation goes along with its text from here on: an exact
/// topic that looks like a template must never become one.
pub type Grant = (Notation, String);

/// What a token grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenGrants {
    /// Topics to publish to.
    pub publish: Vec<Grant>,
    /// Topics whose private events may be seen.
    pub subscribe: Vec<Grant>,
    /// When it ends; `None` for a token of draft-07 that does not say.
    pub expires: Option<SystemTime>,
}

/// The claims of a token of draft-07. A claim that stands there twice is an error.
#[derive(Deserialize)]
pub(super) struct LegacyClaims {
    exp: Option<Number>,
    nbf: Option<Number>,
    mercure: Option<LegacyGrants>,
    #[serde(rename = "https://mercure.rocks/")]
    mercure_url: Option<LegacyGrants>,
}

#[derive(Default, Deserialize)]
struct LegacyGrants {
    publish: Option<Vec<String>>,
    subscribe: Option<Vec<String>>,
}

/// The claims of a token of 1.0, as far as they are not checked by the library.
#[derive(Deserialize)]
pub(super) struct AccessClaims {
    exp: Number,
    nbf: Option<Number>,
    // Read as what they have to be, so that anything else is an error.
    #[serde(rename = "iss")]
    _iss: String,
    #[serde(default)]
    authorization_details: Vec<Value>,
}

/// A detail of the protocol's own type.
#[derive(Deserialize)]
struct Detail {
    actions: Vec<String>,
    topics: Vec<GrantedTopic>,
}

#[derive(Deserialize)]
struct GrantedTopic {
    r#match: String,
    match_type: Option<String>,
}

impl LegacyClaims {
    pub(super) fn not_before(&self) -> Option<SystemTime> {
        self.nbf.as_ref().and_then(moment)
    }

    pub(super) fn into_grants(self) -> Result<TokenGrants, TokenError> {
        let grants = self.mercure.or(self.mercure_url).unwrap_or_default();
        let read = |texts: Option<Vec<String>>| {
            let texts = texts.unwrap_or_default().into_iter();
            texts.map(|text| (Notation::TopicOrTemplate, text)).collect::<Vec<_>>()
        };
        let granted = TokenGrants {
            publish: read(grants.publish),
            subscribe: read(grants.subscribe),
            expires: self.exp.as_ref().and_then(moment),
        };
        granted.checked()
    }
}

impl AccessClaims {
    pub(super) fn not_before(&self) -> Option<SystemTime> {
        self.nbf.as_ref().and_then(moment)
    }

    pub(super) fn into_grants(self) -> Result<TokenGrants, TokenError> {
        let expires = moment(&self.exp).ok_or_else(|| wrong("its `exp` is no time"))?;
        let mut granted = TokenGrants { expires: Some(expires), ..TokenGrants::default() };
        for detail in self.authorization_details {
            let of_type = detail.as_object().and_then(|detail| detail.get("type"));
            match of_type.and_then(Value::as_str) {
                None => return Err(wrong("one of its `authorization_details` has no `type`")),
                Some(DETAIL_TYPE) => granted.add(detail)?,
                // Of another API behind the same issuer.
                Some(_) => {}
            }
        }
        granted.checked()
    }
}

impl TokenGrants {
    fn add(&mut self, detail: Value) -> Result<(), TokenError> {
        let detail: Detail = serde_json::from_value(detail)
            .map_err(|error| wrong(&format!("one of its `authorization_details`: {error}")))?;
        if detail.actions.is_empty() || detail.topics.is_empty() {
            return Err(wrong("one of its `authorization_details` has no actions or no topics"));
        }
        let topics: Vec<Grant> =
            detail.topics.into_iter().map(GrantedTopic::into_grant).collect::<Result<_, _>>()?;
        // Actions that are not known are ignored, and an action that stands there twice is one.
        if detail.actions.iter().any(|action| action == "publish") {
            self.publish.extend(topics.iter().cloned());
        }
        if detail.actions.iter().any(|action| action == "subscribe") {
            self.subscribe.extend(topics);
        }
        Ok(())
    }

    fn checked(self) -> Result<Self, TokenError> {
        if self.publish.len() > GRANTS_MAX || self.subscribe.len() > GRANTS_MAX {
            return Err(TokenError::TooManyGrants { max: GRANTS_MAX });
        }
        // The library takes a token in the very second in which it expires, and "on or after" is too
        // late (RFC 7519, section 4.1.4): a stream would be ended and opened again for a second.
        if self.expires.is_some_and(|at| at <= SystemTime::now()) {
            return Err(TokenError::Expired { seconds: 0 });
        }
        Ok(self)
    }
}

impl GrantedTopic {
    fn into_grant(self) -> Result<Grant, TokenError> {
        let notation = match self.match_type.as_deref() {
            None | Some("exact") => Notation::Exact,
            Some("urlpattern") => Notation::UrlPattern,
            Some(_) => {
                return Err(wrong(
                    "a `match_type` in its `authorization_details` is neither `exact` nor `urlpattern`",
                ));
            }
        };
        if self.r#match.is_empty() {
            return Err(wrong("a `match` in its `authorization_details` is empty"));
        }
        Ok((notation, self.r#match))
    }
}

fn wrong(what: &str) -> TokenError {
    TokenError::Claims(what.to_owned())
}

/// A time in seconds since 1970, which may have a fraction (RFC 7519, section 2). What lies further
/// ahead than a hundred years is as good as that.
fn moment(seconds: &Number) -> Option<SystemTime> {
    const LATEST: f64 = 7e9;
    let seconds = seconds.as_f64().filter(|seconds| *seconds >= 0.0)?;
    UNIX_EPOCH.checked_add(Duration::from_secs_f64(seconds.min(LATEST)))
}
