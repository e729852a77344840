//! Active subscriptions, an optional feature: looked for first, and skipped where not offered.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::answer::Answer;
use crate::hub::{Call, Dialect, Hub, encoded};
use crate::outcome::{Checked, Stop};
use crate::token::{DETAIL, detail};

/// Between two looks at a collection.
const PAUSE: Duration = Duration::from_millis(20);

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

/// The subscriptions of a collection, once there are as many as there should be, or when no more may
/// be waited: a hub may list a stream a moment after it has opened it.
async fn listed(hub: &Hub, path: &str, count: usize) -> Checked<(Answer, Vec<Value>)> {
    let deadline = Instant::now() + hub.target.patience;
    loop {
        let answer = authorised(hub, path)?.send().await?.status(&[200])?;
        let found = list(&answer)?;
        if found.len() >= count || Instant::now() >= deadline {
            return Ok((answer, found));
        }
        sleep(PAUSE).await;
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
    let (answer, found) = listed(hub, &path_of(hub, &topic), 1).await?;
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
    let (_, found) = listed(hub, &path_of(hub, &topic), 1).await?;
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

/// The subscriber of the one subscription of a collection.
async fn only_subscriber(hub: &Hub, path: &str) -> Checked<String> {
    let (answer, mut found) = listed(hub, path, 1).await?;
    match found.pop() {
        Some(one) if found.is_empty() => Ok(subscriber(&one)),
        _ => Err(answer.unlike("one subscription", &answer.body)),
    }
}

fn subscriber(subscription: &Value) -> String {
    subscription["subscriber"].as_str().unwrap_or_default().to_owned()
}

/// Details of which several cover a selector, and what a subscription to each selector is to be told
/// with: its parameter, its name in a path, its text, the payload.
fn payload_cases(base: &str) -> (Value, [(&'static str, &'static str, String, Value); 4]) {
    let [exact, silent, other] = ["exact", "silent", "a/b"].map(|name| format!("{base}/{name}"));
    let pattern = format!("{base}/:id");
    let payload = |of: &str| json!({"of": of});
    let of = |actions: &[&str], topics: Value, name: &str| {
        let payload = payload(name);
        json!({"type": DETAIL, "actions": actions, "topics": topics, "payload": payload})
    };
    let any = json!({"match": format!("{base}/:any"), "match_type": "urlpattern"});
    let patterns = json!([{"match": "urn:none"}, any]);
    let details = json!([
        of(&["publish"], json!([{"match": "*"}]), "a publisher"),
        of(&["subscribe"], json!([{"match": &exact}]), "exact"),
        detail(&["subscribe"], &[&silent]),
        of(&["publish", "subscribe"], patterns, "pattern"),
        of(&["subscribe"], json!([{"match": "*"}]), "all"),
    ]);
    let cases = [
        ("match", "exact", exact, payload("exact")),
        ("match", "exact", silent, Value::Null),
        // The text of a pattern is taken as a topic, which a pattern with a variable there matches.
        ("match_urlpattern", "urlpattern", pattern, payload("pattern")),
        ("match", "exact", other, payload("all")),
    ];
    (details, cases)
}

pub(crate) async fn the_payload_is_that_of_the_first_detail_that_covers(hub: &Hub) -> Checked {
    hub.own_key()?;
    offered(hub).await?;
    let Some(issuer) = &hub.target.keys.issuer else { return Err(Stop::skipped("no key given")) };
    let (details, cases) = payload_cases(&hub.fresh());
    let token = issuer.sign(&issuer.claims(&details))?;
    for (name, kind, selector, payload) in &cases {
        let stream = hub.call("GET").query(name, selector).bearer(Some(&token)).open().await?;
        let path = format!("/subscriptions/{kind}/{}", encoded(selector));
        let (answer, found) = listed(hub, &path, 1).await?;
        match found.as_slice() {
            [one] if one["payload"] == *payload => {}
            _ => {
                let sent = format!("{} by a token with the details {details}", stream.sent);
                return Err(Stop::failed(sent, format!("payload {payload}"), answer.body));
            }
        }
    }
    Ok(())
}

pub(crate) async fn a_subscriber_has_an_id_for_each_connection(hub: &Hub) -> Checked {
    offered(hub).await?;
    let (both, first, second) = (hub.fresh(), hub.fresh(), hub.fresh());
    let wanted = "urn:uuid:00000000-0000-4000-8000-000000000000";
    let mut streams = Vec::new();
    for own in [&first, &second] {
        let call = hub.get()?.query(hub.selector(), &both).query(hub.selector(), own);
        let call = call.query("subscriber", wanted).header("Subscriber", wanted);
        streams.push(call.open().await?);
    }
    let ids = [
        only_subscriber(hub, &path_of(hub, &first)).await?,
        only_subscriber(hub, &path_of(hub, &second)).await?,
    ];
    if ids[0] == ids[1] || ids.iter().any(|id| id.is_empty() || id == wanted) {
        let expected = "an id for each of two connections that is not one of a client's choice";
        return Err(Stop::failed(streams.remove(0).sent, expected, format!("{ids:?}")));
    }
    let (answer, found) = listed(hub, &path_of(hub, &both), ids.len()).await?;
    let shared: BTreeSet<_> = found.iter().map(subscriber).collect();
    if found.len() == ids.len() && shared == ids.clone().into() {
        return Ok(());
    }
    Err(answer
        .unlike(&format!("the same subscribers as of the other selectors, {ids:?}"), &answer.body))
}
