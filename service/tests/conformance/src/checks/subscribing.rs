//! Asking for a stream: methods, parameters, headers, limits, other origins.

use std::time::Duration;

use super::receives;
use crate::hub::{Dialect, Hub, encoded};
use crate::outcome::{Checked, Stop};

pub(crate) async fn get_opens_a_stream(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let mut stream = hub.subscribe(&[&topic]).await?;
    let id = hub.publish(&[("topic", &topic), ("data", "hello")]).await?;
    let message = stream.find("hello").await?;
    if message.id == id && message.event == "message" {
        return Ok(());
    }
    let expected = format!("the event with the id {id}, without a name");
    Err(Stop::failed(stream.sent, expected, format!("{message:?}")))
}

pub(crate) async fn the_answer_is_an_event_stream(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let answer = hub.get()?.query(hub.selector(), &topic).send().await?.status(&[200])?;
    answer.expect_header("content-type", "text/event-stream", |kind| {
        kind.to_ascii_lowercase().starts_with("text/event-stream")
    })
}

pub(crate) async fn all_fields_come(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let id = format!("urn:uuid:{}", uuid::Uuid::new_v4());
    let mut stream = hub.subscribe(&[&topic]).await?;
    let fields = [
        ("topic", topic.as_str()),
        ("data", "all fields"),
        ("type", "greeting"),
        ("retry", "1500"),
        ("id", &id),
    ];
    let given = hub.publish(&fields).await?;
    let message = stream.find("all fields").await?;
    let right = message.event == "greeting"
        && message.retry.as_deref() == Some("1500")
        && message.id == given;
    if right {
        return Ok(());
    }
    let expected = format!("event greeting, retry 1500, id {given}");
    Err(Stop::failed(format!("POST {fields:?}"), expected, format!("{message:?}")))
}

pub(crate) async fn head_is_answered(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let answer = hub.reading("HEAD")?.query(hub.selector(), &topic).send().await?;
    answer.status(&[200])?.expect_header("content-type", "text/event-stream", |kind| {
        kind.starts_with("text/event-stream")
    })
}

pub(crate) async fn no_selector_is_refused(hub: &Hub) -> Checked {
    hub.get()?.send().await?.status(&[400])?;
    hub.get()?.query("unrelated", "x").send().await?.status(&[400]).map(drop)
}

pub(crate) async fn unknown_parameters_are_ignored(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let call = hub.get()?.query(hub.selector(), &topic).query("xyzzy", "1").raw_query("plugh");
    call.send().await?.status(&[200]).map(drop)
}

pub(crate) async fn names_that_begin_with_match_are_reserved(hub: &Hub) -> Checked {
    for name in ["match_nosuchtype", "matches", "Match", "MATCH", "mAtCh_exact", "match_Exact"] {
        let call = hub.get()?.query("match", &hub.fresh()).query(name, &hub.fresh());
        call.send().await?.status(&[400])?;
    }
    Ok(())
}

pub(crate) async fn parameters_are_read_as_a_form(hub: &Hub) -> Checked {
    let topic = format!("{}/a b+c", hub.fresh());
    let value = encoded(&topic).replace("%20", "+");
    // A name may be encoded, a plus is a space, and empty pairs are none.
    let name = hub.selector().replacen('t', "%74", 1);
    let call = hub.get()?.raw_query(&format!("&&{name}={value}&"));
    let mut stream = call.open().await?;
    receives(hub, &mut stream, &[&topic], &[], &topic).await
}

pub(crate) async fn a_name_without_a_value_is_empty(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let mut answers = Vec::new();
    for pair in ["last_event_id", "last_event_id="] {
        let call = hub.get()?.query("match", &topic).raw_query(pair);
        let answer = call.send().await?.status(&[200])?;
        answers.push(answer.header("mercure-last-event-id").is_some());
    }
    if answers[0] == answers[1] {
        return Ok(());
    }
    let sent = "last_event_id with and without an equals sign";
    Err(Stop::failed(sent, "the same headers", format!("a cursor: {answers:?}")))
}

pub(crate) async fn selectors_with_control_characters_are_refused(hub: &Hub) -> Checked {
    let topic = encoded(&hub.fresh());
    for character in ["%00", "%0A", "%1F", "%7F", "%C2%85", "%E2%80%8B", "%EF%BB%BF", "%C2%AD"] {
        let call = hub.get()?.raw_query(&format!("match={topic}{character}x"));
        call.send().await?.status(&[400])?;
    }
    Ok(())
}

pub(crate) async fn selectors_that_are_not_utf8_are_refused(hub: &Hub) -> Checked {
    for bytes in ["%FF", "%C3", "%ED%A0%80"] {
        let call = hub.get()?.raw_query(&format!("match={}{bytes}", encoded(&hub.fresh())));
        call.send().await?.status(&[400])?;
    }
    Ok(())
}

pub(crate) async fn several_selectors_are_joined(hub: &Hub) -> Checked {
    let (one, two, other) = (hub.fresh(), hub.fresh(), hub.fresh());
    let mut stream = hub.subscribe(&[&one, &two]).await?;
    receives(hub, &mut stream, &[&one, &two], &[&other], &one).await
}

pub(crate) async fn an_event_comes_once(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let (name, pattern) = hub.below(&topic);
    let child = format!("{topic}/child");
    let call = hub.get()?.query(name, &pattern).query(hub.selector(), &child);
    let mut stream = call.query(hub.selector(), &child).open().await?;
    hub.publish(&[("topic", &child), ("data", "once")]).await?;
    hub.publish(&[("topic", &child), ("data", "marker")]).await?;
    let came = stream.until("marker").await?;
    match came.iter().filter(|message| message.data == "once").count() {
        1 => Ok(()),
        count => Err(Stop::failed(stream.sent, "the event once", format!("{count} times"))),
    }
}

pub(crate) async fn too_many_selectors_are_refused(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let selectors = (0..12_000).map(|number| format!("match={}{number}", encoded(&topic)));
    let call = needs_query(hub, hub.reading("QUERY")?).await?;
    let answer = call.raw_form(&selectors.collect::<Vec<_>>().join("&")).send().await?;
    answer.status(&[400, 413]).map(drop)
}

pub(crate) async fn a_selector_that_is_too_long_is_refused(hub: &Hub) -> Checked {
    let topic = format!("{}/{}", hub.fresh(), "a".repeat(900_000));
    let call = needs_query(hub, hub.reading("QUERY")?).await?;
    call.raw_form(&format!("match={topic}")).send().await?.status(&[400, 413]).map(drop)
}

/// Long requests need a body; without QUERY the limit of targets would be met first.
async fn needs_query<'a>(hub: &Hub, call: crate::hub::Call<'a>) -> Checked<crate::hub::Call<'a>> {
    let probe = hub.reading("QUERY")?.form(&[("match", &hub.fresh())]).send().await?;
    match probe.status {
        405 | 501 => Err(Stop::skipped("not offered: QUERY is answered with 405 or 501")),
        _ => Ok(call),
    }
}

pub(crate) async fn query_unites_target_and_body(hub: &Hub) -> Checked {
    let (in_target, in_body, other) = (hub.fresh(), hub.fresh(), hub.fresh());
    let call = needs_query(hub, hub.reading("QUERY")?).await?;
    let call = call.query("match", &in_target).form(&[("match", &in_body)]);
    let mut stream = call.open().await?;
    receives(hub, &mut stream, &[&in_target, &in_body], &[&other], &in_target).await
}

pub(crate) async fn query_needs_a_form(hub: &Hub) -> Checked {
    let call = needs_query(hub, hub.reading("QUERY")?).await?;
    let call = call.form(&[("match", &hub.fresh()), ("match_nosuchtype", "x")]);
    call.send().await?.status(&[400]).map(drop)
}

pub(crate) async fn cursors_have_an_order(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let mut ids = Vec::new();
    for number in 0..4 {
        let data = format!("event {number}");
        ids.push(hub.publish(&[("topic", &topic), ("data", &data)]).await?);
    }
    let query = needs_query(hub, hub.reading("QUERY")?).await?;
    let query = query.query("match", &topic);
    let cases = [
        ("event 2", query.clone().query("last_event_id", &ids[1]), &ids[0]),
        (
            "event 3",
            query.query("last_event_id", &ids[1]).header("Last-Event-ID", &ids[2]),
            &ids[0],
        ),
    ];
    for (expected, call, in_body) in cases {
        let mut stream = call.form(&[("last_event_id", in_body)]).open().await?;
        let first = stream.next().await?;
        if first.data != expected {
            let expected = format!("{expected:?} first: header before target before body");
            return Err(Stop::failed(stream.sent, expected, format!("{first:?}")));
        }
    }
    Ok(())
}

pub(crate) async fn http2_is_spoken(hub: &Hub) -> Checked {
    if hub.target.url.scheme() != "https" {
        return Err(Stop::skipped("not offered: the hub was given as http, without ALPN"));
    }
    let topic = hub.fresh();
    let stream = hub.subscribe(&[&topic]).await?;
    match stream.version() {
        version if version >= reqwest::Version::HTTP_2 => Ok(()),
        version => {
            Err(Stop::failed(stream.sent, "HTTP/2 or newer by ALPN", format!("{version:?}")))
        }
    }
}

pub(crate) async fn listed_origins_may_read(hub: &Hub) -> Checked {
    let Some(origin) = &hub.target.allowed_origin else {
        return Err(Stop::skipped("no origin given that the hub allows (--allowed-origin)"));
    };
    let call = hub.get()?.query(hub.selector(), &hub.fresh()).header("Origin", origin);
    let answer = call.send().await?.status(&[200])?;
    let allowed = answer.header("access-control-allow-origin");
    if allowed.as_deref() != Some(origin) {
        let expected = format!("access-control-allow-origin: {origin}");
        return Err(answer.unlike(&expected, &format!("{allowed:?}")));
    }
    answer.expect_header("access-control-allow-credentials", "true", |value| value == "true")
}

pub(crate) async fn strange_origins_get_no_credentials(hub: &Hub) -> Checked {
    for origin in ["https://stranger.example", "null", "https://stranger.invalid:8443"] {
        let call = hub.get()?.query(hub.selector(), &hub.fresh()).header("Origin", origin);
        let answer = call.send().await?;
        let allowed = answer.header("access-control-allow-origin");
        let credentials = answer.header("access-control-allow-credentials");
        if allowed.is_some() && credentials.as_deref() == Some("true") {
            let came = format!("allow-origin {allowed:?} with credentials");
            return Err(answer.unlike("no credentials for any origin", &came));
        }
    }
    Ok(())
}

pub(crate) async fn other_methods_are_refused(hub: &Hub) -> Checked {
    for method in ["DELETE", "PUT", "PATCH"] {
        let call = hub.reading(method)?.query(hub.selector(), &hub.fresh());
        call.send().await?.status(&[400, 401, 403, 404, 405, 501])?;
    }
    Ok(())
}

pub(crate) async fn silence_is_broken_by_a_comment(hub: &Hub) -> Checked {
    // A minute is what intermediaries commonly allow; the first comment may come at once.
    let mut stream = hub.subscribe(&[&hub.fresh()]).await?;
    stream.comment(Duration::from_secs(60)).await
}

pub(crate) async fn the_dialects_do_not_mix(hub: &Hub) -> Checked {
    let other = if hub.dialect == Dialect::One { "topic" } else { "match" };
    let call = hub.get()?.query(hub.selector(), &hub.fresh()).query(other, &hub.fresh());
    // A hub of one dialect ignores or refuses the other's parameter; none may fail at it.
    call.send().await?.status(&[200, 400]).map(drop)
}
