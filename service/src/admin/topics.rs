//! The topics that have an event in memory, and the newest events of one.
//!
//! The index of the log is in parts. A page goes through them in order and copies the names of one at a
//! time, so that publishers never wait for longer than that takes; within a part it goes on behind the
//! last name of the page before. Sorting all names would cost what all of them do, for each page.

use std::sync::Arc;

use hyper::Request;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::Admin;
use super::moment::{moment, moment_of_ms};
use super::problem::AdminProblem;
use super::response::{AdminResponse, json as json_answer};
use super::streams::TIME_MAX;
use super::topic_place::TopicPlace;
use super::topic_query::{TopicQuery, parse_events};
use crate::event::Event;
use crate::log::{EventFilter, Log, PageLimit, ReadOutcome, ReadRange, TopicInMemory};
use crate::topic::{Selector, SelectorSet, Topic};

/// After so many names a page ends, however few have the prefix.
const LOOKED_MAX: usize = 100_000;
/// The most bytes of frames that are read for one topic.
const EVENT_BYTES_MAX: usize = 1 << 20;
/// The most bytes of data that are shown of an event.
const DATA_BYTES_MAX: usize = 4 << 10;

impl Admin {
    /// A page of the topics.
    pub(super) async fn topics<B>(
        &self,
        request: &Request<B>,
    ) -> Result<AdminResponse, AdminProblem> {
        let query = TopicQuery::parse(request.uri().query().unwrap_or_default())?;
        let log = self.hub.log();
        let list = async {
            let _turn = self.listing.lock().await;
            let (found, next) = page(log, query).await;
            (self.entries(found).await, next)
        };
        let (topics, next) = timeout(TIME_MAX, list).await.map_err(|_| AdminProblem::Busy)?;
        Ok(json_answer(&json!({
            "time": moment(Timestamp::now()),
            "in_memory_only": is_memory_only(log),
            "topics": topics,
            "next": next.map(|next| next.to_string()),
        })))
    }

    /// One topic, with its newest events.
    pub(super) async fn topic<B>(
        &self,
        name: &str,
        request: &Request<B>,
    ) -> Result<AdminResponse, AdminProblem> {
        let limit = parse_events(request.uri().query().unwrap_or_default())?;
        let name = percent_decode_str(name).decode_utf8().map_err(|_| AdminProblem::TopicText)?;
        // The head of the request is bounded.
        let topic = Topic::parse(&name, usize::MAX).map_err(AdminProblem::Topic)?;
        let log = self.hub.log();
        let found = log.topic_in_memory(&topic).ok_or(AdminProblem::NoTopic)?;
        let events = timeout(TIME_MAX, newest_events(log, &topic, limit));
        let events = events.await.map_err(|_| AdminProblem::Busy)?;
        let events: Vec<_> = events.iter().map(|event| shown(event)).collect();
        let entries = async {
            let _turn = self.listing.lock().await;
            self.entries(vec![(topic, found)]).await
        };
        let topic = timeout(TIME_MAX, entries).await.map_err(|_| AdminProblem::Busy)?.pop();
        Ok(json_answer(&json!({
            "time": moment(Timestamp::now()),
            "in_memory_only": is_memory_only(log),
            "topic": topic,
            "events": events,
        })))
    }

    /// What is said of topics. Who looks holds the turn: shards count for one at a time.
    async fn entries(&self, found: Vec<(Topic, TopicInMemory)>) -> Vec<Value> {
        let topics: Vec<_> = found.iter().map(|(topic, _)| topic.clone()).collect();
        let subscribers = self.delivery.subscribers_of(&topics).await;
        let found = found.iter().zip(subscribers);
        found.map(|((topic, found), subscribers)| entry(topic, found, subscribers)).collect()
    }
}

/// Whether there are events on the disk alone, which nothing here is about.
fn is_memory_only(log: &Arc<dyn Log>) -> bool {
    log.in_memory_from() > log.bounds().oldest
}

async fn page(
    log: &Arc<dyn Log>,
    query: TopicQuery,
) -> (Vec<(Topic, TopicInMemory)>, Option<TopicPlace>) {
    let TopicQuery { limit, place, prefix } = query;
    let TopicPlace { part: first, mut after } = place;
    let (mut topics, mut looked) = (Vec::new(), 0);
    for part in first.. {
        let Some(mut names) = log.topics_in_part(part) else { break };
        if topics.len() >= limit || looked >= LOOKED_MAX {
            return (topics, Some(TopicPlace { part, after: None }));
        }
        looked += names.len();
        let behind = after.take();
        names.retain(|name| {
            let text = name.as_str();
            text.starts_with(&prefix) && behind.as_deref().is_none_or(|behind| text > behind)
        });
        names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        let mut last = None;
        for name in names {
            if topics.len() >= limit {
                return (topics, Some(TopicPlace { part, after: last }));
            }
            // It may have gone since its name was copied.
            let Some(found) = log.topic_in_memory(&name) else { continue };
            last = Some(name.as_str().to_owned());
            topics.push((name, found));
        }
        yield_now().await;
    }
    (topics, None)
}

fn entry(topic: &Topic, found: &TopicInMemory, subscribers: u64) -> Value {
    json!({
        "topic": topic.as_str(),
        "subscribers": subscribers,
        "events": found.count.events,
        "private": found.count.private,
        "bytes": found.bytes,
        "oldest": place_of(&found.oldest),
        "newest": place_of(&found.newest),
        "ended": found.newest.ends_topic(),
    })
}

fn place_of(event: &Event) -> Value {
    json!({"id": event.id(), "time": moment_of_ms(event.accepted_ms())})
}

/// Newest first.
async fn newest_events(log: &Arc<dyn Log>, topic: &Topic, limit: usize) -> Vec<Arc<Event>> {
    let bounds = log.bounds();
    let selectors = SelectorSet::one(Selector::exact(topic.clone()));
    let filter = EventFilter::Candidates(&selectors);
    let mut range = ReadRange { after: log.in_memory_from().previous(), through: bounds.head };
    let (mut events, mut bytes) = (Vec::new(), 0);
    while range.after < range.through && events.len() < limit && bytes < EVENT_BYTES_MAX {
        let left =
            PageLimit { events_max: limit - events.len(), bytes_max: EVENT_BYTES_MAX - bytes };
        let read = log.read_back_when_loaded(bounds.epoch, range, filter, left).await;
        let ReadOutcome::Ready(page) = read else { break };
        bytes += page.events.iter().map(|event| event.frame().len()).sum::<usize>();
        events.extend(page.events);
        range.through = page.after;
    }
    events
}

fn shown(event: &Event) -> Value {
    let content = event.content();
    let mut data = Vec::new();
    content.data.put(&mut data);
    let bytes = data.len();
    data.truncate(DATA_BYTES_MAX);
    // It was UTF-8; what is left of a character that was cut goes too.
    let whole = std::str::from_utf8(&data).map_or_else(|error| error.valid_up_to(), str::len);
    data.truncate(whole);
    json!({
        "id": event.id(),
        "time": moment_of_ms(event.accepted_ms()),
        "type": content.event_type,
        "private": !event.is_for_everybody(),
        "ended": event.ends_topic(),
        "data": String::from_utf8_lossy(&data),
        "data_bytes": bytes,
        "data_truncated": bytes > DATA_BYTES_MAX,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::clock::Clock;
    use crate::event::{Draft, EncodedEvent};
    use crate::log::{MemoryLog, MemoryLogSettings};

    fn drafted(name: &str) -> EncodedEvent {
        EncodedEvent::encode(Draft::new(Topic::parse(name, 4_096).unwrap(), "x".to_owned()))
    }

    #[tokio::test]
    async fn who_is_there_all_the_time_is_listed_once_while_others_come_and_go() {
        let settings = MemoryLogSettings { events_max: 100_100, ..MemoryLogSettings::default() };
        let log: Arc<dyn Log> = Arc::new(MemoryLog::new(settings, Clock::from_fn(|| 1_000)));
        // The first thousand go as others come.
        log.append((0..100_000).map(|n| drafted(&format!("stays/{n}"))).collect()).await;
        let mut seen: HashMap<String, u32> = HashMap::new();
        let (mut place, mut pages) = (TopicPlace::default(), 0);
        loop {
            let query = TopicQuery { limit: 1_000, place, prefix: "stays/".to_owned() };
            let (topics, next) = page(&log, query).await;
            assert!(topics.len() <= 1_000);
            for (topic, _) in topics {
                *seen.entry(topic.as_str().to_owned()).or_default() += 1;
            }
            log.append((0..11).map(|n| drafted(&format!("comes/{pages}/{n}"))).collect()).await;
            pages += 1;
            let Some(next) = next else { break };
            place = next.to_string().parse().unwrap();
        }
        assert!(pages >= 99, "{pages}");
        for n in 2_000..100_000 {
            assert_eq!(seen.get(&format!("stays/{n}")), Some(&1), "{n}");
        }
    }
}
