//! The server's own stats, every second, for the home page.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::source::{NextEvent, Source};
use super::system::rounded;
use crate::delivery::Delivery;
use crate::hub::Hub;
use crate::metrics::Metrics;

/// Looks at the server's counters.
#[derive(Debug)]
pub(super) struct Server {
    metrics: Metrics,
    delivery: Delivery,
    hub: Hub,
    began: Instant,
    last: Reading,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    delivered: u64,
    published: u64,
}

#[derive(Debug, Serialize)]
struct Stats {
    subscribers: u64,
    deliveries_per_second: f64,
    events_per_second: f64,
    uptime_seconds: u64,
}

impl Server {
    pub(super) fn new(metrics: Metrics, delivery: Delivery, hub: Hub) -> Self {
        let began = Instant::now();
        let last = Reading { at: began, delivered: 0, published: 0 };
        Self { metrics, delivery, hub, began, last }
    }

    fn read(&self) -> Reading {
        Reading {
            at: Instant::now(),
            delivered: self.metrics.delivered_total(),
            published: self.hub.log().bounds().head.0,
        }
    }
}

impl Source for Server {
    fn begin(&mut self) -> Duration {
        self.last = self.read();
        // Short, so that the page has stats at once, and long enough to divide by.
        Duration::from_millis(250)
    }

    fn next(&mut self) -> NextEvent {
        let now = self.read();
        let seconds = (now.at - self.last.at).as_secs_f64().max(0.001);
        let rate = |now: u64, before: u64| rounded((now - before) as f64 / seconds, 1);
        let stats = Stats {
            subscribers: self.delivery.subscribers(),
            deliveries_per_second: rate(now.delivered, self.last.delivered),
            events_per_second: rate(now.published, self.last.published),
            uptime_seconds: self.began.elapsed().as_secs(),
        };
        self.last = now;
        NextEvent::unnamed(serde_json::to_string(&stats).unwrap_or_default())
    }

    fn pause(&mut self) -> Duration {
        Duration::from_secs(1)
    }
}
