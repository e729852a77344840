//! What a valid token allows: publishing, private events, and nothing by asking alone.

use serde_json::json;

use crate::hub::{Dialect, Hub};
use crate::outcome::{Checked, Stop};
use crate::token::{DETAIL, detail};

/// A stream of this token, and whether a private event of the topics reaches it.
async fn reached(hub: &Hub, token: &str, selector: &str, topics: &[&str]) -> Checked<bool> {
    let marker_topic = hub.fresh();
    let call = hub.call("GET").query(hub.selector(), selector);
    let call = call.query(hub.selector(), &marker_topic).bearer(Some(token));
    let mut stream = call.open().await?;
    let secret = uuid::Uuid::new_v4().to_string();
    let mut fields: Vec<_> = topics.iter().map(|topic| ("topic", *topic)).collect();
    fields.extend([("data", secret.as_str()), ("private", "on")]);
    hub.publish(&fields).await?;
    hub.publish(&[("topic", &marker_topic), ("data", "marker")]).await?;
    let came = stream.until("marker").await?;
    Ok(came.iter().any(|message| message.data == secret))
}

async fn expect(hub: &Hub, token: &str, ask: &str, topics: &[&str], wanted: bool) -> Checked {
    if reached(hub, token, ask, topics).await? == wanted {
        return Ok(());
    }
    let sent = format!("a private event of {topics:?} to a stream that asks for {ask:?}");
    let words = |is: bool| if is { "the event" } else { "no event before a later public one" };
    Err(Stop::failed(sent, words(wanted), words(!wanted)))
}

pub(crate) async fn private_events_need_a_grant(hub: &Hub) -> Checked {
    let (topic, other) = (hub.fresh(), hub.fresh());
    let granted = hub.needed_token(&[], &[&topic])?;
    let elsewhere = hub.needed_token(&[], &[&other])?;
    let publisher = hub.needed_token(&[&topic], &[])?;
    expect(hub, &granted, &topic, &[&topic], true).await?;
    expect(hub, &elsewhere, &topic, &[&topic], false).await?;
    expect(hub, &elsewhere, "*", &[&topic], false).await?;
    // A grant to publish is none to read. A hub may refuse the stream altogether.
    let call = hub.call("GET").query(hub.selector(), &topic).bearer(Some(&publisher));
    match call.send().await?.status {
        200 => expect(hub, &publisher, &topic, &[&topic], false).await,
        _ => Ok(()),
    }
}

pub(crate) async fn one_granted_topic_is_enough(hub: &Hub) -> Checked {
    let (one, two) = (hub.fresh(), hub.fresh());
    let token = hub.needed_token(&[], &[&two])?;
    expect(hub, &token, &one, &[&one, &two], true).await
}

pub(crate) async fn a_star_grants_everything(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let token = hub.needed_token(&[], &["*"])?;
    expect(hub, &token, &topic, &[&topic], true).await
}

pub(crate) async fn anonymous_readers_see_no_private_events(hub: &Hub) -> Checked {
    hub.own_key()?;
    if !hub.target.anonymous {
        return Err(Stop::skipped(
            "anonymous subscribers are not said to be allowed (--anonymous)",
        ));
    }
    let topic = hub.fresh();
    let mut stream = hub.call("GET").query(hub.selector(), &topic).open().await?;
    hub.publish(&[("topic", &topic), ("data", "secret"), ("private", "on")]).await?;
    hub.publish(&[("topic", &topic), ("data", "marker")]).await?;
    let came = stream.until("marker").await?;
    if came.is_empty() {
        return Ok(());
    }
    Err(Stop::failed(stream.sent, "no private event", format!("{came:?}")))
}

pub(crate) async fn the_value_of_private_does_not_matter(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let token = hub.needed_token(&[], &[&hub.fresh()])?;
    for value in ["", "0", "off", "false", "no"] {
        let call = hub.call("GET").query(hub.selector(), &topic).bearer(Some(&token));
        let mut stream = call.open().await?;
        hub.publish(&[("topic", &topic), ("data", "secret"), ("private", value)]).await?;
        let marker = uuid::Uuid::new_v4().to_string();
        hub.publish(&[("topic", &topic), ("data", &marker)]).await?;
        if stream.until(&marker).await?.iter().any(|message| message.data == "secret") {
            let sent = format!("POST private={value:?}");
            return Err(Stop::failed(sent, "a private event", "the event without a grant"));
        }
    }
    Ok(())
}

pub(crate) async fn publishing_needs_every_topic(hub: &Hub) -> Checked {
    let (one, two) = (hub.fresh(), hub.fresh());
    let token = hub.needed_token(&[&one], &[])?;
    let post = |fields: &[(&str, &str)]| hub.call("POST").bearer(Some(&token)).form(fields);
    let mut stream = hub.subscribe(&[&one, &two]).await?;
    let refused = if hub.dialect == Dialect::One { &[403][..] } else { &[401, 403] };
    let both = [("topic", one.as_str()), ("topic", &two), ("data", "refused")];
    post(&both).send().await?.status(refused)?;
    post(&[("topic", &two), ("data", "refused")]).send().await?.status(refused)?;
    post(&[("topic", &one), ("data", "accepted")]).send().await?.status(&[200])?;
    let came = stream.until("accepted").await?;
    if came.is_empty() {
        return Ok(());
    }
    Err(Stop::failed(stream.sent, "no event that was refused", format!("{came:?}")))
}

pub(crate) async fn publishing_needs_the_grant_to_publish(hub: &Hub) -> Checked {
    let token = hub.needed_token(&[], &["*"])?;
    let topic = hub.fresh();
    let call = hub.call("POST").bearer(Some(&token)).form(&[("topic", &topic), ("data", "d")]);
    let refused = if hub.dialect == Dialect::One { &[403][..] } else { &[401, 403] };
    call.send().await?.status(refused).map(drop)
}

pub(crate) async fn exact_grants_are_no_patterns(hub: &Hub) -> Checked {
    let base = hub.fresh();
    for grant in [format!("{base}/{{id}}"), format!("{base}/:id"), format!("{base}/*")] {
        let token = hub.needed_token(&[], &[&grant])?;
        expect(hub, &token, &format!("{base}/1"), &[&format!("{base}/1")], false).await?;
        expect(hub, &token, &grant, &[&grant], true).await?;
    }
    Ok(())
}

pub(crate) async fn grants_may_be_url_patterns(hub: &Hub) -> Checked {
    hub.own_key()?;
    let Some(issuer) = &hub.target.keys.issuer else { return Err(Stop::skipped("no key given")) };
    let base = hub.fresh();
    let topics = json!([{"match": format!("{base}/:id"), "match_type": "urlpattern"}]);
    let details = json!([
        {"type": "https://other.example/detail", "anything": true},
        {"type": DETAIL, "actions": ["subscribe", "fly"], "topics": topics, "payload": {"a": 1}},
    ]);
    let token = issuer.sign(&issuer.claims(&details))?;
    let (inside, outside) = (format!("{base}/1"), format!("{base}/1/2"));
    expect(hub, &token, &inside, &[&inside], true).await?;
    expect(hub, &token, &outside, &[&outside], false).await
}

pub(crate) async fn several_details_add_up(hub: &Hub) -> Checked {
    hub.own_key()?;
    let Some(issuer) = &hub.target.keys.issuer else { return Err(Stop::skipped("no key given")) };
    let (one, two) = (hub.fresh(), hub.fresh());
    let details =
        json!([detail(&["subscribe", "publish"], &[&one]), detail(&["publish"], &[&two])]);
    let token = issuer.sign(&issuer.claims(&details))?;
    let fields = [("topic", one.as_str()), ("topic", &two), ("data", "d")];
    hub.call("POST").bearer(Some(&token)).form(&fields).send().await?.status(&[200])?;
    expect(hub, &token, &one, &[&one], true).await?;
    expect(hub, &token, &two, &[&two], false).await
}

pub(crate) async fn grants_may_be_templates(hub: &Hub) -> Checked {
    let base = hub.fresh();
    let token = hub.needed_token(&[], &[&format!("{base}/{{id}}")])?;
    hub.own_key()?;
    let (inside, outside) = (format!("{base}/1"), format!("{base}/1/2"));
    expect(hub, &token, &inside, &[&inside], true).await?;
    expect(hub, &token, &outside, &[&outside], false).await
}
