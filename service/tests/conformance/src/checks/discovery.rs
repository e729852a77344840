//! What the hub says about itself.

use serde_json::Value;

use crate::answer::Answer;
use crate::hub::Hub;
use crate::outcome::{Checked, Stop};

async fn metadata(hub: &Hub) -> Checked<(Answer, Value)> {
    let path = format!("/.well-known/oauth-protected-resource{}", hub.target.url.path());
    let answer = hub.call("GET").at(&path).send().await?;
    if answer.status == 404 {
        return Err(Stop::skipped("not offered: no metadata document (404)"));
    }
    let answer = answer.status(&[200])?;
    answer.expect_header("content-type", "application/json", |kind| {
        kind.starts_with("application/json")
    })?;
    match serde_json::from_str(&answer.body) {
        Ok(document) => Ok((answer, document)),
        Err(error) => Err(answer.unlike("JSON", &format!("{error}: {}", answer.body))),
    }
}

pub(crate) async fn metadata_name_the_hub(hub: &Hub) -> Checked {
    let (answer, document) = metadata(hub).await?;
    let expected = match &hub.target.keys.issuer {
        Some(issuer) => issuer.audience.clone(),
        None => hub.target.url.to_string(),
    };
    if document["resource"] == expected.as_str() {
        return Ok(());
    }
    Err(answer.unlike(&format!("resource {expected}"), &answer.body))
}

pub(crate) async fn metadata_are_well_formed(hub: &Hub) -> Checked {
    let (answer, document) = metadata(hub).await?;
    let strings = |value: &Value| {
        value.is_null() || value.as_array().is_some_and(|array| array.iter().all(Value::is_string))
    };
    let names = [
        "authorization_servers",
        "authorization_details_types_supported",
        "bearer_methods_supported",
        "mercure_matcher_types_supported",
    ];
    for name in names {
        if !strings(&document[name]) {
            return Err(answer.unlike(&format!("{name}: an array of strings"), &answer.body));
        }
    }
    let presence = &document["mercure_subscriptions"];
    if presence.is_null() || presence.is_boolean() {
        return Ok(());
    }
    Err(answer.unlike("mercure_subscriptions: a boolean", &answer.body))
}
