//! How fast other requests get their responses while loadgen loads the server, which loadgen cannot
//! know.

use std::fmt;
use std::time::Instant;

use anyhow::bail;
use serde::{Deserialize, Serialize};

use crate::format::number;
use crate::http::Client;

/// How often each request is made.
const TIMES: usize = 300;

/// How long the responses to one kind of request took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ResponseTimes {
    pub(crate) what: String,
    pub(crate) count: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl fmt::Display for ResponseTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, count, .. } = self;
        let [p50, p99, max] = [self.p50_ms, self.p99_ms, self.max_ms].map(number);
        write!(f, "   {what}: {count} answers, p50 {p50} ms, p99 {p99} ms, max {max} ms")
    }
}

/// Where the server is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) listen: u16,
    pub(crate) admin: u16,
}

/// How many subscribers the server says that it has.
pub(crate) fn subscribers(ports: Ports) -> Option<u64> {
    let page = Client::new().get(&format!("http://127.0.0.1:{}/metrics", ports.admin)).ok()?;
    gauge(&page, "fanfare_subscribers")
}

/// The value of a gauge or counter without labels, on a page of metrics.
pub(super) fn gauge(page: &str, name: &str) -> Option<u64> {
    let lines = page.lines().filter_map(|line| line.split_once(' '));
    lines.into_iter().find(|(one, _)| *one == name)?.1.trim().parse().ok()
}

/// Requests a page of metrics, an ordinary page and a publish, one after the other, as long as the
/// load goes on.
pub(crate) fn ask(
    ports: Ports,
    is_loaded: impl Fn() -> bool,
) -> anyhow::Result<Vec<ResponseTimes>> {
    let client = Client::new();
    let metrics = format!("http://127.0.0.1:{}/metrics", ports.admin);
    let page = format!("http://127.0.0.1:{}/", ports.listen);
    let topic = format!("http://127.0.0.1:{}/events/other", ports.listen);
    let mut times: [Vec<f64>; 3] = Default::default();
    for _ in 0..TIMES {
        if !is_loaded() {
            break;
        }
        times[0].push(timed(|| client.get(&metrics))?);
        times[1].push(timed(|| client.get(&page))?);
        times[2].push(timed(|| client.post(&topic, "x"))?);
    }
    let names = ["`/metrics`", "a page", "a publish"];
    let Some(found) = names.iter().zip(times).map(|(what, times)| summary(what, times)).collect()
    else {
        bail!("the load was over before anything could be asked");
    };
    Ok(found)
}

fn timed(ask: impl FnOnce() -> Result<String, ureq::Error>) -> Result<f64, ureq::Error> {
    let begun = Instant::now();
    ask()?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

fn summary(what: &str, mut times: Vec<f64>) -> Option<ResponseTimes> {
    times.sort_by(f64::total_cmp);
    let at = |quantile: f64| {
        let rank = (times.len() as f64 * quantile).ceil() as usize;
        times.get(rank.saturating_sub(1)).copied()
    };
    Some(ResponseTimes {
        what: what.to_owned(),
        count: times.len(),
        p50_ms: at(0.5)?,
        p99_ms: at(0.99)?,
        max_ms: at(1.0)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_seen() {
        let times = (1..=300).rev().map(f64::from).collect();
        let found = summary("a page", times).expect("times");
        assert_eq!(
            (found.count, found.p50_ms, found.p99_ms, found.max_ms),
            (300, 150.0, 297.0, 300.0)
        );
        assert_eq!(summary("a page", vec![4.0]).expect("one").p99_ms, 4.0);
        assert_eq!(summary("a page", Vec::new()), None);
    }

    #[test]
    fn a_gauge_is_found_by_its_whole_name() {
        let page = "# TYPE fanfare_subscribers gauge\nfanfare_subscribers_max 5\nfanfare_subscribers 19000\n";
        assert_eq!(gauge(page, "fanfare_subscribers"), Some(19_000));
        assert_eq!(gauge(page, "fanfare"), None);
    }
}
