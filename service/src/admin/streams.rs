//! The streams that are open: looking at them, and ending one.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::{Request, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::timeout;
use url::form_urlencoded;

use super::Admin;
use super::moment::{after, before, moment};
use super::parameter::{parse_limit, put, unknown};
use super::problem::AdminProblem;
use super::response::{AdminResponse, json as json_answer, text};
use crate::delivery::{
    ListOrder, ListPlace, ListedStream, PeerAddress, StreamConnection, StreamId, StreamPage,
    StreamProgress,
};

/// The most streams of a page.
const STREAMS_MAX: usize = 1_000;
/// How many streams a page has where nothing is said.
const STREAMS_DEFAULT: usize = 100;
/// How long the delivery threads may take: they have other things to do first.
pub(super) const TIME_MAX: Duration = Duration::from_secs(5);

/// What is asked of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct StreamQuery {
    order: ListOrder,
    limit: usize,
}

impl StreamQuery {
    fn parse(query: &str) -> Result<Self, AdminProblem> {
        let (mut limit, mut place, mut sort) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "limit" => put(&mut limit, "limit", parse_limit(&value, STREAMS_MAX)?)?,
                "after" => put(&mut place, "after", value.parse::<ListPlace>()?)?,
                "sort" if value == "lag" => put(&mut sort, "sort", ())?,
                "sort" => return Err(AdminProblem::Sort),
                other => return Err(unknown(other, "limit, after and sort")),
            }
        }
        let order = match (sort, place) {
            (Some(()), Some(_)) => return Err(AdminProblem::AfterSort),
            (Some(()), None) => ListOrder::SlowestFirst,
            (None, place) => ListOrder::Pages(place.unwrap_or_default()),
        };
        Ok(Self { order, limit: limit.unwrap_or(STREAMS_DEFAULT) })
    }
}

impl Admin {
    /// A page of the open streams.
    pub(super) async fn streams<B>(
        &self,
        request: &Request<B>,
    ) -> Result<AdminResponse, AdminProblem> {
        let StreamQuery { order, limit } =
            StreamQuery::parse(request.uri().query().unwrap_or_default())?;
        // One after the other, so that whoever asks often costs no more than whoever asks once.
        let list = async {
            let _turn = self.listing.lock().await;
            self.delivery.list(order, limit).await
        };
        let page = timeout(TIME_MAX, list).await.map_err(|_| AdminProblem::Busy)?;
        Ok(json_answer(&document(&page, self.delivery.subscribers())))
    }

    /// Ends a stream.
    pub(super) async fn end_stream(
        &self,
        id: &str,
        by: SocketAddr,
    ) -> Result<AdminResponse, AdminProblem> {
        let id: StreamId = id.parse()?;
        let ended = timeout(TIME_MAX, self.delivery.end_stream(id)).await;
        let was = ended.map_err(|_| AdminProblem::Busy)?.ok_or(AdminProblem::NoStream)?;
        let peer = peer(&was.connection);
        let peer = peer.as_str().map(tracing::field::display);
        tracing::info!(%id, peer, %by, "a stream was ended on the admin listener");
        Ok(text(StatusCode::NO_CONTENT, ""))
    }
}

fn document(page: &StreamPage, open: u64) -> Value {
    let now = Timestamp::now();
    let streams: Vec<_> = page.streams.iter().map(|stream| entry(stream, now)).collect();
    json!({
        "time": moment(now),
        "open": open,
        "streams": streams,
        "next": page.next.map(|next| next.to_string()),
    })
}

fn entry(stream: &ListedStream, now: Timestamp) -> Value {
    let StreamConnection { protocol, is_tls, .. } = stream.connection;
    json!({
        "id": stream.id.to_string(),
        "shard": stream.id.shard(),
        "peer": peer(&stream.connection),
        "since": before(now, stream.age),
        "age_seconds": stream.age.as_secs_f64(),
        "protocol": protocol,
        "tls": is_tls,
        "selectors": stream.selectors,
        "selectors_count": stream.selectors_count,
        "policy": stream.policy.name(),
        "state": state(stream.progress),
        "slow": stream.is_slow,
        "blocked": stream.is_blocked,
        "lag_events": stream.lag.map(|lag| lag.events),
        "lag_bytes": stream.lag.map(|lag| lag.bytes),
        "held_bytes": stream.held_bytes,
        "idle_seconds": stream.idle.as_secs_f64(),
        "ends": stream.ends.map(|(left, reason)| json!({
            "time": after(now, left),
            "reason": reason.label(),
        })),
    })
}

fn peer(connection: &StreamConnection) -> Value {
    match connection.peer {
        Some(PeerAddress::Tcp(address)) => address.to_string().into(),
        Some(PeerAddress::Unix) => "unix".into(),
        None => Value::Null,
    }
}

fn state(progress: StreamProgress) -> &'static str {
    match progress {
        StreamProgress::Live => "live",
        StreamProgress::Replaying => "replaying",
        StreamProgress::Conflating => "conflating",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_how_many_and_from_where_or_that_the_slowest_are_meant() {
        let first = ListOrder::Pages(ListPlace::default());
        let later = ListOrder::Pages("0.2.4294967297.17".parse().unwrap());
        let cases = [
            ("", first, 100),
            ("limit=1", first, 1),
            ("limit=1000", first, 1_000),
            ("after=0.2.4294967297.17&limit=7", later, 7),
            ("sort=lag", ListOrder::SlowestFirst, 100),
            ("limit=20&sort=%6Cag", ListOrder::SlowestFirst, 20),
        ];
        for (query, order, limit) in cases {
            assert_eq!(StreamQuery::parse(query), Ok(StreamQuery { order, limit }), "{query}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_to_write() {
        let cases = [
            ("limit=0", "from 1 to 1000"),
            ("limit=1001", "from 1 to 1000"),
            ("limit=-1", "from 1 to 1000"),
            ("limit=%2B1", "from 1 to 1000"),
            ("limit=", "from 1 to 1000"),
            ("limit=1e3", "from 1 to 1000"),
            ("limit=18446744073709551617", "from 1 to 1000"),
            ("limit=1&limit=1", "`limit` stands more than once"),
            ("sort=lag&sort=lag", "`sort` stands more than once"),
            ("sort=age", "sort is `lag`"),
            ("sort=LAG", "sort is `lag`"),
            ("after=", "leave `after` out"),
            ("after=0.1", "leave `after` out"),
            ("after=0&sort=lag", "leave it out"),
            ("lag", "`lag` is no parameter"),
            ("Limit=1", "`Limit` is no parameter"),
        ];
        for (query, advice) in cases {
            let problem = StreamQuery::parse(query).unwrap_err().to_string();
            assert!(problem.contains(advice), "{query}: {problem}");
        }
        let long = "x".repeat(10_000);
        assert!(StreamQuery::parse(&long).unwrap_err().to_string().len() < 200);
    }
}
