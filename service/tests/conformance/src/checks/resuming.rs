//! Going on after an event: cursors, what the answer says, ids that come twice.

use crate::hub::{Hub, encoded};
use crate::outcome::{Checked, Stop};
use crate::stream::Subscription;

async fn history(hub: &Hub, topic: &str, events: usize) -> Checked<Vec<String>> {
    let mut ids = Vec::new();
    for number in 0..events {
        let data = format!("event {number}");
        ids.push(hub.publish(&[("topic", topic), ("data", &data)]).await?);
    }
    Ok(ids)
}

async fn expect(stream: &mut Subscription, expected: &[&str]) -> Checked {
    for &data in expected {
        let message = stream.next().await?;
        if message.data != data {
            let sent = stream.sent.clone();
            return Err(Stop::failed(sent, format!("{data:?} next"), format!("{message:?}")));
        }
    }
    Ok(())
}

fn expect_cursor(hub: &Hub, stream: &Subscription, expected: &str) -> Checked {
    let value = stream.header(hub.cursor_header());
    if value.as_deref() == Some(expected) {
        return Ok(());
    }
    let expected = format!("{}: {expected}", hub.cursor_header());
    Err(Stop::failed(stream.sent.clone(), expected, format!("{value:?}")))
}

pub(crate) async fn every_event_has_an_id(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let mut stream = hub.subscribe(&[&topic]).await?;
    let ids = history(hub, &topic, 3).await?;
    for (number, id) in ids.iter().enumerate() {
        let message = stream.find(&format!("event {number}")).await?;
        if message.id != *id {
            return Err(Stop::failed(stream.sent, format!("id {id}"), format!("{message:?}")));
        }
    }
    Ok(())
}

pub(crate) async fn the_header_resumes(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let ids = history(hub, &topic, 3).await?;
    let call = hub.get()?.query(hub.selector(), &topic).header("Last-Event-ID", &ids[0]);
    let mut stream = call.open().await?;
    expect(&mut stream, &["event 1", "event 2"]).await?;
    hub.publish(&[("topic", &topic), ("data", "live")]).await?;
    expect(&mut stream, &["live"]).await
}

pub(crate) async fn the_parameter_resumes(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let ids = history(hub, &topic, 3).await?;
    let call = hub.get()?.query(hub.selector(), &topic).query(hub.cursor_parameter(), &ids[1]);
    expect(&mut call.open().await?, &["event 2"]).await
}

pub(crate) async fn the_header_wins(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let ids = history(hub, &topic, 3).await?;
    let call = hub.get()?.query(hub.selector(), &topic).query(hub.cursor_parameter(), &ids[0]);
    expect(&mut call.header("Last-Event-ID", &ids[1]).open().await?, &["event 2"]).await
}

pub(crate) async fn earliest_asks_for_everything(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    history(hub, &topic, 2).await?;
    let call = hub.get()?.query(hub.selector(), &topic).query(hub.cursor_parameter(), "earliest");
    let mut stream = call.open().await?;
    if stream.header(hub.cursor_header()).is_none() {
        let expected = format!("a header {}", hub.cursor_header());
        return Err(Stop::failed(stream.sent, expected, "none"));
    }
    expect(&mut stream, &["event 0", "event 1"]).await
}

pub(crate) async fn the_answer_names_a_cursor_that_is_known(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let ids = history(hub, &topic, 2).await?;
    let call = hub.get()?.query(hub.selector(), &topic);
    expect_cursor(hub, &call.clone().header("Last-Event-ID", &ids[0]).open().await?, &ids[0])?;
    let call = call.query(hub.cursor_parameter(), &ids[0]);
    expect_cursor(hub, &call.open().await?, &ids[0])
}

pub(crate) async fn the_answer_names_another_cursor_for_an_unknown_one(hub: &Hub) -> Checked {
    let unknown = format!("urn:uuid:{}", uuid::Uuid::new_v4());
    let call = hub.get()?.query(hub.selector(), &hub.fresh()).header("Last-Event-ID", &unknown);
    let stream = call.open().await?;
    match stream.header(hub.cursor_header()) {
        Some(cursor) if cursor != unknown && !cursor.is_empty() => Ok(()),
        other => {
            let expected = format!("{}: earliest, or the id before", hub.cursor_header());
            Err(Stop::failed(stream.sent, expected, format!("{other:?}")))
        }
    }
}

pub(crate) async fn an_empty_cursor_is_answered(hub: &Hub) -> Checked {
    let call = hub.get()?.query(hub.selector(), &hub.fresh()).query(hub.cursor_parameter(), "");
    let stream = call.open().await?;
    match stream.header(hub.cursor_header()) {
        Some(cursor) if !cursor.is_empty() => Ok(()),
        other => {
            let expected = format!("a header {}", hub.cursor_header());
            Err(Stop::failed(stream.sent, expected, format!("{other:?}")))
        }
    }
}

pub(crate) async fn a_repeated_id_resumes_at_its_first(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let id = format!("urn:uuid:{}", uuid::Uuid::new_v4());
    let events = [("first", Some(&id)), ("between", None), ("again", Some(&id)), ("last", None)];
    let mut given = None;
    for (data, id) in events {
        let mut fields = vec![("topic", topic.as_str()), ("data", data)];
        fields.extend(id.map(|id| ("id", id.as_str())));
        let answered = hub.publish(&fields).await?;
        given.get_or_insert(answered);
    }
    if given.as_ref() != Some(&id) {
        return Err(Stop::skipped("not offered: the hub does not take ids of publishers"));
    }
    let call = hub.get()?.query(hub.selector(), &topic).header("Last-Event-ID", &id);
    expect(&mut call.open().await?, &["between", "again", "last"]).await
}

pub(crate) async fn replays_are_checked_again(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let granting = hub.needed_token(&[], &[&topic])?;
    let other = hub.needed_token(&[], &[&hub.fresh()])?;
    let start = hub.publish(&[("topic", &topic), ("data", "start")]).await?;
    hub.publish(&[("topic", &topic), ("data", "secret"), ("private", "on")]).await?;
    hub.publish(&[("topic", &topic), ("data", "marker")]).await?;
    let call = hub.call("GET").query(hub.selector(), &topic).header("Last-Event-ID", &start);
    expect(&mut call.clone().bearer(Some(&granting)).open().await?, &["secret", "marker"]).await?;
    let mut stream = call.bearer(Some(&other)).open().await?;
    let came = stream.until("marker").await?;
    if came.iter().any(|message| message.data == "secret") {
        return Err(Stop::failed(stream.sent, "no private event without a grant", "the event"));
    }
    Ok(())
}

pub(crate) async fn a_parameter_is_decoded_once(hub: &Hub) -> Checked {
    let topic = hub.fresh();
    let id = format!("urn:x:a%2Bb+c&d-{}", uuid::Uuid::new_v4());
    let given = hub.publish(&[("topic", &topic), ("data", "first"), ("id", &id)]).await?;
    hub.publish(&[("topic", &topic), ("data", "second")]).await?;
    let query = format!("{}={}", hub.cursor_parameter(), encoded(&given));
    let call = hub.get()?.query(hub.selector(), &topic).raw_query(&query);
    expect(&mut call.open().await?, &["second"]).await
}
