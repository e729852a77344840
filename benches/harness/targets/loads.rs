//! Loads that several targets share: arguments of loadgen, in which `URL` stands for the server.

/// All subscribers have one topic.
pub(super) const HOT: &str = "--subscribe URL/events/load --publish URL/events/load --payload 150";
/// 2,000 events a second by a publisher that waits for each answer.
pub(super) const THROUGHPUT: &str = "--subscribe URL/events/load --publish URL/events/load --payload 150 -c 1000 --rate 2000 -d 8s \
     --verify sample=20";
/// More deliveries a second than single POSTs come to.
pub(super) const NDJSON: &str = "--subscribe URL/events/load --publish URL/events --publish-style ndjson --payload 150 \
     -c 5000 --rate 2200 -d 8s --verify sample=50";
/// One address has too few ports for so many connections.
pub(super) const SOURCES: &str = "--source 127.0.0.2-127.0.0.9";
