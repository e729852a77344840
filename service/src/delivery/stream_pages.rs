//! Asking the shards for the streams that are open, and ending one.
//!
//! Shards are asked one after the other, or all for their slowest, and each goes through its streams
//! within the budget of its iterations (`shard/listing`). Where a page goes on is how far a walk has
//! come, so that nothing is kept between two pages.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use tokio::sync::oneshot;

use super::audience::Walk;
use super::listing::{
    CountRequest, CountedTopics, ListRequest, ListedStream, ShardOrder, ShardStreams,
};
use super::mailbox::Notice;
use super::stream_id::StreamId;
use super::{Delivery, ShardHandle};
use crate::topic::Topic;

/// Which streams are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOrder {
    /// One page after the other, in no order.
    Pages(ListPlace),
    /// Those that are furthest behind.
    SlowestFirst,
}

/// Where a page of streams begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListPlace {
    shard: usize,
    /// How far the walk over its streams has come, if it has begun.
    walk: Option<Walk>,
}

/// A text that is no place.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a page goes on at the `next` of the page before it; leave `after` out to begin anew")]
pub struct ListPlaceError;

/// Some of the streams that are open.
#[derive(Clone, Debug, Default)]
pub struct StreamPage {
    pub streams: Vec<ListedStream>,
    /// Where there may be more.
    pub next: Option<ListPlace>,
}

impl Delivery {
    /// Looks at open streams, at most `limit` of them. Whoever does may stop waiting: then the shards
    /// stop looking.
    pub async fn list(&self, order: ListOrder, limit: usize) -> StreamPage {
        match order {
            ListOrder::Pages(place) => self.page_from(place, limit).await,
            ListOrder::SlowestFirst => self.slowest(limit).await,
        }
    }

    /// How many subscribers each of these topics has that name it. Those of patterns are not counted.
    pub async fn subscribers_of(&self, topics: &[Topic]) -> Vec<u64> {
        let asked = self.shards.iter().map(|shard| shard.count(topics.to_vec()));
        let mut sums = vec![0; topics.len()];
        for counted in futures_util::future::join_all(asked).await {
            sums.iter_mut().zip(counted.counts).for_each(|(sum, count)| *sum += count);
        }
        sums
    }

    /// Ends a stream, in the way that ends by the server have; what it was, if it was still there.
    pub async fn end_stream(&self, id: StreamId) -> Option<ListedStream> {
        let (ended, was) = oneshot::channel();
        self.shards.get(id.shard)?.mailbox.post(Notice::End { key: id.key, ended });
        was.await.ok().flatten().map(|was| ListedStream { id, ..was })
    }

    async fn page_from(&self, place: ListPlace, limit: usize) -> StreamPage {
        let mut streams = Vec::new();
        let mut walk = place.walk;
        for (shard, handle) in self.shards.iter().enumerate().skip(place.shard) {
            let left = limit - streams.len();
            let found = handle.list(shard, ShardOrder::From(walk.take()), left).await;
            streams.extend(found.streams);
            if found.next.is_some() {
                return StreamPage { streams, next: Some(ListPlace { shard, walk: found.next }) };
            }
            if streams.len() >= limit && shard + 1 < self.shards.len() {
                let next = Some(ListPlace { shard: shard + 1, walk: None });
                return StreamPage { streams, next };
            }
        }
        StreamPage { streams, next: None }
    }

    async fn slowest(&self, limit: usize) -> StreamPage {
        let asked = self.shards.iter().enumerate();
        let asked =
            asked.map(|(shard, handle)| handle.list(shard, ShardOrder::SlowestFirst, limit));
        let found = futures_util::future::join_all(asked).await;
        let mut streams: Vec<_> = found.into_iter().flat_map(|found| found.streams).collect();
        streams.sort_by_key(|stream| std::cmp::Reverse(stream.slowness()));
        streams.truncate(limit);
        StreamPage { streams, next: None }
    }
}

impl ShardHandle {
    /// Nothing when the shard has ended.
    async fn list(&self, shard: usize, what: ShardOrder, limit: usize) -> ShardStreams {
        let (recipient, streams) = oneshot::channel();
        let request = ListRequest::new(shard, what, limit, recipient);
        self.mailbox.post(Notice::List(Box::new(request)));
        let mut found = streams.await.unwrap_or_default();
        drop(std::mem::take(&mut found.slowest));
        found
    }
}

impl ShardHandle {
    /// Nothing when the shard has ended.
    async fn count(&self, topics: Vec<Topic>) -> CountedTopics {
        let (recipient, counted) = oneshot::channel();
        self.mailbox.post(Notice::Count(Box::new(CountRequest::new(topics, recipient))));
        counted.await.unwrap_or_default()
    }
}

impl fmt::Display for ListPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.shard)?;
        let Some(walk) = &self.walk else { return Ok(()) };
        let [audiences, audience, left] = walk.numbers();
        write!(formatter, ".{audiences}.{audience}.{left}")
    }
}

impl FromStr for ListPlace {
    type Err = ListPlaceError;

    fn from_str(text: &str) -> Result<Self, ListPlaceError> {
        let numbers: Result<Vec<u64>, _> = text.split('.').take(5).map(str::parse).collect();
        let place = match numbers.as_deref() {
            Ok(&[shard]) => {
                Self { shard: usize::try_from(shard).unwrap_or(usize::MAX), walk: None }
            }
            Ok(&[shard, audiences, audience, left]) => {
                let walk = Some(Walk::from_numbers([audiences, audience, left]));
                Self { shard: usize::try_from(shard).unwrap_or(usize::MAX), walk }
            }
            _ => return Err(ListPlaceError),
        };
        if place.to_string() == text { Ok(place) } else { Err(ListPlaceError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_nothing_else_is_one() {
        for text in ["0", "3", "0.2.4294967297.17", "1.0.4294967297.0"] {
            assert_eq!(text.parse::<ListPlace>().unwrap().to_string(), text);
        }
        let wrong = [
            "",
            ".",
            "a",
            "0.",
            "0.1",
            "0.1.2",
            "0.1.4294967297.3.4",
            "-1",
            "+1",
            "01",
            "0.1.2.3 ",
        ];
        for text in wrong {
            assert_eq!(text.parse::<ListPlace>(), Err(ListPlaceError), "{text:?}");
        }
    }
}
