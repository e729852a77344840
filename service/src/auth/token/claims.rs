//! What the claims of a token grant, in both dialects.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use serde_json::value::RawValue;

use super::TokenError;
use super::peek::Dialect;
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
    /// By which rules it was checked.
    pub dialect: Dialect,
    /// Who it is for, as far as it says: the same in every token of its issuer for the same.
    pub holder: Option<String>,
    /// What is told of the subscriptions of its holder, to those who may know.
    pub payloads: Vec<GrantedPayload>,
}

/// What a token says about the subscriptions of its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedPayload {
    /// Which of the topics of [`TokenGrants::subscribe`] it belongs to, or every subscription.
    pub topics: Option<Range<usize>>,
    /// Any JSON, on one line. A detail without one has a place here all the same, since the first
    /// detail that matches decides.
    pub json: Option<Arc<str>>,
}

/// The claims of a token of draft-07. A claim that stands there twice is an error.
#[derive(Deserialize)]
pub(super) struct LegacyClaims {
    exp: Option<Number>,
    nbf: Option<Number>,
    iss: Option<Box<RawValue>>,
    sub: Option<Box<RawValue>>,
    jti: Option<Box<RawValue>>,
    mercure: Option<Box<RawValue>>,
    #[serde(rename = "https://mercure.rocks/")]
    mercure_url: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
struct LegacyGrants {
    publish: Option<Vec<String>>,
    subscribe: Option<Vec<String>>,
    payload: Option<Box<RawValue>>,
}

/// The claims of a token of 1.0, as far as they are not checked by the library.
#[derive(Deserialize)]
pub(super) struct AccessClaims {
    // That it is there is for the library to say, in better words than those of a type.
    exp: Option<Number>,
    nbf: Option<Number>,
    // Read as what they have to be, so that anything else is an error.
    iss: String,
    sub: Option<Box<RawValue>>,
    jti: Option<Box<RawValue>>,
    // Kept as text, in which a member that stands there twice is still seen.
    #[serde(default)]
    authorization_details: Vec<Box<RawValue>>,
}

/// A detail of any type.
#[derive(Deserialize)]
struct TypedDetail {
    r#type: String,
}

/// A detail of the protocol's own type.
#[derive(Deserialize)]
struct Detail {
    actions: Vec<String>,
    topics: Vec<Box<RawValue>>,
    payload: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct GrantedTopic {
    r#match: String,
    #[serde(default, deserialize_with = "text")]
    match_type: Option<String>,
}

/// A text that may be missing, but not `null`.
fn text<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    String::deserialize(value).map(Some)
}

/// Reads an object, whose members may not stand there twice. Values are not repeated in errors: they
/// are the data of users.
fn object<T: DeserializeOwned>(json: &RawValue, what: &str) -> Result<T, TokenError> {
    // An array would be read as the fields of an object in their order.
    let is_object = json.get().trim_start().starts_with('{');
    let read = is_object.then(|| serde_json::from_str(json.get()).ok()).flatten();
    read.ok_or_else(|| wrong(what))
}

impl LegacyClaims {
    pub(super) fn not_before(&self) -> Option<SystemTime> {
        self.nbf.as_ref().and_then(moment)
    }

    pub(super) fn into_grants(self) -> Result<TokenGrants, TokenError> {
        let issuer = self.iss.as_deref().map_or("", RawValue::get);
        let holder = holder(issuer, self.sub.as_deref(), self.jti.as_deref());
        let claim = self.mercure.or(self.mercure_url);
        let grants: LegacyGrants = claim.map_or_else(
            || Ok(LegacyGrants::default()),
            |claim| {
                object(
                    &claim,
                    "its `mercure` is no object with lists of texts as `publish` and `subscribe`",
                )
            },
        )?;
        let read = |texts: Option<Vec<String>>| {
            let texts = texts.unwrap_or_default().into_iter();
            texts.map(|text| (Notation::TopicOrTemplate, text)).collect::<Vec<_>>()
        };
        let granted = TokenGrants {
            publish: read(grants.publish),
            subscribe: read(grants.subscribe),
            expires: self.exp.as_ref().and_then(moment),
            dialect: Dialect::Legacy,
            holder,
            payloads: grants
                .payload
                .map(|json| GrantedPayload { topics: None, json: Some(on_one_line(&json)) })
                .into_iter()
                .collect(),
        };
        granted.checked()
    }
}

impl AccessClaims {
    pub(super) fn not_before(&self) -> Option<SystemTime> {
        self.nbf.as_ref().and_then(moment)
    }

    pub(super) fn into_grants(self) -> Result<TokenGrants, TokenError> {
        let expires =
            self.exp.as_ref().and_then(moment).ok_or_else(|| wrong("its `exp` is no time"))?;
        let mut granted = TokenGrants {
            expires: Some(expires),
            dialect: Dialect::AccessToken,
            holder: holder(&self.iss, self.sub.as_deref(), self.jti.as_deref()),
            ..TokenGrants::default()
        };
        for detail in self.authorization_details {
            let what = "one of its `authorization_details` is no object with a text as `type`";
            let typed: TypedDetail = object(&detail, what)?;
            // Others are of another API behind the same issuer.
            if typed.r#type == DETAIL_TYPE {
                granted.add(&detail)?;
            }
        }
        granted.checked()
    }
}

impl TokenGrants {
    fn add(&mut self, detail: &RawValue) -> Result<(), TokenError> {
        let what = "one of its `authorization_details` has no list of texts as `actions`, or no list of objects as `topics`";
        let detail: Detail = object(detail, what)?;
        if detail.actions.is_empty() || detail.topics.is_empty() {
            return Err(wrong("one of its `authorization_details` has no actions or no topics"));
        }
        let topics = detail.topics.iter().map(|topic| {
            let what = "a topic in its `authorization_details` has no text as `match`, or another `match_type` than a text";
            object::<GrantedTopic>(topic, what)?.into_grant()
        });
        let topics: Vec<Grant> = topics.collect::<Result<_, _>>()?;
        // Actions that are not known are ignored, and an action that stands there twice is one.
        if detail.actions.iter().any(|action| action == "publish") {
            self.publish.extend(topics.iter().cloned());
        }
        if detail.actions.iter().any(|action| action == "subscribe") {
            let first = self.subscribe.len();
            self.subscribe.extend(topics);
            let json = detail.payload.as_deref().map(on_one_line);
            let topics = Some(first..self.subscribe.len());
            self.payloads.push(GrantedPayload { topics, json });
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

/// Who a token is for: its subject, or else its own name, each as its issuer gave it. The text as it
/// stands in the token is enough, also of what should be a text and is a number. Claims without a
/// value name nobody.
fn holder(issuer: &str, subject: Option<&RawValue>, name: Option<&RawValue>) -> Option<String> {
    let claims = [("sub", subject), ("jti", name)];
    let mut given = claims.iter().filter_map(|(kind, claim)| Some((kind, claim.as_ref()?.get())));
    let (kind, text) = given.find(|(_, text)| *text != "\"\"")?;
    Some(format!("{issuer}\n{kind}\n{text}"))
}

/// A text within JSON has no line breaks and no tabs, so that those are white space, for which a space
/// does as well.
fn on_one_line(json: &RawValue) -> Arc<str> {
    json.get().replace(['\n', '\r', '\t'], " ").into()
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
