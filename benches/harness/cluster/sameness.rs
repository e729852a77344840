//! Whether all nodes have the same events, with the same ids and bytes, in the same order: each is asked
//! for all that it retains, up to an event that is published for this.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufRead, BufReader, Read};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use ureq::Agent;

/// How long a node may take to send all that it retains.
const READ_MAX: Duration = Duration::from_secs(60);
/// How long publishers may be refused after a fault that is over.
const PUBLISH_MAX: Duration = Duration::from_secs(30);
/// How often all nodes are read, at most, where they differ in the oldest events alone.
const READINGS_MAX: u32 = 3;
const TRY_AGAIN: Duration = Duration::from_millis(200);

const MARKER_TOPIC: &str = "everything-up-to-here";

/// An event as a node sends it.
#[derive(Clone, Debug, PartialEq)]
struct SentEvent {
    id: String,
    bytes: u64,
}

/// How many events all nodes have in common.
///
/// # Errors
/// Says where the first difference is.
pub(super) fn compare(urls: &[String]) -> anyhow::Result<usize> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(READ_MAX))
        .max_idle_connections(0)
        .proxy(None)
        .http_status_as_error(false)
        .build()
        .new_agent();
    let first = urls.first().context("no node")?;
    let mut events = read_all(&agent, urls)?;
    for _ in 1..READINGS_MAX {
        if !differ_in_the_oldest_alone(&events) {
            break;
        }
        events = read_all(&agent, urls)?;
    }
    let (one, others) = events.split_first().context("no node")?;
    for (other, url) in others.iter().zip(&urls[1..]) {
        if let Some(difference) = difference(one, other) {
            bail!("{first} and {url} differ: {difference}");
        }
    }
    Ok(one.len())
}

/// What each node has, up to an event that is published for this.
fn read_all(agent: &Agent, urls: &[String]) -> anyhow::Result<Vec<Vec<SentEvent>>> {
    let marker = publish_marker(agent, urls.first().context("no node")?)?;
    let read = |url: &String| {
        let url = format!("{url}/.well-known/mercure?topic=*&lastEventID=earliest");
        let mut response = agent.get(&url).header("accept", "text/event-stream").call()?;
        if response.status() != 200 {
            bail!("{url} is answered {}", response.status());
        }
        events_through(&marker, response.body_mut().with_config().limit(u64::MAX).reader())
    };
    urls.iter().map(read).collect()
}

/// So it is when events came late, behind the last one, while nodes were read one after the other: as many
/// of the oldest were dropped meanwhile.
fn differ_in_the_oldest_alone(all: &[Vec<SentEvent>]) -> bool {
    let is_end = |pair: &[Vec<SentEvent>]| {
        pair[0].ends_with(pair[1].as_slice()) || pair[1].ends_with(pair[0].as_slice())
    };
    all.windows(2).any(|pair| pair[0] != pair[1]) && all.windows(2).all(is_end)
}

/// Gives the id of an event that is behind all others.
fn publish_marker(agent: &Agent, url: &str) -> anyhow::Result<String> {
    let deadline = Instant::now() + PUBLISH_MAX;
    loop {
        let response = agent.post(format!("{url}/events/{MARKER_TOPIC}")).send("the end");
        match response {
            Ok(mut response) if response.status() == 200 => {
                return Ok(response.body_mut().read_to_string()?.trim().to_owned());
            }
            Ok(response) if Instant::now() > deadline => {
                bail!("{url} takes no events again: {}", response.status());
            }
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Ok(_) | Err(_) => thread::sleep(TRY_AGAIN),
        }
    }
}

/// The events of a stream up to one with this id. Places and comments are no events.
fn events_through(last: &str, stream: impl Read) -> anyhow::Result<Vec<SentEvent>> {
    let mut events = Vec::new();
    let (mut hasher, mut id, mut is_event) = (DefaultHasher::new(), String::new(), false);
    for line in BufReader::new(stream).lines() {
        let line = line.context("the stream ended before all had come")?;
        if let Some(of) = line.strip_prefix("id: ") {
            of.clone_into(&mut id);
        }
        is_event |= line.starts_with("data:");
        if !line.is_empty() {
            line.hash(&mut hasher);
            continue;
        }
        if is_event {
            let event = SentEvent { id: std::mem::take(&mut id), bytes: hasher.finish() };
            let is_last = event.id == last;
            events.push(event);
            if is_last {
                return Ok(events);
            }
        }
        (hasher, is_event) = (DefaultHasher::new(), false);
    }
    bail!("the stream ended before event {last}, after {} others", events.len())
}

fn difference(one: &[SentEvent], other: &[SentEvent]) -> Option<String> {
    let first = one.iter().zip(other).position(|(one, other)| one != other);
    let at = first.or_else(|| (one.len() != other.len()).then(|| one.len().min(other.len())))?;
    let name =
        |events: &[SentEvent]| events.get(at).map_or("nothing", |event| &event.id).to_owned();
    Some(format!(
        "of {} and {} events the first that differ are number {at}, {} and {}",
        one.len(),
        other.len(),
        name(one),
        name(other)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ":\n\nid: e:0\n\nid: e:1\ndata: one\n\n:\n\nid: mine\nevent: x\ndata: two\n\
                          data: lines\n\nid: e:3\ndata: the end\n\nid: e:4\ndata: later\n\n";

    #[test]
    fn the_events_of_a_stream_are_those_with_data_up_to_the_last() {
        let ids = |last: &str| {
            let events = events_through(last, STREAM.as_bytes());
            events.map(|all| all.into_iter().map(|event| event.id).collect::<Vec<_>>())
        };
        assert_eq!(ids("e:3").expect("it is there"), ["e:1", "mine", "e:3"]);
        let error = ids("e:9").expect_err("it is not there").to_string();
        assert!(error.contains("before event e:9, after 4 others"), "{error}");
    }

    #[test]
    fn a_difference_in_bytes_ids_order_or_number_is_found() {
        let of = |text: &str| events_through("e:3", text.as_bytes()).expect("it is there");
        let one = of(STREAM);
        assert_eq!(difference(&one, &of(STREAM)), None);
        for (from, to, at) in [
            ("data: one", "data: One", "number 0"),
            ("id: mine", "id: yours", "number 1, mine and yours"),
            ("id: e:1\ndata: one\n\n", "", "number 0, e:1 and mine"),
            ("data: lines\n\n", "data: lines\n\nid: e:2\ndata: more\n\n", "number 2, e:3 and e:2"),
            ("event: x\n", "", "number 1"),
        ] {
            let found = difference(&one, &of(&STREAM.replace(from, to))).expect(from);
            assert!(found.contains(at), "{found}");
        }
    }

    #[test]
    fn nodes_that_have_dropped_more_of_the_oldest_are_read_again_and_no_others() {
        let of = |text: &str| events_through("e:3", text.as_bytes()).expect("it is there");
        let (all, fewer) = (of(STREAM), of(&STREAM.replace("id: e:1\ndata: one\n\n", "")));
        let changed = of(&STREAM.replace("data: lines", "data: other"));
        for (events, expected) in [
            (vec![all.clone(), all.clone()], false),
            (vec![all.clone(), all.clone(), fewer.clone()], true),
            (vec![fewer, all.clone()], true),
            (vec![all, changed], false),
        ] {
            assert_eq!(differ_in_the_oldest_alone(&events), expected, "{events:?}");
        }
    }
}
