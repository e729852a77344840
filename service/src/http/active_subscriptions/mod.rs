//! The resources with active subscriptions: all, those with one selector, and single ones, in the
//! forms of both dialects of the protocol.
//!
//! Their paths are the topics of the events about the same, and whoever may see those may read them.
//! The place to subscribe from, so that nothing is missed in between, stands in `Link`, and in draft-07
//! in the document as well.

mod path;

pub(super) use path::is_read_as_written;

use std::fmt::Write as _;

use bytes::Bytes;
use hyper::header::{
    ACCEPT, CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LINK, VARY,
};
use hyper::{Request, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use self::path::AskedFor;
use super::Context;
use super::authorise;
use super::credentials;
use super::parameters::{Pairs, check_spelling, pairs};
use super::problem::Problem;
use super::response::{self, HttpResponse};
use crate::auth::token::Dialect;
use crate::event::{HubId, Sequence};
use crate::hub::active_subscriptions::{
    ActiveSubscription, ActiveSubscriptions, JSON_LD_CONTEXT, SUBSCRIPTIONS_PATH, SubscriptionPage,
    subscription_path,
};
use crate::memory::HeldMemory;
use crate::topic::Topic;

const JSON: &str = "application/json";
const JSON_LD: &str = "application/ld+json";

/// Where a page of a long list begins.
const AFTER: &str = "after";

/// A document, counted for as long as its reader takes.
struct CountedText {
    json: String,
    _held: HeldMemory,
}

impl AsRef<[u8]> for CountedText {
    fn as_ref(&self) -> &[u8] {
        self.json.as_bytes()
    }
}

fn wants_json_ld(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let mut essences = lines.flat_map(|line| line.split(',')).filter_map(|it| it.split(';').next());
    essences.any(|essence| essence.trim().eq_ignore_ascii_case(JSON_LD))
}

/// `GET /.well-known/mercure/subscriptions…`; `rest` is what follows in the path.
pub(super) async fn document<B>(
    request: &Request<B>,
    rest: &str,
    context: &Context,
) -> Result<HttpResponse, Problem> {
    let active = context.active_subscriptions.as_ref().ok_or(Problem::NotFound)?;
    let asked = AskedFor::parse(rest)?;
    let parameters = pairs(request.uri().query().unwrap_or_default())?;
    let names = parameters.iter().map(|(name, _)| name.as_ref());
    check_spelling(names, &[AFTER, credentials::PARAMETER])?;
    let access = authorise::subscriber(request.headers(), &parameters, context).await?;
    let path = format!("{SUBSCRIPTIONS_PATH}{rest}");
    let as_topic = Topic::parse(&path, usize::MAX).map_err(Problem::Topic)?;
    authorise::check_reads(&access, &as_topic).await?;
    // Without a selector, what the client wants or its token is of decides.
    let is_legacy = asked.is_legacy().unwrap_or_else(|| {
        wants_json_ld(request.headers()) || (access.has_token && access.dialect == Dialect::Legacy)
    });
    let page = read(active, &asked, is_legacy, &parameters);
    let single = match asked {
        AskedFor::One { .. } => Some(page.subscriptions.first().ok_or(Problem::NoSubscription)?),
        AskedFor::Everything | AskedFor::Selector { .. } => None,
    };
    // Both forms stand at the same path.
    let tag = format!("\"{}{}\"", page.place, if is_legacy { "-ld" } else { "" });
    if is_known(request.headers(), &tag) {
        let mut response = response::empty(StatusCode::NOT_MODIFIED);
        describe(&mut response, &page, &path, &tag, is_legacy);
        return Ok(response);
    }
    let json = match single {
        Some(subscription) => one(subscription, &page, is_legacy),
        None => list(&page, &path, is_legacy),
    };
    let content_type = if is_legacy { JSON_LD } else { JSON };
    let held = context.body_memory.hold(json.capacity())?;
    let body = Bytes::from_owner(CountedText { json, _held: held });
    let mut response = response::whole(StatusCode::OK, content_type, body);
    describe(&mut response, &page, &path, &tag, is_legacy);
    Ok(response)
}

fn read(
    active: &ActiveSubscriptions,
    asked: &AskedFor<'_>,
    is_legacy: bool,
    parameters: &Pairs<'_>,
) -> SubscriptionPage {
    let after = parameters.iter().find(|(name, _)| name == AFTER).map(|(_, value)| value.as_ref());
    match asked {
        AskedFor::Everything => active.page(is_legacy, SUBSCRIPTIONS_PATH, after),
        AskedFor::Selector { notation, text } => {
            active.page(is_legacy, &subscription_path(*notation, text, None), after)
        }
        AskedFor::One { notation, text, subscriber } => {
            active.find(is_legacy, &subscription_path(*notation, text, Some(subscriber)))
        }
    }
}

/// Whether the client has this version already (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

/// The place as clients are told it: one before everything has a name of its own.
fn last_event_id(place: HubId) -> String {
    if place.sequence == Sequence(0) { "earliest".to_owned() } else { place.to_string() }
}

fn one(subscription: &ActiveSubscription, page: &SubscriptionPage, is_legacy: bool) -> String {
    let members = subscription.members(true);
    if !is_legacy {
        return format!("{{{members}}}");
    }
    let last = last_event_id(page.place);
    format!(r#"{{"@context":"{JSON_LD_CONTEXT}",{members},"lastEventID":"{last}"}}"#)
}

fn list(page: &SubscriptionPage, path: &str, is_legacy: bool) -> String {
    let id = serde_json::Value::from(path);
    let last = last_event_id(page.place);
    let mut json = if is_legacy {
        format!(
            r#"{{"@context":"{JSON_LD_CONTEXT}","id":{id},"type":"Subscriptions","lastEventID":"{last}","subscriptions":["#
        )
    } else {
        format!(r#"{{"id":{id},"type":"subscriptions","subscriptions":["#)
    };
    for (index, subscription) in page.subscriptions.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let written = write!(json, "{comma}{{{}}}", subscription.members(true));
        debug_assert!(written.is_ok(), "a text takes whatever is written");
    }
    json + "]}"
}

/// The headers of a response: the place to subscribe from, and where the next page begins. They are
/// different for whoever asks with another token, so that no cache may keep them for others.
fn describe(
    response: &mut HttpResponse,
    page: &SubscriptionPage,
    path: &str,
    tag: &str,
    is_legacy: bool,
) {
    let content_type = if is_legacy { JSON_LD } else { JSON };
    let last = last_event_id(page.place);
    let hub = SUBSCRIPTIONS_PATH.trim_end_matches("/subscriptions");
    let place = format!(
        r#"<{hub}>; rel="mercure"; last-event-id="{last}"; type="mercure"; content-type="{content_type}""#
    );
    let next = page.next_after.as_ref().map(|topic| {
        let after = utf8_percent_encode(topic.as_str(), NON_ALPHANUMERIC);
        format!(r#"<{path}?{AFTER}={after}>; rel="next""#)
    });
    let headers = response.headers_mut();
    for link in [Some(place), next].into_iter().flatten() {
        if let Ok(value) = HeaderValue::from_str(&link) {
            headers.append(LINK, value);
        }
    }
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(ETAG, tag);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.append(VARY, HeaderValue::from_static("Accept"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_the_client_has_is_known_however_it_lists_it() {
        let cases: [(&[&str], bool); 7] = [
            (&[], false),
            (&["\"a\""], true),
            (&["\"b\""], false),
            (&["\"b\", \"a\""], true),
            (&["\"b\"", "W/\"a\""], true),
            (&["*"], true),
            (&["a"], false),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(IF_NONE_MATCH, HeaderValue::from_static(line));
            }
            assert_eq!(is_known(&headers, "\"a\""), expected, "{lines:?}");
        }
    }
}
