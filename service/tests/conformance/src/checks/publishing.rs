//! The fields of a publish, its answer, and topics that nobody may publish to.

use crate::hub::{Dialect, Hub, encoded};
use crate::outcome::{Checked, Stop};

pub(crate) async fn a_topic_is_needed(hub: &Hub) -> Checked {
    hub.post(&[("data", "no topic")])?.send().await?.status(&[400]).map(drop)
}

pub(crate) async fn unknown_fields_are_ignored(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let fields = [("topic", topic.as_str()), ("data", "d"), ("xyzzy", "1"), ("content_typ", "2")];
    hub.publish(&fields).await.map(drop)
}

pub(crate) async fn other_content_types_are_refused(hub: &Hub) -> Checked {
    let body = format!("{{\"topic\":{:?},\"data\":\"d\"}}", hub.fresh());
    let token = hub.token(&["*"], &[])?;
    let call = hub.call("POST").bearer(token.as_deref()).raw_form(&body);
    // Sent as a form it has no field `topic`.
    call.send().await?.status(&[400, 415]).map(drop)
}

pub(crate) async fn forms_are_utf8(hub: &Hub) -> Checked {
    let topic = encoded(&hub.fresh());
    let token = hub.token(&["*"], &[])?;
    for body in [format!("topic={topic}%FF&data=d"), format!("topic={topic}&data=%C3")] {
        let call = hub.call("POST").bearer(token.as_deref()).raw_form(&body);
        call.send().await?.status(&[400])?;
    }
    Ok(())
}

pub(crate) async fn the_answer_is_the_id(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let id = format!("urn:uuid:{}", uuid::Uuid::new_v4());
    let call = hub.post(&[("topic", &topic), ("data", "d"), ("id", &id)])?;
    let answer = call.send().await?.status(&[200])?;
    if answer.body.is_empty() {
        return Err(answer.unlike("an id as the body", "an empty body"));
    }
    if hub.dialect == Dialect::One {
        answer.expect_header("content-type", "text/plain; charset=utf-8", |kind| {
            kind.to_ascii_lowercase().replace(' ', "") == "text/plain;charset=utf-8"
        })?;
    }
    Ok(())
}

pub(crate) async fn ids_are_made_and_are_iris(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let one = hub.publish(&[("topic", &topic), ("data", "d")]).await?;
    let two = hub.publish(&[("topic", &topic), ("data", "d")]).await?;
    let scheme = |id: &str| {
        let (scheme, rest) = id.split_once(':').unwrap_or_default();
        scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && !rest.is_empty()
    };
    for id in [&one, &two] {
        if !scheme(id) && !id.starts_with('#') {
            return Err(Stop::failed("POST without id", "an IRI, or # and more", id));
        }
    }
    if one == two {
        return Err(Stop::failed("two POSTs without id", "two ids", one));
    }
    Ok(())
}

pub(crate) async fn data_keeps_its_lines(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let mut stream = hub.subscribe(&[&topic]).await?;
    let cases = [
        ("one\ntwo", "one\ntwo"),
        ("one\r\ntwo", "one\ntwo"),
        ("one\rtwo", "one\ntwo"),
        (
            "one\n\nid: forged\nevent: forged\n\ndata: forged",
            "one\n\nid: forged\nevent: forged\n\ndata: forged",
        ),
        ("\r\rdata: forged", "\n\ndata: forged"),
        (" leading", " leading"),
        ("caf\u{e9} \u{1f600}", "caf\u{e9} \u{1f600}"),
        ("a\u{2028}b\u{85}c", "a\u{2028}b\u{85}c"),
    ];
    for (data, expected) in cases {
        let id = hub.publish(&[("topic", &topic), ("data", data)]).await?;
        let message = stream.next().await?;
        if message.data != expected || message.id != id || message.event != "message" {
            let sent = format!("POST data={data:?}");
            return Err(Stop::failed(sent, format!("data {expected:?}"), format!("{message:?}")));
        }
    }
    Ok(())
}

async fn refused(hub: &Hub, name: &str, values: &[&str]) -> Checked {
    for value in values {
        let topic = hub.fresh();
        let call = hub.post(&[("topic", &topic), ("data", "d"), (name, value)])?;
        call.send().await?.status(&[400])?;
    }
    Ok(())
}

pub(crate) async fn ids_with_a_hash_are_refused(hub: &Hub) -> Checked {
    refused(hub, "id", &["#", "#1"]).await
}

pub(crate) async fn bad_ids_are_refused(hub: &Hub) -> Checked {
    refused(hub, "id", &["#1", "earliest", "a\0b", "a\nb", "a\u{7f}", "a\u{85}", "a\u{200b}b"])
        .await
}

pub(crate) async fn bad_types_are_refused(hub: &Hub) -> Checked {
    refused(hub, "type", &["mercure", "a\nb", "a\0b", "a\u{7f}", "a\u{9f}", "a\u{feff}b"]).await
}

pub(crate) async fn bad_retries_are_refused(hub: &Hub) -> Checked {
    refused(hub, "retry", &["-1", "+1", "1.5", "1e3", "0x10", "soon", " 1", "\u{661}"]).await
}

pub(crate) async fn a_good_retry_is_sent(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let mut stream = hub.subscribe(&[&topic]).await?;
    hub.publish(&[("topic", &topic), ("data", "d"), ("retry", "2500")]).await?;
    let message = stream.find("d").await?;
    match message.retry.as_deref() {
        Some("2500") => Ok(()),
        other => Err(Stop::failed("POST retry=2500", "retry: 2500", format!("{other:?}"))),
    }
}

pub(crate) async fn bad_topics_are_refused(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    for bad in ["\0", "\n", "\u{1f}", "\u{7f}", "\u{85}", "\u{200b}", "\u{ad}"] {
        let spoilt = format!("{topic}{bad}x");
        let call = hub.post(&[("topic", &spoilt), ("data", "d")])?;
        call.send().await?.status(&[400])?;
        let call = hub.post(&[("topic", &topic), ("topic", &spoilt), ("data", "d")])?;
        call.send().await?.status(&[400])?;
    }
    Ok(())
}

pub(crate) async fn topics_need_not_be_urls(hub: &Hub) -> Checked {
    let unique = uuid::Uuid::new_v4();
    for topic in [
        format!("plain {unique}"),
        format!("{unique} \u{65e5}\u{672c}"),
        format!("a{{b}} {unique}"),
    ] {
        let mut stream = hub.subscribe(&[&topic]).await?;
        hub.publish(&[("topic", &topic), ("data", "d")]).await?;
        stream.find("d").await?;
    }
    Ok(())
}

pub(crate) async fn any_topic_of_an_event_counts(hub: &Hub) -> Checked {
    let topics = [hub.fresh(), hub.fresh(), hub.fresh()];
    let fields = [
        ("topic", topics[0].as_str()),
        ("topic", &topics[1]),
        ("topic", &topics[2]),
        ("data", "all three"),
    ];
    let mut streams = Vec::new();
    for topic in &topics {
        streams.push(hub.subscribe(&[topic]).await?);
    }
    let id = hub.publish(&fields).await?;
    for mut stream in streams {
        let message = stream.find("all three").await?;
        if message.id != id {
            return Err(Stop::failed(stream.sent, id, format!("{message:?}")));
        }
    }
    Ok(())
}

pub(crate) async fn the_hubs_own_topics_are_refused(hub: &Hub) -> Checked {
    let path = hub.target.url.path().trim_end_matches('/').to_owned();
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let spelt = path.replacen('m', "%6D", 1);
    let topics = [
        path.clone(),
        format!("{path}/subscriptions/exact/a/b"),
        format!("https://elsewhere.example{path}/a"),
        format!("ftp://elsewhere.example{path}"),
        format!("/x/..{path}/a"),
        format!("https://elsewhere.example/x/%2e%2e{path}/a"),
        format!("{spelt}/a"),
        format!("{path}?query"),
        format!("{path}#fragment"),
        name,
        String::new(),
        "?query".to_owned(),
        "#general".to_owned(),
    ];
    for topic in topics {
        let call = hub.post(&[("topic", &topic), ("data", "d")])?;
        call.send().await?.status(&[400])?;
        // As an alternate topic it is as bad.
        let call = hub.post(&[("topic", &hub.fresh()), ("topic", &topic), ("data", "d")])?;
        call.send().await?.status(&[400])?;
    }
    Ok(())
}

pub(crate) async fn neighbours_of_the_hub_are_accepted(hub: &Hub) -> Checked {
    let path = hub.target.url.path().trim_end_matches('/').to_owned();
    for topic in
        [format!("{path}x/a"), format!("https://e.example/?x={path}/a"), "https://[".into()]
    {
        hub.publish(&[("topic", &topic), ("data", "d")]).await?;
    }
    Ok(())
}

pub(crate) async fn the_topic_star_is_refused(hub: &Hub) -> Checked {
    hub.post(&[("topic", "*"), ("data", "d")])?.send().await?.status(&[400])?;
    let topic = hub.fresh();
    let call = hub.post(&[("topic", &topic), ("topic", "*"), ("data", "d")])?;
    call.send().await?.status(&[400]).map(drop)
}

pub(crate) async fn too_large_data_is_refused(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let body = format!("topic={}&data={}", encoded(&topic), "x".repeat(24 << 20));
    let token = hub.token(&["*"], &[])?;
    let sent = hub.call("POST").bearer(token.as_deref()).raw_form(&body).send().await;
    match sent {
        Ok(answer) => answer.status(&[413]).map(drop),
        // A hub may close the connection while the body is still being sent.
        Err(Stop::Failed(finding))
            if finding.came.contains("Connection") || finding.came.contains("BodyWrite") =>
        {
            Err(Stop::skipped("the connection was closed before an answer could be read"))
        }
        Err(other) => Err(other),
    }
}

pub(crate) async fn subscription_paths_are_reserved(hub: &Hub) -> Checked {
    let path = hub.target.url.path().trim_end_matches('/').to_owned();
    let topic = format!("{path}/subscriptions/a/b");
    hub.post(&[("topic", &topic), ("data", "d")])?.send().await?.status(&[400, 401, 403]).map(drop)
}
