//! Active subscriptions, an optional feature: looked for first, and skipped where not offered.

use serde_json::Value;

use crate::answer::Answer;
use crate::hub::{Call, Dialect, Hub, encoded};
use crate::outcome::{Checked, Stop};

fn is_one(hub: &Hub) -> bool {
    hub.dialect == Dialect::One
}

/// A request by a token with every grant.
fn authorised<'a>(hub: &'a Hub, path: &str) -> Checked<Call<'a>> {
    let call = hub.call("GET").below(path).bearer(hub.token(&[], &["*"])?.as_deref());
    Ok(if is_one(hub) { call } else { call.header("Accept", "application/ld+json") })
}

fn path_of(hub: &Hub, topic: &str) -> String {
    let kind = if is_one(hub) { "exact/" } else { "" };
    format!("/subscriptions/{kind}{}", encoded(topic))
}

async fn offered(hub: &Hub) -> Checked<Answer> {
    let answer = authorised(hub, "/subscriptions")?.send().await?;
    match answer.status {
        404 | 405 | 501 => Err(Stop::skipped(format!(
            "not offered: active subscriptions ({} at /subscriptions)",
            answer.status
        ))),
        _ => answer.status(&[200]),
    }
}

fn document(answer: &Answer) -> Checked<Value> {
    serde_json::from_str(&answer.body)
        .map_err(|error| answer.unlike("JSON", &format!("{error}: {}", answer.body)))
}

fn list(answer: &Answer) -> Checked<Vec<Value>> {
    let document = document(answer)?;
    match document["subscriptions"].as_array() {
        Some(subscriptions) => Ok(subscriptions.clone()),
        None => Err(answer.unlike("an array `subscriptions`", &answer.body)),
    }
}

/// The name of the property that holds what was subscribed to.
fn subject(hub: &Hub) -> &'static str {
    if is_one(hub) { "match" } else { "topic" }
}

pub(crate) async fn collections_have_their_form(hub: &Hub) -> Checked {
    let answer = offered(hub).await?;
    let (media, kind) = match is_one(hub) {
        true => ("application/json", "subscriptions"),
        false => ("application/ld+json", "Subscriptions"),
    };
    let came = answer.header("content-type").unwrap_or_default();
    if !came.starts_with(media) {
        return Err(answer.unlike(&format!("content-type {media}"), &came));
    }
    let document = document(&answer)?;
    if document["type"] != kind || !document["id"].is_string() {
        return Err(answer.unlike(&format!("type {kind} and an id"), &answer.body));
    }
    list(&answer).map(drop)
}

pub(crate) async fn open_subscriptions_are_listed(hub: &Hub) -> Checked {
    offered(hub).await?;
    let topic = hub.fresh();
    let stream = hub.subscribe(&[&topic]).await?;
    let answer = authorised(hub, &path_of(hub, &topic))?.send().await?.status(&[200])?;
    let found = list(&answer)?;
    drop(stream);
    let fits = |one: &Value| {
        one[subject(hub)] == topic.as_str()
            && one["active"] == true
            && one["subscriber"].is_string()
            && one["id"].is_string()
            && (!is_one(hub) || one["match_type"] == "exact" && one["type"] == "subscription")
    };
    match found.as_slice() {
        [one] if fits(one) => Ok(()),
        _ => Err(answer.unlike("the one open subscription", &answer.body)),
    }
}

pub(crate) async fn a_single_subscription_is_found(hub: &Hub) -> Checked {
    offered(hub).await?;
    let topic = hub.fresh();
    let stream = hub.subscribe(&[&topic]).await?;
    let answer = authorised(hub, &path_of(hub, &topic))?.send().await?.status(&[200])?;
    let found = list(&answer)?;
    let subscriber = found.first().and_then(|one| one["subscriber"].as_str()).unwrap_or_default();
    let path = format!("{}/{}", path_of(hub, &topic), encoded(subscriber));
    let answer = authorised(hub, &path)?.send().await?.status(&[200])?;
    if document(&answer)?[subject(hub)] != topic.as_str() {
        return Err(answer.unlike("this subscription", &answer.body));
    }
    drop(stream);
    let path = format!("{}/urn%3Auuid%3A{}", path_of(hub, &topic), uuid::Uuid::new_v4());
    authorised(hub, &path)?.send().await?.status(&[404]).map(drop)
}

pub(crate) async fn starts_and_ends_are_told(hub: &Hub) -> Checked {
    offered(hub).await?;
    let topic = hub.fresh();
    let base = hub.target.url.path().trim_end_matches('/');
    let (name, selector) = match is_one(hub) {
        true => ("match_urlpattern", format!("{base}{}/:subscriber", path_of(hub, &topic))),
        false => ("topic", format!("{base}{}/{{subscriber}}", path_of(hub, &topic))),
    };
    let watch = |token: Option<String>| {
        hub.call("GET")
            .query(name, &selector)
            .query(hub.selector(), &topic)
            .bearer(token.as_deref())
    };
    let mut watcher = watch(hub.token(&[], &["*"])?).open().await?;
    let watched = hub.subscribe(&[&topic]).await?;
    let mut states = Vec::new();
    let mut watched = Some(watched);
    // The watcher's own subscription to the topic may be told as well.
    while states.len() < 6 {
        let message = watcher.next().await?;
        let event: Value = serde_json::from_str(&message.data).unwrap_or_default();
        if event[subject(hub)] != topic.as_str() {
            continue;
        }
        if is_one(hub) && message.event != "mercure" {
            return Err(Stop::failed(watcher.sent, "event: mercure", format!("{message:?}")));
        }
        states.push(event["active"].clone());
        if states.last() == Some(&Value::Bool(false)) {
            return Ok(());
        }
        watched.take();
    }
    Err(Stop::failed(watcher.sent, "a start and an end", format!("{states:?}")))
}

pub(crate) async fn the_cursor_is_told(hub: &Hub) -> Checked {
    let answer = offered(hub).await?;
    if !is_one(hub) {
        return match document(&answer)?["lastEventID"].as_str() {
            Some(id) if !id.is_empty() => Ok(()),
            _ => Err(answer.unlike("lastEventID", &answer.body)),
        };
    }
    let link = answer.header("link").unwrap_or_default();
    if link.contains("rel=\"mercure\"") && link.contains("last-event-id=\"") {
        return Ok(());
    }
    Err(answer.unlike("Link with rel=\"mercure\" and last-event-id", &link))
}

pub(crate) async fn listing_needs_a_grant(hub: &Hub) -> Checked {
    hub.own_key()?;
    offered(hub).await?;
    let other = hub.needed_token(&[], &[&hub.fresh()])?;
    let call = hub.call("GET").below("/subscriptions").bearer(Some(&other));
    let refused = if is_one(hub) { &[403][..] } else { &[401, 403] };
    call.send().await?.status(refused)?;
    hub.call("GET").below("/subscriptions").send().await?.status(&[401]).map(drop)
}
